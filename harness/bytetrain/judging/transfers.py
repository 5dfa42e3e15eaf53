"""Peers of ours that play a whole part in a transfer: what they send to a client, and what they read from a server.

Nothing here belongs to one stage; where a naive receive needs it, whole trains are handed over.
"""

import os
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

from .. import Diagnosis, Failure
from ..course.traits import traits
from ..programs.program import Server
from ..telling import story
from ..telling.sizes import KiB, MiB
from ..telling.story import doing, expecting, quietly
from ..telling.text import counted, in_quotes, in_words
from ..wire.faults import WholeTrains
from ..wire.files import AROUND, Difference, Original, first_difference, size_of
from ..wire.framing import Parser, WireError, pieces, place_of
from ..wire.peers import Connection, RawClient
from ..wire.reading import Ended
from ..wire.proxy import Proxy
from .diagnoses import of_open_connection
from .wrong_bytes import of_content, of_name, of_short_content, of_size, of_stream

MORE = 64 * KiB  # bytes beyond what is expected that are read: who sends on and on has no end


# Files and streams


def big_size() -> int:
    """Bytes that no connection's buffers can hold, however this machine is tuned: 8 MiB or more."""
    words = Path("/proc/sys/net/ipv4/tcp_wmem").read_text().split()
    return max(8 * MiB, 2 * int(words[-1]))


def hand_over(client: Connection, stage: int, name: bytes, content: bytes) -> bool:
    """Sends a whole stream to a client, in the way that its stage can take. False if the client is gone."""
    sent = [piece.data for piece in pieces(stage, name, content)]
    many = counted(len(content), "byte")
    with doing(f"our server hands over a file: the name {in_quotes(name)}, and {many} of content"):
        return hand_over_trains(client, stage, sent)


def hand_over_trains(client: Connection, stage: int, trains: Iterable[bytes]) -> bool:
    """Sends trains, wrong ones perhaps: to a naive receiver one after the other."""
    return client.deliver_trains(trains) if traits(stage).whole_trains_only else client.send(b"".join(trains))


def deliver_cut(client: Connection, stream: bytes, cuts: Iterable[int], pid: int) -> bool:
    """Sends a stream in pieces that end at the offsets in `cuts`; each is taken before the next one comes, or left in
    the kernel's queue by a client that wants more of it: see `Connection.wait_taken`. False if it is gone."""
    ends = [*sorted({cut for cut in cuts if 0 < cut < len(stream)}), len(stream)]
    many = counted(len(ends), "piece")
    with doing(f"our server sends {counted(len(stream), 'byte')} in {many}, each when the last is taken") as step:
        for number, (start, end) in enumerate(zip([0, *ends], ends), 1):
            if not client.send(stream[start:end]):
                step.result = f"the client was gone when piece {number} came, bytes {start} to {end - 1}"
                return False
            with quietly():
                client.wait_taken(pid)
    return True


@contextmanager
def way_to(server: Server, stage: int) -> Iterator[int]:
    """The port where a client of that stage should go: the server's own, or a proxy's that hands over whole trains."""
    if not traits(stage).whole_trains_only:
        yield server.port
        return
    with Proxy(server.port, WholeTrains()) as proxy:
        yield proxy.port


# What a server sends


def read_whole(connection: Connection, stage: int, original: Path, parser: Optional[Parser] = None) -> None:
    """Reads a transfer to its end: the name, the content and nothing else, in the format of the stage.

    `parser` has read the beginning, if that has been done already.
    """
    __tracebackhide__ = True
    _read(connection, parser or Parser(stage, keep=False), original, to_its_end=True)


def read_to_the_last_byte(connection: Connection, stage: int, original: Path) -> None:
    """As `read_whole`, but whether the stream ends then isn't asked."""
    __tracebackhide__ = True
    _read(connection, Parser(stage, keep=False), original, to_its_end=False)


def _read(connection: Connection, parser: Parser, original: Path, *, to_its_end: bool) -> None:
    __tracebackhide__ = True
    size = size_of(original)
    end = ", and the end of the stream" if to_its_end else ""
    with expecting(f"our client reads the whole of {original.name}, {counted(size, 'byte')}{end}"):
        try:
            with AgainstOriginal(original, parser) as comparison:
                connection.feed(parser, size + MORE, to_its_end)
        except WireError as error:
            _tell_difference(error, comparison)
            raise
        except Failure as failure:
            failure.adds(_so_far(parser, original))
            failure.diagnosis = of_open_connection(connection.other_end(), connection.made) if parser.done else None
            raise
        try:
            parser.end()
            complain_about(parser, original)
        except Failure as failure:
            _tell_difference(failure, comparison)
            raise


class AgainstOriginal:
    """Holds the content that a parser gets against the original, and remembers where they first differ."""

    def __init__(self, original: Path, parser: Parser) -> None:
        self.difference: Optional[Difference] = None
        self.original = Original(original)
        self.parser = parser

    def __enter__(self) -> "AgainstOriginal":
        self.parser.sink = self._look
        return self

    def __exit__(self, *_: object) -> None:
        self.parser.sink = None

    def _look(self, data: bytes) -> None:
        if self.difference is not None:
            return
        before = self.parser.received - len(data)
        want = self.original.read(before, len(data))
        if want != data:
            at = first_difference(want, data)
            offset, start = before + at, before + max(0, at - AROUND)
            window = slice(max(0, at - AROUND), at + AROUND)
            sizes = self.original.size, self.parser.received
            self.difference = Difference(offset, *sizes, start, want[window], data[window], "the stream so far")


def _tell_difference(failure: Failure, comparison: AgainstOriginal) -> None:
    """Adds the place where the content first differs from the file, if it does."""
    found = comparison.difference
    if found is not None:
        name = len(os.fsencode(comparison.original.name))
        place = place_of(story.current().stage, name, found.offset, found.expected_size)
        failure.adds(f"The content differs from the file before that:\n{found}\n  {place}")
    failure.diagnosis = _of_stream(failure, comparison)


def _of_stream(failure: Failure, comparison: AgainstOriginal) -> Optional[Diagnosis]:
    """What has come shows which mistake was made."""
    original, parser, found = comparison.original, comparison.parser, comparison.difference
    name = os.fsencode(original.name)
    by_format = of_stream(failure, name) if isinstance(failure, WireError) else None
    by_name = of_name(parser.name, name) if parser.name is not None else None
    by_size = of_size(parser.size, original.size) if parser.size is not None else None
    by_content = of_content(original, found) if found is not None else of_short_content(original, parser.received)
    return by_format or by_name or by_size or (by_content if parser.name == name else None)


def _so_far(parser: Parser, original: Path) -> str:
    if parser.done:
        return "all of the file had come, but not the end of the stream: does some process keep the connection?"
    if parser.name is None:
        return "not even the name had come"
    return f"{parser.received} of the {counted(size_of(original), 'byte')} of {original.name} had come"


def complain_about(parser: Parser, original: Path) -> None:
    """Failure unless the parser has read the whole file."""
    __tracebackhide__ = True
    wanted = os.fsencode(original.name)
    expect_same("the name", parser.name, wanted)
    size = size_of(original)
    expect_same("bytes of content", parser.received, size)
    expect_same("the md5 of the content", parser.md5, Original(original).md5)


def expect_same(what: str, sent: object, wanted: object) -> None:
    """Failure unless the server has sent what was wanted."""
    __tracebackhide__ = True
    if sent != wanted:
        words = f"what the server sent is wrong: {what}: {in_words(sent)}, and {in_words(wanted)} was expected"
        raise Failure(words, expected=f"{what}: {in_words(wanted)}", actual=f"{what}: {in_words(sent)}")


def serves(server: Server, stage: int, original: Path) -> None:
    """A client of our own connects and gets the whole file."""
    __tracebackhide__ = True
    with RawClient(server.port, server.host) as connection:
        read_whole(connection, stage, original)


def serves_again(server: Server, stage: int, original: Path) -> None:
    """Three clients of our own, one after the other."""
    __tracebackhide__ = True
    for _ in range(3):
        serves(server, stage, original)


def read_cut_short(connection: Connection, stage: int) -> int:
    """Reads a transfer that must end too early; returns how much content came."""
    __tracebackhide__ = True
    parser = Parser(stage, keep=False)
    with expecting("the connection ends before the whole file has come"):
        try:
            connection.feed(parser, 2 * big_size())
        except Ended:  # a reset tells it as well
            return parser.received
        try:
            parser.end()
        except WireError:
            return parser.received
        whole = counted(parser.received, "byte")
        words = f"a whole file of {whole} came, where the connection should have ended before that"
        raise Failure(words, expected="an early end of the connection", actual=f"all {whole}")
