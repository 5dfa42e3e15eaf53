"""The story of a check: what was done and what was expected, step by step and with times, while it happens.

The backbone tells it by itself: whoever starts a program, sends bytes or waits for a state leaves a step here, so that
a check is written as before, and a failure can be told from its beginning. One story is told at a time, by the main
thread; what a proxy's thread does is told by those who wait for it.

    did("our client closes its connection")             something that is done at once
    with expecting("the client ends") as step:          something that takes a while, and whether it comes
        step.result = "status 0"
    judge("the client reports a failure", problems)     what is there already, looked at once
    expect(not sent, f"it has sent {sent!r}", expected="not one byte")

Nobody sets the outcome of a step but the story, so that whoever listens hears it at that moment. Where a Failure comes
through several steps, the innermost is the one that has failed, and the one that is marked.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from .. import Diagnosis, Failure

MOST_STEPS = 400  # of one story; a check that does more does it in a loop


@dataclass(eq=False)
class Step:
    """One action or expectation. `depth` 0 is what the check itself did; below it stands what was part of that."""

    kind: str  # "did", "expected", or "told" for a heading
    words: str
    began: float  # seconds since 1970, as in a trace
    number: int = 0  # in the order in which they begin
    depth: int = 0
    outcome: str = ""  # of an expectation: "met" or "failed"; an action can fail too
    aside: str = ""  # what differs from run to run: a process id
    result: str = ""  # what came of it, in a few words; who does the step may say it until it ends
    ended: float = 0.0  # 0 until it has

    @property
    def whole(self) -> str:
        """The words, with what is said aside."""
        return f"{self.words}    ({self.aside})" if self.aside else self.words


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: in words, and, where it is as simple as that, what was expected and what was found."""

    words: str
    expected: str = ""
    actual: str = ""
    diagnosis: Optional[Diagnosis] = None


@dataclass
class Story:
    """What has been told so far."""

    stage: int = 0  # 0: of no stage
    listen: Optional[Callable[[Step], object]] = None  # hears each step as it is told, and again as it ends
    steps: list[Step] = field(default_factory=list)
    replay: list[str] = field(default_factory=list)  # options that fix what the check would choose by itself
    failing: Optional[Step] = None  # where the check has failed: see `blame`
    _count: int = 0  # of steps, of those that are not kept as well
    _depth: int = 0
    _silent: int = 0

    @property
    def began(self) -> float:
        """When the first step was told: seconds since 1970."""
        return self.steps[0].began if self.steps else time.time()

    def blame(self, error: BaseException) -> None:
        """The check has ended with an error: the step where that has shown itself is the failing one. What a Failure
        says that came up outside of all steps is one of its own: each story of a failure marks where it failed."""
        step = _step_of(error)
        if step not in self.steps and isinstance(error, Failure) and self.steps and error.words:
            step = Step("expected", error.words.splitlines()[0], time.time(), self._count, outcome="failed")
            step.ended = step.began
            self._keep(step)
            self._tell(step)
        self.failing = step if step in self.steps else None

    def as_data(self) -> list[dict[str, Any]]:
        """The steps, fit for JSON: times in seconds since the beginning."""
        return [
            {"kind": step.kind, "words": step.whole, "at": round(step.began - self.began, 4), "outcome": step.outcome,
             "result": step.result, "failing": step is self.failing}
            for step in self.steps
        ]

    # Telling

    @contextmanager
    def inside(self, kind: str, words: str, *, at_once: bool = False, kept: bool = True) -> Iterator[Step]:
        """A step that lasts as long as what is done inside. What is part of another step, or not to be `kept`, is heard
        only, unless it fails. What is over `at_once` is heard once, at its end."""
        __tracebackhide__ = True
        step = Step(kind, words, time.time(), self._count, self._depth)
        if _elsewhere():
            yield step
            return
        self._count += 1
        if kept and step.depth == 0 and len(self.steps) < MOST_STEPS:
            self._keep(step)
        if not at_once:
            self._tell(step)
        self._depth += 1
        try:
            yield step
        except Failure as failure:
            self._depth -= 1
            self._fails(step, failure)
            raise
        except BaseException:
            self._depth -= 1
            raise
        self._depth -= 1
        step.outcome, step.ended = "met" if kind == "expected" else "", time.time()
        if at_once or step.outcome or step.result:
            self._tell(step)

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """What is done inside is not told. If it fails, the step around it has; if there is none, the innermost one."""
        __tracebackhide__ = True
        if _elsewhere():
            yield
            return
        self._silent += 1
        try:
            yield
        except Failure as failure:
            self._silent -= 1
            if not self._silent and isinstance(failure.step, Step):
                if self._depth:
                    failure.step = None
                else:
                    self._keep(failure.step)
                    self._tell(failure.step)
            raise
        except BaseException:
            self._silent -= 1
            raise
        self._silent -= 1

    def _fails(self, step: Step, failure: Failure) -> None:
        """A failure comes through a step. Where it is another one in other words, which had come up inside of this
        step, that one's step has failed first, unless that was quiet."""
        step.outcome, step.ended = "failed", time.time()
        if not self._silent:
            look_for_diagnosis(failure)
        if failure.step is None:
            first = _step_of(failure)
            inside = first is not None and first.number > step.number and first in self.steps
            failure.step = first if inside else step
        self._keep(step)
        self._tell(step)

    def _keep(self, step: Step) -> None:
        if not self._silent and step not in self.steps:
            self.steps.append(step)
            self.steps.sort(key=lambda each: each.number)

    def _tell(self, step: Step) -> None:
        if not self._silent and self.listen is not None:
            self.listen(step)


Examiner = Callable[[Failure], None]  # looks for the diagnosis of a failure
_examiners: list[Examiner] = []


@contextmanager
def examined_by(examiner: Examiner) -> Iterator[None]:
    """Meanwhile each failure is examined as soon as it shows itself: while the programs live, with all that they
    hold."""
    _examiners.append(examiner)
    try:
        yield
    finally:
        _examiners.remove(examiner)


@contextmanager
def examined() -> Iterator[None]:
    """A failure that comes from here is examined too, though it shows itself in no step."""
    try:
        yield
    except Failure as failure:
        look_for_diagnosis(failure)
        raise


def look_for_diagnosis(failure: Failure) -> None:
    """Once for each failure, unless whoever raised it knew."""
    if failure.diagnosis is None and not failure.examined and not _elsewhere():
        failure.examined = True
        for examiner in _examiners[-1:]:
            with current().quietly():
                examiner(failure)


def _elsewhere() -> bool:
    """Whether that is a proxy's thread, which tells nothing."""
    return threading.current_thread() is not threading.main_thread()


def _step_of(error: Optional[BaseException]) -> Optional[Step]:
    """Where an error has shown itself: or the one before it, which somebody has put into other words."""
    while isinstance(error, Failure):
        if isinstance(error.step, Step):
            return error.step
        error = error.__context__
    return None


_current = Story()


def current() -> Story:
    """The story that is being told."""
    return _current


def begin(stage: int = 0, listen: Optional[Callable[[Step], object]] = None) -> Story:
    """Begins a new story, and forgets the last one."""
    global _current
    _current = Story(stage, listen)
    return _current


def did(words: str, aside: str = "") -> None:
    """Something was done, at once."""
    with current().inside("did", words, at_once=True) as step:
        step.aside = aside


def heading(words: str) -> None:
    """What comes now."""
    with current().inside("told", words, at_once=True):
        pass


@contextmanager
def told(words: str) -> Iterator[None]:
    """A heading: what was done, and what should come of it. It stands above a Failure too."""
    __tracebackhide__ = True
    heading(words)
    try:
        yield
    except Failure as failure:
        failure.under(words)
        raise


@contextmanager
def doing(words: str) -> Iterator[Step]:
    """Something that takes a while, and may fail."""
    __tracebackhide__ = True
    with current().inside("did", words) as step:
        yield step


@contextmanager
def expecting(words: str) -> Iterator[Step]:
    """Something that should happen; a Failure inside tells that it has not."""
    __tracebackhide__ = True
    with current().inside("expected", words) as step:
        yield step


def judge(should: str, problems: Sequence[Problem]) -> None:
    """What a program `should` have done: met, or Failure with all the problems at once."""
    __tracebackhide__ = True
    with current().inside("expected", should, at_once=True):
        if problems:
            failure = Failure(
                "\n".join(f"- {problem.words}" for problem in problems),
                expected="; ".join(problem.expected for problem in problems if problem.expected),
                actual="; ".join(problem.actual or problem.words for problem in problems),
            )
            failure.diagnosis = next((problem.diagnosis for problem in problems if problem.diagnosis), None)
            raise failure


def expect(fact: bool, words: str, *, expected: str, actual: str = "") -> None:
    """Failure, with these words, unless it is a fact; `actual` are the words again, if nothing shorter can be said. A
    fact is heard, and not kept: a story has better things to tell."""
    __tracebackhide__ = True
    with current().inside("expected", f"as expected: {expected}" if fact else words, at_once=True, kept=not fact):
        if not fact:
            raise Failure(words, expected=expected, actual=actual or words)


@contextmanager
def quietly() -> Iterator[None]:
    """What is done here belongs to the harness alone: clearing up, looking around."""
    __tracebackhide__ = True
    with current().quietly():
        yield
