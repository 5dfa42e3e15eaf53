"""From stage 05 on the content is moved by the kernel: more than 2 GiB of it, and from files that change meanwhile."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from bytetrain.course.traits import brings
from bytetrain.judging.pools import Pool, stalled, uses_no_cpu
from bytetrain.judging.transfers import big_size, hand_over, read_cut_short, read_whole, serves
from bytetrain.judging.machine import require_room
from bytetrain.judging.verdicts import closed_to_its_owner, has_status, received, refused, snapshot
from bytetrain.kernel.descriptors import descriptors
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Client, Server
from bytetrain.programs.start import Starter
from bytetrain.telling.sizes import GiB, MiB
from bytetrain.telling.story import expect, told
from bytetrain.telling.text import in_quotes, in_words
from bytetrain.wire.faults import Timeout
from bytetrain.wire.files import (
    IN_MEMORY, ON_DISK, FileStore, Original, content, cut_file, drop_pages, grow_file, punch_hole,
    remember, write_file, write_sparse,
)
from bytetrain.wire.framing import Parser, encode_size, encode_train
from bytetrain.wire.peers import Connection, RawClient, RawServer
from bytetrain.wire.proxy import Proxy


MOST_OF_A_CALL = 0x7FFFF000  # bytes: read(2), notes
SENDS = ("copy", "mmap", "sendfile", "splice")
RECEIVES = ("copy", "mmap", "splice")
SIZES = (0, 1, 4095, 4096, 65537, 3_000_001)


@dataclass(frozen=True)
class Marked:
    """More bytes than one call can move: zeros, but for 16 of the seeded content at some offsets."""

    seed: int
    size: int = 2 * GiB + MiB
    name: str = "large.bin"
    offsets: tuple[int, ...] = (0, MOST_OF_A_CALL - 32, MOST_OF_A_CALL - 8, 2**31 - 24, 2**31, 2 * GiB + MiB - 16)

    def mark(self, offset: int) -> bytes:
        return content(16, self.seed, offset)

    def read(self, start: int, size: int) -> bytes:
        found = bytearray(size)
        for offset in self.offsets:
            first, last = max(start, offset), min(start + size, offset + 16)
            if first < last:
                found[first - start : last - start] = self.mark(offset)[first - offset : last - offset]
        return bytes(found)

    def write(self, folder: Path) -> Path:
        """A sparse file."""
        path = write_sparse(folder / self.name, self.size)
        with path.open("r+b") as file:
            for offset in self.offsets:
                file.seek(offset)
                file.write(self.mark(offset))
        return remember(path, self.size, self)

    def parts(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """The marks between two offsets, and what is left: the offset of each part, and its mark; b"" for zeros."""
        for offset in self.offsets:
            if start <= offset < end:
                if start < offset:
                    yield start, b""
                yield offset, self.mark(offset)
                start = offset + 16
        if start < end:
            yield start, b""

    def without_marks(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What lies between two offsets, but for each MiB in which a mark is: the offset and the size of each part."""
        for block in sorted({offset // MiB * MiB for offset in self.offsets}):
            if start < block < end:
                yield start, block - start
            start = max(start, block + MiB) if block < end else start
        if start < end:
            yield start, end - start


def reads_marked(connection: RawClient, file: Marked, path: Path) -> None:
    """Reads the whole stream, and looks at the marks only: so that 2 GiB take a second or two."""
    __tracebackhide__ = True
    size = file.size
    start = encode_train(file.name.encode()) + encode_train(encode_size(size))
    begins = connection.read_exactly(len(start))
    expect(
        begins == start,
        f"the stream begins with {in_quotes(begins)}; {in_quotes(start)}, the name and the size, was expected",
        expected=start.hex(" "), actual=begins.hex(" "),
    )
    at = 0
    for offset in file.offsets:
        with told(f"bytes {at} to {offset + 16} of {size}"):
            skipped = connection.skip(offset - at, path, at)
            expect(at + skipped == offset, f"the stream ends after {at + skipped} bytes", expected=f"{size} bytes")
            found = connection.read_exactly(16)
            mark = file.mark(offset)
            expect(
                found == mark, f"at {offset} the file has {in_quotes(mark)}, and the stream {in_quotes(found)}",
                expected=in_quotes(mark), actual=in_quotes(found),
            )
        at = offset + 16
    expect(
        connection.read_some() == b"", f"the stream goes on after the announced {size} bytes",
        expected="the end of the stream", actual="more bytes",
    )


# More than one call can move


@pytest.mark.check("server.beyond_2_gib")
def test_more_than_2_gib(pair: Programs, folder: Path, reference: bool, start: Starter) -> None:
    large = Marked(ON_DISK)
    path = large.write(folder)
    ways = [f"--send={send}" for send in SENDS] if reference and brings(pair.stage, "ways") else []
    runs: list[list[str]] = [[], *([way] for way in ways)]
    for options in runs:
        server = start.server(path, options=options)
        with told(f"a sparse file of 2 GiB and 1 MiB {options}; one call moves at most {MOST_OF_A_CALL:#x} bytes"):
            with RawClient(server.port) as client:
                reads_marked(client, large, path)
        server.stop()


STEP, BEHIND = 16 * MiB, 32 * MiB  # BEHIND: more than may be under way between us and the file of a client


def sends_marked(connection: Connection, file: Marked, client: Client, hole: Path) -> None:
    """Sends the whole stream, its zeros out of a hole. Behind the client, the file that it saves becomes one of holes,
    but for the marks: so not even 2 GiB take much room, or a time that depends on the disk."""
    size = file.size
    if not connection.send(encode_train(file.name.encode()) + encode_train(encode_size(size))):
        return
    done = 0
    with hole.open("rb") as source:
        for start in range(0, size, STEP):
            ends = min(start + STEP, size)
            parts = [*file.parts(start, ends), (ends, b"")]
            for (at, mark), (end, _) in itertools.pairwise(parts):
                if not (connection.send(mark) if mark else connection.send_from(source, at, end - at)):
                    return
            behind = max(0, start + STEP - BEHIND)
            drop_pages(hole, done, behind - done)
            for saved in being_saved(client):
                for part in file.without_marks(done, behind):
                    punch_hole(saved, *part)
            done = behind
    connection.finish_sending()


def being_saved(client: Client) -> list[Path]:
    """The files that a client has in its directory: what it has open there, even without a name, or else what is
    found."""
    inside = f"{client.directory.resolve()}/"
    numbers = [number for number, what in descriptors(client.pid).items() if what.startswith(inside)]
    return [Path(f"/proc/{client.pid}/fd/{number}") for number in numbers] or [
        client.directory / name for name in client.files()
    ]


@pytest.mark.check("client.beyond_2_gib")
def test_more_than_2_gib_is_saved(
    pair: Programs, store: FileStore, folder: Path, reference: bool, raw_server: RawServer, start: Starter
) -> None:
    require_room(folder)
    large = Marked(IN_MEMORY)
    size, name = large.size, large.name
    ways = [f"--receive={receive}" for receive in RECEIVES] if reference and brings(pair.stage, "ways") else []
    runs: list[list[str]] = [[], *([way] for way in ways)]
    for options in runs:
        client = start.client(raw_server.port, options=options)
        with told(f"a file of {size} bytes, 2 GiB and 1 MiB, comes to the client {options}"):
            with raw_server.accept() as connection:
                sends_marked(connection, large, client, store.sparse(size))
                finished = client.wait()
            has_status(finished, 0)
            said = f"received {name}, {size} bytes\n"
            words = f"on its standard output is {in_quotes(finished.stdout)}"
            expect(finished.stdout == said, words, expected=in_quotes(said), actual=in_quotes(finished.stdout))
            expect(
                client.files() == [name], f"in its directory is {in_words(client.files())}",
                expected=f"the file {in_quotes(name)}, alone",
            )
            has_marks(client.directory / name, large)
        (client.directory / name).unlink()


def has_marks(saved: Path, file: Marked) -> None:
    """The saved file has the size, and in their places what tells where it is."""
    __tracebackhide__ = True
    closed, size, found_size = closed_to_its_owner(saved), file.size, saved.stat().st_size
    expect(not closed, f"the file has come {closed}", expected="a file that its owner can read")
    expect(found_size == size, f"the saved file has {found_size} bytes", expected=f"{size} bytes")
    with saved.open("rb") as content_of_it:
        for offset in file.offsets:
            mark, found = file.mark(offset), os.pread(content_of_it.fileno(), 16, offset)
            words = f"at {offset} the file that was sent has {in_quotes(mark)}, and the saved one {in_quotes(found)}"
            expect(found == mark, words, expected=in_quotes(mark), actual=in_quotes(found))


@pytest.mark.check("server.size_64_bits")
@pytest.mark.parametrize("size", [2**31 - 1, 2**31, 2**32 - 1, 2**32, 5 * GiB + 7])
def test_announced_size_has_64_bits(size: int, pair: Programs, store: FileStore, start: Starter) -> None:
    file = store.sparse(size)
    server = start.server(file)
    name, wanted = encode_train(file.name.encode()), encode_train(encode_size(size))
    with told(f"a sparse file of {size} bytes"), RawClient(server.port) as client:
        found = client.read_exactly(len(name))
        expected = f"{in_quotes(name)}: the train of the name"
        expect(found == name, f"the stream begins with {in_quotes(found)}", expected=expected)
        told_size = client.read_exactly(len(wanted)).hex(" ")
        words = f"after the train of the name come the bytes {told_size}"
        expect(
            told_size == wanted.hex(" "), words, expected=f"{wanted.hex(' ')}: the train of the size", actual=told_size
        )
        parser = Parser(pair.stage, keep=False)
        parser.feed(name + wanted)
        while parser.received < 100_000:
            data = client.read_some()
            words = f"{parser.received} of {size} bytes of content came, and then the server closed"
            expect(data != b"", words, expected="the content after its size")
            parser.feed(data)


# Every way of sending and receiving


@pytest.mark.check("reference.every_way")
@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("receive", RECEIVES)
def test_every_way_with_every_other(send: str, receive: str, store: FileStore, start: Starter) -> None:
    for size in SIZES:
        server = start.server(store.seeded(size), options=[f"--send={send}"])
        client = start.client(server.port, options=[f"--receive={receive}"])
        with told(f"a file of {size} bytes with --send={send} and --receive={receive}"):
            received(client.wait(), client.directory, store.seeded(size))
        server.stop()


@pytest.mark.check("reference.receive_fails_well")
@pytest.mark.parametrize("receive", RECEIVES)
def test_every_way_of_receiving_fails_well(receive: str, target: Path, raw_server: RawServer, start: Starter) -> None:
    before = snapshot(target)
    for missing in (1, 100_000, 199_999):
        client = start.client(raw_server.port, target, options=[f"--receive={receive}"])
        with raw_server.accept() as connection:
            connection.send(encode_train(b"name") + encode_train(encode_size(200_000)) + content(200_000 - missing))
        with told(f"--receive={receive}, and the server closed {missing} bytes before the end"):
            refused(client.wait(), target, before)


# A file that changes while it is sent


def sending(folder: Path, server_of: Callable[[Path], Server]) -> tuple[Path, RawClient, Server]:
    """A file of our own that may change, a client that doesn't read it, and a server that has come to a halt in it."""
    file = write_file(folder / "changing.bin", big_size())
    server = server_of(file)
    return file, stalled(server)[0], server


@pytest.mark.check("server.file_cut")
def test_file_is_cut_while_it_is_sent(pair: Programs, folder: Path, start: Starter) -> None:
    cut_while_sent(pair, folder, lambda file: start.server(file))


@pytest.mark.check("reference.file_cut_every_way")
@pytest.mark.parametrize("send", SENDS)
def test_file_is_cut_in_every_way(send: str, pair: Programs, folder: Path, start: Starter) -> None:
    cut_while_sent(pair, folder, lambda file: start.server(file, options=[f"--send={send}"]))


def cut_while_sent(pair: Programs, folder: Path, server_of: Callable[[Path], Server]) -> None:
    __tracebackhide__ = True
    size = big_size()
    for kept in (100_000, size - 50):  # the second is a cut within the last page: of a mapping, zeros are left there
        file, connection, server = sending(folder, server_of)
        pool = Pool.of(server)
        cut_file(file, kept)
        with told(f"{size} bytes were announced, and FILE was cut to {kept} while a worker was sending it"), connection:
            read_cut_short(connection, pair.stage)
            for worker in server.workers:
                uses_no_cpu(worker, "a worker")
            write_file(file, size)
            with told("after that, with the whole file again"):
                for _ in range(3):
                    serves(server, pair.stage, file)
            pool.is_complete()
        server.stop()


@pytest.mark.check("server.file_grows")
def test_file_grows_while_it_is_sent(pair: Programs, folder: Path, start: Starter) -> None:
    file, connection, _ = sending(folder, lambda file: start.server(file))
    grow_file(file, content(MiB, seed=2))
    with told("FILE has grown by 1 MiB since its size was sent: it ends at the announced size"), connection:
        read_whole(connection, pair.stage, file)


@pytest.mark.check("client.file_cut")
def test_client_reports_a_file_that_was_cut(folder: Path, target: Path, start: Starter) -> None:
    size = 2 * big_size()
    before = snapshot(target)
    for kept in (0, size - 60):
        server = start.server(write_file(folder / "changing.bin", size))
        words = f"FILE of {size} bytes was cut to {kept} when 100 KB of it had come"
        with told(words), Proxy(server.port, Timeout(100_000)) as proxy:
            client = start.client(proxy.port, target)
            proxy.wait_forwarded(100_000)
            cut_file(folder / "changing.bin", kept)
            proxy.release()
            refused(client.wait(), target, before)
        server.stop()


@pytest.mark.check("pair.page_edges")
def test_content_at_the_edge_of_pages(
    pair: Programs, store: FileStore, folder: Path, raw_server: RawServer, start: Starter
) -> None:
    for size in (4095, 4096, 4097, MiB - 1, MiB, MiB + 1):
        original = write_file(folder / f"edge-{size}.bin", size)
        with told(f"a file of {size} bytes"):
            serves(start.server(original), pair.stage, original)
            original = store.in_memory(size, original.name)
            client = start.client(raw_server.port)
            with raw_server.accept() as connection:
                hand_over(connection, pair.stage, original.name.encode(), Original(original).read())
            received(client.wait(), client.directory, original)
