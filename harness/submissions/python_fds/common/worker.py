"""A worker: it takes connections from its channel, one at a time, and sends the file to each."""

import contextlib
import os
import socket
from dataclasses import dataclass
from typing import Optional

from .messages import Failure, about, say
from .source import open_source
from .stall import limit_waiting
from .wire import send_file

IDLE = b"i"  # a worker's only word to the parent: it can take another connection
CONNECTION = b"c"  # the byte that a connection travels with: SCM_RIGHTS needs one, unix(7)


@dataclass(frozen=True)
class Worker:
    stage: int
    path: str

    def work(self, channel: socket.socket) -> None:
        """Until the channel ends, because the parent wants us to leave, or has gone."""
        while (connection := _take(channel)) is not None:
            with connection:
                self._serve(connection)
            with contextlib.suppress(OSError):  # the parent has gone: the next look at the channel tells
                channel.send(IDLE)

    def _serve(self, connection: socket.socket) -> None:
        """One transfer. Its failure is the end of the connection, and not of the worker."""
        try:
            with about("connection"):
                self._prepare(connection)
            with open_source(self.path) as file, about("send"):
                send_file(self.stage, connection, os.path.basename(os.fsencode(self.path)), file)
        except Failure as failure:
            say(f"worker {os.getpid()}: {failure}")

    def _prepare(self, connection: socket.socket) -> None:
        # What we send comes in large pieces. A small one, like the last of a file, need not wait for others: tcp(7).
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.stage >= 6:
            limit_waiting(connection)


def _take(channel: socket.socket) -> Optional[socket.socket]:
    """The next connection; None when the channel has ended."""
    with contextlib.suppress(ConnectionResetError):  # the parent has gone, and has not read that we are idle
        _, descriptors, _, _ = socket.recv_fds(channel, len(CONNECTION), 1)
        if descriptors:
            return socket.socket(fileno=descriptors[0])
    return None
