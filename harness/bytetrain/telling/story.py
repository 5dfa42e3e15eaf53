"""The story of a check: what was done and what was expected, step by step and with times, while it happens.

The backbone tells it by itself: whoever starts a program, sends bytes or waits for a state leaves a step here, so that
a check is written as before, and a failure can be told from its beginning. One story is told at a time, by the main
thread; what a proxy's thread does is told by those who wait for it.

    with expecting("the client ends") as step:
        step.result = "status 0"
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from .. import Failure

MOST_STEPS = 400  # of one story; a check that does more does it in a loop


@dataclass
class Step:
    """One action or expectation. `depth` 0 is what the check itself did; below it stands what was part of that."""

    kind: str  # "did", "expected", or "told" for a heading
    words: str
    began: float  # seconds since 1970, as in a trace
    depth: int = 0
    outcome: str = ""  # of an expectation: "met" or "failed"; an action can fail too
    result: str = ""  # what came of it, in a few words
    ended: float = 0.0


@dataclass
class Story:
    """What has been told so far."""

    stage: int = 0  # 0: of no stage
    steps: list[Step] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)  # traces that were taken: what of, path
    replay: list[str] = field(default_factory=list)  # options that fix what the check would choose by itself
    listen: Optional[Callable[[Step], object]] = None  # hears each step as it is told, and again as it ends
    depth: int = 0
    silent: int = 0

    def add(self, kind: str, words: str) -> Step:
        """Tells one step. What is part of another step is heard, but kept only if it fails."""
        step = Step(kind, words, time.time(), self.depth)
        if self._heard():
            if self.depth == 0 and len(self.steps) < MOST_STEPS:
                self.steps.append(step)
            if self.listen is not None:
                self.listen(step)
        return step

    def ends(self, step: Step, outcome: str) -> None:
        """Tells how a step ended."""
        step.outcome, step.ended = outcome, time.time()
        if not self._heard():
            return
        if outcome == "failed" and step not in self.steps:
            self.steps.append(step)
        if self.listen is not None and (step.result or outcome == "failed"):
            self.listen(step)

    @property
    def began(self) -> float:
        """When the first step was told: seconds since 1970."""
        return self.steps[0].began if self.steps else time.time()

    def _heard(self) -> bool:
        return not self.silent and threading.current_thread() is threading.main_thread()

    @property
    def failing(self) -> Optional[Step]:
        """The innermost step that has failed."""
        failed = [step for step in self.steps if step.outcome == "failed"]
        return max(failed, key=lambda step: step.depth) if failed else None

    def as_data(self) -> list[dict[str, Any]]:
        """The steps, fit for JSON: times in seconds since the beginning."""
        failing, began = self.failing, self.began
        return [
            {"kind": step.kind, "words": step.words, "at": round(step.began - began, 4), "outcome": step.outcome,
             "result": step.result, "failing": step is failing}
            for step in sorted(self.steps, key=lambda step: step.began)
        ]


_current = Story()


def current() -> Story:
    """The story that is being told."""
    return _current


def begin(stage: int = 0, listen: Optional[Callable[[Step], object]] = None) -> Story:
    """Begins a new story, and forgets the last one."""
    global _current
    _current = Story(stage, listen=listen)
    return _current


def did(words: str) -> Step:
    """Something was done, at once."""
    return _current.add("did", words)


def heading(words: str) -> None:
    """What comes now."""
    _current.add("told", words)


@contextmanager
def doing(words: str) -> Iterator[Step]:
    """Something that takes a while, and may fail."""
    yield from _inside("did", words)


@contextmanager
def expecting(words: str) -> Iterator[Step]:
    """Something that should happen; a Failure inside tells that it has not."""
    yield from _inside("expected", words)


def _inside(kind: str, words: str) -> Iterator[Step]:
    story = _current
    step = story.add(kind, words)
    main = threading.current_thread() is threading.main_thread()
    story.depth += main
    try:
        yield step
    except Failure:
        story.depth -= main
        story.ends(step, "failed")
        raise
    except BaseException:
        story.depth -= main
        raise
    story.depth -= main
    story.ends(step, "met" if kind == "expected" else "")


@contextmanager
def quietly() -> Iterator[None]:
    """What is done here belongs to the harness alone: clearing up, looking around."""
    _current.silent += 1
    try:
        yield
    finally:
        _current.silent -= 1
