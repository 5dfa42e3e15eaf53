"""Every failure of the notes, in both directions: the pair that shows it does, and from its cure on nobody does.

The scenarios are those of ./lab demo: bytetrain/lessons/.
"""

from __future__ import annotations

import pytest

from bytetrain import Failure
from bytetrain.build import Programs
from bytetrain.catalogue import Lesson, Run
from bytetrain.files import FileStore
from bytetrain.lessons import Evidence, Scene, play


@pytest.mark.check("reference.shows_*")
def test_shows(lesson: Lesson, pair: Programs, store: FileStore) -> None:
    """The reference pair of the stage before the cure has the failure, and not its cure."""
    scene, evidence = played(lesson, lesson.shown_by, pair, store, reference=True)
    if not evidence.shown:
        raise Failure(told(lesson, scene, evidence, "this pair is there to show the failure, and has not shown it"))
    if evidence.cured and not lesson.in_calls:
        raise Failure(told(lesson, scene, evidence, "failure and cure have both been seen: one of them is wrong"))


@pytest.mark.check("lesson.*")
def test_cured(lesson: Lesson, pair: Programs, store: FileStore, reference: bool) -> None:
    """From the stage of the cure on, whatever is graded does what it should instead. Options are for the reference."""
    run = lesson.cured_by if reference and lesson.cured_by.stage == pair.stage else Run(pair.stage)
    scene, evidence = played(lesson, run, pair, store, reference=reference)
    if evidence.shown and not lesson.in_calls:
        problem = f"this failure should be cured from stage {lesson.cured_from:02d} on, and it has shown itself"
        raise Failure(told(lesson, scene, evidence, problem))
    if not evidence.cured:
        raise Failure(told(lesson, scene, evidence, "what should happen has not happened"))


def played(
    lesson: Lesson, run: Run, pair: Programs, store: FileStore, reference: bool
) -> tuple[Scene, Evidence]:
    """Plays the scenario of a lesson; a Failure on the way tells which lesson it was, and what had been done."""
    __tracebackhide__ = True
    with Scene(pair, run, store, reference=reference) as scene:
        try:
            return scene, play(lesson, scene)
        except Failure as failure:
            raise Failure(told(lesson, scene, None, str(failure))) from None


def told(lesson: Lesson, scene: Scene, evidence: Evidence | None, problem: str) -> str:
    """The story of a failure: the lesson, what was done, what was seen, and what the server has logged."""
    story = [f"{lesson.title} (stage {scene.stage:02d})", "", problem, "", "what was done:"]
    story += [f"  {step}" for step in scene.steps]
    if evidence is not None:
        story += ["what was seen:", *(f"  {line}" for line in evidence.lines)]
    if scene.log:
        story += ["the end of the server's log:", *(f"  {line}" for line in scene.log)]
    return "\n".join(story)
