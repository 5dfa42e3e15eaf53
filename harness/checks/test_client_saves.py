"""What a client saves, and when: an older file of that name, a name that is taken, a disk that is full, a file of any
size.

The server in these checks is the harness itself. It hands whole trains, one at a time, to clients that receive naively.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from bytetrain.course.traits import traits
from bytetrain.judging.client_words import written_over
from bytetrain.judging.machine import small_disk
from bytetrain.judging.meeting import NAME, OLDER, Meet, limited, take_last, trains
from bytetrain.judging.transfers import hand_over
from bytetrain.judging.verdicts import changes, closed_to_its_owner, has_status, received, refused, snapshot
from bytetrain.telling.sizes import KiB
from bytetrain.telling.story import expect, told
from bytetrain.telling.text import in_quotes
from bytetrain.wire.files import FileStore, Original, content
from bytetrain.wire.framing import fitting, pieces


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
