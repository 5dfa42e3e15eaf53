"""Attacks on the sandbox, by somebody who wants the points or the machine. None pays, and nothing is left behind."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bytetrain.kernel.processes import processes
from bytetrain.programs import containment
from bytetrain.telling.text import has_bytes

from .trial import Graded, Trial

STANDINS = Path(__file__).parent / "standins"
CHECKS = """
import os
import pytest
from bytetrain import Failure
from bytetrain.telling.waiting import wait_until

@pytest.mark.check("server.deed")
def test_deed(stage, store, start):
    server = start.server(store.seeded(1), options=[os.environ["BYTETRAIN_DEED"]])
    wait_until(lambda: not server.running or "the deed is done" in server.stderr, "the deed is done")
    print(server.stderr)
    raise Failure("a deed earns no points")

@pytest.mark.check("server.next")
def test_next(stage, store, start):
    assert not os.path.exists("/dev/shm/filler") and len(os.listdir("/tmp")) < 100
"""
RANGES = {"server.deed": (1, 1), "server.next": (1, 1)}
needs_bubblewrap = pytest.mark.skipif(
    bool(containment.why_no_sandbox()), reason=containment.why_no_sandbox() or "it works"
)
BUBBLEWRAP = pytest.param("bubblewrap", marks=needs_bubblewrap)
Attack = Callable[..., Graded]


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the grader makes its temporary files; nothing is left there."""
    folder = Path(tempfile.mkdtemp(prefix="bytetrain-attack-"))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert sorted(folder.iterdir()) == []
    folder.rmdir()


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """A submission whose server does what $BYTETRAIN_DEED says; no process of it is left."""
    stage = tmp_path / "submission" / "01_attack"
    stage.mkdir(parents=True)
    attacker = shutil.copy(STANDINS / "attacker.py", stage)
    for name in ("server", "client"):
        script = stage / name
        script.write_bytes(os.fsencode(f'#!/bin/sh\nexec {shlex.join([sys.executable, str(attacker)])} "$@"\n'))
        script.chmod(0o755)
    trial = Trial.of(tmp_path, tmp_path / "submission", CHECKS, RANGES)
    yield trial
    assert [each for each in processes() if str(trial.submission) in command_line(each.pid)] == []


def command_line(pid: int) -> str:
    """That of a process, "" if it is gone."""
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return ""


@pytest.fixture
def attack(trial: Trial, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Attack:
    """attack("forges", "bubblewrap", "-n0") grades a server that does so."""

    def grade(deed: str, mode: str, *options: str) -> Graded:
        monkeypatch.setenv("BYTETRAIN_DEED", deed)
        return trial.grade("--containment", mode, "-s", *options)

    return grade


def honest(graded: Graded) -> bool:
    """Whether the results are the grader's own."""
    verdicts = {"server.deed 1": "fail", "server.next 1": "pass"}
    return "forged" not in graded.data and graded.verdicts() == verdicts and graded.status == 1


@needs_bubblewrap
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_results_can_not_be_forged(workers: str, attack: Attack, trial: Trial) -> None:
    if workers != "-n0" and has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    graded = attack("forges", "bubblewrap", workers, "--junitxml", "junit.xml")
    assert honest(graded), graded.output
    junit = (trial.folder / "junit.xml").read_bytes()
    assert b"forged" not in junit and b"<testsuite" in junit and b"a deed earns no points" in junit
    assert "junit.xml" in graded.output and "/proc/self" not in graded.output


@needs_bubblewrap
def test_nothing_of_the_teacher_s_can_be_seen(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "a-secret-of-the-teacher")
    graded = attack("looks", "bubblewrap", "-n0")
    assert "environ: Permission denied" in graded.output and "a-secret-of-the-teacher" not in graded.output
    assert "terminal: No such device or address" in graded.output
    assert "keyring: Operation not permitted" in graded.output


@needs_bubblewrap
def test_the_grader_itself_gets_a_short_list_of_variables(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    check = trial.folder / "harness" / "checks" / "test_sample.py"
    check.write_text(CHECKS + "    assert 'SOME_TOKEN' not in os.environ and os.environ['CXX'] == 'some-compiler'\n")
    monkeypatch.setenv("SOME_TOKEN", "a-secret-of-the-teacher")
    monkeypatch.setenv("CXX", "some-compiler")
    assert trial.grade("--containment", "bubblewrap", only="server.next").status == 0


@needs_bubblewrap
def test_a_sandbox_that_can_not_start_says_so(trial: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "bwrap"
    broken.parent.mkdir()
    real = shutil.which("bwrap")
    broken.write_text(f'#!/bin/sh\ncase "$*" in *pytest*) echo "bwrap: no chdir today" >&2; exit 1;; esac\n'
                      f'exec {real} "$@"\n')
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
    (trial.folder / "results.json").write_text("{}")
    graded = trial.grade("--containment", "bubblewrap")
    assert graded.status == 3 and "the sandbox could not be started (status 1)" in graded.output
