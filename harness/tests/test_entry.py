"""How a grading is started: wherever it is called from, and whatever lies there, by the kit's own settings alone."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain.course.paths import BUILD, HARNESS, REPO
from bytetrain.grading.command import command_of
from bytetrain.programs import containment, ownership

from .conftest import make_submission
from .trial import Trial

CHECKS = """
import os
import pytest
from bytetrain.course.paths import REPO, STAGES

@pytest.mark.check("server.ready_line")
def test_where_it_runs(stage, submission):
    assert os.getcwd() == str(REPO) and str(submission) == os.environ["BYTETRAIN_WAY"]

@pytest.mark.check("server.sees")
def test_what_it_sees(stage):
    solutions = [*STAGES.glob("*/*.cpp"), *REPO.glob("harness/submissions/*"), *REPO.glob(".git/*")]
    assert not solutions and os.listdir(STAGES.parent)
    assert not {"home", "root", "run", "srv", "mnt", "media"} & {each for each in os.listdir("/") if own(f"/{each}")}

def own(folder):  # what is more than the way to the kit and the submission
    return not any(str(each).startswith(folder + "/") for each in (REPO, os.environ["BYTETRAIN_WAY"]))
"""
RANGES = {"server.ready_line": (1, 1), "server.sees": (1, 1)}
STOPS = "import os, sys\nos.write(2, b'IMPORTED')\nos._exit(0)\n"
MODULES = ("conftest", "socket", "xdist", "pytest_timeout", "tomllib", "json", "psutil", "sitecustomize", "bytetrain")
SETTINGS = ("pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml", "setup.py")
needs_bubblewrap = pytest.mark.skipif(
    bool(containment.why_no_sandbox()), reason=containment.why_no_sandbox() or "it works"
)
MODES = [pytest.param("bubblewrap", marks=needs_bubblewrap), "limits"]


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    """A copy of the kit, and a submission in the same folder, with modules of its own. Whoever imports one is ended."""
    monkeypatch.setenv("BYTETRAIN_WAY", str(tmp_path / "submission"))
    trial = Trial.of(tmp_path, make_submission(tmp_path / "submission"), CHECKS, RANGES)
    shutil.copy(REPO / "lab", tmp_path)
    for name in MODULES:
        (trial.submission / f"{name}.py").write_text(STOPS)
    return trial


def call(folder: Path, *command: object) -> tuple[int, str]:
    """Status and output of a command that is called from that folder."""
    done = subprocess.run([str(word) for word in command], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, errors="surrogateescape")
    return done.returncode, done.stdout


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("words", [
    ["test", "--submission", ".", "--stage=1"],
    ["test", "--stage=1", "-n2", "--submission=."],
    ["replay", "server.ready_line", "--submission", "."],
], ids=["n0", "n2", "replay"])
def test_nothing_is_imported_from_where_it_is_called(words: list[str], mode: str, trial: Trial) -> None:
    options = ["--check=server.ready_line", "--containment", mode, "--trust", "--results=r.json", "--junitxml=j.xml"]
    workers = [] if "-n2" in words else ["-n0"]
    status, said = call(trial.submission, "../lab", *words, *options, *workers)
    assert status == 0 and "1 passed" in said and "IMPORTED" not in said, said
    assert (trial.submission / "r.json").exists() and (trial.submission / "j.xml").exists()


@pytest.mark.parametrize("words", [["export", "autolab", "none.json"], ["doctor", "--first"], ["demo", "--help"]])
def test_no_other_word_imports_from_there(words: list[str], trial: Trial) -> None:
    status, said = call(trial.submission, REPO / "lab", *words)
    assert "IMPORTED" not in said and "Traceback" not in said and status == (words[0] == "export"), said


@pytest.mark.parametrize("words", [["."], ["-c", "pytest.ini"], ["--rootdir", "."], ["--submission", ".", ".."]])
def test_lab_refuses_what_is_not_the_kit_s_before_it_runs(words: list[str], trial: Trial) -> None:
    (trial.submission / "pytest.ini").write_text("[pytest]\n")
    status, said = call(trial.submission, "../lab", "test", "--submission=.", *words)
    assert status == 4 and "IMPORTED" not in said and len(said.split("\n")) <= 3, said
    assert "not the kit's" in said or "no part of the kit" in said


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("mode", MODES)
def test_settings_in_a_common_folder_are_none_of_the_kit_s(name: str, mode: str, trial: Trial) -> None:
    sections = {"pyproject.toml": "[tool.pytest.ini_options]", "setup.cfg": "[tool:pytest]", "setup.py": "#"}
    (trial.folder / name).write_text(f"{sections.get(name, '[pytest]')}\n")
    graded = trial.grade("--containment", mode, "-n0", only="server.ready_line")
    assert graded.status == 0 and graded.verdicts() == {"server.ready_line 1": "pass"}, graded.output
    status, said = call(trial.folder, sys.executable, "-m", "pytest", "harness", "--submission", "submission")
    words = [line for line in said.splitlines() if line.startswith("ERROR")]
    assert status == 4 and "these are not the kit's. ./lab test --submission DIR" in words[0], said


def test_pytest_itself_refuses_when_it_has_run_others_code(trial: Trial) -> None:
    """It takes the value of an option that it doesn't know yet for a folder of tests."""
    for name in MODULES:
        (trial.submission / f"{name}.py").write_text("")
    command = [sys.executable, "-m", "pytest", "-c", "harness/pytest.ini", "--rootdir=harness"]
    status, said = call(trial.folder, *command, "--submission", "submission", "harness")
    assert status == 4 and "conftest.py, which is no part of the kit" in said, said
    assert call(trial.folder, *command, "harness", "-n0", "--submission=submission", "--trust", "--stage=2")[0] == 5


def test_workers_understand_what_is_named_in_another_folder(trial: Trial) -> None:
    """They are started in the clone."""
    command = [sys.executable, "-m", "pytest", "-n2", "--submission=../../submission", "--trust", "test_sample.py"]
    status, said = call(trial.folder / "harness" / "checks", *command, "--stage=1", "--check=server.ready_line")
    assert status == 0 and "1 passed" in said, said


def test_an_empty_environment_is_enough(trial: Trial) -> None:
    """CMake doesn't find its modules without a PATH."""
    recipe = "cmake_minimum_required(VERSION 3.22)\nproject(s NONE)\n"
    (trial.submission / "01_stand_in" / "CMakeLists.txt").write_text(recipe)
    check = trial.folder / "harness" / "checks" / "test_sample.py"
    check.write_text(CHECKS.replace("(stage, submission)", "(stage, submission, pair)"))
    command = ["env", "-i", "../lab", "test", "-n0", "--submission=.", "--check=server.ready_line", "--stage=1"]
    status, said = call(trial.submission, *command, "--containment=limits", "--trust", "--no-calls")
    assert status == 1 and "was built, but that made no executable" in " ".join(said.split()), said


@needs_bubblewrap
def test_who_calls_may_ignore_the_end_of_children(trial: Trial) -> None:
    """bwrap inherits that, and would wait for ever."""
    command = ["env", "--ignore-signal=CHLD", "../lab", "test", "-n0", "--submission=.", "--check=server.ready_line"]
    status, said = call(trial.submission, "timeout", "60", *command, "--containment=bubblewrap", "--stage=1")
    assert status == 0 and "1 passed" in said, said


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_is_help(option: str) -> None:
    status, said = call(Path("/"), sys.executable, "-m", "pytest", HARNESS, option)
    assert status == 0 and "Traceback (" not in said
    assert option == "--version" or "--trust" in said


@needs_bubblewrap
def test_the_sandbox_shows_the_system_the_grader_and_the_submission(trial: Trial) -> None:
    assert trial.grade("--containment=bubblewrap", "-n0", only="server.sees").status == 0
    assert trial.grade("--containment=limits", "-n0", only="server.sees").status != 0  # the check can fail


@needs_bubblewrap
def test_a_submission_may_lie_where_the_kit_builds(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """What others have built is hidden there, the submission isn't. `./lab bench` grades one."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        inside = Trial(trial.folder, shutil.copytree(trial.submission, Path(folder, "submission")))
        monkeypatch.setenv("BYTETRAIN_WAY", str(inside.submission))
        graded = inside.grade("--containment=bubblewrap", "-n0", only="server.ready_line")
    assert graded.status == 0, graded.output


@needs_bubblewrap
def test_what_was_built_is_kept_for_who_asks(trial: Trial, tmp_path: Path) -> None:
    stage = trial.submission / "01_stand_in"
    recipe = "project(s NONE)\nforeach(p server client)\nconfigure_file(${p} ${CMAKE_BINARY_DIR}/${p} COPYONLY)\n"
    (stage / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.22)\n{recipe}endforeach()\n")
    check = trial.folder / "harness" / "checks" / "test_sample.py"
    check.write_text(CHECKS.replace("(stage, submission)", "(stage, submission, pair)"))
    kept = tmp_path / "kept"
    options = ("--containment=bubblewrap", "-n0", f"--keep-build={kept}")
    assert trial.grade(*options, only="server.ready_line").status == 0
    assert [each.name for each in kept.glob("*/*/*/server")] == ["server"]
    again = trial.grade(*options, only="server.ready_line")
    assert again.status == 4 and "is not empty" in again.output
    without = trial.grade("--containment=limits", "-n0", f"--keep-build={tmp_path / 'other'}")
    assert without.status == 4 and "without a sandbox, what is built stays in" in without.output


def test_a_place_that_can_not_be_written_is_told_at_once(trial: Trial) -> None:
    graded = trial.grade("--containment=limits", "-n0", "--results=/proc/no/results.json")
    assert graded.status == 4 and "/proc/no can't be written" in graded.output and "Traceback" not in graded.output


@needs_bubblewrap
def test_a_clone_that_can_not_be_written_says_so_in_a_line(trial: Trial) -> None:
    """For root nothing else is read-only."""
    world = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/dev/shm", "--"]
    graded = command_of("pytest", HARNESS, "-n0", f"--submission={trial.submission}", "--trust", "--containment=limits")
    status, said = call(REPO, *world, "env", "TMPDIR=/dev/shm", *graded)
    assert status == 4 and said.startswith("ERROR: ") and "can't be written: Read-only file system" in said, said
    status, said = call(REPO, *world, "env", "TMPDIR=/dev/shm", REPO / "lab", "test", "--stage=1")
    assert status == 1 and "can't be written" in said and said.count("\n") == 1, said


# Whose it is


def test_what_lies_in_one_s_home_or_beside_the_clone_is_one_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make_submission(tmp_path / "home" / "mine")
    monkeypatch.setattr(ownership, "_home", lambda user: tmp_path / "home")
    assert ownership.doubt(mine) == ""
    monkeypatch.setattr(ownership, "_home", lambda user: tmp_path / "elsewhere")
    assert "lies outside of" in ownership.doubt(mine)
    monkeypatch.setattr(ownership, "REPO", tmp_path / "home" / "bytetrain")
    (tmp_path / "home" / "bytetrain").mkdir()
    assert ownership.doubt(mine) == ""


@pytest.mark.parametrize("what", ["", "01_stand_in", "01_stand_in/server", "01_stand_in/src/deep.c", "common"])
@pytest.mark.skipif(os.getuid() != 0, reason="root alone can give files away")
def test_what_belongs_to_another_user_is_another_s(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = make_submission(tmp_path / "theirs")
    (theirs / "01_stand_in" / "src").mkdir()
    (theirs / "01_stand_in" / "src" / "deep.c").touch()
    (theirs / "common").mkdir()
    monkeypatch.setattr(ownership, "_home", lambda user: tmp_path)
    assert ownership.doubt(theirs) == ""
    nobody = pwd.getpwnam("nobody")
    os.chown(theirs / what, nobody.pw_uid, nobody.pw_gid)
    assert "belongs to nobody, not to you" in ownership.doubt(theirs)


def test_others_work_needs_a_sandbox_or_trust(trial: Trial) -> None:
    command = [word for word in trial.command if word != "--trust"]
    for mode in ("limits", "off"):
        status, said = call(trial.folder, *command, "-n0", "--check=server.ready_line", "--containment", mode)
        assert status == 4 and "Others' programs need a sandbox" in said and said.count("\n") <= 2, said
    status, said = call(trial.folder, *command, "-n0", "--check=server.ready_line", "--containment=limits", "--trust")
    assert status == 0 and "no sandbox: what you can read and write, programs can as well" in said


@pytest.mark.skipif(os.getuid() != 0, reason="about root")
def test_root_is_warned(trial: Trial) -> None:
    graded = trial.grade("--containment=limits", "-n0", only="server.ready_line")
    assert "(and you are root: grade as an ordinary user)" in graded.output


def test_who_forbids_the_sandbox_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "switch").write_text("1\n")
    monkeypatch.setattr(containment, "_SWITCHES", {str(tmp_path / "switch"): ("1", "AppArmor forbids it")})
    asked: Callable[[], str] = containment.why_no_sandbox.__wrapped__
    assert asked().endswith("setting up uid map: Permission denied (AppArmor forbids it: docs/en/protection.md tells "
                            "your administrator how to allow it)")
    (tmp_path / "switch").write_text("0\n")
    assert asked().endswith("Permission denied")
