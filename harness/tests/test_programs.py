"""Starting programs, and ending all that came of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course import paths
from bytetrain.grading.records import Output
from bytetrain.kernel import processes, tcp
from bytetrain.programs import output, program, sessions
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Client, Conditions, Program, Server
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore

HARNESS = paths.REPO / "harness"
Standin = Callable[[int], Programs]


@pytest.fixture
def file(store: FileStore) -> Path:
    return store.seeded(5000)


def sh(script: str) -> Program:
    return Program(["/bin/sh", "-c", script])


def test_a_program_tells_its_status_and_output() -> None:
    with sh("echo out; echo err >&2; exit 3") as program:
        finished = program.wait()
    assert (finished.status, finished.signal, finished.stdout, finished.stderr) == (3, 0, "out\n", "err\n")
    assert str(finished).splitlines() == [
        "it ended with status 3", "its standard output:", "  | out", "its standard error:", "  | err",
    ]


def test_a_program_ended_by_a_signal_names_it() -> None:
    with sh("kill -PIPE $$") as program:
        finished = program.wait()
    assert finished.signal == signal.SIGPIPE and "signal 13 (SIGPIPE)" in str(finished)


def test_programs_start_with_sigpipe_at_its_default() -> None:
    with sh("while :; do echo x; done | head -1; echo ${PIPESTATUS}") as program:
        program.wait()
    with Program([sys.executable, "-c", "print(open('/proc/self/status').read())"]) as python:
        ignored = python.wait().stdout.partition("SigIgn:")[2].split()[0]
    with Program(["grep", "SigIgn", "/proc/self/status"]) as grep:
        assert grep.wait().stdout.split()[1] == "0" * 16
    assert ignored != "0" * 16  # Python itself does ignore it


def test_signals_that_a_shell_ignored_are_back_at_their_defaults() -> None:
    ours = (
        "from bytetrain.programs.program import Program; from bytetrain.programs.sessions import prepare; prepare(); "
        "grep = Program(['grep', 'SigIgn', '/proc/self/status'])"
    )
    told = f"{ours}; print(grep.start().wait().stdout.split()[1]); grep.stop()"
    shell = "trap '' INT QUIT TERM HUP; exec \"$0\" -c \"$1\""
    done = subprocess.run(
        ["sh", "-c", shell, sys.executable, told], cwd=HARNESS, capture_output=True, errors="surrogateescape"
    )
    assert (done.stdout, done.stderr) == ("0" * 16 + "\n", "")


def test_output_that_is_long_is_shown_in_part() -> None:
    with sh("head -c 3000000 /dev/zero | tr '\\0' x; echo end") as program:
        finished = program.wait()
    assert len(finished.stdout) < output.CAPTURE_LIMIT + 100 and finished.stdout.endswith("xend\n")
    assert len(str(finished)) < 3000 and "left out" in str(finished)


def test_a_program_that_goes_on_is_reported_with_its_state() -> None:
    with sh("echo still here; exec sleep 1000") as program:
        wait_until(lambda: processes.comm(program.pid) == "sleep", "sleep runs")
        words = r"has not ended after 0.1 s: sleep \(pid(.|\n)*still here(.|\n)*run as: /bin/sh"
        with pytest.raises(Failure, match=words):
            program.wait(0.1)


def test_an_end_that_was_waited_for_in_vain_has_come_later() -> None:
    """Else a story says "has not ended", and "status 0" beside it."""
    with sh("exit 0") as program:
        program.wait()
        assert Output.of(program).fate == "status 0"
    with sh("kill -STOP $$") as program:
        with pytest.raises(Failure, match="has not ended"):
            program.wait(0.0)
        assert Output.of(program).fate == "still running"
        program.signal(signal.SIGCONT)
        wait_until(lambda: not program.running, "it ends")
        assert Output.of(program).fate == "it ended later: status 0"


def test_a_program_that_does_not_exist_is_named() -> None:
    with pytest.raises(Failure, match="/no/such/program can't be started: No such file or directory"):
        Program(["/no/such/program"]).start()


def test_stop_ends_children_and_orphans_too() -> None:
    with sh("sleep 1000 & (sleep 1000 & exec sleep 1000) & wait") as program:
        wait_until(lambda: len(processes.descendants(program.pid)) == 3, "three processes are there")
        assert program.left_behind() != []
        assert program.stop() == []  # nobody was *left*: it was still running
    assert sessions.left_over() == []


def test_orphans_are_reported_and_reaped() -> None:
    with sh("sleep 1000 & exit 0") as program:
        program.wait()
        [orphan] = program.left_behind()
        assert (orphan.ppid, orphan.session) == (os.getpid(), program.pid)
        assert [each.pid for each in program.stop()] == [orphan.pid]
    with sh("(read line; exit 7) < /dev/null & exit 0") as program:
        program.wait()
        assert list(program.reap_left_behind().values()) == [7]


def test_what_a_session_can_not_hold_is_found_as_left_over() -> None:
    with sh("setsid sleep 1000 & exit 0") as program:
        program.wait()
        wait_until(lambda: [each for each in sessions.left_over() if each.name == "sleep"], "it has a new session")
    assert [each.name for each in sessions.end_left_over()] == ["sleep"]
    assert sessions.left_over() == []


def test_a_server_is_ready_when_it_is_started(standin: Standin, file: Path, folder: Path) -> None:
    with Server(standin(3).server, file, workers=3) as server:
        assert tcp.listening(server.port) and len(server.workers) == 3
        with Client(standin(3).client, server.port, folder) as client:
            finished = client.wait()
        assert finished.stdout == f"received {file.name}, 5000 bytes\n", finished
        assert client.files() == [file.name] and (folder / file.name).read_bytes() == file.read_bytes()
        server.signal(signal.SIGTERM)
        assert server.wait().status == 0 and server.left_behind() == []
    assert not tcp.listening(server.port)


def test_a_client_without_a_directory_saves_where_it_is_run(standin: Standin, file: Path, folder: Path) -> None:
    with Server(standin(2).server, file) as server:
        client = Client(standin(2).client, server.port, folder, name_directory=False)
        assert client.run().status == 0
        client.stop()
    assert client.files() == [file.name]


def test_a_server_that_ends_before_it_is_ready_is_quoted(standin: Standin, folder: Path) -> None:
    with pytest.raises(Failure) as caught:
        Server(standin(3).server, folder / "missing").start()
    words = str(caught.value)
    assert "ended with status 1 before that" in words and "missing: No such file or directory" in words
    assert "it was run as:" in words


def test_a_server_that_says_something_else_is_quoted(standin: Standin, file: Path) -> None:
    with pytest.raises(Failure, match=r'prints "listening on HOST:PORT"(.|\n)*\| hello'):
        Server(standin(3).server, file, under=Conditions(env={"STANDIN_FAULT": "noisy"})).start()
    assert sessions.left_over() == []


def test_a_server_that_leaves_orphans_is_found_out(standin: Standin, file: Path) -> None:
    with Server(standin(3).server, file, under=Conditions(env={"STANDIN_FAULT": "orphans"})) as server:
        workers = server.workers
        server.signal(signal.SIGTERM)
        server.wait()
        assert sorted(each.pid for each in server.left_behind()) == workers


def test_the_signal_of_a_terminal_reaches_the_whole_group(standin: Standin, file: Path) -> None:
    # The parent must not wait for its workers, or it may still reap one.
    with Server(standin(3).server, file, under=Conditions(env={"STANDIN_FAULT": "zombie"})) as server:
        server.signal_group(signal.SIGKILL)
        assert server.wait().signal == signal.SIGKILL
        assert sorted(server.reap_left_behind().values()) == [-signal.SIGKILL] * 2


def test_sanitizers_speak_by_a_status_of_their_own() -> None:
    assert "exitcode=99:detect_leaks=1" in program.environment()["ASAN_OPTIONS"]
    assert "detect_leaks=0" in program.environment(traced=True)["ASAN_OPTIONS"]
