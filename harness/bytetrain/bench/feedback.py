"""Time to feedback: one line of a stage is edited; how long until its verdict is there?"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..course.folders import stage_dir
from ..course.paths import STAGES
from ..grading.command import grading_command
from ..programs.build import build
from .meters import BenchError, timed

STAGE = 3


@dataclass(frozen=True)
class Feedback:
    """Seconds from the edit on."""

    stage: int
    build: float  # of what has changed
    verdict: float  # the build included
    checks: int


def time_feedback(scratch: Path) -> Feedback:
    """Grades a copy of a reference stage that was built before, and then edited."""
    submission = scratch / "submission"
    original = stage_dir(STAGES, STAGE)
    if original is None:
        raise BenchError(f"{STAGES} has no stage {STAGE:02}")
    folder = shutil.copytree(original, submission / original.name)
    build(submission, STAGE)
    source = folder / "send_file.cpp"
    built = time_to(lambda: build(submission, STAGE), source)
    results = scratch / "results.json"
    options = [f"--stage={STAGE}", "--no-calls", f"-n{(os.cpu_count() or 1) + 2}"]
    graded = time_to(lambda: timed(grading_command(submission, results, *options), scratch), source)
    return Feedback(STAGE, built, graded, len(json.loads(results.read_text())["checks"]))


def time_to(react: Callable[[], object], source: Path) -> float:
    """How long it takes to react to one more line in a file."""
    source.write_text(source.read_text() + "// one more line\n")
    start = time.perf_counter()
    react()
    return time.perf_counter() - start
