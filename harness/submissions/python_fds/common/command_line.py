"""The command lines of both programs. argparse knows what a bad one gets: a message, the usage, status 2."""

import argparse
from typing import Callable


def _number(lowest: int, highest: int) -> Callable[[str], int]:
    def parse(word: str) -> int:
        # int() alone would take " 1", "+1", "1_000" and the digits of all the world's scripts as well.
        if word.isascii() and word.isdigit() and len(word) <= 10 and lowest <= int(word) <= highest:
            return int(word)
        raise argparse.ArgumentTypeError(f"must be a number from {lowest} to {highest}, not {word!r}")

    return parse


class ServerArguments(argparse.Namespace):
    host: str
    port: int
    workers: int
    file: str


class ClientArguments(argparse.Namespace):
    host: str
    port: int
    directory: str


def server_arguments() -> ServerArguments:
    parser = argparse.ArgumentParser(prog="server", allow_abbrev=False)
    parser.add_argument("host", metavar="HOST", help="where to listen")
    parser.add_argument("port", metavar="PORT", type=_number(0, 65535), help="0 asks the kernel for a free one")
    parser.add_argument("workers", metavar="WORKERS", type=_number(1, 512), help="processes in the pool, 1 to 512")
    parser.add_argument("file", metavar="FILE", help="what every client gets")
    return parser.parse_args(namespace=ServerArguments())


def client_arguments() -> ClientArguments:
    parser = argparse.ArgumentParser(prog="client", allow_abbrev=False)
    parser.add_argument("host", metavar="HOST", help="where the server is")
    parser.add_argument("port", metavar="PORT", type=_number(1, 65535), help="the port that it listens on")
    parser.add_argument("directory", metavar="DIRECTORY", nargs="?", default=".", help="where to save the file (.)")
    return parser.parse_args(namespace=ClientArguments())
