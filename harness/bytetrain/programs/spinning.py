"""Who runs on and on, and to no end: a client that has read the end of its stream, and asks again and again; a server
that has nothing to do."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..kernel.cpu import cpu_seconds
from ..kernel.descriptors import descriptors, socket_name
from ..kernel.processes import PROC, children
from ..kernel.tcp import CLOSE_WAIT, tcp_sockets
from ..telling.waiting import Look

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
    try:
        lines = (PROC / str(pid) / "io").read_text().splitlines()
    except OSError:
        return []
    return [line for line in lines if not line.startswith("sysc")]
