"""The grader tried out: pytest, run on a few small checks with a catalogue of their own. For the grader's own tests."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bytetrain.course.paths import HARNESS
from bytetrain.grading.command import grading_command

STANDINS = Path(__file__).parent / "standins"
_CHECK = """
[[check]]
id = "{id}"
from = {first}
to = {last}
weight = {weight}
title = "The title of {id}"
title_zh = "{id} 的标题"
hints = ["A nudge", "More", "man 2 recv"]
hints_zh = ["提示", "更多", "man 2 recv"]
"""


def one_stage(submission: Path, name: str, script: str) -> Path:
    """A submission whose one stage has a stand-in as its server, and as its client: that Python script of standins/."""
    stage = submission / name
    stage.mkdir(parents=True)
    copy = shutil.copy(STANDINS / script, stage)
    for program in ("server", "client"):
        (stage / program).write_bytes(os.fsencode(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(copy)])} "$@"\n'))
        (stage / program).chmod(0o755)
    return submission


@dataclass(frozen=True)
class Graded:
    """What a run of the grader came to."""

    status: int
    output: str
    data: dict[str, Any]  # of its results.json; {} if there is none

    def verdicts(self, *checks: str) -> dict[str, str]:
        """{"pair.range 3": "pass"...} of the checks that were run."""
        return {
            f"{each['id']} {each['stage']}": each["verdict"]
            for each in self.data["checks"]
            if each["verdict"] != "not run" and (not checks or each["id"] in checks)
        }

    def story(self, check: str) -> dict[str, Any]:
        """The story of the first failure of a check."""
        found: dict[str, Any] = next(
            each["story"] for each in self.data["checks"] if each["id"] == check and each["story"]
        )
        return found


class Grade(Protocol):
    """Grades with options of pytest's, all checks or some."""

    def __call__(self, *options: str, only: str = "") -> Graded: ...


@dataclass(frozen=True)
class Trial:
    """A copy of the harness with other checks, in a folder, and the submission that it grades."""

    folder: Path
    submission: Path

    @classmethod
    def of(cls, folder: Path, submission: Path, checks: str, ranges: Mapping[str, tuple[int, int]]) -> "Trial":
        """`checks` is the text of a file of checks; `ranges` are their ids, each with its first and last stage."""
        copy = folder / "harness"
        (copy / "checks").mkdir(parents=True)
        for name in ("pytest.ini", "conftest.py", "run.py"):
            shutil.copy(HARNESS / name, copy)
        (copy / "bytetrain").symlink_to(HARNESS / "bytetrain")
        (copy / "checks" / "test_sample.py").write_text(checks)
        entries = [
            _CHECK.format(id=check, first=first, last=last, weight=0 if check.startswith("reference") else 1)
            for check, (first, last) in ranges.items()
        ]
        (copy / "checks.toml").write_text("\n".join(entries))
        return cls(folder, submission)

    @property
    def command(self) -> list[str]:
        """What grades all of it."""
        results = self.folder / "results.json"
        return grading_command(self.submission, results, "-vv", "--seed=0", harness=self.folder / "harness")

    def grade(self, *options: str, only: str = "", prefix: Sequence[str] = ()) -> Graded:
        """`prefix`: the words of another program, which becomes the grader."""
        results = self.folder / "results.json"
        command = [*prefix, *self.command, "--no-calls", *options, *(["--check", only] if only else [])]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="surrogateescape",
            cwd=self.folder,
        )
        data = json.loads(results.read_text()) if results.exists() else {}
        return Graded(done.returncode, done.stdout, data)
