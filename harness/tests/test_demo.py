"""./lab demo: what it says, what it writes, and that it leaves nothing behind, however it ends."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from bytetrain.course.catalogue import lesson, lessons
from bytetrain.course.data import load_toml
from bytetrain.course.languages import Language
from bytetrain.course.paths import REPO
from bytetrain.course.traits import numbered, stage_numbers
from bytetrain.demo.__main__ import arguments, programme
from bytetrain.demo.playing import Company, Performance, Result, Transfer
from bytetrain.demo.report import Report
from bytetrain.demo.screen import WIDTH, Kind, Screen
from bytetrain.demo.show import Show
from bytetrain.demo.texts import TEXTS, texts
from bytetrain.kernel.processes import descendants
from bytetrain.lessons.evidence import Evidence
from bytetrain.programs import sessions
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore

SAY = texts(Language.EN)

# Words


def test_both_languages_have_the_same_texts_with_the_same_blanks() -> None:
    def blanks(text: str) -> set[str]:
        return {blank for _, blank, _, _ in Formatter().parse(text) if blank}

    tables = [load_toml(TEXTS)[language.value] for language in Language]
    english, chinese = ({key: blanks(text) for key, text in each.items()} for each in tables)
    assert english == chinese


def test_a_wrong_command_line_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--stage", "0"], ["--stage", "99"], ["--stage", "x"], ["--lang", "fr"], ["--what"]):
        with pytest.raises(SystemExit) as ended:
            arguments(words)
        assert ended.value.code == 2
    assert numbered() in capsys.readouterr().err


def test_a_stage_comes_with_the_lessons_that_it_shows_or_cures() -> None:
    played, stages = programme([5])
    assert [(number, each.id) for number, each in played] == list(enumerate(
        ["bytes_copied_twice", "one_call_limit", "cut_file", "exit_leaves_mess"], 11
    ))
    assert [stage.number for stage in stages] == [4, 5]
    assert len(programme(stage_numbers())[0]) == len(lessons())


def test_the_title_counts_in_words() -> None:
    assert (SAY.number(6), texts(Language.ZH).number(14), SAY.number(99)) == ("six", "十四", "99")


# The screen


def printed(say: Callable[[Screen], object]) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    say(Screen(file))
    file.seek(0)
    return file.read()


def test_a_file_gets_plain_lines_that_are_not_too_long() -> None:
    text = printed(lambda screen: screen.point("word " * 60, 4, Kind.GOOD))
    lines = text.splitlines()
    assert "\x1b" not in text and all(len(line) <= WIDTH and line == line.rstrip() for line in lines)
    assert lines[0].startswith("    ✓ word") and lines[1].startswith("      word") and len(lines) == 4


def test_long_words_and_chinese_are_folded() -> None:
    assert printed(lambda screen: screen.line("车" * 70, 2)).splitlines() == ["  " + "车" * 49, "  " + "车" * 21]
    assert printed(lambda screen: screen.line("x" * 150)).splitlines() == ["x" * 100, "x" * 50]


def test_what_looks_like_markup_is_printed_as_it_is() -> None:
    assert printed(lambda screen: screen.line("[bold] 100% [/] :car: '[====]'")) == "[bold] 100% [/] :car: '[====]'\n"


def test_no_terminal_gets_control_characters() -> None:
    """In a line, a list, a heading and the table, which is made of others' words as well."""
    evil = "\x1b]52;c;ZXZpbA==\a\x00\x9b2J\udc9b2J\x7f"

    def everything(screen: Screen) -> None:
        screen.line(evil)
        screen.point(evil, 2, Kind.BAD)
        screen.chapter(evil)
        report = Report({}, [result(failure=evil, cure=evil)], [])
        Show(Company({}, FileStore(), traced=False), report, screen, SAY).table()

    text = printed(everything)
    assert text.count("]52;c;ZX") == 5 and not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\udc80-\udc9f]", text)


# The report


def result(failure: str = "it failed", cure: str = "it works", name: str = "half_packet") -> Result:
    which = lesson(name)
    seen = Evidence(failure, cure if which.in_calls else "", ["a line"], {"got": 472})
    shown = Performance(which.shown_by, [], seen)
    cured = shown if which.in_calls else Performance(which.cured_by, [], Evidence("", cure, []))
    return Result(2, which, shown, cured)


def transfer(way: str = "", saved: str = "a") -> Transfer:
    return Transfer(2, "seeded", 100, way, 0 if saved else 1, "status 1: no luck", "a", saved)


def missing(*results: Result, transfers: list[Transfer] | None = None) -> str:
    return "\n".join(Report({}, list(results), transfers or []).missing(SAY))


def test_nothing_is_missing_if_both_were_seen() -> None:
    assert missing(result(), result(name="one_call_limit"), transfers=[transfer()]) == ""


def test_what_was_not_seen_is_missing() -> None:
    assert "2 half_packet: the failure did NOT show itself" in missing(result(failure=""))
    assert "2 half_packet: the cure was NOT seen" in missing(result(cure=""))
    assert "one_call_limit" in missing(result(cure="", name="one_call_limit"))


def test_a_cure_that_still_shows_the_failure_is_none() -> None:
    both = result()
    both.cured.evidence = Evidence("it failed", "it works", [])
    assert "the cure was NOT seen" in missing(both)


def test_a_lesson_that_could_not_be_played_is_missing_and_says_why() -> None:
    broken = result()
    broken.shown = Performance(broken.lesson.shown_by, [], None, "waited in vain\nfor a state")
    assert "waited in vain; for a state" in missing(broken)


def test_a_transfer_counts_unless_it_was_left_to_luck() -> None:
    assert "stage 02: seeded: status 1: no luck" in missing(transfers=[transfer(saved="")])
    assert missing(transfers=[transfer("luck", saved="")]) == ""


def test_the_report_is_written_as_json(tmp_path: Path) -> None:
    file = tmp_path / "build" / "demo.json"
    Report({"cpus": 2}, [result()], [transfer()], 1.23).write(file, SAY)
    table = json.loads(file.read_text())
    assert (table["format"], table["version"], table["complete"]) == ("bytetrain demo", 1, True)
    assert table["lessons"][0]["shown"]["facts"] == {"got": 472}
    assert table["lessons"][0]["cured"]["stage"] == 3
    assert table["transfers"][0]["equal"] is True
    assert [each.name for each in file.parent.iterdir()] == ["demo.json"]


# The whole


class Demo:
    """The demo as a program, with a temporary folder of its own."""

    def __init__(self, folder: Path, preset: str, *words: str, path: str = "") -> None:
        self.json = folder / "demo.json"
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        command = [sys.executable, "-m", "bytetrain.demo", "--preset", preset, "--json", str(self.json), *words]
        environment = {**os.environ, "PYTHONPATH": str(REPO / "harness"), "TMPDIR": str(self.temporary)}
        environment["PATH"] = path + environment["PATH"]
        self.output = folder / "output.txt"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment,
                start_new_session=True,
            )

    def end(self) -> int:
        """Waits for its end; nothing may be left behind."""
        status = self.process.wait(240)
        assert sessions.left_over() == []
        assert list(self.temporary.iterdir()) == []
        return status

    @property
    def text(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def table(self) -> dict[str, Any]:
        table: dict[str, Any] = json.loads(self.json.read_text())
        return table


def test_a_stage_is_shown(tmp_path: Path, preset: str) -> None:
    demo = Demo(tmp_path, preset, "--stage", "1")
    assert demo.end() == 0, demo.text
    shown = demo.table()["lessons"][0]["shown"]
    assert (shown["stage"], shown["server"], shown["seen"]) == (1, ["--raw"], True)
    assert "\x1b" not in demo.text and max(map(len, demo.text.splitlines())) <= WIDTH
    assert re.search(r"✗ the failure: saved as 'notes.txt\w", demo.text)
    assert demo.text.splitlines()[-1] == "Write it yourself: ./lab start 1"
    assert "All 1 failures" in demo.text and str(demo.json) in demo.text.replace("\n", "")


def test_it_works_in_chinese(tmp_path: Path, preset: str) -> None:
    demo = Demo(tmp_path, preset, "--stage", "1", "--lang", "zh")
    assert demo.end() == 0, demo.text
    assert lesson("no_boundaries").title.zh in demo.text


def test_it_works_without_ptrace(tmp_path: Path, preset: str) -> None:
    """Evidence that needs strace is left out or replaced, and it says so."""
    strace = tmp_path / "bin" / "strace"
    strace.parent.mkdir()
    strace.write_text("#!/bin/sh\necho 'strace: ptrace(PTRACE_TRACEME, ...): Operation not permitted' >&2\nexit 1\n")
    strace.chmod(0o755)
    demo = Demo(tmp_path, preset, "--stage", "5", path=f"{strace.parent}:")
    assert demo.end() == 0, demo.text
    assert "Operation not permitted" in demo.table()["machine"]["strace"]
    assert "Operation not permitted" in demo.text.replace("\n", " ")
    counted = {each["id"]: each["shown"]["facts"] for each in demo.table()["lessons"]}
    assert counted["one_call_limit"]["returned"] == 0x7FFFF000
    assert counted["bytes_copied_twice"]["strace"] is False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("while_there_is", ["server", "client", "strace"])
def test_nothing_is_left_when_it_is_interrupted(
    while_there_is: str, number: signal.Signals, tmp_path: Path, preset: str
) -> None:
    demo = Demo(tmp_path, preset, "--stage", "2")

    def there() -> bool:
        names = {each.name for each in descendants(demo.process.pid)}
        return while_there_is in names or demo.process.poll() is not None

    wait_until(there, f"the demo runs a {while_there_is}", seen=lambda: demo.text)
    demo.process.send_signal(number)
    assert demo.end() == 130, demo.text
    assert "interrupted" in demo.text and not demo.json.exists()
