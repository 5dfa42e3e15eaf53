"""Reading from a connection: all of it, some of it, or none; and what is wrong if it ends, or doesn't."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Callable, Optional, TypeVar

from .. import Failure
from ..telling.sizes import KiB, MiB
from ..telling.story import expecting
from ..telling.text import counted
from ..telling.waiting import LIMIT, Look, NobodyMoves, Patience
from .end import End
from .endings import kept_open
from .files import drop_pages
from .framing import Parser

Received = TypeVar("Received", bytes, int)

READ_SIZE = 256 * KiB
_NOTHING_COMES_HERE = bytearray(MiB)  # room that recv(2) wants to see, also where it copies nothing
_DROPPED_AT_ONCE = 16 * MiB  # bytes of the page cache
MOST_TO_KEEP = 64 * MiB  # bytes of one stream, if nobody says how many there should be


class Ended(Failure):
    """The other side has closed (`reset` False) or reset the connection before all the bytes had come."""

    def __init__(self, got: bytes, wanted: Optional[int], reset: bool) -> None:
        how = "was reset" if reset else "was closed"
        come = counted(len(got), "byte") if wanted is None else f"{len(got)} of {counted(wanted, 'byte')}"
        words = f"the connection {how} by the other side after {come}"
        super().__init__(
            words, expected=counted(wanted, "byte") if wanted is not None else "the rest of the stream", actual=words
        )
        self.got = got
        self.reset = reset


class Reader(End):
    """Takes what comes, or leaves it."""

    def read_some(self, most: int = READ_SIZE, hopeless: Optional[Look] = None) -> bytes:
        """What is there, at least one byte; b"" at the end of the stream. Ended if the connection is reset."""
        __tracebackhide__ = True
        return self._reading(lambda: self.socket.recv(most), hopeless)

    def skip_some(self, most: int) -> int:
        """As `read_some`, but takes the bytes from the queue without copying them (MSG_TRUNC of tcp(7)), and only
        counts them; 0 at the end of the stream."""
        __tracebackhide__ = True
        room = min(most, len(_NOTHING_COMES_HERE))
        return self._reading(lambda: self.socket.recv_into(_NOTHING_COMES_HERE, room, socket.MSG_TRUNC))

    def skip(self, most: int, file: Optional[Path] = None, start: int = 0) -> int:
        """Throws away up to `most` bytes, fewer only if the stream ends or is reset before, and says how many they
        were.

        If they are those of a sparse `file` from offset `start` on, its pages leave the page cache behind us, and serve
        again for what comes: where a virtual machine asks its host for each new page, 3 GiB took 1.5 s so, and else 7.5
        s.
        """
        __tracebackhide__ = True
        count = dropped = 0
        with suppress(Ended):
            while count < most and (got := self.skip_some(min(most - count, MiB))):
                count += got
                if file is not None and count - dropped >= _DROPPED_AT_ONCE:
                    drop_pages(file, start + dropped, count - dropped)
                    dropped = count
        return count

    def _reading(self, receive: Callable[[], Received], hopeless: Optional[Look] = None) -> Received:
        __tracebackhide__ = True
        patience = Patience(LIMIT, hopeless)
        while True:
            try:
                return receive()
            except (ConnectionResetError, BrokenPipeError):
                raise Ended(b"", None, reset=True) from None
            except socket.timeout:
                if patience.over():
                    break
        waited = f"{self} waited for a byte, or the end of the stream, in vain: neither has come {patience.in_words}"
        kind = NobodyMoves if patience.why else Failure
        raise kind(waited, expected="another byte, or the end of the stream", actual=f"neither {patience.in_words}")

    def read_exactly(self, size: int) -> bytes:
        """Exactly `size` bytes; Ended, which has what came, if the stream ends before."""
        __tracebackhide__ = True
        got = bytearray()
        with expecting(f"{self.we} reads {counted(size, 'byte')}"):
            while len(got) < size:
                try:
                    data = self.read_some(min(READ_SIZE, size - len(got)))
                except Ended:
                    raise Ended(bytes(got), size, reset=True) from None
                if not data:
                    raise Ended(bytes(got), size, reset=False)
                got += data
        return bytes(got)

    def skip_to_end(self, most: int, file: Optional[Path] = None) -> int:
        """As `skip`, up to the end of the stream; Failure if there are more than `most` bytes before it."""
        __tracebackhide__ = True
        with expecting(f"the stream ends after {counted(most, 'byte')} at most"):
            count = self.skip(most + 1, file)
            if count > most:
                raise _sends_on(most)
        return count

    def read_to_end(self, most: int = MOST_TO_KEEP) -> bytes:
        """Everything up to the end of the stream; Ended if it is reset instead, and Failure if there are more than
        `most` bytes before it: there may be no end."""
        __tracebackhide__ = True
        got = bytearray()
        while data := self.read_some():
            got += data
            if len(got) > most:
                raise _sends_on(most)
        return bytes(got)

    def read_stream(self, stage: int, *, keep: bool = True) -> Parser:
        """Reads what a server of that stage sends, to the end of the stream, strictly: WireError if it is wrong."""
        __tracebackhide__ = True
        parser = Parser(stage, keep=keep)
        self.feed(parser)
        parser.end()
        return parser

    def feed(self, parser: Parser, most: int = MOST_TO_KEEP, to_its_end: bool = True) -> None:
        """Hands all that comes to a parser, up to the end of the stream, or, byte by byte, to what the format calls its
        end: WireError as soon as something is wrong, Ended if it is reset, and Failure if more than `most` bytes of
        content come. (Where no size is announced, a stream without an end breaks no format.)"""
        __tracebackhide__ = True
        at_once = READ_SIZE if to_its_end else 1
        while (to_its_end or not parser.done) and (
            data := self.read_some(at_once, kept_open(self.other_end) if parser.done else None)
        ):
            parser.feed(data)
            if parser.received > most:
                raise _sends_on(most)


def _sends_on(most: int) -> Failure:
    words = f"the other side sends on and on: more than {most} bytes have come, where the stream should have ended"
    end = f"the end of the stream after {counted(most, 'byte')} at most"
    return Failure(words, expected=end, actual=f"more than {counted(most, 'byte')}")
