"""Whether it is worth waiting for the programs of a check, and in words: who of them waits in which call, on what."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Sequence
from typing import Callable, Optional

from ..kernel.blocked import activity
from ..kernel.processes import ProcessFacts, descendants
from ..kernel.quiet import Stillness, switches
from .limits import WATCHER
from .program import Program

_TOLD = 4  # processes; the others are counted


class Stuck:
    """A series of looks at the programs, and at the threads of ours that may do something for them: a proxy."""

    def __init__(self, programs: Sequence[Program], has_found: Callable[[], bool] = lambda: False) -> None:
        """`has_found`: of a watch, which ends them for what they have done: it is asked first, once."""
        self._programs = programs
        self._has_found: Optional[Callable[[], bool]] = has_found
        self._stillness = Stillness(self._everybody)
        self._ours: list[tuple[str, ...]] = []

    def look(self, within: float = math.inf) -> str:
        """"" as long as somebody may move in so many seconds."""
        ours = list(_of_our_threads())
        same, self._ours = ours == self._ours, ours
        if not same:
            self._stillness = Stillness(self._everybody)
        if not self._programs or not self._stillness.look(within):
            return ""
        ask, self._has_found = self._has_found, None
        if ask is not None and ask():
            return ""
        return "; ".join(self._in_words())

    def _everybody(self) -> list[ProcessFacts]:
        return descendants(os.getpid())

    def _in_words(self) -> Iterator[str]:
        leaders = {each.pid: each.kind for each in self._programs}
        told: dict[str, list[str]] = {}
        for each in self._everybody():
            if each.state in "ZX" or each.session not in leaders:
                continue
            who = leaders[each.session] if each.pid == each.session else f"its child {each.pid}"
            told.setdefault(activity(each.pid), []).append(f"the {who}" if each.pid == each.session else who)
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
