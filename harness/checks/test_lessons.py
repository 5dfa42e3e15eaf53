"""Every failure of the notes, in both directions: the pair that shows it does, and from its cure on nobody does.

The scenarios are those of ./lab demo: bytetrain/lessons/.
"""

from __future__ import annotations

from typing import Callable, Protocol

import pytest

from bytetrain import Failure, NotApplicable
from bytetrain.course.catalogue import Lesson, Run
from bytetrain.lessons import cure_in_words, not_cured, not_shown, play
from bytetrain.lessons.evidence import Evidence
from bytetrain.lessons.scene import Scene
from bytetrain.programs.build import Programs
from bytetrain.programs.start import Starter
from bytetrain.telling.story import Problem, judge, told
from bytetrain.wire.files import FileStore

Wrong = Callable[[Lesson, Evidence], "list[Problem]"]


class Perform(Protocol):
    """Plays a lesson, and judges what was seen: `wrong` tells what is wrong with it, `should` what should be seen."""

    def __call__(self, lesson: Lesson, run: Run, wrong: Wrong, should: str, *, reference: bool) -> None: ...


@pytest.fixture
def perform(store: FileStore, start: Starter, pytestconfig: pytest.Config) -> Perform:
    """A Failure tells which lesson it was, what was seen of it, and what the server has logged."""
    if pytestconfig.getoption("--external-port") is not None:
        raise NotApplicable("a lesson starts its server by itself: run it without --external-port")

    def performed(lesson: Lesson, run: Run, wrong: Wrong, should: str, *, reference: bool) -> None:
        __tracebackhide__ = True
        seen: list[str] = []
        words = f"the lesson {lesson.id}, played with stage {run.stage:02d}"
        with told(words), Scene(start, run, store, reference=reference) as scene:
            try:
                evidence = play(lesson, scene)
                seen = evidence.lines
                judge(should, wrong(lesson, evidence))
            except Failure as failure:
                for heading, lines in (("what was seen:", seen), ("the end of the server's log:", scene.log)):
                    if lines:
                        failure.adds("\n".join(["", heading, *(f"  {line}" for line in lines)]))
                raise

    return performed


@pytest.mark.check("reference.shows_*")
def test_shows(lesson: Lesson, perform: Perform) -> None:
    """The reference pair of the stage before the cure has the failure, and not its cure."""
    perform(lesson, lesson.shown_by, not_shown, "the failure of the lesson shows itself", reference=True)


@pytest.mark.check("lesson.*")
def test_cured(lesson: Lesson, pair: Programs, reference: bool, perform: Perform) -> None:
    """From the stage of the cure on, whatever is graded does what it should instead. Options are for the reference."""
    run = lesson.cured_by if reference and lesson.cured_by.stage == pair.stage else Run(pair.stage)
    perform(lesson, run, not_cured, cure_in_words(lesson), reference=reference)
