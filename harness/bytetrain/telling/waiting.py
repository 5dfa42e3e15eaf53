"""Waiting for a state. The one place of the harness that pauses: nothing else may sleep to synchronise."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable, Optional, TypeVar

from .. import Failure
from .story import doing, expecting
from .text import in_words

T = TypeVar("T")

# Seconds: so generous that only a state that never comes reaches it, on a busy machine too. Whoever knows that a
# program hangs, and wants to see it again, need not wait so long.
LIMIT = float(os.environ.get("BYTETRAIN_LIMIT", "60"))
AT_A_TIME = 0.1  # seconds for which a call may wait that is repeated as long as there is patience
_SHORTEST, _LONGEST = 0.0005, 0.02  # seconds between two looks


class NeverHappened(Failure):
    """A state that was waited for did not come."""


class NobodyMoves(NeverHappened):
    """It can't come any more: see Patience."""


class Patience:
    """For one wait: whether to go on. Over when its limit has passed; or before, when those who are waited for can't
    move any more, if somebody watches them (see `watching`)."""

    _UNDISTURBED, _BETWEEN = 0.3, 0.1  # seconds: before the first look at them, and between two

    def __init__(self, limit: float, hopeless: Optional["Look"] = None) -> None:
        """`hopeless` looks whether this one wait is worth it, whatever others may do meanwhile."""
        self._limit = limit
        self._began = time.monotonic()
        self._next = self._began + self._UNDISTURBED
        self.why = ""  # it is over before its limit: who waits in which call
        self._hopeless = hopeless
        self._found = "nobody can move any more"
        self._watch = _watches[-1]() if _watches and threading.current_thread() is threading.main_thread() else None

    def over(self) -> bool:
        now = time.monotonic()
        if now >= self._began + self._limit:
            return True
        if self._watch is None or now < self._next:
            return False
        left = self._began + self._limit - now
        self.why = self._watch(left)
        if not self.why and self._hopeless is not None and (why := self._hopeless(left)):
            self.why, self._found = why, "it is in vain to wait"
        self._next = time.monotonic() + self._BETWEEN
        return self.why != ""

    @property
    def in_words(self) -> str:
        """What has ended it: "after 60 s", or that nobody can move, and who waits in which call."""
        return f"and {self._found}: {self.why}" if self.why else f"after {self._limit:g} s"


# "" or why nobody can move any more, for so many seconds at least: those for which we would wait. To be taken again and
# again.
Look = Callable[[float], str]
_watches: list[Callable[[], Look]] = []  # each makes a new series of looks


@contextmanager
def watching(begin: Callable[[], Look]) -> Iterator[None]:
    """Meanwhile whoever waits asks such a series of looks whether it is worth it."""
    _watches.append(begin)
    try:
        yield
    finally:
        _watches.remove(begin)


def wait_until(
    predicate: Callable[[], Optional[T]],
    what: str,
    limit: float = LIMIT,
    seen: Optional[Callable[[], object]] = None,
    at_once: bool = False,
    hopeless: Optional[Look] = None,
    judges: bool = True,
) -> T:
    """Looks again and again until `predicate()` is true, and returns its value.

    `what` names the state for the error, and `seen` tells what was there instead: NeverHappened carries both. The
    pauses between two looks grow, unless the state has to be seen `at_once`. `hopeless` is for Patience. Where several
    things will do, and somebody judges only later which of them is right, nothing is judged here: the step has no mark.
    """
    __tracebackhide__ = True
    patience = Patience(limit, hopeless)
    pause = _SHORTEST
    with expecting(what) if judges else doing(what):
        while True:
            value = predicate()
            if value:
                return value
            if patience.over():
                instead = in_words(seen()) if seen is not None else ""
                long = f"{limit:g} s for this, in vain" if not patience.why else "for this, in vain"
                ends = [f"instead: {instead}"] if instead else []
                ends += [patience.in_words] if patience.why else []
                words = "; ".join([f"waited {long}: {what}", *ends])
                kind = NobodyMoves if patience.why else NeverHappened
                raise kind(words, expected=what, actual=instead or f"it has not happened {patience.in_words}")
            time.sleep(pause)
            pause = min(pause * 1.5, _SHORTEST if at_once else _LONGEST)


def settled(value: Callable[[], T], what: str, looks: int = 5, limit: float = LIMIT) -> T:
    """The value once it has stayed the same for `looks` looks in a row, 20 ms apart.

    For what has no better sign of its end, like a queue that fills until the peer's window is closed.
    """
    history: list[T] = []

    def same() -> bool:
        time.sleep(_LONGEST)
        history.append(value())
        return len(history) >= looks and all(each == history[-1] for each in history[-looks:])

    wait_until(same, f"{what} stays the same", limit, lambda: f"last seen {in_words(history[-3:])}")
    return history[-1]
