"""Peers to try the stages against by hand, at exact byte offsets; the sessions in docs/ use them.

In the folder of ./lab play:

    ./play client PORT --read 100000 --then stall
    ./play proxy PORT --cut 2500
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import Optional

from .kernel.descriptors import holders
from .kernel.tcp import is_open
from .programs.sessions import prepare
from .telling.sizes import KiB
from .telling.text import visible
from .telling.waiting import wait_until
from .wire.faults import Coalesce, Fault, Slicer, Timeout
from .wire.peers import Connection, RawClient
from .wire.reading import Ended
from .wire.proxy import Proxy

_SMALL = 256 * KiB  # bytes of receive buffer: the server's side blocks soon
GO_ON = {signal.SIGUSR1, signal.SIGUSR2}


def holder(connection: Connection) -> Optional[int]:
    """The process that holds the other end of a connection: the worker that serves it."""
    other = connection.other_end()
    return next((each.pid for each in holders(other.inode)), None) if other else None


def wait_blocked(connection: Connection) -> None:
    """Waits until a worker blocks, because nobody reads what it sends; not if it has closed, or never comes so far."""
    waiting = wait_until(
        lambda: holder(connection) or not is_open(connection.other_end()), "a worker takes the connection"
    )
    if waiting is not True:
        connection.wait_sender_blocked(waiting)


def read_to_end(connection: Connection) -> str:
    """Reads whatever comes, and tells how it ended."""
    got = 0
    try:
        while data := connection.read_some():
            got += len(data)
    except Ended:
        return f"read {got} more bytes; then the connection was reset"
    return f"read {got} more bytes, to the end of the stream"


def client(port: int, read: int, then: str) -> None:
    """Reads a few bytes of what the server sends; then it closes, resets, or stalls until SIGUSR1 (goes on) or SIGUSR2
    (resets)."""
    with RawClient(port, receive_buffer=None if then == "close" else _SMALL) as connection:
        connection.read_exactly(read)
        if then != "close":
            wait_blocked(connection)
        print(f"read {read} bytes, then: {then}", flush=True)
        if then == "reset" or (then == "stall" and signal.sigwait(GO_ON) == signal.SIGUSR2):
            connection.reset()
        elif then == "stall":
            print(read_to_end(connection), flush=True)


def proxy(port: int, cuts: Sequence[int], hold: Optional[int]) -> None:
    """Relays to the server on `port`. What comes after a cut is sent only once the client has read what came before.
    Without `hold` the whole stream is gathered first: what is between two cuts comes in one piece, however the server
    has sent it. After `hold` bytes nothing more is sent, until SIGUSR1."""
    faults: list[Fault] = [Slicer(cuts), Coalesce()] if hold is None else [Slicer([*cuts, hold]), Timeout(hold)]
    with Proxy(port, *faults) as relays:
        print(f"listening on 127.0.0.1:{relays.port}", flush=True)
        if hold is not None:
            relay = relays.wait_forwarded(hold)
            relay.client.wait_taken()
            print(f"the client has read {hold} bytes, and waits for more", flush=True)
        while signal.sigwait(GO_ON | {signal.SIGTERM}) != signal.SIGTERM:
            relays.release()


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Understands the command line."""
    parser = argparse.ArgumentParser(prog="./play", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    reader = commands.add_parser("client", help=client.__doc__)
    reader.add_argument("port", type=int)
    reader.add_argument("--read", type=int, default=0, metavar="BYTES", help="how many bytes it reads first")
    reader.add_argument(
        "--then", choices=("close", "reset", "stall"), default="close",
        help="close: it ends; reset: it is gone, and the connection is reset; stall: it reads no more, until SIGUSR1 "
             "(it reads on) or SIGUSR2 (a reset)",
    )
    relay = commands.add_parser("proxy", help=proxy.__doc__)
    relay.add_argument("port", type=int)
    relay.add_argument(
        "--cut", type=int, action="append", default=[], metavar="OFFSET",
        help="what follows that byte of the stream waits until the client has read all before it; may be given again",
    )
    relay.add_argument(
        "--hold", type=int, metavar="OFFSET", help="what follows that byte waits until SIGUSR1 comes"
    )
    options = parser.parse_args(arguments)
    prepare()
    signal.pthread_sigmask(signal.SIG_BLOCK, GO_ON | ({signal.SIGTERM} if options.command == "proxy" else set()))
    if options.command == "client":
        client(options.port, options.read, options.then)
    else:
        proxy(options.port, options.cut, options.hold)


if __name__ == "__main__":
    try:
        main()
    except AssertionError as failure:
        sys.exit(visible(f"play: {failure}"))
