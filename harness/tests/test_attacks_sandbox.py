"""Attacks on the sandbox, by somebody who wants the points or the machine. None pays, and nothing is left behind."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bytetrain.course.paths import BUILD, HARNESS
from bytetrain.judging.verdicts import snapshot
from bytetrain.kernel.processes import comm, processes
from bytetrain.programs import containment, limits
from bytetrain.programs.build import build_folder
from bytetrain.programs.output import Capture
from bytetrain.programs.sessions import end_left_over, left_over
from bytetrain.programs.workplace import place_of_a_run, remove
from bytetrain.telling.sizes import GiB, MiB
from bytetrain.telling.text import has_bytes
from bytetrain.telling.waiting import wait_until

from .trial import STANDINS, Graded, Trial, one_stage

CHECKS = """
import os
import pathlib
import tempfile
import pytest
from bytetrain import Failure
from bytetrain.telling.waiting import wait_until

@pytest.mark.check("server.deed")
def test_deed(stage, store, start):
    server = start.server(store.seeded(1), options=os.environ["BYTETRAIN_DEED"].split())
    pathlib.Path(tempfile.gettempdir(), "bytetrain-begun").touch()
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
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    left = sorted(folder.iterdir())
    remove(folder)
    assert left == []


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """A submission whose server does what $BYTETRAIN_DEED says; no process of it is left."""
    submission = one_stage(tmp_path / "submission", "01_attack", "attacker.py")
    trial = Trial.of(tmp_path, submission, CHECKS, RANGES)
    yield trial
    remove(build_folder(trial.submission, "release"))  # without a sandbox it stays, for the next time
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


def test_a_deadline_holds_for_who_is_stopped() -> None:
    program = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1]); from bytetrain.kernel.deadline import Deadline\n"
        "deadline = Deadline(); deadline.set(0.2); os.kill(os.getpid(), signal.SIGSTOP)"
    )
    assert subprocess.run([sys.executable, "-c", program, HARNESS]).returncode == -signal.SIGKILL


@needs_bubblewrap
def test_the_first_process_can_not_be_stopped(attack: Attack) -> None:
    graded = attack("stops", "bubblewrap", "-n0")
    assert honest(graded), graded.output


@needs_bubblewrap
def test_who_kills_its_judge_can_not_be_the_next(attack: Attack, trial: Trial) -> None:
    """A worker that has just been started is not closed yet, while the program that killed the other one still runs."""
    if has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    check = trial.folder / "harness" / "checks" / "test_sample.py"
    check.write_text(CHECKS + "    wait_until(lambda: os.path.exists('/tmp/bytetrain-tried'), 'it has tried')\n"
                     "    assert not os.path.exists('/tmp/bytetrain-taken')\n")
    graded = attack("takes", "bubblewrap", "-n1")
    assert graded.status == 3 and graded.verdicts() == {"server.next 1": "pass"}, graded.output


@pytest.mark.parametrize("mode", [BUBBLEWRAP, "limits"])
def test_who_stops_its_judge_earns_nothing_and_wins_no_time(mode: str, attack: Attack, trial: Trial) -> None:
    """The worker of pytest-xdist; what it was at is a harness error, and nobody's points."""
    if has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    graded = attack("stops worker", mode, "-n1", "--timeout=2")
    assert graded.status == 3 and graded.data["points"] == 5, graded.output
    assert graded.verdicts() == {"server.next 1": "pass"} and graded.data["outcome"] == "harness error"
    assert "was ended (signal 9 (SIGKILL)) while it ran server.deed in stage 01" in " ".join(graded.output.split())


@needs_bubblewrap
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_the_first_process_can_not_be_interrupted(workers: str, attack: Attack, trial: Trial) -> None:
    """Ctrl-C is a signal that it listens to, and anybody inside can send it."""
    if workers != "-n0" and has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    graded = attack("interrupts", "bubblewrap", workers)
    assert honest(graded), graded.output


IN_CASES = """
import os, signal
import pytest

@pytest.mark.check("server.deed")
@pytest.mark.parametrize("case", [0, 1])
def test_cases(stage, case):
    if case:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_case_in_which_a_worker_is_killed_is_missed(trial: Trial, temporary: Path) -> None:
    """Its check has not passed by the other cases."""
    if has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    (trial.folder / "harness" / "checks" / "test_sample.py").write_text(IN_CASES)
    graded = trial.grade("--containment", "limits", "-n1", only="server.deed")
    assert graded.status == 3 and graded.data["points"] == 0 and graded.verdicts() == {}, graded.output


@pytest.mark.parametrize("mode", [BUBBLEWRAP, "limits"])
@pytest.mark.parametrize("what", ["mkfifo", "ln -s /dev/full"])
def test_a_log_that_a_build_has_replaced_is_not_read(what: str, mode: str, trial: Trial, temporary: Path) -> None:
    """Who reads a FIFO waits for ever; who reads /dev/full reads for ever."""
    stage = trial.submission / "01_attack"
    (stage / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.22)\nproject(attack LANGUAGES NONE)\n"
        'execute_process(COMMAND sh -c "cd ..; for name in *.log .*.lock; do rm -f $name && '
        f'{what} $name; done" WORKING_DIRECTORY ${{CMAKE_BINARY_DIR}})\nmessage(FATAL_ERROR "these are its words")\n'
    )
    bounded = ["prlimit", f"--as={2 * GiB}"]
    graded = trial.grade("--containment", mode, "-n0", "--timeout=60", only="server.next", prefix=bounded)
    assert graded.status == 1 and "these are its words" in graded.output, graded.output


def test_who_calls_himself_strace_is_left_behind_as_others_are(temporary: Path) -> None:
    shutil.copy(shutil.which("sleep") or "", temporary / "strace")
    before = {each.pid for each in left_over()}
    with subprocess.Popen([temporary / "strace", str(1000)]) as daemon:
        wait_until(lambda: comm(daemon.pid) == "strace", "it has begun")
        found = end_left_over(before)
    (temporary / "strace").unlink()
    assert [each.pid for each in found] == [daemon.pid]


def test_a_file_of_holes_is_not_read_to_its_end(temporary: Path) -> None:
    with (temporary / "holes").open("wb") as file:
        file.truncate(1024 * GiB)
    found = snapshot(temporary)
    (temporary / "holes").unlink()
    assert found == {"holes": f"{1024 * GiB} bytes, too large for an md5"}


@needs_bubblewrap
def test_nobody_else_comes_at_what_is_built_and_kept(trial: Trial, temporary: Path, tmp_path: Path) -> None:
    """A program with the set-user-ID bit, for instance: it is the teacher's there."""
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o755)
    trial.grade("--containment", "bubblewrap", "-n0", "--keep-build", str(kept), only="server.next")
    assert kept.stat().st_mode & 0o777 == 0o700


def test_a_stage_has_so_much_time_and_no_more(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTETRAIN_STAGE_LIMIT", "0")
    graded = attack("looks", "limits", "-n0")
    assert graded.status == 1 and graded.verdicts() == {"server.deed 1": "fail", "server.next 1": "fail"}
    assert "the time of stage 01 is up" in graded.story("server.next")["message"]


@needs_bubblewrap
def test_a_run_has_so_much_time_and_no_more(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes on inside; what was graded by then is kept."""
    monkeypatch.setenv("BYTETRAIN_STAGE_LIMIT", "3")
    graded = attack("slow", "bubblewrap", "-n0", "--stage", "1")
    assert graded.status in (2, 3) and "the run has taken all the time it has" in graded.output
    assert graded.data.get("points", 0) == 0


@pytest.mark.parametrize("mode", [BUBBLEWRAP, "limits"])
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
def test_who_interrupts_a_run_keeps_what_was_graded(
    how: str, workers: str, mode: str, trial: Trial, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C is pressed in a terminal: the signal goes to whoever is in its foreground."""
    if workers != "-n0" and has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    monkeypatch.setenv("BYTETRAIN_DEED", "slow")
    checks = trial.folder / "harness" / "checks"
    passing = '\n@pytest.mark.check("server.next")\ndef test_another(stage):\n    pass\n'
    (checks / "test_early.py").write_text("import pytest\n" + passing)
    order = 'checks = ["server.next", "server.deed"]\n'
    (checks.parent / "steps.toml").write_text(f'[[step]]\nstage = 1\ntitle = "One"\ntitle_zh = "一"\n{order}')
    leader, terminal = pty.openpty()
    command = [*trial.command, "--no-calls", "--containment", mode, workers]
    with subprocess.Popen(
        [sys.executable, str(STANDINS / "in_terminal.py"), *command], cwd=trial.folder, stdin=terminal,
        stdout=terminal, stderr=terminal, start_new_session=True,
    ) as run:
        os.close(terminal)
        said = b""
        while b"test_another" not in said or b"PASSED" not in said:
            said += os.read(leader, 10_000)
        wait_until(lambda: has_begun(temporary), "the next check waits for its server")
        if how == "Ctrl-C":
            os.write(leader, b"\x03")
        else:
            run.send_signal(signal.SIGTERM)
        with suppress(OSError):  # EIO: nobody has the terminal any more
            while more := os.read(leader, 10_000):
                said += more
    os.close(leader)
    assert run.returncode == 2, said.decode()
    data = json.loads((trial.folder / "results.json").read_text())
    assert data["points"] == 5 and not data["complete"]


def has_begun(temporary: Path) -> bool:
    """Whether the attacker is known to the check that has started it, with a sandbox or without."""
    return any(list(temporary.glob(f"*/{below}bytetrain-begun")) for below in ("", "bytetrain-work/"))


def test_what_a_killed_run_has_left_is_swept_by_the_next(temporary: Path) -> None:
    left = temporary / "bytetrain-run-killed"
    (left / "deep" / "deeper").mkdir(parents=True)
    with place_of_a_run() as mine, place_of_a_run() as other:
        assert not left.exists() and mine.exists() and other.exists()


def test_whatever_programs_have_made_is_removed(temporary: Path) -> None:
    """1500 folders, each in the other, are deeper than a path may be long; and some are closed."""
    top = os.open(temporary, os.O_RDONLY)
    here = top
    os.mkdir("place", dir_fd=here)
    inner = os.open("place", os.O_RDONLY, dir_fd=here)
    for number in range(1500):
        os.mkdir("d" * 200, dir_fd=inner)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=inner)
        os.close(os.open("0", os.O_CREAT | os.O_WRONLY, dir_fd=deeper))
        os.chmod(inner, 0 if number % 2 else 0o700)
        os.close(inner)
        inner = deeper
    os.close(inner)
    os.close(top)
    (temporary / "place" / "0").mkdir()
    (temporary / "place" / "loop").symlink_to(temporary)
    remove(temporary / "place")
    assert not (temporary / "place").exists()


@needs_bubblewrap
@pytest.mark.parametrize(("deed", "words"), [
    ("devices", "devices: Read-only file system"),
    ("memory", "memory: No space left on device|MiB beside the folder of this check: /dev/shm/filler"),
    ("names", "the deed is done|beside the folder of this check: /tmp/"),
    ("deep", "the deed is done|files in the folder of this check"),
])
def test_no_room_is_lost(deed: str, words: str, attack: Attack) -> None:
    """The next check finds all of it free again. The kernel's limit or the watch, whichever is first, ends it."""
    graded = attack(deed, "bubblewrap", "-n0")
    assert honest(graded) and re.search(words, " ".join(graded.output.split())), graded.output


def test_files_without_a_name_are_counted(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DISK", 64 * MiB)
    with tempfile.TemporaryDirectory() as folder, limits.Watch(Path(folder), tuple) as watch:
        command = [sys.executable, str(STANDINS / "attacker.py"), "unlinked", "127.0.0.1", "0", "2", "FILE"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as attacker:
            attacker.wait()
    assert "in files that have no name any more" in str(watch.breach)


def test_a_folder_deeper_than_any_path_is_too_much(temporary: Path) -> None:
    subprocess.run([sys.executable, "-c", "import os\nfor _ in range(30): os.mkdir('d' * 200); os.chdir('d' * 200)"],
                   cwd=temporary)
    assert limits.disk_usage(temporary).files > limits.FILES
    remove(next(temporary.iterdir()))


def test_an_output_that_is_closed_meanwhile_does_not_end_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(descriptor: int) -> os.stat_result:
        raise OSError(errno.EBADF, "Bad file descriptor")

    capture = Capture()
    monkeypatch.setattr(os, "fstat", closed)
    assert capture.size == 0
    monkeypatch.undo()
    capture.close()


BUILD_THAT_HARMS = """
cmake_minimum_required(VERSION 3.22)
project(attack NONE)
execute_process(COMMAND {python} {script} OUTPUT_VARIABLE said ERROR_VARIABLE said)
message(FATAL_ERROR "it said: ${{said}}")
"""


@pytest.mark.parametrize("mode", [BUBBLEWRAP, "limits"])
def test_a_build_has_no_terminal_and_leaves_nobody(mode: str, trial: Trial, temporary: Path) -> None:
    """Else it could type into the teacher's shell: TIOCSTI, ioctl_tty(2)."""
    stage = trial.submission / "01_attack"
    script = stage / "build.py"
    script.write_text(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    for number in (0, 1, 2): os.close(number)\n"
        "    time.sleep(300)\n"
        "print('first', open('/proc/self/oom_score_adj').read())\n"
        "try: os.open('/dev/tty', os.O_RDWR); print('a terminal')\n"
        "except OSError as error: print(error.strerror)\n"
    )
    (stage / "CMakeLists.txt").write_text(BUILD_THAT_HARMS.format(python=sys.executable, script=script))
    leader, terminal = pty.openpty()
    command = [*trial.command, "--no-calls", "--containment", mode, "-n0"]
    with subprocess.Popen([sys.executable, str(STANDINS / "in_terminal.py"), *command], cwd=trial.folder,
                          stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True) as run:
        os.close(terminal)
        said = b""
        with suppress(OSError):  # EIO: nobody has the terminal any more
            while more := os.read(leader, 10_000):
                said += more
    os.close(leader)
    data = json.loads((trial.folder / "results.json").read_text())
    assert run.returncode == 1 and data["points"] == 0, said.decode()
    assert data["stages"][0]["state"] == "build failed"
    assert "No such device or address" in data["stages"][0]["message"] and "first 1000" in data["stages"][0]["message"]


@needs_bubblewrap
def test_nobody_sees_what_others_have_built_and_nothing_built_is_left(trial: Trial, temporary: Path) -> None:
    other = BUILD / "other-submission" / "server"
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text("#!/bin/sh")
    stage = trial.submission / "01_attack"
    (stage / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.22)\nproject(attack NONE)\nfile(GLOB found {BUILD.parent}/* {BUILD}/*)\n"
        "file(GLOB mine ${CMAKE_BINARY_DIR}/*.txt)\n"
        'file(WRITE ${CMAKE_BINARY_DIR}/x.txt x)\nmessage(FATAL_ERROR "found: ${found} ${mine}.")\n'
    )
    try:
        for _ in range(2):
            graded = trial.grade("--containment", "bubblewrap", "-n0")
            message = " ".join(graded.data["stages"][0]["message"].replace("|", "").split())
            assert graded.data["stages"][0]["state"] == "build failed" and "other-submission" not in message
            assert "found:" in message and "x.txt" not in message and "results" not in message
        assert not build_folder(trial.submission, "release").exists()
    finally:
        remove(other.parent)


HIDDEN = """
import pytest
from bytetrain.judging.pools import Pool

@pytest.mark.check("server.deed")
def test_deed(stage, store, start):
    Pool.of(start.server(store.seeded(1), options=["hides"]))
"""


@needs_bubblewrap
def test_who_hides_its_descriptors_is_found_out(trial: Trial) -> None:
    (trial.folder / "harness" / "checks" / "test_sample.py").write_text(HIDDEN)
    graded = trial.grade("-n0", "--containment=bubblewrap")
    assert graded.status == 1 and "doesn't let us see its descriptors" in graded.output, graded.output


@needs_bubblewrap
def test_who_takes_the_grader_s_descriptors_earns_nothing(attack: Attack) -> None:
    """A program can lower the limits of any process of its user: prlimit(2)."""
    graded = attack("limits", "bubblewrap", "-n0")
    assert graded.status != 0 and graded.data.get("points", 0) <= 5, graded.output
