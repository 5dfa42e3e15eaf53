"""./lab check, list, next, hint and compare: what a student is told, and what is remembered of it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bytetrain.course.catalogue import rubric, stages
from bytetrain.course.languages import Language
from bytetrain.course.paths import HARNESS, STAGES
from bytetrain.course.steps import steps, steps_of
from bytetrain.course.traits import stage_numbers
from bytetrain.grading.command import command_of
from bytetrain.grading.events import Events
from bytetrain.grading.results import ERROR, OUTCOMES
from bytetrain.learn import check, compare, hint, standing, talk
from bytetrain.learn.work import Work
from bytetrain.upkeep.mutants import apply_patch


CORRECT = HARNESS / "submissions" / "c_poll"
BYTE_ORDER = HARNESS / "mutants" / "classics" / "06-host-byte-order.patch"


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """With stages 01 and 02, of which nothing is known."""
    for name in ("01_small_file", "02_big_file", "common"):
        shutil.copytree(CORRECT / name, tmp_path / name)
    (tmp_path / "bytetrain.txt").write_text("language c\nstage 1\n")
    return Work(tmp_path)


def order_of(stage: int) -> list[str]:
    return [each.id for each in rubric().of_stage(stage) if each.weight]


def verdicts(stage: int, failing: str = "") -> list[dict[str, Any]]:
    """The events of a run in which all pass up to the one that fails."""
    order = order_of(stage)
    events: list[dict[str, Any]] = [{"event": "begin", "stage": stage, "checks": order}]
    for each in order:
        found = "fail" if each == failing else "pass"
        events.append({"event": "verdict", "stage": stage, "check": each, "verdict": found})
        if found == "fail":
            lines = [[f"✗ {each}: \x1b[31mhostile", "bold red"]]
            events.append({"event": "story", "stage": stage, "check": each, "hints": each, "lines": lines})
            around: dict[str, Any] = {"check": each, "hints": each, "lines": [["  recvfrom(3) = 0", ""]]}
            events.append({"event": "calls", "stage": stage, **around})
            break
    outcome = "fail" if failing else "pass"
    return [*events, {"event": "end", "outcome": outcome, "points": 7.5, "of": 10.0, "status": int(bool(failing))}]


def about(checks: Sequence[str], events: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The same run, had it been asked for these checks only."""
    failed = False
    for each in events:
        if each["event"] == "begin":
            yield {**each, "checks": [check for check in each["checks"] if check in checks]}
        elif each["event"] == "end":
            yield {**each, "outcome": "fail" if failed else "pass"}
        elif each.get("check", checks[0]) in checks:
            failed = failed or each.get("verdict") == "fail"
            yield each


class Run:
    """run(events, ...) checks stage 01, or another one, with a grader that says these, or those of them that are about
    the checks that it is asked for: the status, and what is on the screen."""

    def __init__(self, work: Work) -> None:
        self.options: list[list[str]] = []  # of each run of the grader
        self._work = work
        self._events: Sequence[dict[str, Any]] = ()

    def __call__(
        self, events: Sequence[dict[str, Any]], language: Language = Language.EN, stage: int = 1, *, every: bool = False
    ) -> tuple[int, str]:
        self._events = events
        screen = io.StringIO()
        console = Console(file=screen, width=100, highlight=False, markup=False, soft_wrap=True)
        status = check.Checking(console, self._work, stage, language, every=every).run()
        return status, screen.getvalue()

    def grade(self, _folder: Path, _stage: int, *options: str) -> Iterator[dict[str, Any]]:
        self.options.append([each for each in options if each not in ("--lang", "zh")])
        yield from about(options[1].split(","), self._events) if "--check" in options else self._events


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, work: Work) -> Run:
    made = Run(work)
    monkeypatch.setattr(check, "grading_of", made.grade)
    return made


# ./lab check


def test_what_was_learnt_and_what_comes_next_are_told_once_all_passes(run: Run, work: Work) -> None:
    status, said = run(verdicts(1))
    assert status == 0 and "Stage 01 passes: 7.5 of 10 points" in said and "TCP carries bytes" in said
    assert "./lab compare 1" in said and "./lab start 2" in said and "✗" not in said
    assert work.state.passed(1) and set(work.state.verdicts(1).values()) == {"pass"}
    (work.folder / "01_small_file" / "CMakeLists.txt").write_text("# edited")
    assert not work.state.passed(1)


def test_steps_are_ticked_off_up_to_the_first_mistake(run: Run, work: Work) -> None:
    status, said = run(verdicts(1, "client.bad_name"))
    assert status == 1 and "✓ 1 A server" in said and "✓ 2 Trains" in said and "3 Saving" not in said
    assert "✗ client.bad_name" in said and "recvfrom(3)" in said and "./lab hint client.bad_name" in said
    assert work.state.failure(1) == ("client.bad_name", "client.bad_name") and not work.state.passed(1)
    assert work.state.verdicts(1)["client.bad_name"] == "fail" and "pair.at_once" not in work.state.verdicts(1)


def test_steps_without_checks_are_shown_as_such(run: Run, work: Work) -> None:
    """So there are as many steps on the screen as on the page."""
    (work.folder / "05_zero_copy").mkdir()
    for language, words in ((Language.EN, "no check"), (Language.ZH, "没有检查项")):
        _, said = run(verdicts(5), language, 5)
        lines = [line.split() for line in said.splitlines() if line.startswith("   ")]
        assert [line[1] for line in lines[:7]] == [str(step.number) for step in steps_of(5, steps())]
        assert [line[1] for line in lines if line[0] == "○"] == ["3", "4", "7"]
        assert [line for line in lines if line[0] == "○"] == [line for line in lines if " ".join(line).endswith(words)]
    _, said = run(verdicts(5, "client.beyond_2_gib"), stage=5)
    assert "○ 4" in said and "○ 7" not in said  # nor what comes after the step that fails


def test_what_is_said_to_be_known_is_what_was_judged() -> None:
    """No check sees by which calls a server of stage 05 moves its bytes."""
    learnt = {each.number: each.learnt for each in stages()}[5]
    for title in (learnt.en, learnt.zh, *(step.title.en for step in steps_of(5, steps()) if step.checks)):
        assert not re.search("sendfile|splice|mmap", title), title


def test_what_to_do_is_about_the_stage_that_was_checked(
    run: Run, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(work), "current", 2)  # begun in another terminal meanwhile
    _, said = run(verdicts(1, "client.bad_name"))
    assert "./lab check 1" in said and "./lab check 2" not in said


FRESH, FAILED = (["--check", f"stage.builds,{each}", "--first"] for each in ("server.ready_line", "client.sizes"))


def test_what_failed_last_is_looked_at_first_and_then_all(run: Run, work: Work) -> None:
    assert run(verdicts(1, "client.sizes"))[0] == 1
    assert run.options == [FRESH, ["--first"]]
    status, said = run(verdicts(1, "client.sizes"))
    assert status == 1 and run.options[2:] == [FAILED] and "✗ client.sizes" in said and "✓ 1" not in said
    assert run(verdicts(1, "client.bad_name"))[0] == 1  # it is mended, and something else is not
    assert run.options[3:] == [FAILED, ["--first"]] and work.state.failure(1)[0] == "client.bad_name"
    assert run(verdicts(1))[0] == 0 and work.state.passed(1)
    before = len(run.options)
    assert run(verdicts(1))[0] == 0 and run.options[before:] == [["--first"]]  # nothing is known to fail
    assert run(verdicts(1, "client.sizes"), every=True)[0] == 1 and run.options[-1] == []


def test_a_mistake_of_the_grader_is_none_of_the_student_s(run: Run, work: Work) -> None:
    events = [each for each in verdicts(1) if each["event"] != "end"]
    status, _ = run([*events, {"event": "end", "outcome": OUTCOMES[ERROR], "points": 0.0, "of": 10.0, "status": 2}])
    assert status == 2 and not work.state.passed(1)


def test_the_screen_is_chinese_for_who_reads_chinese(run: Run) -> None:
    _, said = run(verdicts(1), Language.ZH)
    assert "阶段 01 全部通过" in said and "下一阶段" in said and "passes" not in said


def test_root_is_told_to_be_somebody_else(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for user, told in ((0, True), (1000, False)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert ("root: check as an ordinary user" in run(verdicts(1, "client.bad_name"))[1]) is told


def test_a_grader_that_can_not_work_says_why(run: Run, work: Work) -> None:
    status, said = run([{"event": "trouble", "status": 4, "lines": [["no loopback here", ""]]}])
    assert status == 2 and "could not do its work" in said and "no loopback here" in said
    assert not work.state.passed(1) and work.state.verdicts(1) == {}


def test_what_is_waited_for_is_said_when_nothing_comes_for_long() -> None:
    now = [100.0]
    waiting = check.Waiting(Language.EN, lambda: now[0])
    waiting.wait_for("checking exit.stalled_client", "exit.stalled_client")
    assert waiting.__rich__().plain == "checking exit.stalled_client"
    now[0] += 21
    said = waiting.__rich__().plain
    assert "for 21 s so far; it may take minutes: " in said and rubric().checks["exit.stalled_client"].title.en in said
    waiting.wait_for("checking pool.size", "pool.size")
    assert waiting.__rich__().plain == "checking pool.size"
    now[0] += 30
    assert waiting.__rich__().plain == "checking pool.size, for 30 s so far: " + rubric().checks["pool.size"].title.en
    screen = Console(file=io.StringIO(), force_terminal=True, width=200)
    with screen.status(waiting) as status:
        screen.print(status.renderable)
    assert "for 30 s so far" in screen.file.getvalue()  # type: ignore[attr-defined]


def test_check_grades_what_is_there(work: Work) -> None:
    """By the command, and the grader itself."""
    assert apply_patch(BYTE_ORDER, work.folder) == ""
    done = subprocess.run(
        command_of("bytetrain.learn.check", "--trust", "--in", work.folder), capture_output=True, text=True,
        timeout=300,
    )
    assert done.returncode == 1 and done.stderr == "", done.stdout + done.stderr
    assert "✗ server.first_file" in done.stdout and "network byte order" in done.stdout
    assert work.state.failure(1) == ("server.first_file", "host_byte_order")
    assert work.state.hint_level("host_byte_order") == 1 and "hint   " in done.stdout


def test_work_that_lies_elsewhere_may_be_another_s(work: Work) -> None:
    """Whoever has unpacked it owns it."""
    done = subprocess.run(command_of("bytetrain.learn.check", "--in", work.folder), capture_output=True, text=True)
    assert done.returncode == 2 and "lies outside of" in done.stdout and "--trust" in done.stdout
    assert work.state.verdicts(1) == {}


def test_who_is_asked_for_a_stage_that_is_not_there_says_what_there_is(work: Work, tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no")
    for words, told in (
        (["4", "--in", str(work.folder)], "there is 01, 02"), (["--in", nowhere], "./lab start 1"),
        (["7", "--in", str(work.folder)], "there is no stage 7: stages are numbered 1 to 6\n"),
    ):
        done = subprocess.run(command_of("bytetrain.learn.check", *words), capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == "" and told in done.stderr and done.stderr.count("\n") == 1


def test_a_run_ends_when_nobody_wants_its_events() -> None:
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # as the grader gets it
    events = Events(writing)
    assert not os.get_inheritable(writing)
    events.tell("begin", stage=1, checks=["a"])
    assert json.loads(os.read(reading, 1000)) == {"event": "begin", "stage": 1, "checks": ["a"]}
    os.close(reading)
    with pytest.raises(KeyboardInterrupt):
        events.tell("verdict", stage=1, check="a", verdict="pass")
    events.tell("end")


# ./lab list, ./lab next


@pytest.mark.parametrize("stage", stage_numbers())
def test_each_check_of_a_stage_belongs_to_one_part(stage: int) -> None:
    parts = standing.parts_of(stage)
    named = [each for part in parts for each in part.checks]
    assert sorted(named) == sorted(order_of(stage)) and len(parts) > 2
    assert all(rubric().checks[each].first < stage for step in steps_of(stage, steps()) for each in step.again)
    assert all(part.title.zh and part.title.en for part in parts)


def test_what_a_later_format_changes_belongs_to_the_step_that_changes_it() -> None:
    for stage, check_id, number in (
        (2, "server.first_file", 2), (2, "client.first_file", 3), (4, "client.first_file", 1), (5, "server.sizes", 1),
        (3, "stage.builds", 1), (3, "server.first_file", 0),
    ):
        part = standing.part_of(stage, check_id)
        assert part is not None and part.number == number, (stage, check_id)


@pytest.mark.parametrize("stage", stage_numbers())
def test_steps_come_to_their_ends_one_after_the_other(stage: int) -> None:
    order = order_of(stage)
    ends = [max(map(order.index, part.checks)) for part in standing.parts_of(stage) if part.number and part.checks]
    assert ends == sorted(ends)


def test_list_draws_how_far_it_is(work: Work, run: Run) -> None:
    run(verdicts(1, "client.bad_name"))
    told = standing.picture(work, Language.EN).plain.splitlines()
    assert told[0].startswith("01 █") and "✓" not in told[0] and "/10" in told[0]
    assert any(line.strip().startswith("✓ 2 Trains") for line in told)
    assert any(line.strip().startswith("✗ 3 Saving") and "client.bad_name" in line for line in told)
    assert sum(line[:2].isdecimal() for line in told) == len(stage_numbers())


def test_next_follows_from_what_is_known(work: Work, run: Run) -> None:
    assert "The next step: A server and a client" in standing.where(work, Language.EN)[0]
    run(verdicts(1, "client.bad_name"))
    assert "step 3, Saving: client.bad_name fails" in standing.where(work, Language.EN)[0]
    assert "./lab hint client.bad_name" in [command for command, _ in standing.what_now(work, Language.EN)]
    work.state.failed(1, "client.bad_name", "nul_in_name")
    assert "./lab hint nul_in_name" in [command for command, _ in standing.what_now(work, Language.EN)]
    run(verdicts(1))
    assert [command for command, _ in standing.what_now(work, Language.EN)] == ["./lab compare 1", "./lab start 2"]


def test_nothing_is_said_of_a_step_where_a_stage_does_not_build(work: Work, run: Run) -> None:
    (work.folder / "06_graceful_exit").mkdir()
    work.state.at(6)
    assert "The next step: Signals, read in the loop" in standing.where(work, Language.EN)[0]
    run(verdicts(6, "stage.builds"), stage=6)
    assert standing.where(work, Language.EN)[0] == "Stage 06 does not build: stage.builds fails."
    assert "步" not in standing.where(work, Language.ZH)[0]
    run(verdicts(6, "exit.ctrl_c"), stage=6)
    assert "step 2, The ordered exit: exit.ctrl_c fails" in standing.where(work, Language.EN)[0]


def test_marks_are_plain_where_the_terminal_has_no_others() -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    console = Console(file=screen, width=100)
    talk.put(console, standing.part_line(standing.parts_of(1)[0], {}, Language.EN))
    screen.seek(0)
    assert screen.read().strip().startswith("- 1 A server")


# ./lab hint


def test_the_next_hint_is_remembered(work: Work, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run(verdicts(1, "client.bad_name"))
    for expected in ("hint 1 of 3", "hint 2 of 3", "hint 3 of 3", "hint 3 of 3"):
        hint.main(["--in", str(work.folder)])
        assert expected in capsys.readouterr().out
    events = verdicts(1, "client.name_length")
    told = [{**each, "hinted": each["event"] == "calls"} for each in events]  # behind the system calls, that is
    run(told)
    hint.main(["--in", str(work.folder)])
    assert "hint 2 of 3" in capsys.readouterr().out  # the story has shown the first
    hint.main(["client.sizes", "--in", str(work.folder)])
    assert "hint 1 of 3" in capsys.readouterr().out
    assert work.state.hint_level("client.bad_name") == 3 and work.state.hint_level("client.sizes") == 1


def test_there_is_no_hint_before_anything_has_failed(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        hint.main(["--in", str(work.folder)])
    assert "Nothing has failed yet in stage 01: " in (said := capsys.readouterr().out) and "lab check" in said


@pytest.mark.parametrize("stage, following", [(1, "start 2"), (2, "start 3"), (stage_numbers()[-1], "list")])
def test_a_stage_that_passes_needs_no_hint(
    stage: int, following: str, work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    if work.stage_dir(stage) is None:
        (work.folder / f"{stage:02d}_graceful_exit").mkdir()
    work.state.at(stage)
    work.state.mark_passed(stage)
    for language, words in (("en", f"Stage {stage:02d} passes"), ("zh", f"阶段 {stage:02d} 已经通过")):
        with pytest.raises(SystemExit) as ended:
            hint.main(["--in", str(work.folder), "--lang", language])
        assert ended.value.code == 0 and words in (said := capsys.readouterr().out) and following in said


# ./lab compare


def test_compare_waits_until_the_stage_has_passed(work: Work, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        compare.main(["1", "--in", str(work.folder)])
    assert ended.value.code == 1 and "has not passed" in capsys.readouterr().err
    run(verdicts(1))
    assert compare.main(["1", "--in", str(work.folder)]) == 0
    said = capsys.readouterr().out
    assert "yours" in said and "the reference" in said and "server.cpp" in said


def test_two_sides_show_what_each_has_changed(work: Work) -> None:
    first, second = (work.stage_dir(stage) for stage in (1, 2))
    assert first is not None and second is not None
    (second / "mine.c").write_text("int added;\n")
    found = dict(compare.differences(compare.sources(first), compare.sources(second)))
    assert found["mine.c"][-1] == "+int added;" and "CMakeLists.txt" in found
    names = ("01_small_file", "02_big_file")
    reference = dict(compare.differences(*(compare.sources(STAGES / name) for name in names)))
    assert "send_file.cpp" in reference and not any(name.startswith("tests") for name in reference)
