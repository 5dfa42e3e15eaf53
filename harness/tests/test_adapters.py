"""Results in other formats, held against what those document."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bytetrain import paths
from bytetrain.catalogue import rubric
from bytetrain.grading import adapters
from bytetrain.grading.records import Record, Verdict
from bytetrain.grading.results import Results, load, write


@pytest.fixture
def results() -> Results:
    """Stage 03 alone: a check that has passed, one that has failed, one that could not be tried."""
    found = Results(rubric(), paths.STAGES, "release", [3])
    found.add(Record("client.head_split", 3, "1", Verdict.PASS))
    found.add(Record("client.head_split", 3, "2", Verdict.FAIL, message="the head", expected="4 bytes", actual="2 bytes"))
    found.add(Record("client.body_split", 3, "", Verdict.PASS))
    found.add(Record("server.file_unreadable", 3, "", Verdict.NOT_APPLICABLE, message="root can read every file"))
    return found


def by_name(tests: list[dict[str, Any]], word: str) -> dict[str, Any]:
    return next(test for test in tests if word in json.dumps(test))


def test_gradescope(results: Results) -> None:
    data = json.loads(adapters.gradescope(results.as_data()))
    assert data["score"] == pytest.approx(sum(test["score"] for test in data["tests"]), abs=0.01)
    assert sum(test["max_score"] for test in data["tests"]) == pytest.approx(28, abs=0.01)
    assert {test["status"] for test in data["tests"]} == {"passed", "failed"}
    failed = by_name(data["tests"], "client.head_split")
    assert failed["score"] == 0 and "expected: 4 bytes" in failed["output"] and "./lab replay" in failed["output"]
    assert by_name(data["tests"], "client.body_split")["score"] > 0


def test_autolab_ends_with_the_scores(results: Results) -> None:
    feedback, scores = adapters.autolab(results.as_data()).splitlines()
    assert json.loads(scores)["scores"]["stage 03"] == results.as_data()["stages"][2]["points"]
    told = json.loads(feedback)
    title = rubric().checks["client.head_split"].title
    assert told["_presentation"] == "semantic" and told["stage 03"][title]["hint"]


def test_classroom50(results: Results) -> None:
    data = json.loads(adapters.classroom50(results.as_data()))
    assert data["schema"] == "classroom50/result/v1" and data["max_score"] == 100
    assert by_name(data["tests"], "client.head_split")["passed"] is False
    assert by_name(data["tests"], "server.file_unreadable")["passed"] is True


def test_a_harness_error_is_said_first(results: Results) -> None:
    results.add(Record("pool.size", 3, "", Verdict.HARNESS_ERROR, message="no disk"))
    assert "grade again" in json.loads(adapters.gradescope(results.as_data()))["output"]


def test_results_are_written_whole_and_read_again(results: Results, tmp_path: Path) -> None:
    write(results.as_data(), tmp_path / "results.json")
    assert load(tmp_path / "results.json")["outcome"] == "fail"
    for text, words in (("no json", "no results.json"), ('{"schema": "other/v9"}', "'other/v9'")):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(ValueError, match=words):
            load(tmp_path / "other.json")
    with pytest.raises(ValueError, match="grade something first"):
        load(tmp_path / "missing.json")


def test_the_command(results: Results, tmp_path: Path) -> None:
    write(results.as_data(), tmp_path / "results.json")
    command = [sys.executable, "-m", "bytetrain.grading.adapters", "autolab", str(tmp_path / "results.json")]
    done = subprocess.run(command, cwd=paths.REPO / "harness", stdout=subprocess.PIPE, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["scores"]


def test_junit_has_the_verdicts(tmp_path: Path) -> None:
    (tmp_path / "01_x").mkdir()
    file = tmp_path / "junit.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(paths.REPO / "harness"), "--stage=1"]
    command += [f"--submission={tmp_path}", "--check=stage.builds", f"--junitxml={file}", f"--results={tmp_path}/r.json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    text = file.read_text()
    assert done.returncode == 1 and 'name="check" value="stage.builds"' in text and 'name="of"' in text
