"""The twelve mistakes that nearly everybody makes once: each is told first, by the check and the cause that its patch
names."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from bytetrain.bench.classics import CLASSICS, HANGING, Classic, load_classics
from bytetrain.course.catalogue import mistakes, rubric
from bytetrain.grading.command import grading_command

EVERY = [*load_classics(CLASSICS), *load_classics(HANGING)]


@pytest.mark.parametrize("classic", EVERY, ids=[each.name for each in EVERY])
def test_its_own_story_is_the_first(classic: Classic, tmp_path: Path) -> None:
    submission, results = tmp_path / "submission", tmp_path / "results.json"
    classic.make(submission)
    options = ("--stage", str(classic.stage), "--first", "--no-calls", "-n2")
    graded = subprocess.run(
        grading_command(submission, results, *options), capture_output=True, text=True, errors="replace", timeout=300
    )
    told = [line.partition(":")[0][2:] for line in graded.stdout.splitlines() if line.startswith("✗ ")]
    assert told == [classic.first], graded.stdout[-3000:] + graded.stderr
    found = {each["id"]: each["story"] for each in json.loads(results.read_text())["checks"] if each["story"]}
    diagnosis = found[classic.first]["diagnosis"]
    assert (diagnosis["id"] if diagnosis else "none") == classic.cause


def test_what_they_name_is_there() -> None:
    assert {each.first for each in EVERY} <= set(rubric().checks)
    assert {each.cause for each in EVERY} <= {"none", *mistakes()}
