"""A client trusts nothing that comes over the wire, and loses nothing: not a file that was there, not a byte unnoticed.

The server in these checks is the harness itself. It hands whole trains, one at a time, to clients that receive naively.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Optional, Protocol

import pytest

from bytetrain.course.traits import traits
from bytetrain.judging.transfers import hand_over, hand_over_trains
from bytetrain.judging.machine import small_disk
from bytetrain.judging.client_words import written_over
from bytetrain.judging.verdicts import changes, closed_to_its_owner, has_status, received, refused, snapshot
from bytetrain.programs.build import Programs
from bytetrain.programs.output import Finished
from bytetrain.programs.program import Client, Conditions
from bytetrain.programs.start import Starter
from bytetrain.telling.sizes import KiB
from bytetrain.telling.story import expect, told
from bytetrain.telling.text import in_quotes
from bytetrain.wire.files import FileStore, Original, content
from bytetrain.wire.framing import HEAD, encode_content, encode_size, encode_train, fitting, pieces
from bytetrain.wire.peers import Connection, RawServer
from bytetrain.wire.reading import Ended


NAME, OLDER = b"file.bin", b"what was there before"
BAD_NAMES = {
    "empty": b"", "dot": b".", "dot-dot": b"..", "256 bytes": b"n" * 256, "1000 bytes": b"n" * 1000, "slash": b"/",
    "up": b"../escaped", "absolute": b"HERE/escaped", "below": b"sub/file", "slash at the end": b"file/",
    "NUL": b"file\0.bin", "NUL at the end": b"file.bin\0",
}
BAD_LENGTHS = (1001, 4096, 1_025_821_971, 2**31 - 1, 2**31, 2**32 - 1)


class Meeting:
    """One client, and the connection that it has made to us. Nothing in the folder `outside` may change."""

    def __init__(self, stage: int, client: Client, connection: Connection, outside: Path) -> None:
        self.stage = stage
        self.client = client
        self.connection = connection
        self._outside = outside
        self._before = snapshot(outside)

    def sends(self, trains: Sequence[bytes]) -> None:
        """Our server sends trains, and whole ones where that is needed."""
        hand_over_trains(self.connection, self.stage, trains)

    def closes(self) -> Finished:
        """Our server closes its sending side; the client should see that, and end."""
        __tracebackhide__ = True
        self.connection.finish_sending()
        return self.client.wait()

    def keeps_open(self) -> Finished:
        """Our server sends no more, and doesn't close; the client should have seen enough, and end."""
        __tracebackhide__ = True
        return self.client.wait()

    def resets(self) -> Finished:
        """Our server resets the connection; the client should see that, and end."""
        __tracebackhide__ = True
        self.connection.reset()
        return self.client.wait()

    def has_sent(self) -> bytes:
        """What has come from a client that has ended; how its connection ended is all the same."""
        sent = b""
        try:
            while data := self.connection.read_some():
                sent += data
        except Ended:  # it was reset
            pass
        return sent

    def is_refused(self, finished: Finished) -> None:
        """The client has failed as it should, and nothing has changed, in its directory or around it."""
        __tracebackhide__ = True
        refused(finished, self._outside, self._before)


class Meet(Protocol):
    """Starts a client, with an older file in its directory unless older=False; our server has accepted it."""

    def __call__(
        self, older: bool = True, prefix: Sequence[str] = (), directory: Optional[Path] = None
    ) -> Meeting: ...


def saved_in(directory: Path) -> bytes:
    """What is under the final name."""
    __tracebackhide__ = True
    path = directory / NAME.decode()
    expect(
        path.is_file(), f"there is no file {in_quotes(path.name)} in its directory: {sorted(os.listdir(directory))}",
        expected=f"a file {in_quotes(path.name)}", actual="no such file",
    )
    closed = closed_to_its_owner(path)
    expect(not closed, f"the file {in_quotes(path.name)} is {closed}", expected="a file that its owner can read")
    return path.read_bytes()


@pytest.fixture
def meet(pair: Programs, target: Path, raw_server: RawServer, start: Starter) -> Iterator[Meet]:
    """meet() starts a client, with an older file in its directory unless older=False."""
    open_connections = []

    def met(older: bool = True, prefix: Sequence[str] = (), directory: Optional[Path] = None) -> Meeting:
        if older:
            (target / NAME.decode()).write_bytes(OLDER)
        client = start.client(raw_server.port, directory or target, under=Conditions(prefix=prefix))
        open_connections.append(raw_server.accept())
        return Meeting(pair.stage, client, open_connections[-1], target.parent)

    yield met
    for connection in open_connections:
        connection.close()


def trains(stage: int, size: int = 2500, name: bytes = NAME) -> list[bytes]:
    """The trains of a good stream; raw content counts as one of them."""
    return [piece.data for piece in pieces(stage, name, content(fitting(stage, size)))]


def take_last(stage: int, sent: list[bytes]) -> bytes:
    """The last train of a stream, or the last byte of raw content; the rest is left in `sent`."""
    last = sent.pop()
    if not traits(stage).raw:
        return last
    sent.append(last[:-1])
    return last[-1:]


# What comes is wrong


@pytest.mark.check("client.bad_name")
@pytest.mark.parametrize("name", list(BAD_NAMES))
def test_bad_name_is_refused(name: str, target: Path, meet: Meet) -> None:
    meeting = meet()
    bad = BAD_NAMES[name].replace(b"HERE", os.fsencode(target.parent))
    with told(f"the server sends the name {in_quotes(bad[:300])}, which must be refused ({name})"):
        meeting.sends(trains(meeting.stage, name=bad))
        meeting.is_refused(meeting.closes())


@pytest.mark.check("client.name_length")
@pytest.mark.parametrize("length", BAD_LENGTHS)
def test_length_above_1000_is_refused_for_a_name(length: int, meet: Meet) -> None:
    meeting = meet()
    with told(f"the first head says {length}, where a train has at most 1000 bytes; the connection stays open"):
        meeting.sends([length.to_bytes(HEAD, "big"), b"x" * 1000])
        meeting.is_refused(meeting.keeps_open())


@pytest.mark.check("client.content_length")
@pytest.mark.parametrize("length", BAD_LENGTHS)
def test_length_above_1000_is_refused_for_content(length: int, meet: Meet) -> None:
    # Then come bytes with which a client that takes the length as it is, or cuts it to 1000, would be content.
    for follow in {1000, min(length, 4096)}:
        meeting = meet()
        with told(f"a head says {length}, where a train has at most 1000 bytes; {follow} bytes and a good end follow"):
            size = [encode_train(encode_size(follow))] if traits(meeting.stage).announces_size else []
            end = [encode_train(b"")] if traits(meeting.stage).ends_with_empty_train else []
            meeting.sends([encode_train(NAME), *size, length.to_bytes(HEAD, "big"), content(follow), *end])
            meeting.is_refused(meeting.closes())


@pytest.mark.check("client.size_train")
@pytest.mark.parametrize("length", [0, 1, 4, 7, 9, 16, 1000, 1001, 2**32 - 1])
def test_size_train_must_have_8_bytes(length: int, meet: Meet) -> None:
    meeting = meet()
    if length > 1000:  # no train at all
        with told(f"the head of the size train says {length}: 8 would be right; the connection stays open"):
            meeting.sends([encode_train(NAME), length.to_bytes(HEAD, "big"), encode_size(10), b"x" * 992])
            meeting.is_refused(meeting.keeps_open())
        return
    with told(f"the size train has {length} bytes: 8 would be right"):
        meeting.sends([encode_train(NAME), encode_train((10).to_bytes(length, "big") if length else b"")])
        meeting.sends([encode_content(meeting.stage, b"0123456789")])
        meeting.is_refused(meeting.closes())


@pytest.mark.check("client.trains_add_up")
@pytest.mark.parametrize(
    "sizes", [(1000, 1000, 499), (1000, 1000, 501), (1000,), (1000, 0), (1000, 1000, 1000), ()], ids=str
)
def test_trains_that_do_not_add_up(sizes: tuple[int, ...], meet: Meet) -> None:
    meeting = meet()
    with told(f"a size of 2500 was announced; trains of {sizes} bytes came, and then the connection was closed"):
        bodies = [encode_train(content(size)) for size in sizes]
        meeting.sends([encode_train(NAME), encode_train(encode_size(2500)), *bodies])
        meeting.is_refused(meeting.closes())


@pytest.mark.check("client.fewer_bytes")
@pytest.mark.parametrize("size", [0, 1, 2499])
def test_fewer_bytes_than_announced(size: int, meet: Meet) -> None:
    meeting = meet()
    with told(f"a size of 2500 was announced; {size} bytes came, and then the connection was closed"):
        meeting.sends([encode_train(NAME), encode_train(encode_size(2500)), content(size)])
        meeting.is_refused(meeting.closes())


@pytest.mark.check("client.size_64_bits")
@pytest.mark.parametrize("size", [2**31, 2**32, 2**32 + 10, 2**63 - 1, 2**63, 2**64 - 1])
def test_size_that_needs_64_bits(size: int, meet: Meet) -> None:
    # The limit keeps a client that reserves room from taking 4 GiB of this disk.
    meeting = meet(prefix=limited(1_000_000))
    with told(f"a size of {size} was announced; 10 bytes came, and then the connection was closed"):
        ten = b"0123456789"
        meeting.sends([encode_train(NAME), encode_train(encode_size(size))])
        meeting.sends([encode_content(meeting.stage, ten)])
        meeting.is_refused(meeting.closes())


# It ends too early


def boundaries(stage: int) -> dict[str, int]:
    """Where a good stream may break off between two trains: the name of the place, and its offset."""
    ends = list(itertools.accumulate(len(train) for train in trains(stage)))
    names = ["before the name", "after the name"]
    if traits(stage).announces_size:
        names.append("after the size")
    if not traits(stage).one_train and not traits(stage).raw:
        names += ["after the first train of content", "before the last train"]
    return dict(zip(names, [0, *ends[: len(names) - 2], ends[-2]]))


def insides(stage: int) -> dict[str, int]:
    """Where it may break off inside of a train, or of the raw content."""
    first, second, *_, last = itertools.accumulate(len(train) for train in trains(stage))
    middle = {"in the midst of the content": last - 1000, "one byte before the end": last - 1}
    return {"in the first head": 2, "in the name": first - 3, "in the second head": first + 1,
            "in the second train": second - 1, **middle}


def break_off(meeting: Meeting, offset: int) -> None:
    """Our server sends the beginning of a good stream, and the client takes it."""
    for train in trains(meeting.stage):
        if offset > 0:
            meeting.sends([train[:offset]])
        offset -= len(train)
    meeting.connection.wait_taken(meeting.client.pid)


@pytest.mark.check("client.end_between_trains")
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_early_end_between_trains_is_a_failure(stage: int, how: str, meet: Meet) -> None:
    for place, offset in boundaries(stage).items():
        meeting = meet()
        with told(f"the connection was {how} by the server {place}"):
            break_off(meeting, offset)
            meeting.is_refused(meeting.closes() if how == "closed" else meeting.resets())


@pytest.mark.check("client.end_inside_train")
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_early_end_inside_a_train_is_a_failure(stage: int, how: str, meet: Meet) -> None:
    for place, offset in insides(stage).items():
        meeting = meet()
        with told(f"the connection was {how} by the server {place}"):
            break_off(meeting, offset)
            meeting.is_refused(meeting.closes() if how == "closed" else meeting.resets())


# What is saved


OLDER_FILES = {  # the bytes that an older file has more than the new one, and its mode
    "shorter": (-900, 0o644), "empty": (-10_000, 0o644), "of the same size": (0, 0o644), "a byte longer": (1, 0o644),
    "much longer": (100_000, 0o644), "read-only": (20, 0o444), "closed to everybody": (20, 0), "a program": (20, 0o755),
}


@pytest.mark.check("client.older_replaced")
def test_older_file_is_replaced(stage: int, meet: Meet, store: FileStore, target: Path) -> None:
    original = store.in_memory(fitting(stage, 2500))
    older, other_name = target / original.name, target.parent / "another name of it"
    for what, (more, mode) in OLDER_FILES.items():
        was = b"o" * max(0, Original(original).size + more)
        older.write_bytes(was)
        older.chmod(mode)
        os.link(older, other_name)
        with told(f"there is an older file of that name ({what}: {len(was)} bytes, mode {mode:04o}); a new one comes"):
            meeting = meet(older=False)
            hand_over(meeting.connection, stage, original.name.encode(), Original(original).read())
            received(meeting.closes(), target, original, older=was)
        with told(f"another name of the older file ({what}), outside of the directory, still leads to what it was"):
            other_name.chmod(0o600)
            words = "the older file was written over, where another one should have taken its name"
            if other_name.read_bytes() != was:
                raise written_over(words)
        older.unlink()
        other_name.unlink()


@pytest.mark.check("client.older_replaced")
@pytest.mark.parametrize("kind", ["a FIFO", "a socket"])
def test_what_is_neither_file_nor_directory(kind: str, stage: int, meet: Meet, store: FileStore, target: Path) -> None:
    original = store.in_memory(fitting(stage, 2500))
    there = target / original.name
    if kind == "a FIFO":
        os.mkfifo(there)  # whoever opens it to write waits for a reader: fifo(7)
    else:
        os.mknod(there, stat.S_IFSOCK | 0o600)
    meeting = meet(older=False)
    with told(f"under the name there is {kind}: it is replaced, or the client reports a failure"):
        hand_over(meeting.connection, stage, original.name.encode(), Original(original).read())
        finished = meeting.closes()
        if finished.status == 0:
            received(finished, target, original)
        else:
            meeting.is_refused(finished)


@pytest.mark.check("client.same_directory")
def test_two_clients_save_the_same_name(meet: Meet, target: Path) -> None:
    first, second = meet(), meet(older=False)
    sent = trains(first.stage)
    with told(
        "two clients save a file of the same name in the same directory; the second one begins later, and ends first"
    ):
        first.sends(sent[:-1])
        first.connection.wait_taken(first.client.pid)
        second.sends(sent)
        has_status(second.closes(), 0)
        first.sends(sent[-1:])
        has_status(first.closes(), 0)
        size = fitting(first.stage, 2500)
        expect(
            saved_in(target) == content(size), "the file is not what both have received",
            expected="what both have received", actual="other content",
        )
        expect(
            os.listdir(target) == [NAME.decode()], f"in the directory is left: {sorted(os.listdir(target))}",
            expected="the one file alone", actual=f"{sorted(os.listdir(target))}",
        )


@pytest.mark.check("client.older_untouched")
def test_older_file_stays_until_the_new_one_is_complete(meet: Meet, target: Path) -> None:
    meeting = meet()
    sent = trains(meeting.stage)
    take_last(meeting.stage, sent)
    with told("there is an older file of that name; all of the new one but its last train or byte has come"):
        meeting.sends(sent)
        meeting.connection.wait_taken(meeting.client.pid)
        there = saved_in(target)
        expect(
            there == OLDER, f"the older file has been touched already: {in_quotes(there[:40])}, {len(there)} bytes",
            expected="the older file as it was", actual=f"{len(there)} bytes",
        )


@pytest.mark.check("client.no_wait_for_close")
def test_success_does_not_wait_for_the_close(meet: Meet) -> None:
    meeting = meet()
    with told("the whole file has come, and the server doesn't close: the client knows that it is done all the same"):
        meeting.sends(trains(meeting.stage))
        finished = meeting.keeps_open()
        has_status(finished, 0)
    with told("the client has ended; in no stage it has anything to say to the server"):
        sent = meeting.has_sent()
        seen = in_quotes(sent[:40])
        expect(not sent, f"it has sent {seen}", expected="not one byte from the client", actual=seen)


@pytest.mark.check("client.target_directory")
def test_target_is_a_directory(meet: Meet, target: Path) -> None:
    (target / NAME.decode()).mkdir()
    for what in ("an empty directory", "a directory with a file in it"):
        meeting = meet(older=False)
        with told(f"under the name that the server sends there is {what} already"):
            meeting.sends(trains(meeting.stage))
            meeting.is_refused(meeting.closes())
        (target / NAME.decode() / "inside").write_bytes(OLDER)


@pytest.mark.check("client.target_symlink")
@pytest.mark.parametrize("to", ["a file", "nothing", "a directory", "itself"])
def test_target_is_a_symbolic_link(to: str, meet: Meet, target: Path) -> None:
    victim, link = target.parent / "victim", target / NAME.decode()
    if to == "a file":
        victim.write_bytes(OLDER)
    if to == "a directory":
        victim.mkdir()
    before = snapshot(target.parent)
    for whole in (False, True):
        link.unlink(missing_ok=True)
        link.symlink_to(link if to == "itself" else victim)
        meeting = meet(older=False)
        sent = trains(meeting.stage)
        comes = "the new file comes whole" if whole else "the server closes after the name"
        with told(f"under the name that the server sends there is a symbolic link to {to}, elsewhere; {comes}"):
            meeting.sends(sent if whole else sent[:1])
            finished = meeting.closes()
            elsewhere = {name: what for name, what in snapshot(target.parent).items() if not name.startswith("target")}
            found = changes({name: what for name, what in before.items() if not name.startswith("target")}, elsewhere)
            expect(not found, f"the link was followed: {found}", expected="what it points to as it was")
            if whole:
                has_status(finished, 0)
                expect(not link.is_symlink(), "there is the link still", expected="the new file under the name")
                there = saved_in(target)
                expect(
                    there == content(fitting(meeting.stage, 2500)), f"{len(there)} bytes were found",
                    expected="the content that was sent",
                )


def limited(size: int) -> list[str]:
    """Runs a program that can't write more than `size` bytes into a file: to it, the disk is full there.

    SIGXFSZ, which a really full disk doesn't send, is ignored, so that write(2) fails instead.
    """
    return ["bash", "-c", f"trap '' XFSZ; exec prlimit --fsize={size} -- \"$@\"", "limited"]


@pytest.mark.check("client.disk_full")
@pytest.mark.parametrize("disk", ["RLIMIT_FSIZE", "tmpfs"])
def test_full_disk_is_a_failure(disk: str, stage: int, meet: Meet, target: Path) -> None:
    if disk == "RLIMIT_FSIZE":
        size = fitting(stage, 2500)
        for room in (600, size - 1):  # the second one ends within the last write, whose count alone tells
            meeting = meet(prefix=limited(room))
            with told(f"the disk is full after {room} bytes (RLIMIT_FSIZE), and {size} come"):
                meeting.sends(trains(stage, size))
                meeting.is_refused(meeting.closes())
        return
    # No limit of a process keeps it from writing to a mapping. Only where there really is no page left, SIGBUS comes.
    page, free = os.sysconf("SC_PAGESIZE"), 0 if traits(stage).one_train else 8
    with ExitStack() as stack:
        small = stack.enter_context(small_disk(1 + free, target, NAME.decode(), OLDER.decode()))
        meeting = meet(older=False, prefix=small.prefix, directory=small.directory)
        inside = stack.enter_context(small.seen_by(meeting.client))
        before = snapshot(inside)
        with told(
            f"{free * page} bytes are free in the file system (tmpfs), beside an older file, and more than that come"
        ):
            meeting.sends(trains(stage, 16 * page))
            finished = meeting.closes()
            refused(finished, inside, before)
            meeting.is_refused(finished)


@pytest.mark.check("client.memory_flat")
def test_memory_does_not_grow_with_the_file(stage: int, meet: Meet) -> None:
    # To hand over whole trains takes its time: so there are fewer of them.
    small, large, most = 2_000_000, 64_000_000, 16_000_000
    if traits(stage).whole_trains_only:
        small, large, most = 1_000_000, 12_000_000, 6_000_000
    used = {}
    for size in (small, large):
        meeting = meet(older=False)
        sent = [piece.data for piece in pieces(stage, b"size-%d" % size, content(size))]
        last = take_last(stage, sent)
        meeting.sends(sent)
        meeting.connection.wait_taken(meeting.client.pid)
        used[size] = anonymous_memory(meeting.client.pid)
        meeting.sends([last])
        has_status(meeting.closes(), 0)
    expect(
        used[large] - used[small] < most,
        f"when all but the last train or byte had come, the client had {used[small]} bytes of memory for a file of "
        f"{small} bytes, and {used[large]} for one of {large}: a file should pass through a buffer of fixed size, not "
        "be collected",
        expected=f"less than {most} bytes more",
        actual=f"{used[large] - used[small]} bytes more",
    )


def anonymous_memory(pid: int) -> int:
    """Bytes of memory that a process has filled itself: heap and stack, not files that it maps."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) * KiB for line in lines if line.startswith("RssAnon")), 0)  # 0: it has ended
