"""Stages, lessons, checks and classic mistakes, as data: read from stages/*/stage.toml and harness/*.toml."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from .data import load_toml
from .folders import stage_dir, stages_of
from .languages import Bilingual
from .paths import CHECKS, DIAGNOSES, LESSONS, STAGES, STEPS
from .steps import PageStep, steps
from .traits import stage_numbers, traits


@dataclass(frozen=True)
class Stage:
    """One reference stage: what it is called, and which files differ from the stage before, and why."""

    number: int
    name: str  # of its folder: "03_waitall"
    title: Bilingual
    shows: Bilingual = Bilingual()  # what still goes wrong, on purpose
    cures: Bilingual = Bilingual()  # what went wrong before
    learnt: Bilingual = Bilingual()  # what whoever has built it knows now, in a sentence or two
    changes: dict[str, Bilingual] = field(default_factory=dict)  # by file


@dataclass(frozen=True)
class Run:
    """A pair to run: a stage and the options that each side gets in front of its operands."""

    stage: int
    server: tuple[str, ...] = ()
    client: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lesson:
    """One failure of the notes: the run that shows it, and the run that doesn't any more."""

    id: str
    title: Bilingual
    shown_by: Run
    cured_from: int  # the number of the first stage whose reference pair doesn't show it
    cured_by: Run  # the run that shows the cure: `cured_from`, with options where it is the same stage
    scenario: str  # the module of bytetrain.lessons that plays it
    look: Bilingual = Bilingual()  # what to look at while it is shown, in one sentence

    @property
    def in_calls(self) -> bool:
        """Whether one run shows both: what a call of the kernel does, and that the program copes with it."""
        return self.shown_by == self.cured_by


def load_stage(folder: Path) -> Stage:
    """One stage from its folder's stage.toml."""
    table = load_toml(folder / "stage.toml")
    return Stage(
        number=int(folder.name[:2]),
        name=folder.name,
        title=Bilingual.of(table, "title"),
        shows=Bilingual.of(table, "shows"),
        cures=Bilingual.of(table, "cures"),
        learnt=Bilingual.of(table, "learnt"),
        changes={str(file): Bilingual(**why) for file, why in table.get("changes", {}).items()},
    )


def stages(submission: Path = STAGES) -> list[Stage]:
    """The stages of a submission that have a stage.toml, in order (only the reference needs one)."""
    folders = [stage_dir(submission, number) for number in stages_of(submission)]
    return [load_stage(folder) for folder in folders if folder and (folder / "stage.toml").is_file()]


def _run(table: dict[str, Any]) -> Run:
    return Run(int(table["stage"]), tuple(table.get("server", ())), tuple(table.get("client", ())))


def _lesson(table: dict[str, Any]) -> Lesson:
    cured_from = int(table["cured_from"])
    return Lesson(
        id=str(table["id"]),
        title=Bilingual.of(table, "title"),
        shown_by=_run(table["shown_by"]),
        cured_from=cured_from,
        cured_by=_run(table["cured_by"]) if "cured_by" in table else Run(cured_from),
        scenario=str(table.get("scenario", table["id"])),
        look=Bilingual.of(table, "look"),
    )


@functools.lru_cache(maxsize=None)
def lessons(path: Path = LESSONS) -> tuple[Lesson, ...]:
    """The lessons in the order in which they are taught."""
    return tuple(_lesson(table) for table in load_toml(path)["lesson"])


def lesson(lesson_id: str) -> Lesson:
    """The lesson of that id; KeyError if there is none."""
    return {each.id: each for each in lessons()}[lesson_id]


SIDES = ("client", "server")
FIRST_TIME = 8  # how much more a check weighs in the stage from which it counts


@dataclass(frozen=True)
class Check:
    """One check of the grader: what a correct program does, in which stages it counts, and what helps who fails it."""

    id: str
    first: int  # the stage from which it counts
    last: int
    weight: int  # its share of a stage's points; 0 for what is about the reference pairs alone
    title: Bilingual
    page: str = ""  # of docs/en: "stage-03.md", "contract.md#the-client"
    contract: str = ""  # words of docs/en/contract.md that promise it; "" only where it earns no points
    lesson: str = ""  # of lessons.toml
    calls: tuple[str, ...] = SIDES  # whose system calls the story of a failure shows
    needs: tuple[str, ...] = ()  # the checks without which it can't be judged
    long: bool = False  # it takes seconds, or waits for a time of the contract: who grades begins with it
    hints: tuple[Bilingual, ...] = ()  # from a nudge to the man page

    @property
    def stages(self) -> range:
        return range(self.first, self.last + 1)


@dataclass(frozen=True)
class Rubric:
    """All checks, and what they are worth. The denominators don't depend on what was run, or on what was handed in."""

    stage_points: dict[int, int]  # 100 over all stages
    checks: dict[str, Check]
    steps: tuple[PageStep, ...] = ()
    _told: dict[int, list[Check]] = field(default_factory=dict, compare=False)

    def of_stage(self, stage: int) -> list[Check]:
        """The checks that count in a stage, as they are run and told: what this page builds, step by step; then what
        earlier pages have built. In front of each stands what it needs, and nothing that only later steps rest on."""
        if stage not in self._told:
            self._told[stage] = self._in_order(stage)
        return self._told[stage]

    def _in_order(self, stage: int) -> list[Check]:
        by_page = sorted(self.steps, key=lambda step: (step.stage != stage, step.stage))
        ids = (each for step in by_page for each in (*step.checks, *(step.again if step.stage == stage else ())))
        named = [self.checks[each] for each in ids if each in self.checks]
        counting = [check for check in (*named, *self.checks.values()) if stage in check.stages]
        with_needs = (each for check in counting for each in (*self.all_needs(check, stage), check))
        return list({each.id: each for each in with_needs}.values())

    def needs(self, check: Check, stage: int) -> list[Check]:
        """Those that have to hold before it can be judged in a stage."""
        return [self.checks[each] for each in check.needs if each in self.checks and stage in self.checks[each].stages]

    def all_needs(self, check: Check, stage: int) -> Iterator[Check]:
        """And what those need: the first thing first."""
        for each in self.needs(check, stage):
            yield from self.all_needs(each, stage)
            yield each

    def points(self, check: Check, stage: int) -> Fraction:
        """What a check is worth in a stage: its share, by weight, of the points of the stage.

        Where it counts for the first time it weighs several times as much: a stage is graded for its own lesson first.
        """
        return Fraction(self.stage_points[stage] * _weight(check, stage), self._whole(stage))

    def _whole(self, stage: int) -> int:
        return sum(_weight(each, stage) for each in self.of_stage(stage))


def _weight(check: Check, stage: int) -> int:
    return check.weight * (FIRST_TIME if stage == check.first else 1)


def _check(table: dict[str, Any], calls: dict[str, list[str]], needs: dict[str, list[str]]) -> Check:
    group = str(table["id"]).partition(".")[0]
    return Check(
        id=str(table["id"]),
        first=int(table.get("from", 1)),
        last=int(table.get("to", stage_numbers()[-1])),
        weight=int(table["weight"]),
        title=Bilingual.of(table, "title"),
        page=str(table.get("page", "")),
        contract=str(table.get("contract", "")),
        lesson=str(table.get("lesson", "")),
        calls=tuple(table.get("calls", calls.get(group, SIDES))),
        needs=tuple(table.get("needs", needs.get(group, ()))),
        long=bool(table.get("long", False)),
        hints=Bilingual.each_of(table, "hints"),
    )


@functools.lru_cache(maxsize=None)
def rubric(path: Path = CHECKS) -> Rubric:
    """The checks of harness/checks.toml, in the order of the steps.toml beside it, if there is one."""
    table = load_toml(path)
    points = {stage: traits(stage).points for stage in stage_numbers()}
    checks = [_check(each, table.get("calls", {}), table.get("needs", {})) for each in table["check"]]
    beside = path.with_name(STEPS.name)
    return Rubric(points, {check.id: check for check in checks}, steps(beside) if beside.is_file() else ())


@dataclass(frozen=True)
class Mistake:
    """A classic, as a Diagnosis names it."""

    id: str
    title: Bilingual  # what went wrong, in one sentence
    hints: tuple[Bilingual, ...]  # from a nudge to the man page
    one_cause: bool  # whether two failures that show it have one cause


@functools.lru_cache(maxsize=None)
def mistakes(path: Path = DIAGNOSES) -> dict[str, Mistake]:
    """Those of harness/diagnoses.toml, by their ids."""
    found = [
        Mistake(str(each["id"]), Bilingual.of(each, "title"), Bilingual.each_of(each, "hints"),
                bool(each.get("one_cause", True)))
        for each in load_toml(path)["mistake"]
    ]
    return {each.id: each for each in found}
