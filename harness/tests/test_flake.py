"""Verdicts that waver are found and named."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import psutil
import pytest

from bytetrain.course import paths
from bytetrain.telling.waiting import wait_until
from bytetrain.upkeep import flake


def results(**verdicts: str) -> dict[str, Any]:
    """A results.json in which each check, of stage 03, has one case."""
    checks = [
        {"id": f"client.{name}", "stage": 3, "verdict": verdict, "cases": [{"case": "", "verdict": verdict}],
         "story": {"message": f"{name} went wrong"}}
        for name, verdict in verdicts.items()
    ]
    return {"checks": checks}


def of(*runs: dict[str, Any]) -> flake.Series:
    series = flake.Series()
    for run in runs:
        series.add(run, 1.0)
    return series


def test_what_is_the_same_in_all_runs_is_calm() -> None:
    series = of(results(head="pass", tail="not applicable"), results(head="pass", tail="not applicable"))
    assert not series.changed and not series.bad and flake.words(series) == "2 runs, 0 verdicts changed"


def test_a_verdict_that_changed_is_counted() -> None:
    series = of(results(head="pass"), results(head="fail"), results(head="pass"))
    assert series.changed == {("client.head", 3, ""): {"pass": 2, "fail": 1}} and not series.bad
    assert "client.head, stage 03: pass 2 times, fail 1 times" in flake.words(series)
    assert "client.head in stage 03: head went wrong" in flake.words(series)


def test_a_case_that_was_not_run_once_has_changed() -> None:
    series = of(results(head="pass", tail="pass"), results(head="pass"))
    assert series.changed == {("client.tail", 3, ""): {"pass": 1, "not run": 1}}


def test_what_always_fails_is_no_flake_but_bad() -> None:
    series = of(results(head="fail"), results(head="fail"))
    assert not series.changed and series.bad == {("client.head", 3, ""): "fail"}


def test_busy_loops_run_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # Python 3.14's default.
    monkeypatch.setattr(multiprocessing, "Process", multiprocessing.get_context("forkserver").Process)
    with flake.busy(2):
        ours = psutil.Process().children()
        assert len(ours) == 2
        wait_until(lambda: all(each.cpu_times().user > 0.2 for each in ours), "both have used a core")
    assert not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in ours)


def test_the_whole_is_told_and_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = iter([results(head="pass"), results(head="fail")])
    monkeypatch.setattr(flake, "once", lambda submission, options: next(runs))
    record_file = tmp_path / "record.json"  # which may be a file of the clone: once written, the clone has changed
    monkeypatch.setattr(flake, "commit", lambda: "abc1234" + ("+" if record_file.exists() else ""))
    assert flake.main(["--runs", "2", "--load", "0", "--record", str(record_file)]) == 1
    assert "run  2: 1 fail" in capsys.readouterr().out
    record = json.loads(record_file.read_text())
    assert record["schema"] == "bytetrain/flake/v1" and record["runs"] == 2 and record["commit"] == "abc1234"
    assert record["changed"] == [{"check": "client.head", "stage": 3, "case": "", "verdicts": {"pass": 1, "fail": 1}}]


def test_the_committed_record_is_of_thirty_runs_without_a_change() -> None:
    record = json.loads((paths.REPO / "harness" / "flake.json").read_text())
    assert record["schema"] == "bytetrain/flake/v1" and record["what"] == "stages"
    assert record["runs"] >= 30 and record["busy_loops"] >= record["machine"]["cores"] and record["changed"] == []
    assert set(record["verdicts"]) <= {"pass", "not applicable"}
    assert sum(record["verdicts"].values()) == record["runs"] * record["cases"]


def test_without_git_no_commit_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert flake.commit() == ""


def test_one_run_compares_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        flake.main(["--runs", "1"])
    assert "nothing to compare" in capsys.readouterr().err
