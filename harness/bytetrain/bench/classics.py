"""Time to feedback: a correct submission with one classic mistake, graded as its author would have it graded."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..course.paths import HARNESS, REPO
from ..grading.records import Verdict
from ..grading.words import MARKS
from ..upkeep.mutants import MUTANTS, apply_patch, read_header
from .meters import BenchError

CLASSICS, HANGING = MUTANTS / "classics", MUTANTS / "hanging"
CORRECT = HARNESS / "submissions" / "c_poll"


@dataclass(frozen=True)
class Classic:
    """A patch of the correct submission."""

    path: Path
    mistake: str
    stage: int
    first: str  # the check whose story should be told first
    cause: str  # the classic mistake that it should name; "none" if only its calls show it, or nothing can

    @property
    def name(self) -> str:
        return self.path.stem

    @classmethod
    def load(cls, path: Path) -> "Classic":
        header = read_header(path, {"Mistake", "Stage", "First", "Cause"})
        return cls(path, header["Mistake"], int(header["Stage"]), header["First"], header["Cause"])

    def make(self, folder: Path) -> None:
        """The submission with this mistake, in a new folder."""
        shutil.copytree(CORRECT, folder)
        refused = apply_patch(self.path, folder)
        if refused:
            raise BenchError(f"{self.path.name} no longer applies to {CORRECT.name}: {refused}")


def load_classics(folder: Path = CLASSICS) -> list[Classic]:
    return [Classic.load(path) for path in sorted(folder.glob("*.patch"))]


@dataclass(frozen=True)
class Told:
    """What came of one grading, in seconds from the command on; the build is part of it."""

    classic: Classic
    first: float  # until the first story
    end: float
    checks: tuple[str, ...]  # whose stories were told, in this order

    def as_data(self) -> dict[str, Any]:
        return {
            "name": self.classic.name, "stage": self.classic.stage, "first": self.first, "end": self.end,
            "wanted": self.classic.first, "told": list(self.checks),
        }


def time_to_story(classic: Classic, scratch: Path) -> Told:
    """Grades it by the command that a user types, in whatever sandbox there is."""
    submission = scratch / classic.name
    classic.make(submission)
    words = ["test", "--submission", submission, "--stage", classic.stage, "--results", scratch / "results.json"]
    began = time.perf_counter()
    first, told, last = 0.0, [], ""
    with subprocess.Popen(
        [str(REPO / "lab"), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="surrogateescape",
    ) as grading:
        assert grading.stdout is not None
        for line in grading.stdout:
            if check := check_told_in(line):
                first = first or time.perf_counter() - began
                told.append(check)
            last = line.strip() or last
    end = time.perf_counter() - began
    shutil.rmtree(submission)
    if not told:
        raise BenchError(f"{classic.name}: no story was told; the last line is {last!r}")
    return Told(classic, first, end, tuple(told))


def check_told_in(line: str) -> str:
    """The id of the check whose failure is told from this line on; or ""."""
    mark = f"{MARKS[Verdict.FAIL]} "
    return line[len(mark) :].partition(":")[0].strip() if line.startswith(mark) else ""


def time_all(scratch: Path, folder: Path = CLASSICS) -> Iterator[Told]:
    for classic in load_classics(folder):
        yield time_to_story(classic, scratch)


def in_sum(told: Sequence[dict[str, Any]]) -> str:
    """Median and worst of the times to the first story."""
    times = [each["first"] for each in told]
    return f"first story: median {statistics.median(times):.1f} s, worst {max(times):.1f} s"


def recorded(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the pages tell of it: when, where, and how long each took."""
    times = {
        kind: [{key: each[key] for key in ("name", "stage", "first", "end")} | {"told": each["told"][0]}
               for each in data[kind]]
        for kind in ("classics", "hanging")
    }
    return {**{key: data[key] for key in ("date", "commit", "machine")}, **times}
