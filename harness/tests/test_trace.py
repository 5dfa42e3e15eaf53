"""What strace tells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain.kernel import processes, trace
from bytetrain.kernel.trace import Trace
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Client, Conditions, Program, Server
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore
from bytetrain.wire.peers import RawClient

needs_ptrace = pytest.mark.skipif(not trace.available(), reason=str(trace.why_no_strace()))

SAMPLE = r"""
11 100.000001 recvfrom(3<TCP:[127.0.0.1:5->127.0.0.1:6]>, "\x00\x00\x03\xe8"..., 1000, 0, NULL, NULL) = 472 <0.000091>
11 100.000002 sendto(3<TCP:[127.0.0.1:5->127.0.0.1:6]>, "a) = 5 \""..., 1000, 0, NULL, 0) = -1 EPIPE (Broken pipe) <0.000010>
11 100.000003 --- SIGPIPE {si_signo=SIGPIPE, si_code=SI_USER, si_pid=11, si_uid=0} ---
12 100.000004 epoll_wait(4<anon_inode:[eventpoll]>,  <unfinished ...>
11 100.000005 +++ killed by SIGPIPE (core dumped) +++
12 100.000006 <... epoll_wait resumed>[{events=EPOLLIN, data=0x1}], 1, -1) = 1 <0.000002>
12 100.000007 accept4(5<TCP:[127.0.0.1:5]>, NULL, NULL, SOCK_CLOEXEC) = 7<TCP:[127.0.0.1:5->127.0.0.1:9]> <0.000012>
12 100.000008 mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, 3</f>, 0) = 0x7f0000000000 <0.000003>
12 100.000009 recvfrom(7<TCP:[127.0.0.1:5->127.0.0.1:9]>, 0x1, 4, MSG_WAITALL, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set) <0.000002>
12 100.000010 exit_group(3) = ?
12 100.000011 +++ exited with 3 +++
13 100.000012 recvfrom(7<socket:[1]>,  <unfinished ...>
"""


def test_lines_are_parsed() -> None:
    told = [(event.kind, event.pid, event.name, event.result, event.error) for event in trace.parse_trace(SAMPLE)]
    assert told == [
        ("call", 11, "recvfrom", 472, ""),
        ("call", 11, "sendto", -1, "EPIPE"),
        ("signal", 11, "SIGPIPE", None, ""),
        ("call", 12, "epoll_wait", 1, ""),
        ("killed", 11, "SIGPIPE", None, ""),
        ("call", 12, "accept4", 7, ""),
        ("call", 12, "mmap", 0x7F0000000000, ""),
        ("call", 12, "recvfrom", None, "ERESTARTSYS"),
        ("call", 12, "exit_group", None, ""),
        ("exit", 12, "", 3, ""),
        ("call", 13, "recvfrom", None, ""),
    ]


def test_two_halves_of_a_line_make_one_call() -> None:
    [call] = [event for event in trace.parse_trace(SAMPLE) if event.name == "epoll_wait"]
    assert call.arguments == "4<anon_inode:[eventpoll]>,  [{events=EPOLLIN, data=0x1}], 1, -1".replace(",  [", ", [")
    assert (call.time, call.duration) == (100.000004, 0.000002)


def test_lines_without_a_pid_belong_to_the_given_one() -> None:
    [call] = trace.parse_trace("100.5 close(3) = 0 <0.000010>", pid=7)
    assert (call.pid, call.name, call.arguments, call.result) == (7, "close", "3", 0)


@needs_ptrace
def test_a_program_is_traced_from_its_start(standin: Callable[[int], Programs], store: FileStore, folder: Path) -> None:
    traced = Trace(folder / "client.strace", "recvfrom,connect")
    with Server(standin(3).server, store.seeded(1 << 20)) as server:
        with Client(standin(3).client, server.port, folder, under=Conditions(trace=traced)) as client:
            assert client.wait().status == 0
        traced.wait_written()
    assert traced.count("connect", pid=client.pid) == 1
    assert 2000 < traced.per_mib(1 << 20, "recvfrom") < 5000
    assert [event.result for event in traced.events if event.kind == "exit"] == [0]


@needs_ptrace
def test_running_processes_are_traced_until_they_are_let_go(
    standin: Callable[[int], Programs], store: FileStore, folder: Path
) -> None:
    with Server(standin(5).server, store.seeded(1000), workers=2) as server:
        traced = Trace(folder / "server.strace", "network").attach(*server.workers)
        assert all(trace.tracer_of(worker) for worker in server.workers)
        with RawClient(server.port) as client:
            assert client.read_stream(5).done
        traced.detach()
        assert not any(trace.tracer_of(worker) for worker in server.workers)
        assert traced.count("sendto") == 3 and processes.children(server.pid)


# Loaded into strace: it takes its time between the two requests by which it attaches.
SLOW = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/ptrace.h>
#include <time.h>
long ptrace(enum __ptrace_request request, ...) {
    va_list rest;
    va_start(rest, request);
    pid_t pid = va_arg(rest, pid_t);
    void *address = va_arg(rest, void *), *data = va_arg(rest, void *);
    va_end(rest);
    if (request == PTRACE_INTERRUPT) nanosleep(&(struct timespec){0, 300000000}, 0);
    return ((long (*)(int, pid_t, void *, void *))dlsym(RTLD_NEXT, "ptrace"))(request, pid, address, data);
}
"""


@needs_ptrace
def test_no_call_goes_unseen_while_a_slow_strace_is_attached(
    standin: Callable[[int], Programs], store: FileStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "slow.c").write_text(SLOW)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "slow.so", folder / "slow.c", "-ldl"], check=True)
    with Server(standin(5).server, store.seeded(1000), workers=1) as server:
        monkeypatch.setenv("LD_PRELOAD", str(folder / "slow.so"))
        traced = Trace(folder / "server.strace", "sendto").attach(server.worker())
        monkeypatch.delenv("LD_PRELOAD")
        with RawClient(server.port) as client:
            assert client.read_stream(5).done
        traced.detach()
    assert traced.count("sendto") == 3


@needs_ptrace
def test_a_kernel_that_hides_calls_is_no_reason_not_to_trace(
    standin: Callable[[int], Programs], store: FileStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "can_tell", lambda: False)
    monkeypatch.setattr(trace, "blocked_in", lambda pid: None)
    with Server(standin(5).server, store.seeded(1000), workers=1) as server:
        Trace(folder / "server.strace", "sendto").attach(server.worker()).detach()


@needs_ptrace
def test_signals_and_injected_errors_are_seen(folder: Path) -> None:
    traced = Trace(folder / "trace", "kill,getppid", inject=["getppid:error=EINTR:when=2"])
    script = "import os; os.getppid(); os.getppid(); os.kill(os.getpid(), 13) or os.kill(os.getpid(), 10)"
    with Program([sys.executable, "-c", script], Conditions(trace=traced)) as program:
        finished = program.wait()
    traced.wait_written()
    assert finished.signal == 10
    assert [event.error for event in traced.calls("getppid")] == ["", "EINTR"]
    assert len(traced.signals("SIGPIPE")) == 1 and len(traced.signals()) == 2
    assert [event.name for event in traced.events if event.kind == "killed"] == ["SIGUSR1"]


@needs_ptrace
def test_a_process_that_is_gone_can_not_be_traced(folder: Path) -> None:
    with Program(["true"]) as program:
        program.wait()
    with pytest.raises(AssertionError, match="could not attach"):
        Trace(folder / "trace").attach(program.pid)


@needs_ptrace
def test_a_traced_program_may_be_killed(folder: Path) -> None:
    traced = Trace(folder / "trace", "read")
    with Program(["sleep", "1000"], Conditions(trace=traced)) as program:
        wait_until(lambda: processes.comm(program.pid) == "sleep", "it runs")
    traced.wait_written()
    assert traced.events[-1].kind == "killed"


def test_yama_keeps_running_processes_for_root(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = folder / "ptrace_scope"
    scope.write_text("1\n")
    monkeypatch.setattr(trace, "_YAMA", scope)
    monkeypatch.setattr(trace, "why_no_strace", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "ptrace_scope is 1" in str(trace.why_not_running())
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert trace.why_not_running() is None
