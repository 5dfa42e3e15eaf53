"""The wire of the stages, written and read independently of the C++: these lines share no code with a stage.

    one train                train(name) train(content, at most 1000 bytes)
    trains and an empty one  train(name) train(content)... train(empty)
    trains that add up       train(name) train(8-byte size) train(content)... until size bytes have been sent
    raw bytes                train(name) train(8-byte size), then size raw bytes

Which stage has which is told in stages.toml.

A train is a 4-byte unsigned big-endian length (the head), then that many bytes (the body, at most 1000).
All sizes and offsets are in bytes; the first train is number 1.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable, Optional

from .. import Failure
from ..course.traits import traits
from ..telling.sizes import KiB
from ..telling.text import counted, in_quotes
from .files import AROUND, caret, window_line

HEAD = 4
LARGEST_BODY = 1000
SIZE_BODY = 8
_SHOWN = 2 * AROUND  # bytes before an error, and as many from there on, that are shown
RAW_PIECE = 64 * KiB  # how much raw content one piece of `pieces` holds; the wire has no such limit


def encode_train(body: bytes) -> bytes:
    """One train. A body above 1000 bytes is written all the same: a test may want a wrong one."""
    return struct.pack(">I", len(body)) + body


def encode_size(size: int) -> bytes:
    """The body of a size train: 8 bytes, unsigned, big-endian."""
    return struct.pack(">Q", size)


@dataclass(frozen=True)
class Piece:
    """One train of a stream, or a stretch of raw content, and where it begins."""

    kind: str  # "name", "size", "content", "end" or "raw"
    offset: int
    data: bytes  # as sent: a train's head included

    @property
    def end(self) -> int:
        return self.offset + len(self.data)


def pieces(stage: int, name: bytes, content: bytes) -> Iterator[Piece]:
    """What a server of that stage sends for a file, piece by piece. ValueError if stage 01 can't hold it."""
    offset = 0
    for kind, data in _bodies(stage, name, content):
        sent = data if kind == "raw" else encode_train(data)
        yield Piece(kind, offset, sent)
        offset += len(sent)


def _bodies(stage: int, name: bytes, content: bytes) -> Iterator[tuple[str, bytes]]:
    if fitting(stage, len(content)) < len(content):
        raise ValueError(f"stage {stage:02d} sends at most {LARGEST_BODY} bytes of content, not {len(content)}")
    yield "name", name
    if traits(stage).announces_size:
        yield "size", encode_size(len(content))
    if traits(stage).one_train:
        yield "content", content
    else:
        kind, step = ("raw", RAW_PIECE) if traits(stage).raw else ("content", LARGEST_BODY)
        for start in range(0, len(content), step):
            yield kind, bytes(content[start : start + step])
    if traits(stage).ends_with_empty_train:
        yield "end", b""


def fitting(stage: int, size: int) -> int:
    """`size`, or as much of it as a file may have that the stage can send."""
    return min(size, LARGEST_BODY) if traits(stage).one_train else size


def encode_content(stage: int, data: bytes) -> bytes:
    """Content as it goes over the wire in one piece: a train, or raw bytes."""
    return data if traits(stage).raw else encode_train(data)


def start_of_content(stage: int, name_length: int) -> int:
    """Where the first train of content, or the raw content, begins."""
    return HEAD + name_length + (HEAD + SIZE_BODY if traits(stage).announces_size else 0)


def stream(stage: int, name: bytes, content: bytes) -> bytes:
    """The whole stream as one string of bytes."""
    return b"".join(piece.data for piece in pieces(stage, name, content))


def boundaries(stage: int, name: bytes, content: bytes) -> list[int]:
    """The offsets where trains end (raw content counts as one stretch up to the end of the stream)."""
    ends = [piece.end for piece in pieces(stage, name, content) if piece.kind != "raw"]
    whole = ends[-1] + (len(content) if traits(stage).raw else 0)
    return ends if ends[-1] == whole else [*ends, whole]


def head_offsets(stage: int, name: bytes, content: bytes) -> list[int]:
    """The offsets where trains begin: cut at one of these + 1, 2 or 3 to split a head."""
    return [piece.offset for piece in pieces(stage, name, content) if piece.kind != "raw"]


def place_of(stage: int, name_length: int, offset: int, size: int) -> str:
    """Where byte `offset` of the content (of `size` bytes) travels: in which train, and between which offsets of the
    stream. "" without a stage, or beyond the end of the content."""
    if not stage or offset >= size:
        return ""
    begins = start_of_content(stage, name_length)
    if traits(stage).raw:
        return (
            f"byte {offset} of the content is byte {begins + offset} of the stream; the raw content begins at {begins}"
        )
    before = offset // LARGEST_BODY
    start = begins + before * (HEAD + LARGEST_BODY)
    length = min(LARGEST_BODY, size - before * LARGEST_BODY)
    number = before + (3 if traits(stage).announces_size else 2)
    return (
        f"byte {offset} of the content is byte {offset % LARGEST_BODY} of the body of train {number}; in the stream "
        "the "
        f"train's head is at {start} to {start + HEAD - 1}, its body at {start + HEAD} to {start + HEAD + length - 1}"
    )


def why_name_is_refused(name: bytes) -> Optional[str]:
    """Why a client must refuse that file name, or None if it may take it."""
    if not name:
        return "the name is empty"
    if len(name) > 255:
        return f"the name is {counted(len(name), 'byte')} long: at most 255 are allowed"
    if name in (b".", b".."):
        return f"the name is {in_quotes(name.decode())}, a folder"
    if b"/" in name or b"\0" in name:
        return f"the name {in_quotes(name)} contains '/' or a NUL byte"
    return None


class WireError(Failure):
    """The stream breaks the format. `offset` is the byte at which it shows, `train` the number of the train; `around`
    shows the bytes there."""

    def __init__(
        self, offset: int, train: int, problem: str, around: str, *, expected: str, actual: str, head: bytes = b"",
        name: bytes = b"",
    ) -> None:
        self.in_short = f"at byte {offset} of the stream, in train {train}: {problem}"
        super().__init__(f"{self.in_short}\n{around}", expected=expected, actual=actual)
        self.offset = offset
        self.train = train
        self.head = head  # that can't be one
        self.name = name  # that no client can take


class Parser:
    """Reads a stream strictly, in pieces of any size, and raises WireError at the first byte that is wrong.

    `keep` collects the content in `content`; otherwise only `received` and `md5` tell about it, so that memory
    stays small. `sink` is called with every stretch of content.
    """

    def __init__(
        self, stage: int, *, keep: bool = True, sink: Optional[Callable[[bytes], object]] = None
    ) -> None:
        self._stage = stage
        self._format = traits(stage)
        self.name: Optional[bytes] = None
        self.size: Optional[int] = None  # where it is announced
        self.content = bytearray()
        self.received = 0  # bytes of content
        self.done = False  # the format says that all has been sent
        self.offset = 0  # bytes of the stream that have been understood
        self.train = 1  # the train that is being read, or that was read last
        self._keep = keep
        self.sink = sink
        self._md5 = hashlib.md5()
        self._buffer = bytearray()  # an unfinished train
        self._last = b""  # the last few bytes that have been understood
        self._begins = 0  # where the train begins that was read last, or the raw content
        self._raw = False

    @property
    def md5(self) -> str:
        """Of the content so far, in hexadecimal."""
        return self._md5.hexdigest()

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the stream."""
        if self._raw and not self._buffer:
            self._take_raw(data)
            return
        self._buffer += data
        while not self._raw and not self.done and self._take_train():
            pass
        if (self._raw or self.done) and self._buffer:
            rest, self._buffer = bytes(self._buffer), bytearray()
            self._take_raw(rest)

    def end(self) -> None:
        """Tells that the sender has closed: raises WireError unless the stream is complete."""
        if self.done:
            return
        missing, where = self._missing()
        problem = f"the stream ends too early, {where}"
        self._fail(problem, expected=missing, actual="the end of the stream", at=len(self._buffer))

    def _missing(self) -> tuple[str, str]:
        """What should come yet, and where the stream is."""
        if not (self._raw or self._buffer):
            named = {1: "the name", 2: "the size"}.get(self.train, "more content")
            next_one = named if self._format.announces_size or self.train == 1 else "another train"
            return next_one, f"where {next_one} should follow"
        if self._raw:
            come, whole, what = self.received, self.size or 0, "raw content"
        elif len(self._buffer) < HEAD:
            come, whole, what = len(self._buffer), HEAD, "a head"
        else:
            come, whole, what = len(self._buffer) - HEAD, self._length(), "a body"
        all_of_it = counted(whole, "byte")
        return f"the last {whole - come} of {all_of_it} of {what}", f"after {come} of {all_of_it} of {what}"

    def _length(self) -> int:
        return int.from_bytes(self._buffer[:HEAD], "big")

    def _take_train(self) -> bool:
        """Handles one train if it is there as a whole."""
        if len(self._buffer) < HEAD:
            return False
        length = self._length()
        if length > LARGEST_BODY:
            head = bytes(self._buffer[:HEAD]).hex(" ")
            problem = f"a length of {length} (bytes {head}): at most {LARGEST_BODY} are allowed"
            self._fail(problem, expected=f"a length of at most {LARGEST_BODY}", actual=f"a length of {length}",
                       head=bytes(self._buffer[:HEAD]))
        if len(self._buffer) < HEAD + length:
            return False
        body = bytes(self._buffer[HEAD : HEAD + length])
        self._take_body(body)
        self._last = (self._last + self._buffer[max(0, HEAD + length - _SHOWN) : HEAD + length])[-_SHOWN:]
        del self._buffer[: HEAD + length]
        self._begins = self.offset
        self.offset += HEAD + length
        self._begins = self.offset if self._raw else self._begins
        if not self.done or self._buffer:
            self.train += 1
        return True

    def _take_body(self, body: bytes) -> None:
        if self.train == 1:
            refused = why_name_is_refused(body)
            if refused:
                at = next((HEAD + place for place, byte in enumerate(body) if byte in b"/\0"), 0)
                self._fail(refused, expected="a name that a client can take", actual=in_quotes(body[:300]), at=at,
                           name=body)
            self.name = body
        elif self.train == 2 and self._format.announces_size:
            self._take_size(body)
        elif self._format.announces_size:
            self._take_counted(body)
        else:
            self._take_content(body)
            self.done = self._format.one_train or not body

    def _take_size(self, body: bytes) -> None:
        if len(body) != SIZE_BODY:
            problem = f"the size has {counted(len(body), 'byte')} ({body[:16].hex(' ')}): it must have {SIZE_BODY}"
            actual = f"a size of {counted(len(body), 'byte')}"
            self._fail(problem, expected=f"a size of {SIZE_BODY} bytes", actual=actual)
        self.size = int.from_bytes(body, "big")
        self.done = self.size == 0
        self._raw = self._format.raw and not self.done

    def _take_counted(self, body: bytes) -> None:
        assert self.size is not None
        if not body:
            come = f"{self.received} of {counted(self.size, 'byte')}"
            problem = f"an empty train after {come}: stage {self._stage:02d} has none"
            self._fail(problem, expected="a train with content", actual="an empty train")
        if (sent := self.received + len(body)) > self.size:
            problem = f"{self.received} and {len(body)} bytes of content are more than the announced {self.size}"
            announced = f"{counted(self.size, 'byte')} of content, as announced"
            self._fail(problem, expected=announced, actual=f"{counted(sent, 'byte')} or more")
        self._take_content(body)
        self.done = self.received == self.size

    def _take_raw(self, data: bytes) -> None:
        missing = 0 if self.done or self.size is None else self.size - self.received
        wanted = data[:missing] if len(data) > missing else data
        self._take_content(wanted)
        self._last = (self._last + wanted[-_SHOWN:])[-_SHOWN:]
        self.offset += len(wanted)
        self.done = self.done or missing <= len(data)
        if len(data) > missing:
            extra = data[missing:]
            start = extra[:16].hex(" ")
            problem = f"{counted(len(extra), 'byte')} after the end, beginning with {start}: nothing may follow"
            more = f"{counted(len(extra), 'byte')} or more"
            self._fail(problem, expected="the end of the stream", actual=more, ahead=extra)

    def _take_content(self, data: bytes) -> None:
        self.received += len(data)
        self._md5.update(data)
        if self._keep:
            self.content += data
        if self.sink is not None:
            self.sink(data)

    def _fail(
        self, problem: str, *, expected: str, actual: str, at: int = 0, ahead: bytes = b"", head: bytes = b"",
        name: bytes = b"",
    ) -> None:
        """WireError at byte `at` of what has not been understood: the unfinished train, or else `ahead`."""
        known = self._last + (self._buffer or ahead)[: at + _SHOWN]
        offset, here = self.offset + at, len(self._last) + at
        before, rest = known[max(0, here - _SHOWN) : here], known[here:]
        lines = [window_line("before", offset - len(before), before)] if before else []
        lines.append(
            window_line("here", offset, rest) if rest else f"  {'here':<8} {offset:>10}: the end of the stream"
        )
        around = "\n".join([*lines, caret(0), f"  {self._boundary()}"])
        raise WireError(offset, self.train, problem, around, expected=expected, actual=actual, head=head, name=name)

    def _boundary(self) -> str:
        """Where in the stream that train begins, or the last one."""
        if self._raw:
            return f"the raw content begins at byte {self._begins} of the stream"
        if self.done:
            return f"the head of the last train begins at byte {self._begins} of the stream"
        begins = (
            f"the head of train {self.train} {'begins' if self._buffer else 'should begin'} at byte {self.offset} of "
            "the stream"
        )
        whole = len(self._buffer) >= HEAD and self._length() <= LARGEST_BODY
        if not whole:
            return begins
        return f"{begins}, its body of {counted(self._length(), 'byte')} at byte {self.offset + HEAD}"


def parse_stream(stage: int, data: bytes) -> Parser:
    """Reads a whole stream; WireError unless it is complete and nothing follows."""
    parser = Parser(stage)
    parser.feed(data)
    parser.end()
    return parser
