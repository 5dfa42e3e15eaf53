"""The results of a run: verdicts and points, check by check and stage by stage. docs/en/results.md tells the schema.

Denominators come from the rubric alone: what was not run, or not handed in, is missing above the line, never below it.
"""

from __future__ import annotations

import platform
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, Optional

from ..course.catalogue import Check, Rubric, load_stage, mistakes
from ..course.folders import handed_in
from ..course.paths import STAGES
from ..programs import containment
from ..telling.text import as_json
from .records import Record, Verdict, hints_of
from .schema import SCHEMA

PASS, FAIL, ERROR = 0, 1, 3  # exit statuses; 2 and 4 are pytest's own: interrupted, bad command line
OUTCOMES = {PASS: "pass", FAIL: "fail", ERROR: "harness error"}


class Results:
    """Takes in records as they come."""

    def __init__(self, rubric: Rubric, submission: Path, preset: str, stages: list[int]) -> None:
        self.rubric = rubric
        self.submission = submission
        self.preset = preset
        self.stages = stages  # those that were asked for
        self.folders = handed_in(submission)  # of the stages that it holds; decided before any program of it runs
        self.protection = ""  # what keeps the submission from doing harm
        self.begun = False  # True once there is a report of a check, so programs may have run
        self.all_checks = False  # True: each is judged, even if one that it needs has failed
        self.partial = False  # True if checks or cases were chosen, or the run was interrupted
        self.interrupted = False  # True then: by whoever grades, or by a program that can signal its judge
        self.began = time.time()
        self.warnings: dict[int, list[str]] = {}  # of builds that have succeeded, stage by stage
        self.failures = 0  # of cases, so far
        self._cases: dict[tuple[str, int], dict[str, Record]] = {}
        self.strays: list[Record] = []  # harness errors outside of any check

    def add(self, record: Record) -> Record:
        """Takes in a phase of a case; returns the case as it is known now."""
        self.failures += record.verdict is Verdict.FAIL
        cases = self._cases.setdefault((record.check, record.stage), {})
        if record.case in cases:
            cases[record.case].takes_in(record)
        else:
            cases[record.case] = record
        return cases[record.case]

    @property
    def complete(self) -> bool:
        """Whether every check that counts in the stages that were asked for has its verdict, from all of its cases."""
        counting = ((check, stage) for stage in self.stages for check in self.rubric.of_stage(stage) if check.weight)
        return not self.partial and all(self.verdict(check.id, stage) for check, stage in counting)

    def cases(self, check: str, stage: int) -> list[Record]:
        return list(self._cases.get((check, stage), {}).values())

    def verdict(self, check: str, stage: int) -> Optional[Verdict]:
        """The verdict of a check in a stage; None if it was not run, or what was run of it is not all and tells
        nothing."""
        cases = self.cases(check, stage)
        ours = any(case.verdict is Verdict.HARNESS_ERROR for case in cases)
        if not ours and self.missing_need(check, stage):
            return Verdict.NOT_REACHED
        if not cases:
            return None
        decided = [case.verdict for case in cases if case.verdict is not Verdict.NOT_APPLICABLE]
        found = Verdict.worst(decided) if decided else Verdict.NOT_APPLICABLE
        # A case that nobody has heard of again, because its judge was ended, may have been the one that fails.
        if found in (Verdict.PASS, Verdict.NOT_APPLICABLE) and self.cases_run(check, stage):
            return None
        return found

    def cases_run(self, check: str, stage: int) -> str:
        """"2 of its 5 cases", if some were run and not all, as in a run that was broken off; "" else."""
        cases = self.cases(check, stage)
        every = max((case.cases for case in cases), default=0)
        return f"{len(cases)} of its {every} cases" if len(cases) < every else ""

    def missing_need(self, check: str, stage: int) -> str:
        """The check that has failed, without which this one can't be judged; "" if there is none."""
        known = self.rubric.checks.get(check)
        if known is None or self.all_checks:
            return ""
        for need in self.rubric.needs(known, stage):
            if missing := self.missing_need(need.id, stage):
                return missing
            if self.verdict(need.id, stage) is Verdict.FAIL:
                return need.id
        return ""

    def first_failure(self, check: str, stage: int) -> Optional[Record]:
        """The case whose story is told."""
        verdict = self.verdict(check, stage)
        return next((case for case in self.cases(check, stage) if case.verdict is verdict), None)

    def handed_in(self, stage: int) -> bool:
        return stage in self.folders

    def build_failure(self, stage: int) -> Optional[Record]:
        """Why a stage could not be built."""
        every = (case for (_, number), cases in self._cases.items() if number == stage for case in cases.values())
        return next((case for case in every if case.build_failed), None)

    def earned(self, check: Check, stage: int) -> Fraction:
        """Points that a check has earned in a stage. What can't be tried on this machine is not held against anyone."""
        earns = self.verdict(check.id, stage) in (Verdict.PASS, Verdict.NOT_APPLICABLE) and self.handed_in(stage)
        return self.rubric.points(check, stage) if earns else Fraction(0)

    def stage_points(self, stage: int) -> Fraction:
        if self.build_failure(stage):
            return Fraction(0)
        return sum((self.earned(check, stage) for check in self.rubric.of_stage(stage)), Fraction(0))

    @property
    def points(self) -> Fraction:
        return sum((self.stage_points(stage) for stage in self.rubric.stage_points), Fraction(0))

    def all_verdicts(self) -> list[Verdict]:
        return [case.verdict for cases in self._cases.values() for case in cases.values()]

    @property
    def exit_status(self) -> int:
        verdicts = self.all_verdicts()
        if self.strays or Verdict.HARNESS_ERROR in verdicts:
            return ERROR
        nothing_there = not any(map(self.handed_in, self.stages))
        return FAIL if Verdict.FAIL in verdicts or nothing_there else PASS

    def as_data(self) -> dict[str, Any]:
        """Everything, in the schema of docs/en/results.md."""
        of = sum(self.rubric.stage_points.values())
        checks = [
            self._check_data(check, stage)
            for stage in self.rubric.stage_points
            for check in self.rubric.of_stage(stage)
            if stage in self.stages and (check.weight or self.cases(check.id, stage))
        ]
        return {
            "schema": SCHEMA,
            "submission": str(self.submission),
            "preset": self.preset,
            "protection": self.protection,
            "machine": f"{platform.system()} {platform.release()}, {platform.machine()}",
            "began": round(self.began, 3),
            "seconds": round(time.time() - self.began, 3),
            "complete": self.complete,
            "outcome": OUTCOMES[ERROR if self.interrupted else self.exit_status],
            "points": _points(self.points),
            "of": of,
            "stages": [self._stage_data(stage) for stage in self.rubric.stage_points],
            "checks": checks,
            "harness_errors": [stray.as_data() for stray in self.strays],
        }

    def _stage_data(self, stage: int) -> dict[str, Any]:
        reference = load_stage(next(STAGES.glob(f"{stage:02d}_*")))
        failure = self.build_failure(stage)
        state = "missing" if not self.handed_in(stage) else "build failed" if failure else "graded"
        if stage not in self.stages:
            state = "not asked for"
        return {
            "stage": stage, "title": reference.title.en, "title_zh": reference.title.zh, "state": state,
            "points": _points(self.stage_points(stage)), "of": self.rubric.stage_points[stage],
            "message": failure.message if failure else "", "warnings": self.warnings.get(stage, []),
        }

    def _check_data(self, check: Check, stage: int) -> dict[str, Any]:
        verdict, told = self.verdict(check.id, stage), self.first_failure(check.id, stage)
        cases = self.cases(check.id, stage)
        wrong = told if told is not None and verdict in (Verdict.FAIL, Verdict.HARNESS_ERROR) else None
        hints = hints_of(wrong, check)
        why = told.message if told is not None and verdict in (Verdict.NOT_APPLICABLE, Verdict.NOT_GRADED) else ""
        if verdict is None and (some := self.cases_run(check.id, stage)):
            why = f"only {some} were run"
        if verdict is Verdict.NOT_REACHED:
            why = f"{self.missing_need(check.id, stage)} fails"
        return {
            "id": check.id, "stage": stage, "verdict": verdict.value if verdict else "not run",
            "why": why,
            "points": _points(0 if self.build_failure(stage) else self.earned(check, stage)),
            "of": _points(self.rubric.points(check, stage)),
            "title": check.title.en, "title_zh": check.title.zh, "lesson": check.lesson, "page": check.page,
            "hints": [each.en for each in hints], "hints_zh": [each.zh for each in hints],
            "seconds": round(sum(case.seconds for case in cases), 3),
            "cases": [{"case": case.case, "verdict": case.verdict.value} for case in cases],
            "story": _story_data(wrong) if wrong else None,
        }


def _story_data(record: Record) -> dict[str, Any]:
    data = record.as_data()
    kept = ("case", "message", "expected", "actual", "steps", "output", "calls")
    return {**{key: data[key] for key in kept}, "diagnosis": _diagnosis_data(record), "again": record.again}


def _diagnosis_data(record: Record) -> Optional[dict[str, str]]:
    if not record.diagnosis:
        return None
    title = mistakes()[record.diagnosis["id"]].title
    return {"id": record.diagnosis["id"], "title": title.en, "title_zh": title.zh, "words": record.diagnosis["words"]}


def _points(value: Fraction | int) -> float:
    return round(float(value), 4)


def write(data: dict[str, Any], path: Path) -> None:
    """Writes results so that a reader finds the old ones or the new ones, never a half."""
    text = as_json(data)
    descriptor = containment.output("results")
    if descriptor is not None:  # whoever is outside does the rest
        with open(descriptor, "w", encoding="utf-8", closefd=False) as file:
            file.write(text)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def forget(path: Path) -> None:
    """Removes old results: they are none of a run that has begun, even if it is cut off."""
    if containment.output("results") is not None:
        containment.say("begun")
    else:
        path.unlink(missing_ok=True)
