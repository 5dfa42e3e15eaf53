"""The probe: what it records, what it breaks, and whom it can't see."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bytetrain.course.paths import STAGES
from bytetrain.probe.book import Book, ProbedCall, ProbedProcess, with_files
from bytetrain.probe.library import library, why_unseen
from bytetrain.probe.plan import CALLS, BadRule, rule
from bytetrain.programs.build import Programs, build
from bytetrain.programs.program import Client, Conditions, Server, environment
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore

SIZE = 300_000


@pytest.fixture
def pair(preset: str) -> Programs:
    """Of stage 03: its client and its workers survive whatever a call may say."""
    return build(STAGES, 3, preset)


def book_of(folder: Path, *rules: str, name: str = "calls.book") -> Book:
    return Book(folder / name, [rule(each) for each in rules])


def run(book: Book, script: str, *words: object) -> "subprocess.CompletedProcess[str]":
    """A program in Python, watched by the probe: os.read is read(2), and so on."""
    return subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import os, signal, sys, time\n{script}", *map(str, words)],
        env=environment(book.variables()), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
    )


def named(book: Book, *names: str) -> list[ProbedCall]:
    return [each for each in book.calls() if each.name in names]


# Plans

@pytest.mark.parametrize(
    "line",
    (
        "1.2 recv 3 fail EINTR", "1.* send 1- shorten 5", "* * 2-4 delay 10", "1 write 1 await /tmp/go",
        "1 send 4 raise SIGPIPE", "1.1 sendfile 2 kill within", "1 close 1 kill before", "1.1.1.1 fork 9 kill after",
    ),
)  # fmt: skip
def test_a_rule_reads_as_it_is_written(line: str) -> None:
    assert str(rule(line)) == line and len(rule(line).packed()) == 128


@pytest.mark.parametrize(
    ("line", "why"),
    (
        ("1 recv 3", "PROCESS CALL TIMES ACTION"), ("0 recv 1 fail EIO", "0 is no process"),
        ("1..2 recv 1 fail EIO", "is no process"), ("1 receive 1 fail EIO", "knows no call receive"),
        ("1 recv 0 fail EIO", "counted from 1"), ("1 recv 3-2 fail EIO", "counted from 1"),
        ("1 recv x fail EIO", "counted from 1"), ("1 recv 1 fail ENONSENSE", "an errno, like EINTR"),
        ("1 recv 1 fail", "what shall happen"), ("1 recv 1 kill", "what shall happen"),
        ("1 recv 1 kill later", "what shall happen"), ("1 recv 1 shorten -1", "is not a number"),
        ("1 recv 1 raise SIGNONSENSE", "a signal, like SIGPIPE"), ("1 recv 1 await here", "no absolute path"),
    ),
)  # fmt: skip
def test_a_rule_that_can_not_be_meant_says_why(line: str, why: str) -> None:
    with pytest.raises(BadRule, match=why):
        rule(line)


# What is recorded

def test_a_transfer_is_recorded_with_what_its_descriptors_are(pair: Programs, store: FileStore, folder: Path) -> None:
    book, other = book_of(folder), book_of(folder, name="client.book")
    content = store.seeded(SIZE)
    with Server(pair.server, content, workers=2, under=Conditions(env=book.variables())) as server:
        with Client(pair.client, server.port, folder, under=Conditions(env=other.variables())) as client:
            assert client.wait().status == 0
        processes = book.processes()
        assert sorted(each.lineage for each in processes) == ["1", "1.1", "1.2"]
        assert {each.pid for each in processes} == {server.pid, *server.workers}
        assert (processes[0].children, {each.parent for each in processes[1:]}) == (2, {0})
    calls, received = book.calls(), other.calls()
    assert book.lost == other.lost == 0 and {each.lineage for each in received} == {"1"}
    [accepted] = [each for each in calls if each.name == "accept4" and each.result is not None and each.result >= 0]
    assert accepted.file == f"listens on 127.0.0.1:{server.port}" and accepted.lineage == "1"
    [passed] = [each for each in calls if each.name == "recvmsg" and each.passed is not None]
    sent = [each for each in calls if each.name in ("send", "sendto") and each.file.startswith("connection from")]
    assert sum(each.result or 0 for each in sent) > SIZE and {each.lineage for each in sent} == {passed.lineage}
    assert sent[0].data.startswith(struct.pack("!I", len(content.name)))
    assert {each.file.partition(":")[0] for each in sent} == {"connection from 127.0.0.1"}
    opened = next(each for each in calls if each.name in ("open", "openat") and each.lineage == passed.lineage)
    assert opened.data == os.fsencode(content)[:80]
    read = [each for each in calls if each.name in ("read", "pread") and each.file == os.fsdecode(opened.data)]
    assert sum(each.result or 0 for each in read) == SIZE
    got = [each for each in received if each.name in ("recv", "recvfrom") and each.result]
    assert got and {each.file for each in got} == {f"connected to 127.0.0.1:{server.port}"}
    assert sum(each.result or 0 for each in got) == sum(each.result or 0 for each in sent)


def test_a_child_has_what_its_parent_had_when_it_forked() -> None:
    """The parent closes its copy before the child runs for the first time."""
    processes = [ProbedProcess("1", 11, -1, 1, 1, 0.0), ProbedProcess("1.1", 12, 0, 0, 1, 5.0)]

    def call(process: int, name: str, began: float, result: int, first: int, data: bytes = b"") -> ProbedCall:
        lineage, arguments = processes[process].lineage, (first, 0, 0, 0, 0, 0)
        return ProbedCall(
            name, process, lineage, 1, 1, 0, began, began + 0.5, result, "", arguments, data, None, 0
        )

    calls = [
        call(0, "socketpair", 1, 0, 1, struct.pack("=ii", 6, 7)), call(0, "fork", 2, 12, 0),
        call(0, "close", 3, 0, 7), call(0, "lseek", 4, 0, 7), call(1, "recvmsg", 6, 1, 7),
    ]
    [*_, gone, kept] = with_files(iter(calls), processes)
    assert (gone.file, kept.file) == ("", "channel 6-7, the end 7")


def test_what_has_not_come_back_is_there_after_a_kill(folder: Path) -> None:
    book = book_of(folder)
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", f"import os; os.write(1, b'x'); os.read({reading}, 5)"], pass_fds=[reading],
        env=environment(book.variables()), stdout=subprocess.DEVNULL,
    ) as program:
        wait_until(lambda: [each for each in named(book, "read") if each.arguments[0] == reading], "it reads")
        os.kill(program.pid, signal.SIGKILL)
    os.close(reading)
    os.close(writing)
    last = book.calls()[-1]
    assert (last.name, last.ended, last.result, last.arguments[2]) == ("read", None, None, 5)
    [written] = [each for each in named(book, "write") if each.data == b"x"]
    assert written.ended is not None and written.result == 1


def test_no_record_of_many_processes_is_torn_or_lost(folder: Path) -> None:
    book = book_of(folder)
    done = run(
        book,
        """
for child in range(1, 9):
    if os.fork() == 0:
        for number in range(1000):
            os.lseek(0, child * 1000 + number, 0)
        os._exit(child)
for child in range(8):
    os.wait()
""",
    )
    assert done.returncode == 0, done.stderr
    places = [(each.lineage, each.arguments[1]) for each in named(book, "lseek") if each.arguments[1] >= 1000]
    assert sorted(places) == sorted((f"1.{child}", child * 1000 + n) for child in range(1, 9) for n in range(1000))
    ends = {each.lineage: each.arguments[0] for each in named(book, "_exit")}
    assert ends == {f"1.{child}": child for child in range(1, 9)} and book.lost == 0
    assert {each.name for each in book.calls() if each.ended is None} == {"exit", "_exit"}


def test_more_calls_than_there_is_room_for_are_counted(folder: Path) -> None:
    book = Book(folder / "small.book", records=100)
    assert run(book, "for each in range(500): os.getppid(); os.lseek(0, 0, 0)").returncode == 0
    assert len(book.calls()) == 100 and book.lost >= 400


def test_a_program_that_becomes_another_stays_the_same_process(folder: Path) -> None:
    book = book_of(folder)
    done = run(book, "os.execv(sys.executable, [sys.executable, '-I', '-S', '-c', 'import os; os.lseek(0, 7, 0)'])")
    assert done.returncode == 0 and [(each.lineage, each.images) for each in book.processes()] == [("1", 2)]
    assert [each for each in named(book, "lseek") if each.arguments[1] == 7]


# What is broken

@pytest.mark.parametrize("error", ("EIO", "EAGAIN", "ENOBUFS"))
def test_errors_belong_to_one_call_of_one_process(folder: Path, error: str) -> None:
    book = book_of(folder, f"1.2 write 2 fail {error}")
    script = """
for child in range(2):
    if os.fork() == 0:
        for byte in (b"a", b"b", b"c"):
            try: os.write(1, byte)
            except OSError: pass
        os._exit(0)
    os.wait()
"""
    assert run(book, script).stdout == "abcac"
    [failed] = [each for each in named(book, "write") if each.rule]
    assert (failed.lineage, failed.nth, failed.error, failed.result) == ("1.2", 2, error, -1)


def test_short_counts_move_only_so_much(folder: Path) -> None:
    book = book_of(folder, "1 write 1- shorten 2")
    assert run(book, "print(os.write(1, b'abcdef'), file=sys.stderr)").stdout == "ab"


def test_the_signal_comes_with_the_error_as_from_the_kernel(folder: Path) -> None:
    script = "signal.signal(signal.SIGPIPE, signal.SIG_DFL); os.write(1, b'x'); os.write(1, b'y')"
    done = run(book_of(folder, "1 write 2 fail EPIPE"), script)
    assert (done.returncode, done.stdout) == (-signal.SIGPIPE, "x")


@pytest.mark.parametrize(("when", "said"), (("before", ""), ("within", "abc"), ("after", "abcdef")))
def test_a_process_dies_around_its_call(folder: Path, when: str, said: str) -> None:
    done = run(book_of(folder, f"1 write 1 kill {when}"), "os.write(1, b'abcdef'); print('no')")
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, said)


def test_a_call_waits_until_there_is_a_file(folder: Path) -> None:
    there = folder / "go"
    book = book_of(folder, f"1 write 1 await {there}")
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", "import os; os.write(1, b'x')"], env=environment(book.variables()),
        stdout=subprocess.PIPE,
    ) as program:
        wait_until(lambda: named(book, "write"), "it wants to write")
        assert named(book, "write")[-1].ended is None
        there.touch()
        assert program.communicate(timeout=300)[0] == b"x"


@pytest.mark.parametrize(
    "plan",
    (
        ["1.* send 3 fail EINTR", "1.* sendto 3 fail EINTR"],
        ["1.* send 1- shorten 7000", "1.* sendto 1- shorten 7000", "1.* read 1- shorten 999"],
        ["1 epoll_wait 2-4 fail EINTR", "1 accept4 1 fail ECONNABORTED"],
    ),
)  # fmt: skip
def test_the_reference_survives_what_it_is_told(
    pair: Programs, store: FileStore, folder: Path, plan: list[str]
) -> None:
    book = book_of(folder, *plan)
    with Server(pair.server, store.seeded(SIZE), workers=2, under=Conditions(env=book.variables())) as server:
        with Client(pair.client, server.port, folder) as client:
            assert client.wait().status == 0
    applied = Counter(each.rule for each in book.calls())
    assert sum(applied[number] for number in range(1, len(plan) + 1)) > 0


# Whom it can't see, and what it can't use

def test_a_program_without_a_loader_is_told_so(tmp_path: Path) -> None:
    source = tmp_path / "nothing.c"
    source.write_text("int main(void) { return 0; }")
    for name, option in (("static", "-static"), ("dynamic", "-pie")):
        subprocess.run(["g++", "-x", "c", source, option, "-o", tmp_path / name], check=True)
    assert "linked statically" in str(why_unseen(tmp_path / "static")) and why_unseen(tmp_path / "dynamic") is None
    (tmp_path / "go").write_bytes((tmp_path / "dynamic").read_bytes() + b"\xff Go buildinf:\x08\x02")
    assert "written in Go" in str(why_unseen(tmp_path / "go"))
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    assert why_unseen(script) is None and why_unseen(library()) is not None


@pytest.mark.parametrize("content", (b"", b"x" * 5000), ids=("empty", "other"))
def test_a_file_that_is_no_book_is_said_and_nothing_is_recorded(folder: Path, content: bytes) -> None:
    book = book_of(folder)
    book.path.write_bytes(content)
    done = run(book, "os.write(1, b'all the same')")
    assert done.stdout == "all the same" and done.stderr.startswith("bytetrain probe: its file")
    with pytest.raises(ValueError):
        book.calls()


def test_each_call_has_a_name_of_its_own() -> None:
    assert len(set(CALLS)) == len(CALLS) <= 116
