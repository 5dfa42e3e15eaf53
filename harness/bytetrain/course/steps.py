"""The steps in which a student builds a stage, from harness/steps.toml, and the order that they give to the checks."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .catalogue import Check, Rubric
from .data import load_toml
from .languages import Bilingual
from .paths import STEPS


@dataclass(frozen=True)
class PageStep:
    """An item of "Build it yourself" on the page of a stage."""

    stage: int
    number: int  # from 1, on that page
    title: Bilingual
    checks: tuple[str, ...]  # ids of checks.toml, in the order in which they are told


@functools.lru_cache(maxsize=None)
def steps(path: Path = STEPS) -> tuple[PageStep, ...]:
    """All of them, stage by stage."""
    found: list[PageStep] = []
    for table in load_toml(path)["step"]:
        stage = int(table["stage"])
        number = 1 + sum(each.stage == stage for each in found)
        found.append(PageStep(stage, number, Bilingual.of(table, "title"), tuple(table["checks"])))
    return tuple(found)


def steps_of(stage: int, every: Iterable[PageStep]) -> list[PageStep]:
    """Those of one page, in order."""
    return [each for each in every if each.stage == stage]


def in_order(rubric: Rubric, stage: int, every: Iterable[PageStep]) -> list[Check]:
    """The checks that count in a stage, as they are run and told: of what earlier pages have built what all else rests
    on; what this page builds; the rest. In front of each stands what it needs."""
    by_page = sorted(every, key=lambda step: (step.stage != stage, step.stage))
    named = [rubric.checks[each] for step in by_page for each in step.checks if each in rubric.checks]
    counting = [check for check in (*named, *rubric.of_stage(stage)) if stage in check.stages]
    with_needs = [each for check in counting for each in (*_needed(rubric, check, stage), check)]
    rested_on = [each for check in counting for each in _needed(rubric, check, stage) if each.first < stage]
    return list({each.id: each for each in (*rested_on, *with_needs)}.values())


def _needed(rubric: Rubric, check: Check, stage: int) -> Iterator[Check]:
    """What a check needs in a stage, and what that needs: the first thing first."""
    for each in rubric.needs(check, stage):
        yield from _needed(rubric, each, stage)
        yield each
