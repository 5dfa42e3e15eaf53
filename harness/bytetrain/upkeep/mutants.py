"""The grader is graded: reference stages with one mistake each, and the checks that must catch it.

    ./lab mutants                    every mutant against the checks that its patch names
    ./lab mutants 03-one-recv ...    only those whose name begins like that
    ./lab mutants --full             against every check of its stage: the whole matrix (takes long)
    ./lab mutants --first            as a student is told of it: is the first story that of the check named first?

A mutant is a patch of a stage folder, with a header: harness/mutants/README.md. It is killed only by a verdict "fail".
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from threading import Lock
from typing import Any, Optional

from ..course.catalogue import rubric
from ..course.folders import stage_dir
from ..course.paths import BUILD, REPO, STAGES
from ..grading.command import grading_command
from ..telling.ending import end_with
from ..telling.text import as_json

MUTANTS = REPO / "harness" / "mutants"
WORK = BUILD / "mutants"
MATRIX = BUILD.parent / "mutants.json"
_LIMIT = 15.0  # seconds after which a mutant that hangs is given up; far above what a check takes
HEADER = re.compile(r"^([A-Z][a-z-]+): (.+)$", re.MULTILINE)


class Unusable(Exception):
    """A mutant that says nothing about the grader: its patch doesn't apply, or it doesn't build. Says how to mend
    it."""


@dataclass(frozen=True)
class Mutant:
    """One mistake in one stage."""

    path: Path
    mistake: str
    stage: int
    first: int  # the stage from which checks count the mistake
    killers: tuple[str, ...]  # ids of the checks that must catch it
    step: int = 0  # of its page, up to which it has all that is asked for; 0 if that isn't said

    @property
    def name(self) -> str:
        return self.path.stem

    @classmethod
    def load(cls, path: Path) -> "Mutant":
        header = read_header(path, {"Mistake", "Stage", "From", "Killed-by"})
        killers = tuple(header["Killed-by"].split())
        stages = int(header["Stage"]), int(header["From"])
        return cls(path, header["Mistake"], *stages, killers, int(header.get("Step", 0)))

    @property
    def builds(self) -> bool:
        return "stage.builds" not in self.killers


def read_header(path: Path, wanted: set[str]) -> dict[str, str]:
    """The lines above a patch that say what it is. Unusable unless it has those that are wanted."""
    header = dict(HEADER.findall(path.read_text(encoding="utf-8").partition("\n--- ")[0]))
    missing = wanted - set(header)
    if missing:
        raise Unusable(f"{path.name}: its header has no line {', '.join(sorted(missing))}: see mutants/README.md")
    return header


def apply_patch(path: Path, folder: Path) -> str:
    """"", or what patch says if the patch doesn't apply to a folder as it is."""
    command = ["patch", "-p1", "--fuzz=0", "--quiet", "--no-backup-if-mismatch", "-i", str(path)]
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape"
    )
    return "" if done.returncode == 0 else " ".join(done.stdout.split()) or f"status {done.returncode}"


class Mode(Enum):
    """Which checks a mutant is graded with."""

    NAMED = "the checks that its patch names"
    FULL = "every check of its stage"
    FIRST = "those up to the first story"


@dataclass
class Outcome:
    """What the grader made of a mutant."""

    mutant: Mutant
    verdicts: dict[str, str] = field(default_factory=dict)  # of the checks that were run
    mode: Mode = Mode.NAMED
    unusable: str = ""

    @property
    def told(self) -> str:
        """The check whose story comes first; "" if there is none."""
        return next((check for check, verdict in self.verdicts.items() if verdict == "fail"), "")

    @property
    def survived(self) -> list[str]:
        """The checks that should have caught it, or been told first, and have not."""
        if self.mode is Mode.FIRST:
            return [self.mutant.killers[0]] if self.told != self.mutant.killers[0] else []
        return [check for check in self.mutant.killers if self.verdicts.get(check) != "fail"]


def load_all(names: Sequence[str] = (), folder: Path = MUTANTS) -> list[Mutant]:
    """The mutants whose name begins with one of `names` (all, without any), in order."""
    paths = sorted(folder.glob("*.patch"))
    return [Mutant.load(path) for path in paths if not names or path.name.startswith(tuple(names))]


class Bench:
    """A copy of each stage to break and mend again. The reference is built once and kept: only what a patch changes is
    built for it, and what was built before comes back as it was, with its times, so that make sees no change. Mutants
    of one stage take turns; what was made of them stays, each in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._whole: set[str] = set()  # the stages whose reference is built
        self._turns: dict[int, Lock] = defaultdict(Lock)  # of each stage

    def submission(self, mutant: Mutant) -> Path:
        """Applies a patch, builds, and mends the stage again. Returns a submission that holds the mutant alone;
        Unusable if it can't be made."""
        with self._turns[mutant.stage]:
            try:
                return self._break_stage(mutant)
            finally:
                self._bring_back(self.folder / "build" / _reference(mutant).name)

    def results(self, mutant: Mutant) -> Path:
        """Where the grader's results for it go."""
        return self.folder / "results" / f"{mutant.name}.json"

    def clear_away(self, mutant: Mutant) -> None:
        shutil.rmtree(self.folder / "submissions" / mutant.name, ignore_errors=True)

    def _break_stage(self, mutant: Mutant) -> Path:
        reference = _reference(mutant)
        source, build = self.folder / "source" / reference.name, self.folder / "build" / reference.name
        self._copy(reference, source)
        if mutant.builds and reference.name not in self._whole:
            self._build_reference(source, build)
            self._whole.add(reference.name)
        self._patch(mutant, source)
        self.clear_away(mutant)
        submission = self.folder / "submissions" / mutant.name
        if not mutant.builds:
            shutil.copytree(source, submission / reference.name)
            return submission
        _run(["cmake", "--build", str(build)], mutant.name)
        (submission / reference.name).mkdir(parents=True)
        for program in ("server", "client"):
            shutil.copy2(build / program, submission / reference.name)
        return submission

    def _copy(self, reference: Path, source: Path) -> None:
        shutil.rmtree(source, ignore_errors=True)
        shutil.copytree(reference, source, ignore=shutil.ignore_patterns("tests"))  # with its times

    def _build_reference(self, source: Path, build: Path) -> None:
        self._bring_back(build)  # an earlier run may have been killed in the midst of a mutant
        options = ["-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O0"]
        _run(["cmake", "-S", str(source), "-B", str(build), *options], source.name)
        for _ in range(2):  # CMake's makefiles take up what the compiler says of headers when they run again
            _run(["cmake", "--build", str(build)], source.name)
        kept, new = self._kept(build), build.with_name(f"{build.name}.new")
        for folder in (kept, new):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(build, new)
        new.rename(kept)  # never half of it

    def _kept(self, build: Path) -> Path:
        return build.with_name(f"{build.name}.kept")

    def _bring_back(self, build: Path) -> None:
        kept = self._kept(build)
        for file in (each for each in kept.rglob("*") if each.is_file()):
            there = build / file.relative_to(kept)
            if not there.exists() or there.stat().st_mtime_ns != file.stat().st_mtime_ns:
                shutil.copy2(file, there)

    def _patch(self, mutant: Mutant, source: Path) -> None:
        refused = apply_patch(mutant.path, source)
        if refused:
            raise Unusable(
                f"{mutant.name} no longer applies to {source.name}: {refused}\n"
                "  The stage has changed under it. Make the same mistake in a copy of the stage, and write the "
                "difference:\n"
                f"  diff -u stages/{source.name}/FILE copy/FILE, with a/FILE and b/FILE as its names, below the old "
                "header."
            )


def _reference(mutant: Mutant) -> Path:
    """The folder of the stage that it breaks."""
    folder = stage_dir(STAGES, mutant.stage)
    assert folder is not None
    return folder


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape")
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if "error" in line.lower()][:5]
        raise Unusable(f"{what} doesn't build:\n" + "\n".join(f"  {line}" for line in errors))


def grade(mutant: Mutant, bench: Bench, mode: Mode) -> Outcome:
    """Makes a mutant, and grades it."""
    try:
        submission = bench.submission(mutant)
        chosen = [f"--check={','.join(mutant.killers)}"] if mode is Mode.NAMED else []
        chosen += ["--first"] if mode is Mode.FIRST else ["--all-checks"]
        return Outcome(mutant, verdicts_of(submission, mutant.stage, chosen, bench.results(mutant)), mode)
    except Unusable as why:
        return Outcome(mutant, unusable=str(why))
    finally:
        bench.clear_away(mutant)


def verdicts_of(submission: Path, stage: int, options: Sequence[str], results: Path) -> dict[str, str]:
    """Grades a submission: {id: verdict}, in the order in which stories are told. The first case of a check that fails
    decides it."""
    results.unlink(missing_ok=True)
    command = grading_command(
        submission, results, "--no-calls", "--containment=limits", f"--stage={stage}", *options
    )
    environment = {**os.environ, **({} if "--first" in options else {"BYTETRAIN_LIMIT": f"{_LIMIT:g}"})}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        errors="surrogateescape"
    )
    if not results.exists():
        raise Unusable(f"the grader gave no results (status {done.returncode}):\n{done.stdout[-2000:]}")
    data = json.loads(results.read_text(encoding="utf-8"))
    return {each["id"]: _verdict(each) for each in data["checks"] if each["verdict"] != "not run"}


def _verdict(check: dict[str, Any]) -> str:
    """A check that passes, but for a case that this machine can't try, has not told whether it would have caught it."""
    untried = any(case["verdict"] == "not applicable" for case in check["cases"])
    return "not applicable" if untried and check["verdict"] == "pass" else str(check["verdict"])


def grade_all(mutants: Sequence[Mutant], jobs: int, mode: Mode) -> Iterator[Outcome]:
    """Grades mutants side by side; gives each outcome as it is known, in the order in which they begin."""
    bench = Bench(WORK)
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda mutant: grade(mutant, bench, mode), by_turns(mutants))


def by_turns(mutants: Sequence[Mutant]) -> list[Mutant]:
    """The first of each stage, the second of each ...: those of one stage can't be built side by side."""
    numbers = sorted({each.stage for each in mutants})
    of_stage = [[each for each in mutants if each.stage == number] for number in numbers]
    return [each for turn in zip_longest(*of_stage) for each in turn if each is not None]


def idle_checks(outcomes: Sequence[Outcome]) -> list[str]:
    """The graded checks that no mutant names and is killed by: what would be lost without them?"""
    working = {check for each in outcomes for check in each.mutant.killers if each.verdicts.get(check) == "fail"}
    return [check.id for check in rubric().checks.values() if check.weight and check.id not in working]


def missed_by(outcome: Outcome) -> str:
    """The checks that a mutant survived, each with the verdict that it gave instead of "fail"."""
    told = f" (the first story is that of {outcome.told or 'nobody'})" if outcome.mode is Mode.FIRST else ""
    return ", ".join(f"{check}: {outcome.verdicts.get(check, 'not run')}" for check in outcome.survived) + told


def matrix_row(outcome: Outcome) -> str:
    """One row of the matrix, in words."""
    if outcome.unusable:
        return f"! {outcome.unusable}"
    killers = outcome.mutant.killers[: 1 if outcome.mode is Mode.FIRST else None]
    killed = [check for check in killers if check not in outcome.survived]
    row = (
        f"{'✗ SURVIVES' if outcome.survived else '✓ killed'}  {outcome.mutant.name}  by {', '.join(killed) or 'nobody'}"
    )
    if outcome.survived:
        row += f"\n    {outcome.mutant.mistake}\n    should have been caught by {missed_by(outcome)}"
    others = [check for check, verdict in outcome.verdicts.items() if verdict == "fail" and check not in killed]
    return row + (f"\n    and also by {', '.join(others)}" if others else "")


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Understands the command line; the status is 0 if every mutant is killed by every check that should."""
    parser = argparse.ArgumentParser(prog="./lab mutants", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="only mutants whose name begins like that")
    parser.add_argument(
        "--full", dest="mode", action="store_const", const=Mode.FULL, default=Mode.NAMED,
        help="run every check of the stage, not only those that must kill",
    )
    parser.add_argument(
        "--first", dest="mode", action="store_const", const=Mode.FIRST,
        help="grade as a student does: the first story must be that of the check that the patch names first",
    )
    # Most of a grading is waiting, for a program that a mistake has made hang above all.
    parser.add_argument("--jobs", type=int, default=4 * len(os.sched_getaffinity(0)), help="how many at once")
    options = parser.parse_args(arguments)
    try:
        mutants = load_all(options.names)
    except Unusable as why:
        print(f"mutants: {why}", file=sys.stderr)
        return 1
    if not mutants:
        print(f"mutants: no patch in {MUTANTS.relative_to(REPO)} begins like that", file=sys.stderr)
        return 2
    outcomes = []
    WORK.mkdir(parents=True, exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the bench is there once: two runs take turns
        for outcome in grade_all(mutants, max(1, options.jobs), options.mode):
            print(matrix_row(outcome), flush=True)
            outcomes.append(outcome)
    return conclude(outcomes, whole=not options.names and options.mode is not Mode.FIRST)


def conclude(outcomes: Sequence[Outcome], whole: bool) -> int:
    """Tells how it went, writes the matrix as data, and gives the status."""
    unusable = [each for each in outcomes if each.unusable]
    survivors = [each for each in outcomes if not each.unusable and each.survived]
    idle = idle_checks(outcomes) if whole else []
    matrix = {each.mutant.name: {"mistake": each.mutant.mistake, "verdicts": each.verdicts} for each in outcomes}
    MATRIX.parent.mkdir(parents=True, exist_ok=True)
    MATRIX.write_text(as_json(matrix), encoding="utf-8")
    killed = len(outcomes) - len(unusable) - len(survivors)
    first = any(each.mode is Mode.FIRST for each in outcomes)
    done = "told first by the check that names" if first else "killed by every check that names"
    print(f"\n{killed} of {len(outcomes)} mutants {done} their mistake")
    for each in survivors:  # again, at the end: above, their rows are lost among those of the killed
        print(f"{each.mutant.name} survives {missed_by(each)}")
    if unusable:
        print(f"{len(unusable)} can't be used: {', '.join(each.mutant.name for each in unusable)}")
    if idle:
        print(f"{len(idle)} checks kill no mutant: {', '.join(idle)}")
    print(f"the matrix as data: {MATRIX}")
    return 1 if unusable or survivors or idle else 0


if __name__ == "__main__":
    end_with(main)
