"""Every failure of the notes, in both directions: the pair that shows it does, and from its cure on nobody does.

The scenarios are those of ./lab demo: bytetrain/lessons/.
"""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from bytetrain import Failure, NotApplicable
from bytetrain.course.catalogue import Lesson, Run
from bytetrain.grading.calls import Tracing
from bytetrain.lessons import play
from bytetrain.lessons.evidence import Evidence
from bytetrain.lessons.scene import Scene
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Program
from bytetrain.wire.files import FileStore


Play = Callable[[Lesson, Run, bool], "tuple[Scene, Evidence]"]


@pytest.fixture
def played(
    pair: Programs, store: FileStore, started: list[Program], folder: Path, tracing: Tracing,
    pytestconfig: pytest.Config,
) -> Play:
    """played(lesson, run, reference) plays a scenario; a Failure on the way tells which it was, and what had been
    done."""
    if pytestconfig.getoption("--external-port") is not None:
        raise NotApplicable("a lesson starts its server by itself: run it without --external-port")

    def play_it(lesson: Lesson, run: Run, reference: bool) -> tuple[Scene, Evidence]:
        __tracebackhide__ = True
        prefix = tracing.prefix if tracing.wanted else None
        with Scene(pair, run, store, reference=reference, programs=started, folder=folder, prefix=prefix) as scene:
            try:
                return scene, play(lesson, scene)
            except Failure as failure:
                words = told(lesson, scene, None, str(failure))
                raise Failure(words, expected=failure.expected, actual=failure.actual) from None

    return play_it


@pytest.mark.check("reference.shows_*")
def test_shows(lesson: Lesson, played: Play) -> None:
    """The reference pair of the stage before the cure has the failure, and not its cure."""
    scene, evidence = played(lesson, lesson.shown_by, True)
    if not evidence.shown:
        raise Failure(told(lesson, scene, evidence, "this pair is there to show the failure, and has not shown it"))
    if evidence.cured and not lesson.in_calls:
        raise Failure(told(lesson, scene, evidence, "failure and cure have both been seen: one of them is wrong"))


@pytest.mark.check("lesson.*")
def test_cured(lesson: Lesson, pair: Programs, reference: bool, played: Play) -> None:
    """From the stage of the cure on, whatever is graded does what it should instead. Options are for the reference."""
    run = lesson.cured_by if reference and lesson.cured_by.stage == pair.stage else Run(pair.stage)
    scene, evidence = played(lesson, run, reference)
    if evidence.shown and not lesson.in_calls:
        problem = f"this failure should be cured from stage {lesson.cured_from:02d} on, and it has shown itself"
        raise Failure(
            told(lesson, scene, evidence, problem), expected=f"not this: {lesson.title}", actual=evidence.failure
        )
    if not evidence.cured:
        raise Failure(told(lesson, scene, evidence, "what should happen has not happened"))


def told(lesson: Lesson, scene: Scene, evidence: Evidence | None, problem: str) -> str:
    """The story of a failure: the lesson, what was done, what was seen, and what the server has logged."""
    story = [f"{lesson.title} (stage {scene.stage:02d})", "", problem, "", "what was done:"]
    story += [f"  {step}" for step in scene.steps]
    if evidence is not None:
        story += ["what was seen:", *(f"  {line}" for line in evidence.lines)]
    if scene.log:
        story += ["the end of the server's log:", *(f"  {line}" for line in scene.log)]
    return "\n".join(story)
