"""The failures of the notes, one scenario a lesson: it provokes the failure, and sees whether it happens.

A scenario is a module with one function, play(scene) -> Evidence. It plays the same acts with whatever pair it is
given: with the pair that shows the failure, and with one that has cured it. It leaves nothing to chance: if the moment
that it needs can't be brought about, it raises Failure, so that no failure is "not shown" by accident.
"""

import importlib
from typing import Callable

from ..course.catalogue import Lesson
from .evidence import Evidence
from .scene import Scene


def play(lesson: Lesson, scene: Scene) -> Evidence:
    """Plays a lesson with the pair of a scene."""
    module = importlib.import_module(f"{__name__}.{lesson.scenario}")
    scenario: Callable[[Scene], Evidence] = module.play
    return scenario(scene)
