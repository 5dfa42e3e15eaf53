"""What goes over the wire, stage by stage. A train is a head of 4 bytes, the length of its body, and the body.

    stage 01       train(name) train(content)
    stages 02, 03  train(name) train(content)... train(empty)
    stage 04       train(name) train(size) train(content)...
    stages 05, 06  train(name) train(size) bytes...
"""

import io
import os
import socket
import struct
from collections.abc import Iterator
from typing import Optional

from .messages import Failure
from .stall import wait_for_room

LARGEST_BODY = 1000
_HEAD = struct.Struct(">I")
_SIZE = struct.Struct(">Q")
_SENT_AT_ONCE = 64 * LARGEST_BODY  # a few whole trains in each send
_TAKEN_AT_ONCE = 256 * 1024


def announces_size(stage: int) -> bool:
    return stage >= 4


def has_trains_of_content(stage: int) -> bool:
    return stage <= 4


# The server's side


def _train(body: bytes) -> bytes:
    return _HEAD.pack(len(body)) + body


def _trains(content: bytes) -> bytes:
    starts = range(0, len(content), LARGEST_BODY)
    return b"".join(_train(content[start : start + LARGEST_BODY]) for start in starts)


def send_file(stage: int, connection: socket.socket, name: bytes, file: io.FileIO) -> None:
    """One whole transfer. Failure if the file can't be sent as it should, OSError if the client is gone."""
    size = os.fstat(file.fileno()).st_size
    if stage == 1:
        only = file.read(LARGEST_BODY + 1)
        if len(only) > LARGEST_BODY:
            raise Failure(f"the file has grown beyond the {LARGEST_BODY} bytes that one train holds")
        connection.sendall(_train(name) + _train(only))
        return
    connection.sendall(_train(name) + (_train(_SIZE.pack(size)) if announces_size(stage) else b""))
    if not announces_size(stage):
        _send_to_its_end(connection, file)
    elif has_trains_of_content(stage):
        _send_in_trains(connection, file, size)
    else:
        _send_by_the_kernel(connection, file, size)


def _send_to_its_end(connection: socket.socket, file: io.FileIO) -> None:
    while content := file.read(_SENT_AT_ONCE):
        connection.sendall(_trains(content))
    connection.sendall(_train(b""))


def _send_in_trains(connection: socket.socket, file: io.FileIO, size: int) -> None:
    left = size
    while left > 0:
        content = file.read(min(left, _SENT_AT_ONCE))
        if not content:
            raise Failure(f"the file has become {left} bytes shorter while it was sent")
        connection.sendall(_trains(content))
        left -= len(content)


def _send_by_the_kernel(connection: socket.socket, file: io.FileIO, size: int) -> None:
    offset = 0
    while offset < size:
        # At most 0x7ffff000 bytes a call, and fewer if a signal comes: sendfile(2).
        try:
            sent = os.sendfile(connection.fileno(), file.fileno(), offset, size - offset)
        except BlockingIOError:  # only where waiting is limited
            wait_for_room(connection)
            continue
        if sent == 0:
            raise Failure(f"the file has become {size - offset} bytes shorter while it was sent")
        offset += sent


# The client's side


class Incoming:
    """A transfer as the client reads it: the name, then the size (where the stage has one), then the content.

    The buffered reader turns short reads into exact ones: its read(n) returns fewer than n bytes only at the end.
    """

    def __init__(self, stage: int, connection: socket.socket) -> None:
        self._stage = stage
        self._stream = io.BufferedReader(socket.SocketIO(connection, "r"), _TAKEN_AT_ONCE)

    def name(self) -> bytes:
        name = self._train("the name")
        if not 1 <= len(name) <= 255:
            raise Failure(f"a name of {len(name)} bytes is refused: 1 to 255 are allowed")
        if name in (b".", b"..") or b"/" in name or b"\0" in name:
            raise Failure(f"the name {name!r} is refused")
        return name

    def size(self) -> Optional[int]:
        """The announced size; None in the stages that announce none."""
        if not announces_size(self._stage):
            return None
        body = self._train("the size")
        if len(body) != _SIZE.size:
            raise Failure(f"a size of {len(body)} bytes is refused: it must have {_SIZE.size}")
        return int(_SIZE.unpack(body)[0])

    def content(self, size: Optional[int]) -> Iterator[bytes]:
        """The content, piece by piece, to its end as the format tells it."""
        if size is None:
            yield from self._trains_of_unknown_number()
        elif has_trains_of_content(self._stage):
            yield from self._trains_that_add_up_to(size)
        else:
            yield from self._bytes(size)

    def _trains_of_unknown_number(self) -> Iterator[bytes]:
        body = self._train("the content")
        yield body
        while self._stage > 1 and body:
            body = self._train("the content")
            yield body

    def _trains_that_add_up_to(self, size: int) -> Iterator[bytes]:
        left = size
        while left > 0:
            body = self._train("the content")
            if not 0 < len(body) <= left:
                raise Failure(f"a train of {len(body)} bytes is refused where {left} of {size} bytes are missing")
            left -= len(body)
            yield body

    def _bytes(self, size: int) -> Iterator[bytes]:
        left = size
        while left > 0:
            data = self._stream.read1(min(left, _TAKEN_AT_ONCE))
            if not data:
                raise Failure(f"the server closed the connection when {left} of {size} bytes were missing")
            left -= len(data)
            yield data

    def _train(self, what: str) -> bytes:
        (length,) = _HEAD.unpack(self._exactly(_HEAD.size, what))
        if length > LARGEST_BODY:
            raise Failure(f"a train of {length} bytes is refused: at most {LARGEST_BODY} are allowed")
        return self._exactly(length, what)

    def _exactly(self, size: int, what: str) -> bytes:
        data = self._stream.read(size)
        if len(data) < size:
            raise Failure(f"the server closed the connection in {what}")
        return data
