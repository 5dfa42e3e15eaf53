"""Waiting for a state. The one place of the harness that pauses: nothing else may sleep to synchronise."""

import os
import time
from typing import Callable, Optional, TypeVar

from .. import Failure
from .story import expecting

T = TypeVar("T")

# Seconds: so generous that only a state that never comes reaches it, on a busy machine too. Whoever knows that a
# program hangs, and wants to see it again, need not wait so long.
LIMIT = float(os.environ.get("BYTETRAIN_LIMIT", "60"))
_SHORTEST, _LONGEST = 0.0005, 0.02  # seconds between two looks


class NeverHappened(Failure):
    """A state that was waited for did not come."""


def wait_until(
    predicate: Callable[[], Optional[T]],
    what: str,
    limit: float = LIMIT,
    seen: Optional[Callable[[], object]] = None,
    at_once: bool = False,
) -> T:
    """Looks again and again until `predicate()` is true, and returns its value.

    `what` names the state for the error, and `seen` tells what was there instead: NeverHappened carries both. The
    pauses between two looks grow, unless the state has to be seen `at_once`.
    """
    __tracebackhide__ = True
    deadline = time.monotonic() + limit
    pause = _SHORTEST
    with expecting(what):
        while True:
            value = predicate()
            if value:
                return value
            if time.monotonic() >= deadline:
                instead = f"{seen()}" if seen is not None else ""
                words = f"waited {limit:g} s for this, in vain: {what}" + (f"; instead: {instead}" if instead else "")
                raise NeverHappened(words, expected=what, actual=instead or f"it has not happened for {limit:g} s")
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

    wait_until(same, f"{what} stays the same", limit, lambda: f"last seen {history[-3:]}")
    return history[-1]
