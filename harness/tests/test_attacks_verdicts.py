"""Attacks on what a grade is made of, by a submission. None pays; each is told in words, and has results."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bytetrain.telling.text import has_bytes

from .conftest import make_submission
from .trial import Trial

CHECKS = """
import os
import pytest
from bytetrain.judging.verdicts import received

@pytest.mark.check("pair.transfer")
def test_transfer(stage, store, start):
    file = store.seeded(1000)
    client = start.client(start.server(file).port)
    received(client.wait(), client.directory, file)
"""
RANGES = {"pair.transfer": (1, 6)}


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A correct submission, and one check."""
    return Trial.of(tmp_path, make_submission(tmp_path / "submission"), CHECKS, RANGES)


def before_serving(trial: Trial, stage: int, command: str) -> None:
    """The server of a stage does something first."""
    server = next(trial.submission.glob(f"{stage:02d}_*")) / "server"
    server.write_bytes(server.read_bytes().replace(b"exec", os.fsencode(f"{command}; exec"), 1))


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_stage_that_appears_while_others_run_was_not_handed_in(workers: str, trial: Trial) -> None:
    if workers != "-n0" and has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    late = trial.submission / "06_stand_in"
    hidden = late.rename(trial.folder / "hidden")
    before_serving(trial, 1, f"cp -r '{hidden}' '{late}'")
    before_serving(trial, 5, f"cp -r '{hidden}' '{late}'")
    graded = trial.grade("--containment=limits", workers, "--stage=1,5,6")
    assert late.is_dir() and graded.verdicts()["pair.transfer 6"] == "not graded", graded.output
    states = {each["stage"]: (each["state"], each["points"]) for each in graded.data["stages"]}
    assert states[6] == ("missing", 0) and states[1][0] == "graded" and states[1][1] > 0
    assert "not handed in" in graded.output and graded.status == 0


def test_a_stage_that_is_a_link_to_what_comes_later_is_refused(trial: Trial) -> None:
    hidden = (trial.submission / "06_stand_in").rename(trial.folder / "hidden")
    (trial.submission / "06_stand_in").symlink_to(trial.folder / "later")
    before_serving(trial, 5, f"cp -r '{hidden}' '{trial.folder / 'later'}'")
    graded = trial.grade("--containment=limits", "-n0", "--stage=5,6")
    assert graded.verdicts() == {"pair.transfer 5": "pass", "pair.transfer 6": "fail"}, graded.output
    assert graded.data["stages"][5]["points"] == 0


@pytest.mark.parametrize("what", ["", "server"])
def test_a_link_that_leaves_the_submission_is_refused(what: str, trial: Trial) -> None:
    """Another's stage, or another's program."""
    own = trial.submission / "06_stand_in" / what
    other = own.rename(trial.folder / "other")
    own.symlink_to(other)
    graded = trial.grade("-n0", "--stage=6")
    assert graded.status == 1 and graded.data["stages"][5]["state"] == "build failed"
    assert f"is a link that leads out of the submission, to {other}" in graded.output


def test_a_link_inside_the_submission_is_none_of_our_business(trial: Trial) -> None:
    own = trial.submission / "06_stand_in" / "server"
    shutil.move(str(own), trial.submission / "common_server")
    own.symlink_to("../common_server")
    assert trial.grade("-n0", "--stage=6").verdicts() == {"pair.transfer 6": "pass"}


@pytest.mark.skipif(os.getuid() == 0, reason="root can open every folder")
def test_a_stage_that_is_closed_to_us_is_theirs(trial: Trial) -> None:
    closed = trial.submission / "06_stand_in"
    closed.chmod(0)
    graded = trial.grade("-n0", "--stage=6")
    closed.chmod(0o755)
    assert graded.status == 1 and "can't be graded: Permission denied" in graded.output
