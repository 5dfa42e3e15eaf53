"""Results in other formats, held against what those document."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bytetrain.course import paths
from bytetrain.course.catalogue import rubric
from bytetrain.course.traits import stage_numbers, traits
from bytetrain.grading import adapters
from bytetrain.grading.records import Record, Verdict
from bytetrain.grading.results import Results, write
from bytetrain.grading.schema import OUR_FAULT

from .trial import Trial


@pytest.fixture
def results() -> Results:
    """Stage 03 alone: a check that has passed, one that has failed, one that could not be tried."""
    found = Results(rubric(), paths.STAGES, "release", [3])
    found.add(Record("client.head_split", 3, "1", Verdict.PASS))
    found.add(
        Record("client.head_split", 3, "2", Verdict.FAIL, message="the head", expected="4 bytes", actual="2 bytes")
    )
    found.add(Record("client.body_split", 3, "", Verdict.PASS))
    found.add(Record("server.file_unreadable", 3, "", Verdict.NOT_APPLICABLE, message="root can read every file"))
    return found


@pytest.fixture
def spoilt(results: Results) -> Results:
    """The same, and a check in which we were wrong ourselves."""
    results.add(Record("pool.size", 3, "", Verdict.HARNESS_ERROR, message="no disk"))
    return results


@pytest.fixture
def crashed(results: Results) -> Results:
    """The same, and an error of ours outside of any check."""
    results.strays.append(
        Record("checks/test_pool.py::test_size", 0, "", Verdict.HARNESS_ERROR, message="worker crashed")
    )
    return results


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What Classroom 50's runner tells an autograder."""
    url = "https://github.com/cs50/net-trains-ada"
    told = {
        "CLASSROOM": "net", "ASSIGNMENT": "trains", "SUBMISSION_TAG": "submit/2026-06-01T14-32-05Z-a1b2c3d",
        "COMMIT_URL": f"{url}/commit/a1b2c3d", "RELEASE_URL": f"{url}/releases/tag/submit%2F2026",
        "REVIEW_URL": f"{url}/compare/0000000...a1b2c3d",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return told


def by_name(tests: list[dict[str, Any]], word: str) -> dict[str, Any]:
    return next(test for test in tests if word in json.dumps(test))


def title(check: str) -> str:
    return rubric().checks[check].title.en


# Gradescope: https://gradescope-autograders.readthedocs.io/en/latest/specs/, "Output format" and "Test case status"


def gradescope(results: Results) -> dict[str, Any]:
    """What our adapter says, if Gradescope would take it."""
    data: dict[str, Any] = json.loads(adapters.gradescope(results.as_data()))
    assert set(data) <= {"score", "execution_time", "output", "output_format", "test_output_format", "test_name_format",
                         "visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"}
    visibility = {"hidden", "after_due_date", "after_published", "visible"}
    formats = {"text", "html", "simple_format", "md", "ansi"}
    assert {data["visibility"], data["stdout_visibility"]} <= visibility and data["output_format"] in formats
    for test in data["tests"]:
        assert set(test) <= {"score", "max_score", "status", "name", "name_format", "number", "output", "output_format",
                             "tags", "visibility", "extra_data"}
        assert test.get("status", "passed") in ("passed", "failed") and test["visibility"] in visibility
        assert ("score" in test) == ("max_score" in test) and "score" in data
    return data


def looks_failed(test: dict[str, Any]) -> bool:
    """ "By default, test cases where the student was awarded the max_score points are marked as passing, and tests
    where they achieved a score lower than the max are considered failing." """
    return bool(
        test.get("status", "failed" if test.get("score", 0) < test.get("max_score", 0) else "passed") == "failed"
    )


def test_gradescope(results: Results) -> None:
    data = gradescope(results)
    assert data["score"] == pytest.approx(sum(test["score"] for test in data["tests"]), abs=0.01)
    assert sum(test["max_score"] for test in data["tests"]) == pytest.approx(traits(3).points, abs=0.01)
    failed = by_name(data["tests"], "client.head_split")
    assert failed["score"] == 0 and "expected: 4 bytes" in failed["output"] and "./lab replay" in failed["output"]
    assert looks_failed(failed) and not looks_failed(by_name(data["tests"], "client.body_split"))
    assert by_name(data["tests"], "client.body_split")["score"] > 0


def test_gradescope_on_what_is_not_applicable(results: Results) -> None:
    test = by_name(gradescope(results)["tests"], "server.file_unreadable")
    assert test["score"] == test["max_score"] > 0 and not looks_failed(test)
    assert "not applicable" in test["name"] and "root can read every file" in test["output"]


def test_gradescope_on_a_harness_error(spoilt: Results) -> None:
    data = gradescope(spoilt)
    assert data["output"].startswith(OUR_FAULT) and "Grade again" in data["output"]
    test = by_name(data["tests"], "pool.size")
    assert not looks_failed(test) and "score" not in test and "status" not in test
    assert "harness error" in test["name"] and test["output"].startswith(OUR_FAULT) and "no disk" in test["output"]


# Autolab: https://docs.autolabproject.com/lab/ (the last line) and .../features/formatted-feedback/ (the one before)


def autolab(results: Results) -> tuple[dict[str, Any], dict[str, float]]:
    """The feedback and the scores, if Autolab would take them."""
    feedback, last = map(json.loads, adapters.autolab(results.as_data()).splitlines())
    assert feedback["_presentation"] == "semantic" and set(feedback) == {"_presentation", "stages", *feedback["stages"]}
    for stage in feedback["stages"]:
        tests = feedback[stage].values()
        if all(isinstance(test, dict) for test in tests):  # a list of tests; else a table of words or numbers
            assert all({"passed"} <= set(test) <= {"passed", "hint"} for test in tests)
            assert all(isinstance(test["passed"], bool) for test in tests)
        else:
            assert not any(isinstance(test, dict) for test in tests)
    assert set(last) == {"scores"} and all(isinstance(score, (int, float)) for score in last["scores"].values())
    return feedback, last["scores"]


def test_autolab_ends_with_the_scores(results: Results) -> None:
    feedback, scores = autolab(results)
    assert scores == {"stage 03": results.as_data()["stages"][2]["points"]}
    failed = feedback["stage 03"][title("client.head_split")]
    assert failed == {"passed": False, "hint": rubric().checks["client.head_split"].hints[0].en}


def test_autolab_on_what_is_not_applicable(results: Results) -> None:
    name = f"{title('server.file_unreadable')} (not applicable)"
    assert autolab(results)[0]["stage 03"][name] == {"passed": True}


def test_autolab_on_a_harness_error(spoilt: Results) -> None:
    feedback, scores = autolab(spoilt)
    first = feedback["stages"][0]
    assert first.startswith(OUR_FAULT) and "no disk" in feedback[first][f"stage 03: {title('pool.size')}"]
    assert not any(title("pool.size") in name for name in feedback["stage 03"])
    assert scores == {}  # the stage is not graded


def test_autolab_on_an_error_outside_of_any_check(crashed: Results) -> None:
    feedback, scores = autolab(crashed)
    assert "worker crashed" in feedback[feedback["stages"][0]]["checks/test_pool.py::test_size"] and scores == {}


# Classroom 50: "The result.json contract", https://github.com/foundation50/classroom50/wiki/Advanced-Autograding


def classroom50(results: Results) -> dict[str, Any]:
    """What our adapter says, if Classroom 50 would take it once its runner has put owner and assignment_type there."""
    data: dict[str, Any] = json.loads(adapters.classroom50(results.as_data()))
    assert set(data) == {"schema", "classroom", "assignment", "submission", "commit", "release", "review", "datetime",
                         "score", "max-score", "tests"}
    assert data["schema"] == "classroom50/result/v1"
    assert all(isinstance(data[key], str) and data[key] for key in set(data) - {"score", "max-score", "tests"})
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["datetime"])
    for each in (data, *data["tests"]):
        assert type(each["score"]) is int and type(each["max-score"]) is int and 0 <= each["score"] <= each["max-score"]
    for test in data["tests"]:
        assert isinstance(test["test-name"], str) and test["test-name"] and isinstance(test["passed"], bool)
    assert data["score"] == sum(test["score"] for test in data["tests"])
    assert data["max-score"] == sum(test["max-score"] for test in data["tests"])
    return data


def test_classroom50(results: Results, runner: dict[str, str]) -> None:
    data = classroom50(results)
    told = ["classroom", "assignment", "submission", "commit", "release", "review"]
    assert [data[key] for key in told] == list(runner.values())
    assert data["max-score"] == 100 * traits(3).points
    assert data["score"] == pytest.approx(100 * results.as_data()["points"], abs=2)
    failed = by_name(data["tests"], "client.head_split")
    assert failed["passed"] is False and failed["score"] == 0 and "expected: 4 bytes" in failed["output"]
    passed = by_name(data["tests"], "client.body_split")
    assert passed["passed"] is True and passed["score"] == passed["max-score"] > 0


def test_classroom50_counts_to_100_points(runner: dict[str, str]) -> None:
    every = Results(rubric(), paths.STAGES, "release", list(stage_numbers()))
    for check in rubric().checks.values():
        for stage in check.stages:
            every.add(Record(check.id, stage, "", Verdict.PASS))
    data = classroom50(every)
    assert data["score"] == data["max-score"] == 10000


def test_classroom50_on_what_is_not_applicable(results: Results, runner: dict[str, str]) -> None:
    test = by_name(classroom50(results)["tests"], "server.file_unreadable")
    assert test["passed"] is True and test["score"] == test["max-score"] and test["verdict"] == "not applicable"
    assert "not applicable" in test["test-name"] and "root can read every file" in test["output"]


@pytest.mark.parametrize("kind", ["spoilt", "crashed"])
def test_classroom50_gets_no_result_of_a_harness_error(
    kind: str, runner: dict[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write(request.getfixturevalue(kind).as_data(), tmp_path / "results.json")
    done = export("classroom50", tmp_path / "results.json")
    assert done.returncode == 1 and not done.stdout and OUR_FAULT in done.stderr and len(done.stderr.splitlines()) == 1


def test_classroom50_without_its_runner(
    results: Results, runner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REVIEW_URL")  # as its own templates have it
    assert classroom50(results)["review"] == runner["COMMIT_URL"]
    monkeypatch.delenv("SUBMISSION_TAG")
    with pytest.raises(ValueError, match="^SUBMISSION_TAG not set"):
        adapters.classroom50(results.as_data())


def test_a_stage_that_was_not_handed_in_has_not_passed(tmp_path: Path, runner: dict[str, str]) -> None:
    found = Results(rubric(), tmp_path, "release", [3])
    found.add(Record("client.head_split", 3, "", Verdict.NOT_GRADED, message="there is no stage 03"))
    test = by_name(gradescope(found)["tests"], "client.head_split")
    assert looks_failed(test) and test["score"] == 0 and "there is no stage 03" in test["output"]
    assert (
        autolab(found)[0]["stage 03"][f"{title('client.head_split')} (not graded)"]["hint"]
        == "there is no stage 03"
    )
    test = by_name(classroom50(found)["tests"], "client.head_split")
    assert test["passed"] is False and test["score"] == 0


# The file, the command


def export(name: str, results: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bytetrain.grading.adapters", name, str(results)]
    return subprocess.run(
        command, cwd=paths.REPO / "harness", stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="surrogateescape"
    )


def test_results_are_written_whole_and_read_again(results: Results, tmp_path: Path) -> None:
    write(results.as_data(), tmp_path / "results.json")
    assert adapters.load_results(tmp_path / "results.json")["outcome"] == "fail"
    for text, words in (("no json", "no results.json"), ('{"schema": "other/v9"}', "'other/v9'")):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(ValueError, match=words):
            adapters.load_results(tmp_path / "other.json")
    with pytest.raises(ValueError, match="grade something first"):
        adapters.load_results(tmp_path / "missing.json")


def test_the_command(results: Results, tmp_path: Path) -> None:
    write(results.as_data(), tmp_path / "results.json")
    done = export("autolab", tmp_path / "results.json")
    assert done.returncode == 0 and json.loads(done.stdout.splitlines()[-1])["scores"]


@pytest.mark.parametrize("module", ["bytetrain.grading.adapters", "bytetrain.doctor"])
def test_a_reader_that_has_gone_is_no_traceback(module: str, results: Results, tmp_path: Path) -> None:
    write(results.as_data(), tmp_path / "results.json")
    words = ["autolab", str(tmp_path / "results.json")] if module.endswith("adapters") else []
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", module, *words], env={**os.environ, "PYTHONPATH": str(paths.HARNESS)},
            stdout=pipe, stderr=subprocess.PIPE, text=True,
        )
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, "")


# JUnit XML, which pytest writes

CHECKS = """
import os, subprocess
import pytest
from bytetrain import Failure, HarnessError, NotApplicable

@pytest.mark.check("pair.passes")
@pytest.mark.parametrize("word", ["one", "two", "three"])
def test_passes(stage, word): pass

@pytest.mark.check("pair.fails")
@pytest.mark.parametrize("word", ["one", "two"])
def test_fails(stage, word):
    if word == "two": raise Failure("it is wrong")

@pytest.mark.check("pair.leaves")
def test_leaves(stage): subprocess.Popen(["sleep", "1000"])

@pytest.mark.check("pair.not_applicable")
def test_not_applicable(stage): raise NotApplicable("this machine has no such thing")

@pytest.mark.check("pair.ours")
def test_ours(stage): raise HarnessError("no disk")

@pytest.mark.check("pair.needs_a_build")
def test_needs_a_build(stage, pair): pass
"""
RANGES = {f"pair.{name}": (1, 1) for name in ("passes", "fails", "leaves", "not_applicable", "ours")}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_junit(workers: str, standins: Path, tmp_path: Path) -> None:
    if workers != "0":
        pytest.importorskip("xdist")
    submission = shutil.copytree(standins, tmp_path / "submission")
    (submission / "02_stand_in" / "client").unlink()
    trial = Trial.of(tmp_path, submission, CHECKS, {**RANGES, "pair.needs_a_build": (2, 2)})
    file = tmp_path / "junit.xml"
    graded = trial.grade(f"--junitxml={file}", *(["-n", workers] if workers != "0" else []))
    suite = ElementTree.parse(file).getroot()[0]

    outcomes = []
    for case in suite.iter("testcase"):
        told = {each.get("name"): each.get("value") for each in case.iter("property")}
        kinds = [each.tag for each in case if each.tag in ("failure", "error", "skipped")]
        outcomes.append((told["check"], told["stage"], told["verdict"], *kinds))
    assert sorted(outcomes) == [
        ("pair.fails", "1", "fail", "failure"), ("pair.fails", "1", "pass"), ("pair.leaves", "1", "fail", "failure"),
        ("pair.needs_a_build", "2", "fail", "failure"), ("pair.not_applicable", "1", "not applicable", "skipped"),
        ("pair.ours", "1", "harness error", "error"), *3 * [("pair.passes", "1", "pass")],
    ]
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("3", "1", "1")
    skipped, error = (next(suite.iter(kind)) for kind in ("skipped", "error"))
    assert skipped.get("message") == "this machine has no such thing" and OUR_FAULT in str(error.text)
    assert "cases: 4 passed, 1 not applicable, 1 harness error, 3 failed" in graded.output and graded.status == 3

    points = {str(each.get("name")): str(each.get("value")) for each in suite.findall("properties/property")}
    for key in ("points", "of"):
        each_check = {name: float(value) for name, value in points.items() if name.startswith(f"{key} ")}
        assert each_check == {f"{key} {each['id']} {each['stage']}": each[key] for each in graded.data["checks"]}
        assert float(points[key]) == graded.data[key]
        assert sum(each_check.values()) == pytest.approx({"points": float(points["points"]), "of": 20}[key], abs=0.01)
    assert points["outcome"] == "harness error"


@pytest.mark.parametrize(
    ("check", "status"), [("passes", 0), ("not_applicable", 0), ("fails", 1), ("leaves", 1), ("ours", 3)]
)
def test_the_exit_status(check: str, status: int, standins: Path, tmp_path: Path) -> None:
    trial = Trial.of(tmp_path, standins, CHECKS.partition('@pytest.mark.check("pair.needs')[0], RANGES)
    assert trial.grade(only=f"pair.{check}").status == status


@pytest.mark.parametrize(
    "text",
    ['{"schema": "bytetrain/results/v1"}', '{"schema": "bytetrain/results/v1", "checks": "none", "stages": 7}',
     "[" * 50_000, "[]", "", "\0",
     '{"schema": "bytetrain/results/v1", "checks": [{"id": 1}], "stages": [1], "harness_errors": [2]}'],
)
@pytest.mark.parametrize("format", ["gradescope", "autolab", "classroom50"])
def test_what_is_no_results_json_is_said_in_a_line(text: str, format: str, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text(text)
    command = [sys.executable, str(paths.HARNESS / "run.py"), "bytetrain.grading.adapters", format, str(file)]
    environment = {**os.environ, **dict.fromkeys(
        ["CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL"], "x")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and done.stdout == "" and done.stderr.startswith("export: ")
    assert done.stderr.count("\n") == 1


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "results.json")
    for path in (tmp_path / "results.json", Path("/dev/zero"), tmp_path):
        with pytest.raises(ValueError, match="it is no regular file"):
            adapters.load_results(path)
