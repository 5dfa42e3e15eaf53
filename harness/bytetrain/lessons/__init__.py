"""The failures of the notes, one scenario a lesson: it provokes the failure, and sees whether it happens.

A scenario is a module with one function, play(scene) -> Evidence. It plays the same acts with whatever pair it is
given: with the pair that shows the failure, and with one that has cured it. It leaves nothing to chance: if the moment
that it needs can't be brought about, it raises Failure, so that no failure is "not shown" by accident.
"""

import importlib
from typing import Callable

from ..course.catalogue import Lesson, rubric
from ..telling.story import Problem
from .evidence import Evidence
from .scene import Scene


def play(lesson: Lesson, scene: Scene) -> Evidence:
    """Plays a lesson with the pair of a scene."""
    module = importlib.import_module(f"{__name__}.{lesson.scenario}")
    scenario: Callable[[Scene], Evidence] = module.play
    return scenario(scene)


def not_shown(lesson: Lesson, evidence: Evidence) -> list[Problem]:
    """What is wrong with the pair that should show a failure, and not its cure."""
    if not evidence.shown:
        return [Problem("this pair is there to show the failure, and has not shown it")]
    if evidence.cured and not lesson.in_calls:
        return [Problem("failure and cure have both been seen: one of them is wrong")]
    return []


def not_cured(lesson: Lesson, evidence: Evidence) -> list[Problem]:
    """What is wrong with a pair that should do something else instead."""
    if evidence.shown and not lesson.in_calls:
        words = f"this failure should be cured from stage {lesson.cured_from:02d} on, and it has shown itself"
        return [Problem(words, f"not this: {lesson.title.en}", evidence.failure)]
    seen = evidence.lines[-1] if evidence.lines else "nothing of it"
    return [] if evidence.cured else [Problem("it was not seen", cure_in_words(lesson), seen)]


def cure_in_words(lesson: Lesson) -> str:
    """What a pair that has cured the failure does: the title of its check."""
    return rubric().checks[f"lesson.{lesson.id}"].title.en
