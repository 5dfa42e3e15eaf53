"""Who runs on and on, and to no end: a client that has read the end of its stream, and asks again and again; a server
that has nothing to do; whoever makes calls that do nothing."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..kernel.cpu import cpu_seconds, wakeups
from ..kernel.descriptors import descriptors, socket_name
from ..kernel.processes import PROC, children
from ..kernel.tcp import CLOSE_WAIT, tcp_sockets
from ..telling.waiting import Look

IN_VAIN = 1000  # that move nothing: far more than anybody makes for a reason, and what a loop makes in a few ms
FOR_NOTHING = 2.0  # seconds of CPU, not of a clock: so much it gets on a busy machine too


def spins_on_the_end(pid: int) -> Look:
    """A series of looks at a process: "" unless its connections are closed by the other side, it has read all that has
    come and the end too, and since then it has run and run, without anything read, written, opened or closed."""
    words = "the server has closed the connection, the client has read all that came, and since then it has"
    return _runs_on(pid, lambda: _whatever_changes(pid), words)


def idles_in_circles(pid: int, who: str) -> Look:
    """A series of looks at a process of a server that has nobody to serve: "" unless it runs and runs, without anything
    read, written, opened or closed, and without a child that comes or goes."""
    return _runs_on(pid, lambda: (descriptors(pid), _moved(pid), children(pid)), f"{who} (process {pid}) has")


def asks_in_circles(pid: int) -> Look:
    """A series of looks at a process: "" unless it runs and runs, and calls read(2), write(2), sendfile(2) or one like
    these again and again, and none of them moves a byte: as where a file has ended, and the loop hasn't.

    One that only counts, or looks at a clock, may come to an end by itself. So may one that tries to send what nobody
    takes, as long as it has patience.
    """
    seen: object = None
    began, before = 0.0, 0

    def look(within: float = math.inf) -> str:
        nonlocal seen, began, before
        now, used, calls = (_moved(pid), descriptors(pid), wakeups(pid)), cpu_seconds(pid), _calls(pid)
        if now != seen:
            seen, began, before = now, used, calls
        if used - began < FOR_NOTHING or calls - before < IN_VAIN or _has_to_send(pid):
            return ""
        made = f"it has made {calls - before} calls in {used - began:.1f} s of CPU"
        return f"{made}, and not one of them has moved a byte"

    return look


def _has_to_send(pid: int) -> bool:
    """Whether something that it has sent is not yet with whoever should get it."""
    held = descriptors(pid).values()
    return any(each.send_queue and socket_name(each.inode) in held for each in tcp_sockets())


def _runs_on(pid: int, changes: Callable[[], object], words: str) -> Look:
    """`changes`: what would change if it did anything; None as long as it may have something to do."""
    seen: object = None
    began = 0.0

    def look(within: float = math.inf) -> str:
        nonlocal seen, began
        now, used = changes(), cpu_seconds(pid)
        if now is None or now != seen:
            seen, began = now, used
        if now is None or used - began < FOR_NOTHING:
            return ""
        return f"{words} used {used - began:.1f} s of CPU for nothing"

    return look


def _whatever_changes(pid: int) -> object:
    """What changes if the process does anything; None as long as something may still come, or has not been read."""
    held = descriptors(pid)
    mine = [each for each in tcp_sockets() if socket_name(each.inode) in held.values()]
    if not mine or any(each.state != CLOSE_WAIT or each.receive_queue for each in mine):
        return None
    return held, _moved(pid)


def _moved(pid: int) -> list[str]:
    """The counts of bytes that it has read and written: "rchar" and others of proc(5), /proc/PID/io."""
    return [line for line in _io(pid) if not line.startswith("sysc")]


def _calls(pid: int) -> int:
    """How many calls there were that read or write: "syscr" and "syscw" of it. (Not those that only sockets know.)"""
    return sum(int(line.split()[1]) for line in _io(pid) if line.startswith("sysc"))


def _io(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "io").read_text().splitlines()
    except OSError:
        return []
