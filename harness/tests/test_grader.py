"""The grader's options and fixtures, seen from outside: pytest run on small checks, against the stand-ins."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain import paths

HARNESS = paths.REPO / "harness"
CHECKS = """
import subprocess
import pytest
from bytetrain import Failure

def test_transfer(stage, pair, store, start_server, start_client):
    file = store.seeded(1000)
    client = start_client(pair, start_server(pair, file).port)
    assert client.wait().status == 0 and client.files() == [file.name]

@pytest.mark.stages(from_=3, to=5)
def test_range(stage): pass

@pytest.mark.stages(2, 6)
def test_list(stage): pass

@pytest.mark.reference_only
def test_reference(): pass

@pytest.mark.stages(1)
def test_failure(stage): raise Failure("the worker died of signal 13")

@pytest.mark.stages(1)
def test_leaves_a_process(stage): subprocess.Popen(["sleep", "1000"])

@pytest.mark.stages(1)
def test_sanitizer(stage, pair, store, start_server):
    start_server(pair, store.seeded(1), env={"STANDIN_FAULT": "asan"}).signal(15)
    import bytetrain.observe as observe
    observe.wait_until(lambda: False, "this never comes", limit=0.2)
"""

Grade = Callable[..., str]


@pytest.fixture
def grade(standins: Path, tmp_path: Path) -> Grade:
    """grade("--stage", "2", only="test_x") runs a copy of the harness on the checks above, and gives what it prints."""
    copy = tmp_path / "harness"
    (copy / "checks").mkdir(parents=True)
    for name in ("pytest.ini", "conftest.py"):
        shutil.copy(HARNESS / name, copy)
    (copy / "bytetrain").symlink_to(HARNESS / "bytetrain")
    (copy / "checks" / "test_sample.py").write_text(CHECKS)
    submission = tmp_path / "submission"
    shutil.copytree(standins, submission)

    def run(*options: str, only: str = "") -> str:
        command = [sys.executable, "-m", "pytest", str(copy), "-v", "-p", "no:cacheprovider", "-k", only]
        command += ["--submission", str(submission), *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path)
        return done.stdout

    return run


def outcomes(output: str) -> dict[str, str]:
    """{"test_range[stage03]": "PASSED"...}"""
    return dict(re.findall(r"::(\S+) (PASSED|FAILED|SKIPPED|ERROR)", output))


def test_a_check_runs_for_each_stage_that_its_marker_allows(grade: Grade) -> None:
    told = outcomes(grade(only="range or list or transfer"))
    assert set(told) == {
        *(f"test_transfer[stage{number:02d}]" for number in (1, 2, 3, 4, 5, 6)),
        *(f"test_range[stage{number:02d}]" for number in (3, 4, 5)),
        *(f"test_list[stage{number:02d}]" for number in (2, 6)),
    }
    assert set(told.values()) == {"PASSED"}


@pytest.mark.parametrize("options", [["--stage", "3", "--stage", "6"], ["--stage", "3,06"], ["--stage=03_waitall,6"]])
def test_stages_can_be_chosen(options: list[str], grade: Grade) -> None:
    told = outcomes(grade(*options, only="range or list"))
    assert told == {"test_range[stage03]": "PASSED", "test_list[stage06]": "PASSED"}


def test_a_stage_that_does_not_exist_is_refused(grade: Grade) -> None:
    assert "--stage 7: stages are numbered 1 to 6" in grade("--stage", "7")


def test_a_submission_that_does_not_exist_is_refused(grade: Grade) -> None:
    assert "/no/such: there is no such folder" in grade("--submission", "/no/such")


def test_missing_stages_are_skipped_and_broken_ones_fail(grade: Grade, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "submission" / "03_stand_in")
    (tmp_path / "submission" / "04_stand_in" / "client").unlink()
    output = grade("--stage", "3,4,5", only="transfer")
    assert outcomes(output) == {
        "test_transfer[stage03]": "SKIPPED", "test_transfer[stage04]": "ERROR", "test_transfer[stage05]": "PASSED",
    }  # fmt: skip
    assert "stage 03 is not graded" in output and "no executable client" in output


def test_checks_of_the_reference_are_skipped_for_others(grade: Grade) -> None:
    output = grade(only="reference")
    assert outcomes(output) == {"test_reference": "SKIPPED"} and "not about a submission" in output


def test_a_failure_is_told_in_its_own_words(grade: Grade) -> None:
    output = grade(only="test_failure")
    assert "\nthe worker died of signal 13\n" in output and "raise Failure" not in output


def test_a_check_that_leaves_a_process_behind_fails(grade: Grade) -> None:
    output = grade(only="leaves")
    assert re.search(r"processes were left behind: \w+ \(pid \d+", output) and "1 error" in output


def test_a_sanitizers_finding_fails_the_check(grade: Grade) -> None:
    output = grade(only="sanitizer")
    assert "this never comes" in output
    assert "a sanitizer has found an error in the server" in output and "heap-use-after-free" in output


def test_workers_of_xdist_grade_too(grade: Grade) -> None:
    pytest.importorskip("xdist")
    assert "11 passed" in grade("-n", "2", only="range or list or transfer")


def test_nothing_is_left_in_the_submission(grade: Grade, tmp_path: Path) -> None:
    before = sorted((tmp_path / "submission").rglob("*"))
    grade(only="transfer")
    assert sorted((tmp_path / "submission").rglob("*")) == before
