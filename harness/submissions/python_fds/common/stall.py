"""A client that takes not one byte for 30 s is dropped; a slow one is not: what it has not acknowledged is counted."""

import fcntl
import select
import socket
import struct
import termios

from .messages import Failure

_LIMIT = 30  # seconds
_LOOKS = 6  # within the limit
_TIMEVAL, _LINGER, _INT = struct.Struct("ll"), struct.Struct("ii"), struct.Struct("i")


def limit_waiting(connection: socket.socket) -> None:
    """From now on a sending call that finds no room gives up after a while, with EAGAIN: BlockingIOError."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(_LIMIT // _LOOKS, 0))


def wait_for_room(connection: socket.socket) -> None:
    """After that; Failure, and a reset, if the client takes nothing for the whole limit."""
    room = select.poll()
    room.register(connection, select.POLLOUT)
    before, quiet = _on_the_way(connection), 0
    while quiet < _LOOKS:
        if room.poll(1000 * _LIMIT // _LOOKS):
            return
        now = _on_the_way(connection)
        quiet = 0 if now < before else quiet + 1
        before = now
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER.pack(1, 0))
    raise Failure(f"the client has taken nothing for {_LIMIT} s")


def _on_the_way(connection: socket.socket) -> int:
    """Bytes that were sent and not acknowledged: SIOCOUTQ, which is TIOCOUTQ by another name, tcp(7)."""
    return int(_INT.unpack(fcntl.ioctl(connection, termios.TIOCOUTQ, _INT.pack(0)))[0])
