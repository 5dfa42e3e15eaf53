"""Which checks run, and in which stages: options of the command line against the catalogue."""

from __future__ import annotations

import difflib
import os
import re
import secrets
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Optional

import pytest

from ..course.catalogue import SIDES, Lesson, Rubric, lesson, rubric
from ..course.paths import CHECKS, STAGES
from ..course.steps import PageStep, steps_of
from ..course.traits import numbered, stage_numbers
from .hooks import wrong_usage
from .order import node_id


def add_options(group: Any) -> None:
    group.addoption("--submission", metavar="DIR", default=str(STAGES), help="what to grade (default: stages/)")
    group.addoption(
        "--stage", metavar="N", action="append", default=[], help="grade this stage only; again, or 2,3, for more"
    )
    group.addoption(
        "--step", metavar="N", type=int, default=None,
        help="what belongs to this step of the stage's page only (\"Build it\"), with one --stage",
    )
    group.addoption(
        "--check", metavar="ID", action="append", default=[], help="this check only (client.head_split, 'exit.*')"
    )
    group.addoption("--case", metavar="CASE", default=None, help="this case of a check only, as its story names it")
    group.addoption(
        "--seed", metavar="N", type=int, default=None,
        help="what the content of all files depends on (default: drawn for each run; 0 for the reference)",
    )
    group.addoption(
        "--preset", metavar="NAME", default="release", help="a preset of CMakePresets.json (default: release)"
    )


def submission_of(config: pytest.Config) -> Path:
    return Path(str(config.getoption("--submission"))).resolve()


def rubric_of(config: pytest.Config) -> Rubric:
    """The catalogue beside the conftest.py of this run."""
    beside = Path(str(config.rootpath)) / CHECKS.name
    return rubric(beside if beside.is_file() else CHECKS)


def draw_seed(config: pytest.Config) -> int:
    """The seed of this run; pytest-xdist gives its workers the options as they are then."""
    if config.getoption("--seed") is None:
        config.option.seed = 0 if submission_of(config) == STAGES else 1 + secrets.randbelow(10**9)
    return int(config.getoption("--seed"))


def chosen_stages(config: pytest.Config) -> list[int]:
    """The numbers that --stage names, or all of them."""
    words = [word for option in config.getoption("--stage") for word in str(option).split(",")]
    try:
        numbers = [int(word.split("_")[0]) for word in words]
    except ValueError:
        numbers = [0]
    if not set(numbers) <= set(stage_numbers()):
        raise wrong_usage(f"--stage {','.join(words)}: {numbered()}")
    return sorted(set(numbers)) or list(stage_numbers())


def chosen_checks(config: pytest.Config) -> list[str]:
    """The patterns of --check; each must mean something."""
    patterns = [word for option in config.getoption("--check") for word in str(option).split(",")]
    known, stages = rubric_of(config).checks, chosen_stages(config)
    for pattern in patterns:
        found = [check for check in known.values() if fnmatchcase(check.id, pattern)]
        if not found:
            raise wrong_usage(f"--check {pattern}: there is no such check{_instead(pattern, known)}")
        if not any(stage in check.stages for check in found for stage in stages):
            first, last = min(check.first for check in found), max(check.last for check in found)
            counts = f"from stage {first:02d} to {last:02d}" if first < last else f"in stage {first:02d} only"
            raise wrong_usage(f"--check {pattern}: nothing of it in stage {_listed(stages)}; it counts {counts}")
    return patterns


def _listed(stages: Iterable[int]) -> str:
    return ", ".join(f"{stage:02d}" for stage in stages)


def _instead(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=3)
    return f"; there is {', '.join(near)}" if near else f" in {CHECKS.name}"


def chosen_step(config: pytest.Config) -> Optional[PageStep]:
    """The step that --step names; None: all of them."""
    stages = chosen_stages(config)
    number: Optional[int] = config.getoption("--step")
    if number is None:
        return None
    if len(stages) != 1:
        raise wrong_usage("--step is a step on the page of one stage: name that with --stage")
    found = steps_of(stages[0], rubric_of(config).steps)
    if not 1 <= number <= len(found):
        raise wrong_usage(f"--step {number}: the page of stage {stages[0]:02d} has the steps 1 to {len(found)}")
    step = found[number - 1]
    if not step.checks:
        words = f"--step {number}, {step.title.en}: nothing of it can be seen from outside; go on with the next one"
        raise wrong_usage(words)
    return step


def check_options(config: pytest.Config) -> None:
    """UsageError, in one line, for what can't be meant."""
    chosen_stages(config)
    chosen_checks(config)
    chosen_step(config)
    if not os.path.isdir(submission_of(config)):
        raise wrong_usage(f"--submission {submission_of(config)}: there is no such folder")


def parametrize(metafunc: pytest.Metafunc) -> None:
    """A check runs once in each stage in which it counts and that was chosen; one of a lesson ("lesson.*") once for
    each lesson as well."""
    marker = metafunc.definition.get_closest_marker("check")
    if marker is None:
        return
    pattern = str(marker.args[0])
    known = rubric_of(metafunc.config)
    wanted = chosen_stages(metafunc.config)
    if pattern.endswith("*"):
        start = pattern[:-1]
        found = [check for check in known.checks.values() if check.id.startswith(start)]
        pairs = [(lesson(check.id[len(start) :]), number) for check in found for number in check.stages]
        chosen = [(each, number) for each, number in pairs if number in wanted]
        ids = [f"{each.id}-stage{number:02d}" for each, number in chosen]
        metafunc.parametrize(("lesson", "stage"), chosen, ids=ids, scope="session")
        return
    if pattern not in known.checks:
        raise wrong_usage(f"{metafunc.definition.nodeid}: {CHECKS.name} knows no check {pattern!r}")
    numbers = [number for number in known.checks[pattern].stages if number in wanted]
    metafunc.parametrize("stage", numbers, ids=[f"stage{number:02d}" for number in numbers], scope="session")


def check_of(item: pytest.Item) -> Optional[str]:
    """The id of the check that an item runs, or None if it is no check."""
    marker = item.get_closest_marker("check")
    if marker is None:
        return None
    pattern = str(marker.args[0])
    if not pattern.endswith("*"):
        return pattern
    chosen = parameters(item).get("lesson")
    return pattern[:-1] + chosen.id if isinstance(chosen, Lesson) else pattern  # NOTSET: none was chosen


def sides_of(item: pytest.Item) -> tuple[str, ...]:
    """Whose system calls the story of an item's failure shows: "client", "server" or both."""
    check = rubric_of(item.config).checks.get(check_of(item) or "")
    return check.calls if check is not None else SIDES


def stage_of(item: pytest.Item) -> Any:
    """The stage that a check runs for: its number, None if it asks for no stage, or pytest's NOTSET."""
    return parameters(item).get("stage")


def case_of(item: pytest.Item) -> str:
    """Which of its cases a check runs: what pytest calls it, without stage and lesson. "" if it has only one."""
    callspec = getattr(item, "callspec", None)
    if callspec is None or "lesson" in callspec.params:
        return ""
    return re.sub(r"(^|-)stage\d\d(?=-|$)", "", callspec.id).lstrip("-")


def parameters(item: pytest.Item) -> dict[str, Any]:
    callspec = getattr(item, "callspec", None)
    return dict(callspec.params) if callspec is not None else {}


def in_steps(config: pytest.Config, items: list[pytest.Item]) -> list[pytest.Item]:
    """In the order in which a student builds: stage by stage, step by step. What is no check comes last."""
    order = {stage: [each.id for each in rubric_of(config).of_stage(stage)] for stage in chosen_stages(config)}

    def place(item: pytest.Item) -> tuple[int, int]:
        check, stage = check_of(item), stage_of(item)
        if check is None or check not in order.get(stage, ()):
            return len(items), 0
        return stage, order[stage].index(check)

    return sorted(items, key=place)


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the items that were chosen, in the order of the stages; those about the reference are skipped for
    others."""
    patterns, case, step = chosen_checks(config), config.getoption("--case"), chosen_step(config)

    def wanted(item: pytest.Item) -> bool:
        check = check_of(item)
        if check is None:
            return not patterns and step is None
        if not isinstance(stage_of(item), int):  # --stage names none of its stages: pytest would show it as skipped
            return False
        fits = not patterns or any(fnmatchcase(check, pattern) for pattern in patterns)
        fits = fits and (step is None or check in step.checks)
        return fits and case in (None, case_of(item))

    chosen = [item for item in items if wanted(item)]
    if patterns and case is not None and not chosen:
        raise wrong_usage(f"--case {case}: {', '.join(patterns)} has no such case")
    items[:] = in_steps(config, chosen)
    for item in items:
        check = check_of(item)
        if check is not None:
            item._nodeid = node_id(check, item.nodeid)
    if submission_of(config) == STAGES:
        return
    skip = pytest.mark.skip(reason="about the reference pairs, not about a submission")
    for item in items:
        if (check_of(item) or "").startswith("reference."):
            item.add_marker(skip)
