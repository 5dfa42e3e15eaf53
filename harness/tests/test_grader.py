"""The grader's options and fixtures, seen from outside: pytest run on small checks, against the stand-ins."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from bytetrain.course.paths import STAGES
from bytetrain.course.traits import numbered, stage_numbers, traits
from bytetrain.grading.command import command_of, grading_command
from bytetrain.grading.adapters import load_results
from bytetrain.kernel import trace
from bytetrain.telling.text import has_bytes

from .trial import Grade, Trial

CHECKS = """
import os, subprocess
import pytest
from bytetrain import Failure, NotApplicable
from bytetrain.judging.verdicts import received
from bytetrain.programs.program import Conditions
from bytetrain.telling.story import told

@pytest.mark.check("pair.transfer")
def test_transfer(stage, store, start):
    file = store.seeded(1000)
    client = start.client(start.server(file).port)
    with told("the client gets a file"):
        received(client.wait(), client.directory, file)

@pytest.mark.check("pair.range")
def test_range(stage): pass

@pytest.mark.check("server.cases")
@pytest.mark.parametrize("word", ["one", "two words", "last"])
def test_cases(stage, word):
    if word != "one": raise Failure("the worker died of signal 13", expected="a worker", actual="a corpse")

@pytest.mark.check("reference.only")
def test_reference(stage): pass

@pytest.mark.check("client.sanitizer")
def test_sanitizer(stage, store, start):
    start.server(store.seeded(1), under=Conditions(env={"STANDIN_FAULT": "asan"})).signal(15)
    from bytetrain.telling.waiting import wait_until
    wait_until(lambda: False, "this never comes", limit=0.2)

@pytest.mark.check("pool.leaves")
def test_leaves_a_process(stage): subprocess.Popen(["sleep", "1000"])

@pytest.mark.check("pool.not_here")
def test_not_here(stage): raise NotApplicable("this machine has no such thing")

@pytest.mark.check("pool.ours")
def test_ours(stage): os.open("/no/such/file", 0)
"""
RANGES = {"pair.transfer": (1, 6), "pair.range": (3, 5), "server.cases": (1, 2), "client.sanitizer": (1, 1),
          "pool.leaves": (1, 1), "pool.not_here": (1, 1), "pool.ours": (1, 1), "reference.only": (1, 1)}


@pytest.fixture
def grade(standins: Path, tmp_path: Path) -> Grade:
    """grade("--stage", "2", only="pair.range") runs a copy of the harness on the checks above."""
    submission = shutil.copytree(standins, tmp_path / "submission")
    return Trial.of(tmp_path, submission, CHECKS, RANGES).grade


def test_a_check_runs_in_each_stage_in_which_it_counts(grade: Grade) -> None:
    graded = grade(only="pair.*")
    expected = [f"pair.transfer {number}" for number in range(1, 7)] + [f"pair.range {number}" for number in (3, 4, 5)]
    assert graded.verdicts() == dict.fromkeys(expected, "pass")
    assert graded.status == 0 and graded.data["outcome"] == "pass"


@pytest.mark.parametrize("options", [["--stage", "3", "--stage", "6"], ["--stage", "3,06"], ["--stage=03_waitall,6"]])
def test_stages_can_be_chosen(options: list[str], grade: Grade) -> None:
    graded = grade(*options, only="pair.*")
    assert graded.verdicts() == dict.fromkeys(["pair.transfer 3", "pair.transfer 6", "pair.range 3"], "pass")


@pytest.mark.parametrize("stage", stage_numbers())
def test_each_stage_of_the_real_checks_can_be_chosen_alone(stage: int, tmp_path: Path) -> None:
    command = grading_command(STAGES, tmp_path / "results.json", "--collect-only", f"--stage={stage}")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape")
    assert done.returncode == 0 and f"[stage{stage:02d}" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--stage", "99"], f"--stage 99: {numbered()}"),
        (["--submission", "/no/such"], "/no/such: there is no such folder"),
        (["--check", "client.no_such"], "--check client.no_such: there is no such check"),
        (["--check", "server.cases", "--case", "three"], "--case three: server.cases has no such case"),
    ],
)
def test_what_does_not_exist_is_refused(options: list[str], words: str, grade: Grade) -> None:
    graded = grade(*options)
    assert words in graded.output and graded.status == 4


def test_points_are_shares_of_a_stage(grade: Grade) -> None:
    graded = grade(only="pair.*")
    worth = [traits(stage).points for stage in stage_numbers()]
    assert graded.data["of"] == 100 and [stage["of"] for stage in graded.data["stages"]] == worth
    assert graded.data["points"] == pytest.approx(worth[0] / 6 + worth[1] / 2 + sum(worth[2:6]), 0.001)


def test_missing_stages_earn_nothing_and_broken_ones_fail(grade: Grade, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "submission" / "03_stand_in")
    (tmp_path / "submission" / "04_stand_in" / "client").unlink()
    graded = grade("--stage", "3,4,5", only="pair.*")
    told = graded.verdicts("pair.transfer")
    assert told == {"pair.transfer 3": "not graded", "pair.transfer 4": "fail", "pair.transfer 5": "pass"}
    assert [stage["state"] for stage in graded.data["stages"]][2:5] == ["missing", "build failed", "graded"]
    assert [stage["points"] for stage in graded.data["stages"]][2:5] == [0, 0, traits(5).points]
    assert "not handed in" in graded.output and "no executable client" in graded.output


def test_checks_of_the_reference_are_not_for_others(grade: Grade) -> None:
    assert grade(only="reference.only").verdicts() == {"reference.only 1": "not applicable"}


def test_a_failure_is_told_from_its_beginning(grade: Grade, tmp_path: Path) -> None:
    graded = grade("--stage", "2", only="server.cases")
    assert graded.status == 1 and graded.verdicts() == {"server.cases 2": "fail"}
    story = graded.story("server.cases")
    assert story["case"] == "two words" and (story["expected"], story["actual"]) == ("a worker", "a corpse")
    assert (
        story["again"] == f"./lab replay server.cases --stage 2 --case 'two words' --submission {tmp_path}/submission"
    )
    for words in (
        "✗ server.cases: The title of server.cases", "the worker died of signal 13", "A nudge", story["again"],
    ):
        assert words in graded.output
    assert "raise Failure" not in graded.output


@pytest.mark.parametrize(("option", "cases"), [([], ["pass", "fail"]), (["--all-cases"], ["pass", "fail", "fail"])])
@pytest.mark.parametrize("workers", ["0", "1"])
def test_one_failure_of_a_check_is_enough(workers: str, option: list[str], cases: list[str], grade: Grade) -> None:
    graded = grade("-n", workers, "--stage", "1,2", *option)
    assert graded.verdicts("server.cases") == {"server.cases 1": "fail", "server.cases 2": "fail"}
    found = [[case["verdict"] for case in check["cases"]] for check in graded.data["checks"] if len(check["cases"]) > 1]
    if workers == "1":  # it has the next item before it is known how this one ends
        found = [verdicts[: len(cases)] for verdicts in found]
    assert found == [cases] * 2 and graded.data["complete"] is True, graded.output


def test_one_case_can_be_chosen(grade: Grade) -> None:
    graded = grade("--stage", "2", "--case", "one", only="server.cases")
    assert graded.verdicts() == {"server.cases 2": "pass"}


@pytest.mark.parametrize(
    "options",
    [["-m", "check"], ["-k", "one"], ["--case=one"], ["--check=pair.*"], ["-x"], ["--deselect=no/such"]],
)
def test_a_run_of_which_something_was_left_out_is_not_complete(options: list[str], grade: Grade) -> None:
    graded = grade("-n0", "--stage=1", *options)
    assert graded.data["complete"] is False and "Only some checks were run" in graded.output


@pytest.mark.parametrize("stage", [2, 4])
def test_a_run_of_everything_is_complete_whatever_was_found(stage: int, grade: Grade, tmp_path: Path) -> None:
    (tmp_path / "submission" / "04_stand_in" / "client").unlink()
    graded = grade(f"--stage={stage}")
    assert graded.status == 1 and graded.data["complete"] is True and "Only some checks" not in graded.output


def test_steps_are_numbered_and_the_failing_one_is_marked(grade: Grade, tmp_path: Path) -> None:
    client = tmp_path / "submission" / "01_stand_in" / "client"
    client.write_bytes(client.read_bytes().replace(b"exec", b"exit 1; exec"))
    graded = grade("--stage", "1", only="pair.transfer")
    steps = graded.story("pair.transfer")["steps"]
    assert [step["kind"] for step in steps] == ["did", "expected", "did", "told", "did", "expected"]
    assert [step["failing"] for step in steps] == [False] * 5 + [True]
    assert "► 6 " in graded.output.replace("  ", " ") and "status 0" in graded.story("pair.transfer")["expected"]


def test_a_check_that_leaves_a_process_behind_fails(grade: Grade) -> None:
    graded = grade(only="pool.leaves")
    assert graded.verdicts() == {"pool.leaves 1": "fail"}
    assert re.search(r"processes were left behind: \w+ \(pid \d+", graded.story("pool.leaves")["message"])


def test_a_sanitizers_finding_fails_the_check(grade: Grade) -> None:
    graded = grade(only="client.sanitizer")
    assert graded.verdicts() == {"client.sanitizer 1": "fail"} and "this never comes" in graded.output


def test_what_can_not_be_tried_here_is_not_held_against_anyone(grade: Grade) -> None:
    graded = grade(only="pool.not_here")
    assert graded.verdicts() == {"pool.not_here 1": "not applicable"} and graded.status == 0
    assert "this machine has no such thing" in graded.output and graded.data["stages"][0]["points"] > 0


def test_who_has_no_pool_fails_and_is_no_harness_error(standins: Path, tmp_path: Path) -> None:
    submission = shutil.copytree(standins, tmp_path / "submission")
    server = submission / "06_stand_in" / "server"
    server.write_bytes(server.read_bytes().replace(b"exec", b"STANDIN_FAULT=forks exec"))
    groups = [f"--check={group}" for group in ("pool.*", "exit.*", "lesson.*", "server.worker*")]
    command = grading_command(submission, tmp_path / "results.json", "--no-calls", "-n2", "--stage=6", *groups)
    environment = {**os.environ, "BYTETRAIN_LIMIT": "2"}
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape", env=environment
    )
    told = {
        check["id"]: check["verdict"] for check in load_results(tmp_path / "results.json")["checks"] if check["cases"]
    }
    assert "harness error" not in told.values() and done.returncode == 1, done.stdout
    assert told["pool.size"] == told["pool.idle_worker_dies"] == told["exit.no_replacement"] == "fail"


def test_our_own_errors_are_told_apart(grade: Grade) -> None:
    graded = grade(only="pool.*")
    assert graded.verdicts("pool.ours") == {"pool.ours 1": "harness error"} and graded.status == 3
    assert "not your program" in graded.output and "/no/such/file" in graded.story("pool.ours")["message"]


def test_workers_of_xdist_grade_too(grade: Grade) -> None:
    pytest.importorskip("xdist")
    graded = grade("-n", "2", only="pair.*,server.cases")
    assert len(graded.verdicts()) == 11 and graded.status == 1
    assert graded.output.count("\n  the worker died of signal 13") == 2 and "= FAILURES" not in graded.output
    assert graded.story("server.cases")["actual"] == "a corpse"


@pytest.mark.parametrize("workers", ["0", "3"])
def test_a_run_that_is_broken_off_keeps_what_went_wrong(grade: Grade, workers: str) -> None:
    pytest.importorskip("xdist")
    graded = grade("-x", "-n", workers, only="pool.ours")
    assert graded.verdicts("pool.ours") == {"pool.ours 1": "harness error"} and graded.status == 3, graded.output
    assert graded.data["outcome"] == "harness error" and "/no/such/file" in graded.story("pool.ours")["message"]
    assert "not your program" in graded.output


INTERRUPTED = """
import os, signal
import pytest

@pytest.mark.check("pair.passes")
@pytest.mark.parametrize("number", range(3))
def test_passes(stage, number):
    if number == 1:
        raise KeyboardInterrupt
"""


def test_a_run_that_is_broken_off_has_not_passed(standins: Path, tmp_path: Path) -> None:
    graded = Trial.of(tmp_path, standins, INTERRUPTED, {"pair.passes": (1, 1)}).grade("--containment=limits")
    assert graded.data["outcome"] == "harness error" and not graded.data["complete"], graded.output
    check = graded.data["checks"][0]
    assert (check["verdict"], check["points"], check["why"]) == ("not run", 0, "only 1 of its 3 cases were run")
    assert "no verdict, because they were broken off:\n  pair.passes (01): 1 of its 3 cases\n" in graded.output


WAITING = """
from pathlib import Path
import pytest
from bytetrain import Failure
from bytetrain.telling.waiting import wait_until
from bytetrain.judging.verdicts import received

@pytest.mark.check("pair.fails")
def test_fails(stage, store, start, pytestconfig):
    if pytestconfig.getoption("--traced"):
        wait_until(Path("{seen}").exists, "the story of the first run is on the screen", limit=10**6)
    file = store.seeded(1000)
    client = start.client(start.server(file).port)
    received(client.wait(), client.directory, store.seeded(1001))
"""


@pytest.mark.skipif(not trace.available(), reason=str(trace.why_no_strace()))
@pytest.mark.parametrize("workers", [0, 2])
def test_a_story_does_not_wait_for_its_system_calls(workers: int, standins: Path, tmp_path: Path) -> None:
    """The second run, which is traced, comes to its end only when the story has been read."""
    seen = tmp_path / "seen"
    trial = Trial.of(tmp_path, standins, WAITING.format(seen=seen), {"pair.fails": (3, 3)})
    command = [*trial.command, "--containment=limits", f"-n{workers}"]
    asked, told = "What pair.fails (stage 03) asked of the kernel", []
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, errors="surrogateescape") as run:
        for line in run.stdout or ():
            told.append(line)
            if line.startswith("  again  ./lab replay pair.fails"):
                assert asked not in "".join(told)
                seen.touch()
    calls = load_results(tmp_path / "results.json")["checks"][0]["story"]["calls"]
    after = "".join(told).partition("  again  ")[2]
    assert asked in after and any("recv" in call for call in calls) and all(call in after for call in calls)


@pytest.mark.skipif(not trace.available(), reason=str(trace.why_no_strace()))
def test_a_check_that_takes_long_is_not_run_a_second_time(standins: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.touch()
    trial = Trial.of(tmp_path, standins, WAITING.format(seen=seen), {"pair.fails": (3, 3)})
    catalogue = tmp_path / "harness" / "checks.toml"
    catalogue.write_text(catalogue.read_text() + "long = true\n")
    command = [*trial.command, "--containment=limits", "-n0"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, errors="surrogateescape")
    assert "it takes long, and is not run a second time" in done.stdout.partition("  again  ")[2]
    assert load_results(tmp_path / "results.json")["checks"][0]["story"]["calls"] == []


def test_nothing_is_left_in_the_submission(grade: Grade, tmp_path: Path) -> None:
    before = sorted((tmp_path / "submission").rglob("*"))
    grade(only="pair.transfer")
    assert sorted((tmp_path / "submission").rglob("*")) == before


def test_a_crash_among_the_own_tests_is_no_result_of_a_submission(grade: Grade, tmp_path: Path) -> None:
    """What the student has in results.json is of the checks. Those lie beside it, in a folder of the same harness."""
    if has_bytes(str(STAGES)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    grade(only="pair.range")
    results = tmp_path / "results.json"
    before = results.read_text(encoding="utf-8")
    own = tmp_path / "harness" / "tests" / "test_own.py"
    own.parent.mkdir()
    crash = 'import os, pytest\n@pytest.mark.parametrize("n", [1])\ndef test_crash(n): os.kill(os.getpid(), 9)\n'
    own.write_text(crash)
    command = command_of("pytest", own.parent, "-q", "-n1", f"--results={results}", harness=own.parents[1])
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape")
    assert done.returncode == 1 and "crashed" in done.stdout, done.stdout
    assert results.read_text(encoding="utf-8") == before
