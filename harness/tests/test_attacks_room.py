"""Attacks on the room that checks need, in one check for another. None turns into an error of the machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from bytetrain.course.paths import HARNESS
from bytetrain.programs import containment, limits
from bytetrain.programs.workplace import temporary_folder
from bytetrain.telling.text import has_bytes

from .conftest import make_submission
from .trial import Trial

CHECKS = """
import os
import tempfile
import pytest
from bytetrain.judging.transfers import serves
from bytetrain.programs import limits
from bytetrain.telling.sizes import MiB
from bytetrain.telling.waiting import wait_until

@pytest.mark.check("server.leaves")
def test_leaves(stage, store, start):
    serves(start.server(store.seeded(10)), stage, store.seeded(10))
    assert os.path.exists(os.path.join(tempfile.gettempdir(), "bytetrain-mine"))

@pytest.mark.check("server.next")
def test_next(stage, store, start):
    left = sorted(name for name in os.listdir(tempfile.gettempdir()) if not name.startswith("pytest-of-"))
    assert not {"bytetrain-mine", "closed", "file"} & set(left), left
    assert len(left) == 2, left  # the store, and the folder of this check
    serves(start.server(store.seeded(10)), stage, store.seeded(10))

@pytest.mark.check("server.fills")
def test_fills(stage, store, start, monkeypatch):
    monkeypatch.setattr(limits, "DISK", 8 * MiB)
    server = start.server(store.seeded(10))
    wait_until(lambda: not server.running, "it is ended")

@pytest.mark.check("server.names")
def test_names(stage, store, start, monkeypatch):
    monkeypatch.setattr(limits, "FILES", 300)
    server = start.server(store.seeded(10))
    wait_until(lambda: not server.running, "it is ended")
"""
LEAVES = (
    "cd ..; mkdir -p bytetrain-mine/a/b closed; echo x > bytetrain-mine/a/b/c; echo x > file; chmod 0 closed; "
    "ln -sf / link; cd - > /dev/null"
)
FILLS = "mkdir -p ../bytetrain-mine; head -c 32000000 /dev/urandom > ../bytetrain-mine/x; sync ../bytetrain-mine/x"
MODES = [
    pytest.param("bubblewrap", marks=pytest.mark.skipif(bool(containment.why_no_sandbox()), reason="no sandbox here")),
    "limits",
]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    ranges = {name: (6, 6) for name in ("server.leaves", "server.next", "server.fills", "server.names")}
    return Trial.of(tmp_path, make_submission(tmp_path / "submission"), CHECKS, ranges)


def first(trial: Trial, deed: str) -> None:
    """The server does that before it serves."""
    server = trial.submission / "06_stand_in" / "server"
    server.write_bytes(server.read_bytes().replace(b"exec", os.fsencode(f"{deed}; exec"), 1))


@pytest.mark.parametrize("workers", ["-n0", "-n1"])
@pytest.mark.parametrize("mode", MODES)
def test_what_one_check_leaves_takes_no_room_from_the_next(mode: str, workers: str, trial: Trial) -> None:
    if workers != "-n0" and has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    first(trial, LEAVES)
    graded = trial.grade(workers, "--stage=6", f"--containment={mode}", only="server.leaves,server.next")
    assert graded.verdicts() == {"server.leaves 6": "pass", "server.next 6": "pass"}, graded.output
    assert "Traceback" not in graded.output, graded.output  # pytest still finds what is its own


@pytest.mark.parametrize("mode", MODES)
def test_whoever_fills_the_disk_under_a_name_of_ours_is_found_out(mode: str, trial: Trial) -> None:
    first(trial, FILLS)
    graded = trial.grade("-n0", "--stage=6", f"--containment={mode}", only="server.fills")
    assert graded.verdicts() == {"server.fills 6": "fail"} and graded.status == 1, graded.output
    assert "files beside it, and" in graded.story("server.fills")["message"], graded.output


HIDES = "mkdir -p {0}/in; (cd {0}/in; chmod 0 ..; seq 1 2000 | xargs touch)"


@pytest.mark.parametrize("where", ["closed", "../bytetrain-closed"])
def test_whoever_makes_files_where_nobody_can_look_is_found_out(where: str, tmp_path: Path, trial: Trial) -> None:
    """In a folder that is closed, or beside that of the check, under a name of ours. Root can look everywhere."""
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        if os.fstatvfs(file.fileno()).f_favail == 0:
            pytest.skip("this file system doesn't count inodes")
    first(trial, HIDES.format(where))
    graded = trial.grade("-n0", "--stage=6", "--containment=limits", only="server.names")
    assert graded.verdicts() == {"server.names 6": "fail"}, graded.output
    assert "the disk fills up" in graded.story("server.names")["message"], graded.output


def test_a_closed_folder_is_opened_to_be_counted(tmp_path: Path) -> None:
    if os.getuid() == 0:  # in a process without root's capabilities
        script = "import sys; sys.path.insert(0, sys.argv[2]); from pathlib import Path\n" \
                 "from bytetrain.programs.limits import disk_usage\n" \
                 "print(*(disk_usage(Path(sys.argv[1]), opening=each).files for each in (False, True)))"
    closed = tmp_path / "closed"
    (closed / "in").mkdir(parents=True)
    for number in range(10):
        (closed / "in" / str(number)).touch()
    closed.chmod(0)
    if os.getuid() == 0:
        command = ["setpriv", "--bounding-set=-all", sys.executable, "-c", script, str(tmp_path), str(HARNESS)]
        assert subprocess.run(command, stdout=subprocess.PIPE).stdout.split() == [b"1", b"12"]
    else:
        assert limits.disk_usage(tmp_path).files == 1 and limits.disk_usage(tmp_path, opening=True).files == 12


def test_a_folder_that_is_swept_before_it_is_locked_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a worker of pytest-xdist whose check begins just then."""
    opened: list[object] = []
    really = os.open

    def swept(path: str, *how: int) -> int:
        opened.append(path)
        if len(opened) == 1:
            os.rmdir(path)
        return really(path, *how)

    monkeypatch.setattr(os, "open", swept)
    with temporary_folder() as folder:
        assert len(opened) == 2 and folder.is_dir()
