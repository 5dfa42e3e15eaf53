"""Seeing what processes do, through /proc: states, children, zombies, CPU, wakeups, descriptors, system calls.

Nothing here changes a process, but for `stop` and `cont`. A process that has gone has no facts: None, or nothing in
a list. Ticks are of 1/100 s on all usual machines (os.sysconf("SC_CLK_TCK")).
"""

import ctypes
import os
import platform
import signal
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Optional, Union

from . import Failure
from .story import did, doing as telling
from .tcp_table import CLOSE_WAIT, TcpSocket, backlog, listening, tcp_socket, tcp_sockets
from .waiting import LIMIT, NeverHappened, settled, wait_until

__all__ = [
    "LIMIT", "NeverHappened", "TcpSocket", "backlog", "listening", "settled", "tcp_socket", "tcp_sockets", "wait_until",
    "BlockedCall", "CpuUse", "ProcessFacts", "all_asleep", "be_subreaper", "blocked_in", "children", "comm", "cont", "kill",
    "cpu_seconds", "cpu_use", "cpu_use_against_yardstick", "descendants", "descriptor_count", "descriptors", "doing", "facts",
    "has_acted_on", "holders", "is_pending",
    "live_children", "on_one_cpu", "processes", "session_members", "sleeping", "state", "step", "stop", "wakeups", "watch", "zombies",
]  # fmt: skip

PROC = Path("/proc")
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_TICKS = os.sysconf("SC_CLK_TCK")
SPIN = 0.2  # of the CPU that we use ourselves; a process that spins has about 1, one that sleeps 0
POLLS = 20  # wakeups in a second...
SPARE = 4  # ...and a few more, however short the look
LOOKS = 50  # at the state of a process, while we watch it
_SYSCALLS = {
    "x86_64": {0: "read", 1: "write", 7: "poll", 23: "select", 40: "sendfile", 42: "connect", 43: "accept",
               44: "sendto", 45: "recvfrom", 46: "sendmsg", 47: "recvmsg", 61: "wait4", 219: "restart_syscall",
               230: "clock_nanosleep", 232: "epoll_wait", 270: "pselect6", 271: "ppoll", 275: "splice",
               281: "epoll_pwait", 288: "accept4"},
    "aarch64": {22: "epoll_pwait", 63: "read", 64: "write", 71: "sendfile", 72: "pselect6", 73: "ppoll",
                76: "splice", 115: "clock_nanosleep", 128: "restart_syscall", 202: "accept", 203: "connect",
                206: "sendto", 207: "recvfrom", 211: "sendmsg", 212: "recvmsg", 242: "accept4", 260: "wait4"},
}.get(platform.machine(), {})  # fmt: skip


class ProcessFacts(NamedTuple):
    """What /proc/PID/stat tells: see proc(5)."""

    pid: int
    name: str
    state: str  # R runs, S sleeps, D waits for a disk, T is stopped, t is traced, Z is a zombie
    ppid: int
    group: int
    session: int

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid}, state {self.state}, parent {self.ppid})"


def be_subreaper() -> None:
    """Makes orphans among our descendants come to us, so that they are counted and reaped: prctl(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def _stat(pid: Union[int, str]) -> str:
    """/proc/PID/stat, or a thread's (PID/task/TID); "" if it is gone. The way of fewest steps: it is looked at some ten
    thousand times a run."""
    try:
        with open(f"{PROC}/{pid}/stat", "rb", buffering=0) as file:
            return file.read().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def facts(pid: int) -> Optional[ProcessFacts]:
    """The facts of a process, or None if it is gone."""
    text = _stat(pid)
    if not text:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split(maxsplit=4)
    return ProcessFacts(pid, name, fields[0], int(fields[1]), int(fields[2]), int(fields[3]))


def state(pid: int) -> Optional[str]:
    """The letter of the process's state (R, S, D, T, t, Z), or None if it is gone."""
    known = facts(pid)
    return known.state if known else None


def comm(pid: int) -> str:
    """The short name of a process; "" if it is gone."""
    known = facts(pid)
    return known.name if known else ""


def sleeping(pid: int) -> bool:
    """Whether the process waits for something in the kernel."""
    return state(pid) == "S"


def processes() -> Iterator[ProcessFacts]:
    """Every process that we can see."""
    for entry in os.listdir(PROC):
        known = facts(int(entry)) if entry.isdigit() else None
        if known is not None:
            yield known


def children(pid: int) -> list[ProcessFacts]:
    """The children of a process, zombies included."""
    return sorted((each for each in processes() if each.ppid == pid), key=lambda each: each.pid)


def live_children(pid: int) -> list[int]:
    """The pids of the children that are no zombies: a server's workers."""
    return [each.pid for each in children(pid) if each.state not in "ZX"]


def zombies(pid: int) -> list[ProcessFacts]:
    """The children that have ended and that `pid` has not waited for."""
    return [each for each in children(pid) if each.state == "Z"]


def descendants(pid: int) -> list[ProcessFacts]:
    """Children, their children, and so on."""
    everybody = list(processes())
    found: list[ProcessFacts] = []
    parents = {pid}
    while parents:
        generation = [each for each in everybody if each.ppid in parents]
        found += generation
        parents = {each.pid for each in generation}
    return found


def session_members(session: int) -> list[ProcessFacts]:
    """Everybody in a session: a program that the harness started, and whatever came of it."""
    return [each for each in processes() if each.session == session]


def _sum_over_threads(pid: int, file: str, prefix: str, field: int) -> Optional[int]:
    total = 0
    try:
        for thread in (PROC / str(pid) / "task").iterdir():
            lines = (thread / file).read_text().splitlines()
            total += sum(int(line.split()[field]) for line in lines if line.startswith(prefix))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return total


def wakeups(pid: int) -> int:
    """How often the process has gone to sleep so far (voluntary context switches); 0 if it is gone."""
    return _sum_over_threads(pid, "status", "voluntary_ctxt_switches", 1) or 0


def cpu_seconds(pid: int) -> float:
    """CPU time used so far, user and system, in steps of a tick; 0 if it is gone."""
    fields = _stat(pid).rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def descriptors(pid: int) -> dict[int, str]:
    """The open descriptors and what each refers to: {0: "/dev/null", 3: "socket:[4711]"}.

    Empty if it is gone, or ending: then its folder belongs to root; and so is that of another user's process.
    """
    found = {}
    try:
        for entry in os.listdir(PROC / str(pid) / "fd"):
            try:
                found[int(entry)] = os.readlink(PROC / str(pid) / "fd" / entry)
            except FileNotFoundError:  # closed between the two looks
                continue
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    return dict(sorted(found.items()))


def descriptor_count(pid: int) -> int:
    """How many descriptors the process has open."""
    return len(descriptors(pid))


def holders(inode: int) -> list[int]:
    """The processes that have a socket open, of those that we may look into: the pids."""
    return [each.pid for each in processes() if f"socket:[{inode}]" in descriptors(each.pid).values()]


def all_asleep(pid: int) -> bool:
    """Whether every thread of the process waits for something in the kernel."""
    states = [_stat(f"{pid}/task/{thread}").rpartition(")")[2].split()[:1] for thread in _threads(pid)]
    return states != [] and all(each == ["S"] for each in states)


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(PROC / str(pid) / "task")
    except (FileNotFoundError, ProcessLookupError):
        return []


@dataclass(frozen=True)
class BlockedCall:
    """The system call in which a process waits."""

    name: str  # "epoll_wait"; "call 123" where the number has no name here
    arguments: tuple[int, ...]  # six; the first is often a descriptor


def blocked_in(pid: int) -> Optional[BlockedCall]:
    """The call in which the process waits; None if it runs, is gone, or the kernel doesn't let us look."""
    try:
        words = (PROC / str(pid) / "syscall").read_text().split()
    except OSError:  # denied (as ptrace is), gone, or a kernel without the file
        return None
    if len(words) < 7 or words[0] == "-1":
        return None
    number = int(words[0])
    return BlockedCall(_SYSCALLS.get(number, f"call {number}"), tuple(int(word, 16) for word in words[1:7]))


def doing(pid: int) -> str:
    """What a process is doing just now, in words: that it waits, and in which call; or that it runs."""
    known, call = facts(pid), blocked_in(pid)
    if known is None:
        return "it is gone"
    if call is not None:
        return f"it waits in {call.name}{_of_what(pid, call)}"
    return {"R": "it runs (does it spin?)", "T": "it is stopped", "Z": "it is a zombie"}.get(known.state, "it waits")


def _of_what(pid: int, call: BlockedCall) -> str:
    """More about a call on a TCP connection: how many bytes it asks for, and what there is to be had."""
    if call.name not in ("read", "recvfrom", "splice"):
        return ""
    held = descriptors(pid).get(call.arguments[0], "")
    end = next((each for each in tcp_sockets() if held == f"socket:[{each.inode}]"), None)
    asked = f" for {call.arguments[4 if call.name == 'splice' else 2]} bytes"
    if end is None:
        return asked
    closed = ", after the other side of its connection has closed" if end.state == CLOSE_WAIT else ""
    return f"{asked}{closed}; {end.receive_queue} bytes are there, unread"


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Sends a signal to one process of a server. If it has gone already, a check can't go on: it should be there."""
    name = signal.Signals(number).name
    did(f"{name} to process {pid}")
    _send(pid, number)


def _send(pid: int, number: int) -> None:
    __tracebackhide__ = True
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        words = f"process {pid} has gone, before {signal.Signals(number).name} could be sent to it: here it should still be there"
        raise Failure(words, expected=f"process {pid}", actual="nobody has that pid") from None


def is_pending(pid: int, number: int) -> bool:
    """Whether a signal that was sent to a process still waits to be acted on, and isn't blocked. See proc(5)."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return False
    fields = {name: value for name, _, value in (line.partition(":") for line in lines)}
    own, of_all_threads, blocked = (int(fields[name], 16) for name in ("SigPnd", "ShdPnd", "SigBlk"))
    return bool((own | of_all_threads) & ~blocked & 1 << (number - 1))


def has_acted_on(pid: int, number: int) -> bool:
    """Whether a process that was sent a signal has ended, or has done whatever it does about it, and sleeps again."""
    return state(pid) in ("Z", None) or (sleeping(pid) and not is_pending(pid, number))


def stop(pid: int) -> None:
    """SIGSTOP, and waits until the process has stopped."""
    with telling(f"SIGSTOP to process {pid}, until it is stopped"):
        _send(pid, signal.SIGSTOP)
        wait_until(lambda: state(pid) in ("T", "t", "Z", None), f"process {pid} is stopped", seen=lambda: facts(pid))


def cont(pid: int) -> None:
    """SIGCONT, and waits until the process is no longer stopped."""
    with telling(f"SIGCONT to process {pid}"):
        _send(pid, signal.SIGCONT)
        wait_until(lambda: state(pid) not in ("T", "t"), f"process {pid} goes on", seen=lambda: facts(pid))


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """We, and all that is started here, share one CPU: while we look, nothing of it runs. See sched_setaffinity(2)."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def step(pid: int) -> None:
    """Lets a stopped process run until it has had the CPU, and stops it again: however busy the machine is, it comes on.
    If it shares our CPU, it doesn't come far (some ms). Nothing if it has ended."""

    def has_run() -> bool:
        return _time_on_cpu(pid) != before or state(pid) in ("Z", None)

    with telling(f"process {pid} goes on for a moment"):
        before = _time_on_cpu(pid)
        os.kill(pid, signal.SIGCONT)
        wait_until(has_run, f"process {pid} runs", seen=lambda: facts(pid), at_once=True)
        stop(pid)


def _time_on_cpu(pid: int) -> str:
    """In nanoseconds: see "/proc/<pid>/schedstat" in Documentation/scheduler/sched-stats.rst of the kernel. Where a kernel
    doesn't count those, in ticks."""
    try:
        return (PROC / str(pid) / "schedstat").read_text().split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return str(cpu_seconds(pid))


@dataclass(frozen=True)
class CpuUse:
    """What a process used while a busy loop of our own used `yardstick` seconds of CPU."""

    seconds: float
    yardstick: float
    wakeups: int
    runnable: float  # the share of our looks, meanwhile, that found it in state R: it has a CPU, or waits for one
    elapsed: float  # seconds on the wall

    @property
    def share(self) -> float:
        """About 1 for a process that spins and gets as much of the CPUs as we do; 0 for one that sleeps."""
        return self.seconds / self.yardstick

    @property
    def spins(self) -> bool:
        """Whether it doesn't sleep: it uses CPU, or would if others left it some."""
        return self.share > SPIN or self.runnable > 0.5

    @property
    def polls(self) -> bool:
        """Whether it wakes up again and again to look. Who keeps house once a second doesn't."""
        return self.wakeups > SPARE + POLLS * self.elapsed


def watch(pids: Iterable[int], yardstick: float = 0.5) -> dict[int, CpuUse]:
    """Observes processes while we burn `yardstick` seconds of CPU: no clock on the wall is involved."""
    before = {pid: (cpu_seconds(pid), wakeups(pid)) for pid in pids}
    looks, runnable = 0, dict.fromkeys(before, 0)
    began, start = time.monotonic(), time.thread_time()
    while (used := time.thread_time() - start) < yardstick:
        if used >= looks * yardstick / LOOKS:
            looks += 1
            for pid in before:
                runnable[pid] += state(pid) == "R"
    elapsed = time.monotonic() - began
    return {
        pid: CpuUse(
            max(0.0, cpu_seconds(pid) - cpu), yardstick, max(0, wakeups(pid) - wakes), runnable[pid] / looks, elapsed
        )
        for pid, (cpu, wakes) in before.items()
    }


def cpu_use_against_yardstick(pid: int, yardstick: float = 0.5) -> CpuUse:
    """As `cpu_use`, for one process."""
    return cpu_use([pid], yardstick)[pid]


def cpu_use(pids: Collection[int], yardstick: float) -> dict[int, CpuUse]:
    """As `watch`. Watches again if anybody doesn't sleep: work that is left over ends, spinning doesn't."""
    for _ in range(3):
        found = watch(pids, yardstick)
        if not any(use.spins or use.polls for use in found.values()):
            break
    return found
