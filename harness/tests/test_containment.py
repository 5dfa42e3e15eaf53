"""What a submission can't do: the sandbox, and the limits without it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bytetrain.course import paths
from bytetrain.grading.command import command_of
from bytetrain.programs import containment, limits
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Server
from bytetrain.programs.sessions import end_left_over
from bytetrain.telling.sizes import MiB
from bytetrain.telling.text import has_bytes
from bytetrain.wire.files import FileStore

from .trial import Graded, Trial, one_stage

CHECKS = """
import os, socket
import pytest
from bytetrain import Failure
from bytetrain.kernel.processes import descendants, processes
from bytetrain.programs.program import Conditions
from bytetrain.telling.waiting import wait_until

def rogue(store, start, deed):
    under = Conditions(env={"TARGETS": os.environ.get("BYTETRAIN_TARGETS", "")})
    return start.server(store.seeded(1), options=[deed], under=under)

@pytest.mark.check("server.deed")
def test_deed(stage, store, start):
    server = rogue(store, start, os.environ["BYTETRAIN_DEED"])
    wait_until(lambda: not server.running or "done" in server.stderr, "the deed is done")
    print(server.stderr)
    server.signal(15)
    server.wait(2)

@pytest.mark.check("server.tidy")
def test_tidy(stage):
    assert not os.path.exists("/tmp/filler")

@pytest.mark.check("server.alone")
def test_alone(stage):
    strangers = [each for each in processes() if each not in descendants(1) and each.pid != 1]
    if strangers: raise Failure(f"others can be seen: {strangers}")
    for family, address in [(socket.AF_INET, ("127.0.0.1", int(os.environ["BYTETRAIN_OUTER_PORT"]))),
                            (socket.AF_UNIX, "\\0" + os.environ.get("BYTETRAIN_OUTER_NAME", ""))]:
        with socket.socket(family) as client:
            try:
                client.connect(address)
            except ConnectionRefusedError:
                continue
        raise Failure(f"a server of the outer world can be reached: {address!r}")
"""
RANGES = {"server.deed": (1, 1), "server.tidy": (1, 1), "server.alone": (1, 1)}
needs_bubblewrap = pytest.mark.skipif(
    bool(containment.why_no_sandbox()), reason=containment.why_no_sandbox() or "it works"
)
HaveDone = Callable[[str, str], Graded]
MODES = [pytest.param("bubblewrap", marks=needs_bubblewrap), "limits"]


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A submission whose server does what $DEED says."""
    submission = one_stage(tmp_path / "submission", "01_rogue", "rogue.py")
    return Trial.of(tmp_path, submission, CHECKS, RANGES)


@pytest.fixture
def have_done(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> HaveDone:
    """have_done("forks", "limits") grades a server that forks without end."""

    def grade(deed: str, mode: str) -> Graded:
        monkeypatch.setenv("BYTETRAIN_DEED", deed)
        return trial.grade("--containment", mode, "-s", only="server.deed")

    return grade


def left(trial: Trial) -> list[int]:
    """The pids of rogues that are still there."""
    return [pid for pid in psutil.pids() if str(trial.submission) in command_line(pid)]


def command_line(pid: int) -> str:
    """That of a process, "" if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("forks", r"there are \d+ processes, and still more are coming"),
        ("prints", r"the server \(process \d+\) has printed \d+ MiB, and it was ended"),
        ("fills", r"the disk fills up: there are \d+ MiB in \d+ files"),
        ("files", r"the disk fills up: there are \d+ MiB in \d+ files"),
        ("deaf", r"the server has not ended after 2 s"),
        ("daemon", r"processes were left behind|left behind"),
    ],
)
def test_harm_is_ended_and_named(deed: str, words: str, mode: str, have_done: HaveDone, trial: Trial) -> None:
    graded = have_done(deed, mode)
    assert graded.status == 1, graded.output
    assert re.search(words, graded.story("server.deed")["message"]), graded.output
    assert not left(trial)
    assert limits.disk_usage(trial.folder).size < 64 * MiB


def test_what_lies_in_a_shared_folder_may_be_anything_and_go_at_any_time(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write(os.urandom(100_000))
        os.fsync(file)  # some file systems count what is on the disk only
    (tmp_path / "loop").symlink_to(tmp_path)
    assert limits.disk_usage(tmp_path / "file").size >= 100_000
    assert limits.disk_usage(tmp_path / "loop").size < 100_000  # where a link leads is no business of its own
    assert limits.disk_usage(tmp_path / "gone") == limits.DiskUsage(0, 0)


@needs_bubblewrap
def test_who_fills_the_disk_beside_its_folder_is_named_and_cleaned_up(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BYTETRAIN_DEED", "litters")
    graded = trial.grade("--containment", "bubblewrap", "-n0", only="server.[dt]*")
    words = r"the disk fills up: there are \d+ MiB beside the folder of this check: /tmp/filler"
    assert re.search(words, graded.story("server.deed")["message"]), graded.output
    assert graded.verdicts()["server.tidy 1"] == "pass", graded.output


@needs_bubblewrap
def test_nothing_can_be_written_outside(have_done: HaveDone, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path.home() / "rogue.txt"
    targets = [trial.submission / "01_rogue" / "server", paths.REPO / "rogue.txt",
               trial.folder / "harness" / "checks.toml", Path("/usr/rogue.txt"), Path("/proc/sys/vm/dirty_ratio")]
    before = [path.read_text() if path.exists() else None for path in [*targets, home]]
    monkeypatch.setenv("BYTETRAIN_TARGETS", ":".join(map(str, [*targets, home])))
    graded = have_done("outside", "bubblewrap")
    told = [str(path).encode("utf-8", "backslashreplace").decode() for path in targets]  # by the rogue
    assert all(f"{path}: Read-only file system" in graded.output for path in told), graded.output
    assert [path.read_text() if path.exists() else None for path in [*targets, home]] == before


@needs_bubblewrap
def test_nobody_and_nothing_else_can_be_reached(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as named:
        named.bind(f"\0bytetrain-{os.getpid()}")  # an abstract name: unix(7)
        named.listen()
        monkeypatch.setenv("BYTETRAIN_OUTER_NAME", f"bytetrain-{os.getpid()}")
        monkeypatch.setenv("BYTETRAIN_OUTER_PORT", str(listener.getsockname()[1]))
        assert trial.grade("--containment", "bubblewrap", only="server.alone").status == 0
        assert trial.grade("--containment", "limits", only="server.alone").status == 1  # the check can fail


@pytest.mark.parametrize("mode", MODES)
def test_the_harness_keeps_its_own_to_itself(mode: str, have_done: HaveDone) -> None:
    graded = have_done("looks", mode)
    if mode == "bubblewrap" or os.getuid() != 0:
        assert "mem: Permission denied" in graded.output and "environ: Permission denied" in graded.output
    told = next(line for line in graded.output.splitlines() if line.startswith("environment:"))
    assert "PATH" in told and not re.search("PYTEST|BYTETRAIN|DEED", told)


def test_memory_is_taken_from_programs_first(standin: Callable[[int], Programs], store: FileStore) -> None:
    with Server(standin(1).server, store.seeded(1)) as server:
        scores = [Path(f"/proc/{pid}/oom_score_adj").read_text() for pid in (server.pid, *server.workers)]
    assert scores == ["1000\n"] * 3


def test_who_kills_the_harness_gets_no_results(
    have_done: HaveDone, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as swept:  # who is killed clears up nothing
        monkeypatch.setenv("TMPDIR", swept)
        (trial.folder / "results.json").write_text('{"outcome": "pass"}')
        graded = have_done("kills", "limits")
        end_left_over()  # ours, where there is no sandbox
    assert graded.status == -signal.SIGKILL
    assert not graded.data  # not even those of an earlier run


@needs_bubblewrap
def test_the_harness_can_not_be_killed_from_inside(have_done: HaveDone) -> None:
    graded = have_done("kills", "bubblewrap")  # which is no failure of a check that doesn't ask
    assert graded.status == 0 and graded.verdicts() == {"server.deed 1": "pass"}, graded.output


@pytest.mark.parametrize("mode", MODES)
def test_who_kills_a_worker_of_pytest_earns_nothing(mode: str, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    if has_bytes(str(paths.REPO)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    with tempfile.TemporaryDirectory() as swept:
        monkeypatch.setenv("TMPDIR", swept)
        monkeypatch.setenv("BYTETRAIN_DEED", "kills")
        graded = trial.grade("--containment", mode, "-n", "2", only="server.deed")
    assert graded.status == 3 and graded.data["points"] == 0 and graded.data["outcome"] == "harness error"
    assert [each["message"].partition(":")[0] for each in graded.data["harness_errors"]] == [
        "The grader's worker was ended (signal 9 (SIGKILL)) while it ran server.deed in stage 01"
    ]
    assert "kills its judge earns nothing" in graded.output and not left(trial)


@needs_bubblewrap
def test_a_build_is_inside_too(trial: Trial) -> None:
    stage, target = trial.submission / "01_rogue", paths.REPO / "rogue.txt"
    (stage / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.22)\nproject(rogue NONE)\nfile(WRITE {target} rogue)\n"
    )
    graded = trial.grade("--containment", "bubblewrap", only="server.deed")
    assert (
        graded.data["stages"][0]["state"] == "build failed"
        and "can't be built" in graded.output
        and not target.exists()
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--containment", "none"], "invalid choice: 'none'"),
        (["--containment", "bubblewrap", "--external-port", "4711"], "can't be reached from a sandbox"),
    ],
)
def test_what_can_not_be_is_refused(options: list[str], words: str, trial: Trial) -> None:
    graded = trial.grade(*options)
    assert graded.status == 4 and words in graded.output


def test_the_harness_s_own_tests_need_no_sandbox(tmp_path: Path) -> None:
    command = command_of("pytest", "harness/tests/test_waiting.py", f"--submission={tmp_path}")
    done = subprocess.run(
        command, cwd=paths.REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape"
    )
    assert done.returncode == 0 and f"protection: {containment.SAID['limits']}\n" in done.stdout


@pytest.mark.parametrize("mode", [*MODES, "off"])
def test_results_say_what_protected(mode: str, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTETRAIN_OUTER_PORT", "1")
    graded = trial.grade("--containment", mode, only="server.alone")
    assert graded.data["protection"].startswith(containment.SAID[mode])
    assert f"protection: {containment.SAID[mode]}" in graded.output


def test_other_outputs_come_out_of_the_sandbox(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTETRAIN_OUTER_PORT", "1")
    graded = trial.grade("--junitxml", "deep/junit.xml", only="server.alone")
    assert graded.status in (0, 1) and "<testsuite" in (trial.folder / "deep" / "junit.xml").read_text()
