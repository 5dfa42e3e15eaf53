"""What no lesson touches: command lines, a line on standard output, a socket that listens, one that is connected."""

import argparse
import os
import socket
from collections.abc import Callable
from typing import Any


class ServerArguments(argparse.Namespace):
    """host: name or address to listen on; port: 0 asks the kernel for a free one; file: what every client gets."""

    host: str
    port: int
    workers: int
    file: str


class ClientArguments(argparse.Namespace):
    """directory: where the file is saved."""

    host: str
    port: int
    directory: str


def server_arguments() -> ServerArguments:
    """argparse answers a bad command line with a message, the usage and status 2."""
    parser = argparse.ArgumentParser(prog="server", allow_abbrev=False)
    parser.add_argument("host", metavar="HOST", help="where to listen")
    parser.add_argument("port", metavar="PORT", type=_number(0, 65535), help="0 asks the kernel for a free one")
    parser.add_argument("workers", metavar="WORKERS", type=_number(1, 512), help="processes in the pool, 1 to 512")
    parser.add_argument("file", metavar="FILE", help="what every client gets: at most 1000 bytes")
    return parser.parse_args(namespace=ServerArguments())


def client_arguments() -> ClientArguments:
    parser = argparse.ArgumentParser(prog="client", allow_abbrev=False)
    parser.add_argument("host", metavar="HOST", help="where the server is")
    parser.add_argument("port", metavar="PORT", type=_number(1, 65535), help="the port that it listens on")
    parser.add_argument("directory", metavar="DIRECTORY", nargs="?", default=".", help="where to save the file (.)")
    return parser.parse_args(namespace=ClientArguments())


def _number(least: int, most: int) -> Callable[[str], int]:
    def parse(word: str) -> int:
        # int() alone would take " 1", "+1", "1_000" and the digits of all the world's scripts as well.
        if word.isascii() and word.isdigit() and len(word) <= 10 and least <= int(word) <= most:
            return int(word)
        raise argparse.ArgumentTypeError(f"must be a number from {least} to {most}, not {word!r}")

    return parse


def say(line: str) -> None:
    """A line on standard output, at once; OSError if it can't be written. (print would try again when Python ends.)"""
    os.write(1, os.fsencode(f"{line}\n"))


def listen_on(host: str, port: int) -> socket.socket:
    """A TCP socket that listens; OSError if there can be none."""

    def listens(listener: socket.socket, address: Any) -> None:
        # Without it, bind fails for a minute after an exit: connections of the last run rest in TIME_WAIT.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(socket.SOMAXCONN)

    return _first_that(listens, host, port, "listen on")


def connect_to(host: str, port: int) -> socket.socket:
    """A TCP socket that is connected; OSError if there can be none."""
    return _first_that(lambda connection, address: connection.connect(address), host, port, "connect to")


def _first_that(works: Callable[[socket.socket, Any], None], host: str, port: int, what: str) -> socket.socket:
    """A socket for the first address of the host with which that succeeds."""
    failure = OSError(f"{what} {host}:{port}: no address")
    try:
        # As bytes: of a str, Python would make IDNA first, which fails in a way of its own.
        addresses = socket.getaddrinfo(os.fsencode(host), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise OSError(f"resolve {host}: {error.strerror}") from None
    for family, kind, protocol, _, address in addresses:
        found = socket.socket(family, kind, protocol)
        try:
            works(found, address)
            return found
        except OSError as error:
            found.close()
            failure = OSError(f"{what} {host}:{port}: {error.strerror}")
    raise failure


def local_address(bound: socket.socket) -> str:
    """The address that a socket is bound to: 127.0.0.1:41233, or [::1]:41233."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
