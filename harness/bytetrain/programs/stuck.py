"""Whether it is worth waiting for the programs of a check, and in words: who of them waits in which call, on what, or
makes calls that do nothing."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Callable, Optional

from ..kernel.blocked import activity
from ..kernel.processes import ProcessFacts, descendants
from ..kernel.quiet import Stillness, switches
from ..telling.waiting import Look
from .limits import WATCHER
from .program import Program
from .spinning import asks_in_circles

_TOLD = 4  # processes; the others are counted


class Stuck:
    """A series of looks at the programs, and at the threads of ours that may do something for them: a proxy."""

    def __init__(self, programs: Sequence[Program], has_found: Callable[[], bool] = lambda: False) -> None:
        """`has_found`: of a watch, which ends them for what they have done: it is asked first, once."""
        self._programs = programs
        self._has_found: Optional[Callable[[], bool]] = has_found
        self._stillness = Stillness(self._others)
        self._ours: list[tuple[str, ...]] = []
        self._running: dict[int, Look] = {}
        self._in_circles: dict[int, str] = {}  # who runs, but might as well sleep, and why

    def look(self, within: float = math.inf) -> str:
        """"" as long as somebody may move in so many seconds."""
        ours = list(_of_our_threads())
        same, self._ours = ours == self._ours, ours
        if not same:
            self._stillness, self._running = Stillness(self._others), {}
        self._in_circles = dict(self._look_at_runners())
        if not self._programs or not self._stillness.look(within):
            return ""
        ask, self._has_found = self._has_found, None
        if ask is not None and ask():
            return ""
        return "; ".join(self._in_words())

    def _everybody(self) -> list[ProcessFacts]:
        return descendants(os.getpid())

    def _others(self) -> list[ProcessFacts]:
        return [each for each in self._everybody() if each.pid not in self._in_circles]

    def _look_at_runners(self) -> Iterator[tuple[int, str]]:
        """Each of them, if there are only a few; whoever has slept begins anew."""
        run = [each.pid for each in self._everybody() if each.state == "R"]
        self._running = {pid: self._running.get(pid) or asks_in_circles(pid) for pid in run[:_TOLD]}
        for pid, look in self._running.items():
            if why := look(math.inf):
                yield pid, why

    def _in_words(self) -> Iterator[str]:
        leaders = {each.pid: each.kind for each in self._programs}
        told: dict[str, list[str]] = {}
        for each in self._everybody():
            if each.state in "ZX" or each.session not in leaders:
                continue
            who = leaders[each.session] if each.pid == each.session else f"its child {each.pid}"
            does = self._in_circles.get(each.pid) or activity(each.pid)
            told.setdefault(does, []).append(f"the {who}" if each.pid == each.session else who)
        for what, these in told.items():
            more = f" and {len(these) - _TOLD} more" if len(these) > _TOLD else ""
            yield f"{', '.join(these[:_TOLD])}{more}: {what}"
        if not told:
            yield "all programs have ended"
        if self._stillness.lasts < math.inf:
            yield f"none of their time limits ends in the next {self._stillness.lasts:.0f} s"


def _of_our_threads() -> Iterator[tuple[str, ...]]:
    for each in threading.enumerate():
        if each is not threading.main_thread() and each.name != WATCHER and each.native_id is not None:
            yield switches(f"{os.getpid()}/task/{each.native_id}")
