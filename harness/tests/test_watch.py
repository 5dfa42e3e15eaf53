"""./lab watch in a real terminal: a save, a verdict, keys, signals; and what is left of it at the end."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Union

import pytest

from bytetrain.course.paths import HARNESS
from bytetrain.grading.command import command_of
from bytetrain.kernel.descriptors import descriptor_count
from bytetrain.kernel.processes import descendants, state, threads
from bytetrain.learn.work import STATE_FILE, Work
from bytetrain.programs.sessions import end_left_over, left_over
from bytetrain.telling.sizes import KiB, MiB
from bytetrain.telling.waiting import LIMIT, settled, wait_until

from .watched import OPTIONS

pexpect: Any = pytest.importorskip("pexpect", reason="python3-pexpect is not installed")
BUILDS, READY, CLOSES = "stage.builds", "server.ready_line", "server.closes"
LOOK = ["--check", f"{BUILDS},{READY}", "--first"]  # nothing is known, or READY failed last: what the page asks first
PASSES = "passes: 10 of 10 points"
HANGS = "none forever"
CTRL_C, CTRL_Z = "\x03", "\x1a"
# Control sequences of xterm's: the alternate screen, and back; the cursor is seen again.
SCREEN, AS_IT_WAS, CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


class Student:
    """With a work folder, in front of a terminal in which ./lab watch runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stage = folder / "01_small_file"
        self.child: Any = None

    def save(self, word: str) -> None:
        """As editors do that want to lose nothing."""
        new = self.stage / ".word.new"
        new.write_text(word)
        new.rename(self.stage / "word")

    def watches(self, *words: str, program: str = "tests.watched", **environment: str) -> Any:
        """pexpect's child: ./lab watch, with the grader of watched.py."""
        # PYTHONUNBUFFERED, which ./lab's -I doesn't heed, loses the rest of a write(2) that was interrupted.
        unset = ("LC_ALL", "NO_COLOR", "COLUMNS", "LINES", "PYTHONUNBUFFERED")
        kept = {key: value for key, value in os.environ.items() if key not in unset}
        command = command_of(program, "--in", self.folder, *words)
        self.child = pexpect.spawn(
            command[0], command[1:], encoding="utf-8", timeout=LIMIT, dimensions=(24, 80),
            codec_errors="replace",  # a signal that ends it may come in the middle of a character
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as a shell's & does, and CI's
            env={**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment},
        )
        return self.child

    def runs(self) -> list[list[str]]:
        """The options of each run of the grader."""
        return [json.loads(line) for line in (self.folder / OPTIONS).read_text().splitlines()]


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Student]:
    """Who has nothing yet, and leaves no process behind."""
    before = [each.pid for each in left_over()]
    student = Student(tmp_path / "a work folder")
    yield student
    if student.child is not None and student.child.isalive():  # the test has failed
        student.child.close(force=True)
        end_left_over(before)
    assert left_over(before) == []


@pytest.fixture
def student(newcomer: Student) -> Student:
    """Whose stage 01 fails."""
    newcomer.stage.mkdir(parents=True)
    (newcomer.folder / STATE_FILE).write_text("language python\n")
    newcomer.save(READY)
    return newcomer


def ends(child: Any) -> str:
    """All that it has written up to its end, which has come."""
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def echoes(child: Any) -> bool:
    """Whether the terminal echoes what is typed and waits for whole lines, as a shell leaves it to programs."""
    local = termios.tcgetattr(child.child_fd)[3]
    return bool(local & termios.ECHO) and bool(local & termios.ICANON)


def wait_beside(child: Any, predicate: Callable[[], Any], what: str) -> None:
    """Meanwhile what it writes is read: a terminal whose screen nobody looks at is full some day."""

    def look() -> Any:
        child.expect([pexpect.TIMEOUT, pexpect.EOF], timeout=0)
        return predicate()

    wait_until(look, what)


def quits(child: Any) -> str:
    child.send("q")
    said = ends(child)
    assert child.exitstatus == 0, said
    return said


def test_what_failed_is_checked_first_and_then_all(student: Student) -> None:
    child = student.watches()
    child.expect_exact(f"{READY} fails")
    child.expect_exact("expected  42")
    student.save(CLOSES)
    child.expect_exact(f"{CLOSES} fails")
    student.save("none")
    child.expect_exact(PASSES)
    assert AS_IT_WAS in quits(child)
    assert student.runs() == [
        LOOK, LOOK, ["--first"], ["--check", f"{BUILDS},{CLOSES}", "--first"], ["--first"]
    ]
    state = Work(student.folder).state
    assert state.passed(1) and state.verdicts(1)[CLOSES] == "pass"


def test_what_is_known_is_there_before_anything_is_checked(student: Student) -> None:
    student.save(HANGS)
    Work(student.folder).state.record(1, {READY: "fail"})
    child = student.watches()
    child.expect_exact("0/3")
    quits(child)


def test_a_save_while_a_check_runs_begins_it_anew(student: Student) -> None:
    student.save(HANGS)
    child = student.watches()
    child.expect_exact("checking stage.builds")
    student.save("none")
    child.expect_exact(PASSES)
    quits(child)
    assert student.runs() == [LOOK, LOOK, ["--first"]]


def test_a_hint_is_there_before_the_check_is_over(student: Student) -> None:
    student.save(HANGS)
    child = student.watches()
    child.expect_exact("checking stage.builds")
    child.send("h")
    child.expect_exact("A hint comes with a failure")
    Work(student.folder).state.failed(1, READY, READY)
    child.send("h")
    child.expect_exact("hint 1 of 3")
    child.send("h")
    child.expect_exact("hint 2 of 3")
    quits(child)


def test_keys(student: Student) -> None:
    child = student.watches()
    child.expect_exact(f"{READY} fails")
    child.send("h")
    child.expect_exact("hint 1 of 3")
    child.send("h")
    child.expect_exact("hint 2 of 3")
    child.send("c")
    child.expect_exact("once this stage passes")
    child.send("\x1b[B\x1b[A ")
    child.send("a")
    child.expect_exact("a first")
    wait_beside(child, lambda: student.runs() == [LOOK, []], "all of it is checked")
    quits(child)
    assert Work(student.folder).state.hint_level(READY) == 2


def test_the_next_stage_is_laid_out_and_watched(student: Student) -> None:
    student.save("none")
    child = student.watches()
    child.expect_exact(PASSES)
    child.send("n")
    child.expect_exact("n again: lay out stage 02")
    child.send("n")
    child.expect_exact("Stage 02")
    child.expect_exact("laid out")
    (student.folder / "02_big_file" / "word").write_text("client.short_trains")
    child.expect_exact("client.short_trains fails")
    assert "Stage 02" in quits(child)
    assert Work(student.folder).current == 2


@pytest.mark.parametrize(
    ("how", "word"),
    [("q", READY), ("q", HANGS), (CTRL_C, READY), (CTRL_C, HANGS), (signal.SIGTERM, HANGS), (signal.SIGHUP, READY)],
)
def test_at_its_end_the_terminal_is_as_it_was(student: Student, how: Union[str, signal.Signals], word: str) -> None:
    student.save(word)
    child = student.watches()
    child.expect_exact(SCREEN)
    child.expect_exact("checking stage.builds" if word == HANGS else f"{READY} fails")
    assert not echoes(child)
    if isinstance(how, str):
        child.send(how)
    else:
        child.kill(how)
    child.expect(pexpect.EOF)
    said = child.before
    assert said.count(AS_IT_WAS) == 1 and said.count(CURSOR) == 1 and "Traceback" not in said
    assert echoes(child)
    child.close()
    assert child.exitstatus == (0 if how == "q" else 130)


def test_a_terminal_that_goes_away_ends_it(student: Student) -> None:
    student.save(HANGS)
    child = student.watches()
    child.expect_exact("checking stage.builds")
    os.close(child.child_fd)
    wait_until(lambda: not child.isalive(), "it ends")


def test_ctrl_z_gives_the_terminal_to_the_shell(student: Student) -> None:
    child = student.watches()
    child.expect_exact(f"{READY} fails")
    child.send(CTRL_Z)
    child.expect_exact(AS_IT_WAS)
    wait_until(lambda: state(child.pid) == "T", "it is stopped")
    assert echoes(child)
    student.save("none")
    child.kill(signal.SIGCONT)
    child.expect_exact(SCREEN)
    child.expect_exact(PASSES)
    quits(child)


def test_it_is_drawn_anew_in_another_size(student: Student) -> None:
    child = student.watches()
    child.expect_exact(f"{READY} fails")
    child.setwinsize(7, 40)
    child.expect_exact("q…")  # the keys, cut
    quits(child)


def test_files_of_editors_and_builds_begin_nothing(student: Student) -> None:
    child = student.watches()
    child.expect_exact(f"{READY} fails")
    for name in (".server.cpp.swp", "server.cpp~", "build/server.o", "__pycache__/common.pyc"):
        (student.stage / name).parent.mkdir(exist_ok=True)
        (student.stage / name).write_text("made")
    student.save("none")
    child.expect_exact(PASSES)
    quits(child)
    assert len(student.runs()) == 3


def test_common_counts_too(student: Student) -> None:
    child = student.watches()
    child.expect_exact(f"{READY} fails")
    (student.folder / "common").mkdir()
    (student.folder / "common" / "train.py").write_text("")
    wait_beside(child, lambda: len(student.runs()) == 2, "it is checked again")
    child.expect_exact(f"{READY} fails")
    (student.folder / "common" / "train.py").write_text("pass")
    wait_beside(child, lambda: len(student.runs()) == 3, "it is checked again")
    quits(child)


def test_a_stage_that_is_laid_out_anew_is_watched(student: Student) -> None:
    child = student.watches()
    child.expect_exact(f"{READY} fails")
    student.stage.rename(student.folder / "kept")
    child.expect_exact("has gone")
    student.stage.mkdir()
    student.save(CLOSES)
    child.expect_exact(f"{CLOSES} fails")
    student.save("none")
    child.expect_exact(PASSES)
    quits(child)


def test_where_no_events_come_it_polls_and_says_so(student: Student) -> None:
    child = student.watches("--poll")
    child.expect_exact(f"{READY} fails")
    child.expect_exact("polling: as you asked")
    student.save("none")
    child.expect_exact(PASSES)
    quits(child)


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"LC_ALL": "C"}, {"NO_COLOR": "1"}], ids=str)
def test_poor_terminals(student: Student, environment: dict[str, str]) -> None:
    child = student.watches(**environment)
    child.logfile_read = io.StringIO()
    child.expect_exact("but was   41")
    student.save("none")
    child.expect_exact(PASSES)
    quits(child)
    said = child.logfile_read.getvalue()
    if "NO_COLOR" in environment:
        assert "\x1b[3" not in said and ";3" not in said
    if "LC_ALL" in environment:
        assert said.isascii() and "42 > 43" in said
    if environment.get("TERM") == "dumb":
        assert "\x1b" not in said


def test_without_a_terminal_it_writes_line_by_line(student: Student) -> None:
    student.save("none")
    command = command_of("tests.watched", "--in", student.folder)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as watch:
        assert watch.stdout is not None
        lines = []
        for line in watch.stdout:
            lines.append(line)
            if "q quit" in line:
                watch.terminate()
    assert watch.returncode == 130
    assert "\x1b" not in "".join(lines) and any(PASSES in line for line in lines)


def test_a_reader_that_goes_away_ends_it(student: Student) -> None:
    command = command_of("tests.watched", "--in", student.folder)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stdout is not None and watch.stderr is not None
        watch.stdout.readline()
        watch.stdout.close()
        student.save("none")
        assert watch.stderr.read() == ""
    assert watch.returncode == 1


def test_where_nothing_is_laid_out_it_says_what_to_do(student: Student) -> None:
    shutil.rmtree(student.stage)
    said = ends(student.watches())
    assert "./lab start 1" in said and SCREEN not in said


def test_many_saves_leave_nothing(student: Student, request: pytest.FixtureRequest) -> None:
    """With --saves 200 it is the long run of who maintains this."""
    saves = int(request.config.getoption("--saves"))
    child = student.watches()
    child.expect_exact(f"{READY} fails")
    known: list[Use] = []
    for number in range(saves):
        student.save("none" if number % 2 == 0 else READY)
        child.expect_exact(PASSES if number % 2 == 0 else f"{READY} fails")
        if number in (saves // 4, saves - 1):
            wait_until(lambda: not descendants(child.pid), "its grader has ended")
            settled(lambda: len(threads(child.pid)), "the number of its threads")
            known.append(Use.of(child.pid))
    quits(child)
    before, after = known
    assert (after.descriptors, after.threads) == (before.descriptors, before.threads)
    # watchdog remembers each file that was renamed: 0.3 KiB. A screen that is kept is ten times as much.
    assert after.memory - before.memory < MiB + 2 * KiB * saves, f"{before} {after}"


@dataclass(frozen=True)
class Use:
    """What a process has."""

    descriptors: int
    threads: int
    memory: int  # bytes, resident

    @classmethod
    def of(cls, pid: int) -> "Use":
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return cls(descriptor_count(pid), len(threads(pid)), resident)


def test_the_grader_itself(newcomer: Student) -> None:
    """On a stage in Python, whose server says the wrong thing first. It is interrupted then."""
    for each in (newcomer.stage.name, "common"):
        shutil.copytree(HARNESS / "submissions" / "python_fds" / each, newcomer.folder / each)
    server = newcomer.folder / "common" / "server.py"
    right = server.read_text()
    server.write_text(right.replace("listening on", "listens on"))
    child = newcomer.watches("--trust", program="bytetrain.learn.watch")
    child.expect_exact(f"{READY} fails")
    server.write_text(right)
    state = Work(newcomer.folder).state
    wait_beside(child, lambda: state.verdicts(1).get(READY) == "pass", "it is noted down that it passes")
    child.send(CTRL_C)
    assert "Traceback" not in ends(child)
