"""The steps in which a student builds a stage, read from harness/steps.toml."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .data import load_toml
from .languages import Bilingual
from .paths import STEPS


@dataclass(frozen=True)
class PageStep:
    """An item of "Build it" on the page of a stage."""

    stage: int
    number: int  # from 1, on that page
    title: Bilingual
    checks: tuple[str, ...]  # ids of checks.toml, in the order in which they are told
    again: tuple[str, ...] = ()  # of earlier pages, which judge this step's work as well
    open: tuple[tuple[str, ...], ...] = ()  # for each file where it begins: names that it may have, without suffixes


@functools.lru_cache(maxsize=None)
def steps(path: Path = STEPS) -> tuple[PageStep, ...]:
    """All of them, stage by stage."""
    found: list[PageStep] = []
    for table in load_toml(path)["step"]:
        stage = int(table["stage"])
        number = 1 + len(steps_of(stage, found))
        again, files = tuple(table.get("again", ())), tuple(tuple(map(str, each)) for each in table.get("open", ()))
        found.append(PageStep(stage, number, Bilingual.of(table, "title"), tuple(table["checks"]), again, files))
    return tuple(found)


def steps_of(stage: int, every: Iterable[PageStep]) -> list[PageStep]:
    """Those of one page, in order."""
    return [each for each in every if each.stage == stage]
