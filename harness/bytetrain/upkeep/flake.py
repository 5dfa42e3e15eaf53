"""The grader must not waver: the whole of it again and again, while every core is busy, and each verdict that changed.

    ./lab flake --runs 30                    the reference stages, each run beside as many busy loops as there are cores
    ./lab flake --runs 5 --submission DIR    another submission
    ./lab flake --runs 30 --record FILE      and what was found, as data, after each run

A verdict is of one case of one check in one stage. What is not the same in all runs is named, with the story of each
failure.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import psutil

from ..course.paths import REPO, STAGES
from ..grading.command import grading_command
from ..telling.ending import end_with
from ..telling.sizes import GiB
from ..telling.text import as_json, print_whatever_comes, visible

Case = tuple[str, int, str]  # check, stage, case
Verdicts = dict[Case, str]


def burn(parent: int) -> None:
    """Uses a core for as long as whoever started it lives."""
    while os.getppid() == parent:
        for _ in range(1_000_000):
            pass


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many busy loops, ended with the `with`."""
    # fork, whatever the default: a forkserver (Python 3.14) would be the parent of what it starts, and the loops end at
    # once.
    fork = multiprocessing.get_context("fork")
    burners = [fork.Process(target=burn, args=(os.getpid(),), daemon=True) for _ in range(loops)]
    for each in burners:
        each.start()
    try:
        yield
    finally:
        for each in burners:
            each.kill()
            each.join()


@dataclass
class Series:
    """What so many runs of the same found."""

    runs: list[Verdicts] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)  # of verdicts that were none of the usual ones

    @property
    def changed(self) -> dict[Case, Counter[str]]:
        """The cases whose verdict was not the same in all runs: how often each verdict came, "not run" included."""
        cases = sorted({case for run in self.runs for case in run})
        counted = {case: Counter(run.get(case, "not run") for run in self.runs) for case in cases}
        return {case: verdicts for case, verdicts in counted.items() if len(verdicts) > 1}

    @property
    def bad(self) -> dict[Case, str]:
        """The cases that failed, or could not be tried for a fault of ours, in every run alike."""
        last = self.runs[-1] if self.runs else {}
        return {
            case: verdict
            for case, verdict in last.items()
            if verdict in ("fail", "harness error") and case not in self.changed
        }

    def add(self, data: dict[str, Any], seconds: float) -> None:
        """Takes in the results.json of a run."""
        verdicts = {
            (each["id"], each["stage"], case["case"]): case["verdict"]
            for each in data["checks"]
            for case in each["cases"]
        }
        self.runs.append(verdicts)
        self.seconds.append(seconds)
        told = [each for each in data["checks"] if each["verdict"] in ("fail", "harness error")]
        self.stories += [f"{each['id']} in stage {each['stage']:02d}: {each['story']['message']}" for each in told]


def once(submission: Path, options: Sequence[str]) -> dict[str, Any]:
    """One whole run of the grader: its results. RuntimeError if there are none."""
    with tempfile.TemporaryDirectory(prefix="bytetrain-") as folder:
        results = Path(folder) / "results.json"
        workers = f"-n{len(os.sched_getaffinity(0)) + 2}"
        command = grading_command(submission, results, "--no-calls", workers, *options)
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="surrogateescape",
        )
        if not results.exists():
            raise RuntimeError(f"the grader gave no results (status {done.returncode}):\n{done.stdout[-3000:]}")
        data: dict[str, Any] = json.loads(results.read_text(encoding="utf-8"))
        return data


def machine() -> dict[str, Any]:
    """What the runs ran on."""
    release = platform.freedesktop_os_release() if hasattr(platform, "freedesktop_os_release") else {}
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "",
    )
    return {
        "system": release.get("PRETTY_NAME", ""), "kernel": platform.release(),
        "processor": model or platform.machine(), "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / GiB, 1), "python": platform.python_version(),
    }


def commit() -> str:
    """The commit of this clone; "+" after it if something has been changed since; "" without git."""
    command = ["git", "-C", str(REPO), "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""


def record_of(series: Series, loops: int, submission: Path, graded: str) -> dict[str, Any]:
    """What was found, fit for JSON; `graded` is the commit."""
    return {
        "schema": "bytetrain/flake/v1",
        "what": "stages" if submission == STAGES else submission.name,
        "commit": graded,
        "ended": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine(),
        "busy_loops": loops,
        "runs": len(series.runs),
        "cases": len(series.runs[-1]) if series.runs else 0,
        "verdicts": dict(Counter(verdict for run in series.runs for verdict in run.values())),
        "seconds": [round(each, 1) for each in series.seconds],
        "changed": [
            {"check": check, "stage": stage, "case": case, "verdicts": dict(verdicts)}
            for (check, stage, case), verdicts in series.changed.items()
        ],
        "stories": series.stories,
    }


def words(series: Series) -> str:
    """The end of the report, for people."""
    lines = [f"{len(series.runs)} runs, {len(series.changed)} verdicts changed"]
    for (check, stage, case), verdicts in series.changed.items():
        counted = ", ".join(f"{verdict} {count} times" for verdict, count in verdicts.most_common())
        lines.append(f"  {check}, stage {stage:02d}{f', case {case}' if case else ''}: {counted}")
    lines += [
        f"  {check}, stage {stage:02d}: {verdict} in all runs" for (check, stage, _), verdict in series.bad.items()
    ]
    return "\n".join([*lines, *(f"\n{story}" for story in series.stories)])


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Understands the command line; the status is 0 if all verdicts were the same in all runs, and none was bad."""
    cores = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(prog="./lab flake", description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="how often (default: 5)")
    parser.add_argument("--load", type=int, default=cores, metavar="N", help=f"busy loops beside it (default: {cores})")
    parser.add_argument(
        "--submission", type=Path, default=STAGES, metavar="DIR", help="what is graded (default: stages/)"
    )
    parser.add_argument("--record", type=Path, metavar="FILE", help="where what was found goes, as JSON")
    options, others = parser.parse_known_args(arguments)  # the others are pytest's: --stage, --check
    if options.runs < 2:
        parser.error("--runs: with fewer than 2 runs there is nothing to compare")
    print_whatever_comes()
    series = Series()
    submission = options.submission.resolve()
    graded = commit()  # before the record is written, which may be a file of this clone
    with busy(options.load):
        for number in range(1, options.runs + 1):
            start = time.monotonic()
            series.add(once(submission, others), time.monotonic() - start)
            counts = Counter(series.runs[-1].values())
            told = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
            print(
                f"run {number:2d}: {told}; {series.seconds[-1]:.0f} s; changed so far: {len(series.changed)}",
                flush=True,
            )
            if options.record:
                data = record_of(series, options.load, submission, graded)
                options.record.write_text(as_json(data), encoding="utf-8")
    print(visible(words(series)))
    return 1 if series.changed or series.bad else 0


if __name__ == "__main__":
    try:
        end_with(main)
    except RuntimeError as error:
        print(visible(f"flake: {error}"), file=sys.stderr)
        sys.exit(3)
