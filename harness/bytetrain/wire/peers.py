"""Raw peers: one end of a connection in our own hands, to test a server or a client against something else than itself.

They read and write exactly what they are told, stall, close and reset on purpose, and can wait until the program on
the other side has taken what it was sent. No call blocks for ever: Failure after LIMIT seconds without a byte.
"""

import itertools
import os
import select
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Callable, Optional

from .. import Failure, HarnessError
from ..kernel.processes import Moment
from ..telling.sizes import KiB
from ..telling.story import expecting
from ..telling.waiting import AT_A_TIME, LIMIT, Patience, wait_until
from .reading import Reader
from .writing import Writer

_numbers = itertools.count(0, 7)  # so that the same process seldom tries a port twice
SMALL_BUFFER = 64 * KiB  # of a client that reads nothing, so that the server blocks soon


class Connection(Reader, Writer):
    """One end of a connection, to read from it and to write to it."""


class RawClient(Connection):
    """Connects to a server. A small `receive_buffer` (bytes) makes the server block early when we don't read."""

    we = "our client"

    def __init__(self, port: int, host: str = "127.0.0.1", receive_buffer: Optional[int] = None) -> None:
        connecting = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:  # before connect: it decides the window that is announced
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connecting.settimeout(LIMIT)
        before = Moment.now()  # what the server does about it comes later
        with expecting(f"our client connects to {host} port {port}"):
            try:
                connecting.connect((host, port))
            except OSError as error:
                connecting.close()
                why = error.strerror or str(error)
                words = f"our client can't connect to {host} port {port}: {why}"
                raise Failure(words, expected="a connection", actual=why) from None
        super().__init__(connecting, port)
        self.made = before


def free_port() -> int:
    """A port of the loopback interface that is free, and that the kernel gives to nobody by itself: it stays free
    until somebody asks for just this one. (One that the kernel has chosen may be another's as soon as we let it go.)"""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    first, last = (1024, lowest - 1) if lowest > 2048 else (32768, 65535)  # nothing below: then any will have to do
    for attempt in range(last - first):
        port = first + (os.getpid() * 97 + next(_numbers) + attempt) % (last - first)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))  # without SO_REUSEADDR: also free of connections in TIME_WAIT
            except OSError:
                continue
        return port
    raise HarnessError(f"no port from {first} to {last} is free")


class RawServer:
    """Listens on a free port of the loopback interface, and gives each client that comes as a Connection."""

    def __init__(self, send_buffer: Optional[int] = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        if send_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._listener.settimeout(AT_A_TIME)
        self.port = int(self._listener.getsockname()[1])

    def accept(self) -> Connection:
        """The next client; Failure if none comes."""
        __tracebackhide__ = True
        with expecting(f"a client connects to our server (port {self.port})"):
            patience, come = Patience(LIMIT), None
            while come is None:
                with suppress(socket.timeout):
                    come = self._listener.accept()
                if come is None and patience.over():
                    words = f"no client has connected to our server (port {self.port}) {patience.in_words}"
                    raise Failure(words, expected="a client connects", actual=f"none has come {patience.in_words}")
        connected, (_, remote_port) = come
        return Connection(connected, int(remote_port))

    def accept_unless(self, given_up: Callable[[], bool]) -> Optional[Connection]:
        """The next client, or None if it gives up instead, as `given_up` tells."""
        __tracebackhide__ = True
        ready = select.poll()
        ready.register(self._listener, select.POLLIN)

        def come() -> bool:
            return bool(ready.poll(0))

        what = f"a client connects to our server (port {self.port}), or gives up"
        wait_until(lambda: come() or given_up(), what, judges=False)
        return self.accept() if come() else None

    def close(self) -> None:
        self._listener.close()

    def __enter__(self) -> "RawServer":
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
