"""The one way to start a program: where it runs, who ends it, what is traced, and what is found out about it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from bytetrain import Failure, NotApplicable
from bytetrain.kernel import trace
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Conditions, EndedAtStart, Program
from bytetrain.programs.sessions import left_over
from bytetrain.programs.start import Starter, Tracing, starting
from bytetrain.telling import story
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore
from bytetrain.wire.peers import free_port

StandIn = Callable[[int], Programs]


def commands() -> list[str]:
    """The commands of the story that is told, each with its arguments."""
    return [step.words for step in story.current().steps if step.words.startswith("$ ")]


def test_everybody_ends_with_the_starter(standin: StandIn, store: FileStore) -> None:
    story.begin()
    with starting(standin(3)) as start:
        server = start.server(store.seeded(1000), workers=1)
        first, second = start.client(server.port), start.client(server.port)
        assert first.wait().status == second.wait().status == 0
        assert [first.directory, second.directory] == [start.folder / "received-1", start.folder / "received-2"]
        assert Path(f"/proc/{server.pid}/cwd").readlink() == start.folder
        start.program(Program(["sleep", "1000"]))
        assert len(start.programs) == 4 and left_over() != []
    assert left_over() == [] and not start.folder.exists()
    port = server.port
    assert commands() == [
        "$ server 127.0.0.1 0 1 seed1-1000.bin", f"$ client 127.0.0.1 {port} received-1",
        f"$ client 127.0.0.1 {port} received-2", "$ sleep 1000",
    ]


def test_they_end_after_an_error_too(standin: StandIn, store: FileStore) -> None:
    with pytest.raises(ZeroDivisionError), starting(standin(3)) as start:
        start.server(store.seeded(1000), under=Conditions(env={"STANDIN_FAULT": "asan"}))
        raise ZeroDivisionError  # counts for more than what a sanitizer has to say
    assert left_over() == []


def test_what_a_sanitizer_has_found_is_a_failure(standin: StandIn, store: FileStore) -> None:
    found = r"in the server (.|\n)*heap-use-after-free"
    with pytest.raises(Failure, match=found) as caught, starting(standin(3)) as start:
        server = start.server(store.seeded(1000), under=Conditions(env={"STANDIN_FAULT": "asan"}))
        server.signal(signal.SIGTERM)
        server.wait()
    assert caught.value.expected == "nothing for a sanitizer to find"


@pytest.mark.parametrize("watched", [True, False])
def test_who_goes_beyond_the_limits_is_ended_if_it_is_watched(
    watched: bool, standin: StandIn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bytetrain.programs.limits.OUTPUT", 1000)
    with ExitStack() as stack:
        if watched:
            stack.enter_context(pytest.raises(Failure, match="has printed"))
        start = stack.enter_context(Starter(standin(3), folder, watched=watched))
        talks = start.program(Program(["sh", "-c", "head -c 2000 /dev/zero; exec sleep 1000"]))
        wait_until(lambda: len(talks.stdout) == 2000, "it has said too much")
        if watched:
            wait_until(lambda: not talks.running, "it is ended")
        assert (start.breach is not None) == watched


def test_more_options_are_for_the_server_alone(standin: StandIn, store: FileStore) -> None:
    story.begin()
    with starting(standin(6)) as start:
        start.more_options = lambda file, options: [f"--drain-timeout={len(options) + 1}"]
        with pytest.raises(EndedAtStart):  # the stand-in knows no options
            start.server(store.seeded(10), options=["--stall-timeout=9"])
        start.client(free_port()).wait()
    assert commands()[0].startswith("$ server --stall-timeout=9 --drain-timeout=2 ") and "--" not in commands()[1]


def test_a_prefix_becomes_the_program_and_is_told(standin: StandIn, store: FileStore) -> None:
    story.begin()
    with starting(standin(3)) as start:
        port = start.server(store.seeded(10)).port
        client = start.client(port, under=Conditions(cwd=Path("/proc"), prefix=["env", "-u", "TERM"]))
        assert client.wait().status == 0 and client.files() == ["seed1-10.bin"]
    assert commands()[1].startswith(f"$ env -u TERM client 127.0.0.1 {port} ")


@pytest.mark.skipif(not trace.available(), reason=str(trace.why_no_strace()))
def test_everybody_is_traced_if_that_is_wanted_and_nobody_sees_it(
    standin: StandIn, store: FileStore, folder: Path
) -> None:
    story.begin()
    with Starter(standin(3), folder, tracing=Tracing(folder, "network,exit_group")) as start:
        start.client(start.server(store.seeded(10)).port).wait()
    assert [kind for kind, _ in start.tracing.traces] == ["server", "client"]
    assert all(each.count("socket") for _, each in start.tracing.traces)
    assert [words.split()[1] for words in commands()] == ["server", "client"]
    assert not any("strace" in step.words for step in story.current().steps)


def test_a_second_server_of_the_user_is_too_much(standin: StandIn, store: FileStore, folder: Path) -> None:
    with Starter(standin(3), folder) as users:
        port = users.server(store.seeded(10), port=free_port()).port
        with Starter(standin(3), folder, external_port=port) as start:
            assert start.server(store.seeded(10)).pid == users.programs[0].pid
            with pytest.raises(NotApplicable, match="more than once"):
                start.server(store.seeded(10))
        assert users.programs[0].running
