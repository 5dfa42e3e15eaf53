"""Seeing what processes do."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain.kernel import blocked, cpu, descriptors, processes, signals
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Conditions, Program, Server
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore

Standin = Callable[[int], Programs]


def sh(script: str) -> Program:
    return Program(["/bin/sh", "-c", script])


def test_facts_of_a_process_with_an_odd_name(folder: Path) -> None:
    odd = folder / "a ) b ("
    odd.symlink_to("/bin/sleep")
    with Program([odd, "1000"]) as program:
        wait_until(lambda: processes.comm(program.pid) == odd.name, "the program has been executed")
        known = processes.facts(program.pid)
        assert known is not None
        assert (known.ppid, known.group, known.session) == (os.getpid(), program.pid, program.pid)


def test_what_is_gone_has_no_facts() -> None:
    with sh("exit 0") as program:
        program.wait()
    pid = program.pid
    assert processes.facts(pid) is None and processes.state(pid) is None and processes.comm(pid) == ""
    assert processes.children(pid) == [] and descriptors.descriptors(pid) == {}
    assert (cpu.wakeups(pid), cpu.cpu_seconds(pid), blocked.blocked_in(pid)) == (0, 0.0, None)


def test_a_process_is_stopped_and_goes_on() -> None:
    with sh("exec sleep 1000") as program:
        signals.stop(program.pid)
        assert processes.state(program.pid) == "T"
        signals.cont(program.pid)
        wait_until(lambda: processes.sleeping(program.pid), "it sleeps again")


def test_a_stopped_process_goes_on_step_by_step() -> None:
    cpus = os.sched_getaffinity(0)
    with cpu.on_one_cpu(), sh("while :; do i=$((i + 1)); echo $i; done") as program:
        signals.stop(program.pid)
        seen = {program.stdout}
        while len(seen) < 5:  # more of it after each step, or after the next one
            signals.step(program.pid)
            assert processes.state(program.pid) == "T"
            seen.add(program.stdout)
    assert os.sched_getaffinity(0) == cpus


def test_a_step_ends_with_the_process() -> None:
    with sh("exit 3") as program:
        signals.stop(program.pid)
        while processes.state(program.pid) != "Z":
            signals.step(program.pid)
        assert program.wait().status == 3


def test_children_and_zombies_are_told_apart(standin: Standin, store: FileStore) -> None:
    file = store.seeded(1)
    with Server(standin(3).server, file, workers=3, under=Conditions(env={"STANDIN_FAULT": "zombie"})) as server:
        first, *others = server.workers
        os.kill(first, signal.SIGKILL)
        [zombie] = wait_until(lambda: processes.zombies(server.pid), "there is a zombie")
        assert (zombie.pid, zombie.state, zombie.ppid) == (first, "Z", server.pid)
        assert server.workers == others
        assert [each.pid for each in processes.children(server.pid)] == [first, *others]


def test_cpu_is_measured_against_a_yardstick(standin: Standin, store: FileStore) -> None:
    with Server(standin(3).server, store.seeded(1), under=Conditions(env={"STANDIN_FAULT": "spin"})) as server:
        use = cpu.watch([server.pid, *server.workers])
    assert use[server.pid].share > 0.2
    assert all(use[worker].share < 0.05 and use[worker].wakeups == 0 for worker in server.workers)


def test_wakeups_are_counted() -> None:
    with Program(["/bin/sh", "-c", "while read line; do :; done < /dev/zero"]) as reader, sh("exec sleep 1000") as idle:
        wait_until(lambda: processes.comm(idle.pid) == "sleep" and processes.sleeping(idle.pid), "it sleeps")
        assert cpu.cpu_use_against_yardstick(idle.pid, 0.1).wakeups == 0
        before = cpu.wakeups(idle.pid)
        signals.stop(idle.pid)
        signals.cont(idle.pid)
        wait_until(lambda: cpu.wakeups(idle.pid) > before, "it went to sleep again")
        reader.stop()


def test_descriptors_and_their_targets(folder: Path) -> None:
    with Program(["/bin/sh", "-c", "exec 5> opened; exec sleep 1000"], Conditions(folder)) as program:
        wait_until(lambda: processes.comm(program.pid) == "sleep", "it has opened its file")
        targets = descriptors.descriptors(program.pid)
    assert targets[0] == "/dev/null" and targets[5] == str(folder / "opened")
    assert descriptors.descriptor_count(os.getpid()) > 3


def test_the_call_in_which_a_process_waits() -> None:
    with Program(["sleep", "1000"]) as program:
        wait_until(lambda: processes.comm(program.pid) == "sleep" and processes.sleeping(program.pid), "it sleeps")
        call = blocked.blocked_in(program.pid)
    if call is None:
        pytest.skip("this machine doesn't let us look at the system calls of others")
    assert call.name in ("clock_nanosleep", "restart_syscall") and len(call.arguments) == 6


def test_our_orphans_come_to_us() -> None:
    with sh("sleep 1000 & echo $!") as program:
        orphan = int(program.wait().stdout)
        known = processes.facts(orphan)
        assert known is not None and known.ppid == os.getpid()
        assert orphan in [each.pid for each in processes.processes() if each.session == program.pid]


def test_a_descriptor_of_what_lies_deeper_than_any_path_is_one_as_well(folder: Path) -> None:
    top = os.getcwd()
    try:
        os.chdir(folder)
        for _ in range(25):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
        file = os.open("file", os.O_CREAT | os.O_WRONLY)
        assert "deeper" in descriptors.descriptors(os.getpid())[file]
        os.close(file)
    finally:
        os.chdir(top)
