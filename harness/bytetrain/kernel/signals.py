"""Signals to one process of a server, each told, and waited for until it has had its effect: signal(7)."""

import os
import signal

from .. import Failure
from ..telling.story import did, doing
from ..telling.waiting import wait_until
from .cpu import nanoseconds
from .processes import PROC, facts, sleeping, state

killed_by_us: dict[int, int] = {}  # and whose children they were
stopped_by_us: set[int] = set()  # whom nobody else lets go on: while we wait for something, they don't move


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Sends a signal to one process of a server. If it has gone already, a check can't go on: it should be there."""
    name = signal.Signals(number).name
    did(f"{name} to process {pid}")
    known = facts(pid)
    if known is not None and number == signal.SIGKILL:
        killed_by_us[pid] = known.ppid
    _send(pid, number)


def _send(pid: int, number: int) -> None:
    __tracebackhide__ = True
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        words = (
            f"process {pid} has gone, before {signal.Signals(number).name} could be sent to it: here it should still "
            "be there"
        )
        raise Failure(words, expected=f"process {pid}", actual="nobody has that pid") from None


def is_pending(pid: int, number: int) -> bool:
    """Whether a signal that was sent to a process still waits to be acted on, and isn't blocked. See proc(5)."""
    try:
        lines = (PROC / str(pid) / "status").read_text(errors="replace").splitlines()
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
    stopped_by_us.add(pid)
    with doing(f"SIGSTOP to process {pid}, until it is stopped"):
        _send(pid, signal.SIGSTOP)
        wait_until(lambda: state(pid) in ("T", "t", "Z", None), f"process {pid} is stopped", seen=lambda: facts(pid))


def cont(pid: int) -> None:
    """SIGCONT, and waits until the process is no longer stopped."""
    stopped_by_us.discard(pid)
    with doing(f"SIGCONT to process {pid}"):
        _send(pid, signal.SIGCONT)
        wait_until(lambda: state(pid) not in ("T", "t"), f"process {pid} goes on", seen=lambda: facts(pid))


def step(pid: int) -> None:
    """Lets a stopped process run until it has had the CPU, and stops it again: however busy the machine is, it comes
    on. If it shares our CPU, it doesn't come far (some ms). Nothing if it has ended."""

    def has_run() -> bool:
        return nanoseconds(pid) != before or state(pid) in ("Z", None)

    with doing(f"process {pid} goes on for a moment"):
        before = nanoseconds(pid)
        os.kill(pid, signal.SIGCONT)
        wait_until(has_run, f"process {pid} runs", seen=lambda: facts(pid), at_once=True)
        stop(pid)
