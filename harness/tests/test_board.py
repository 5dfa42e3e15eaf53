"""What ./lab watch knows of a stage, how it is drawn in every size, which keys it hears, and where it has to poll."""

from __future__ import annotations

import errno
import io
import sys
from pathlib import Path

import pytest
from bytetrain.course.languages import Language
from bytetrain.learn import grader, saves
from bytetrain.learn.board import Board, Page
from bytetrain.learn.display import draws_unicode, in_ascii, lines_shown, wrapped
from bytetrain.learn.keys import names_of
from bytetrain.learn.now import to_do
from bytetrain.learn.standing import parts_of
from bytetrain.learn.saves import why_poll
from bytetrain.learn.work import Work
from bytetrain.programs.sessions import left_over
from rich.console import Console
from rich.text import Text

READY, PORT, FIRST = "server.ready_line", "server.port_zero", "server.first_file"
ALL = [each for part in parts_of(1) for each in part.checks]
CONSOLE = Console(file=io.StringIO(), width=80)
STORY = [[f"✗ {READY}: it listens, and says so", "bold red"], ["  stage 01", ""], ["", ""],
         *([f"    {number}    0.{number:03} s   a step {'of many words ' * number}", ""] for number in range(1, 9)),
         [" ►  9    0.123 s ✗ the server prints something", "bold red"], ["", ""],
         ["  expected  a line that says where it listens, and it is quite long, longer than a screen is wide", ""],
         ["  but was   nothing", "red"]]


def began(*checks: str, whole: bool = True) -> Board:
    board = Board(1)
    board.begin_round()
    board.begin_run(whole=whole)
    board.take({"event": "begin", "stage": 1, "checks": list(checks) or ALL})
    return board


def decides(board: Board, verdict: str, *checks: str) -> None:
    for each in checks:
        board.take({"event": "verdict", "stage": 1, "check": each, "verdict": verdict})


def tells(board: Board, check: str = READY) -> None:
    decides(board, "fail", check)
    board.take({"event": "story", "stage": 1, "check": check, "lines": STORY, "hints": check})


def over(board: Board, outcome: str) -> None:
    board.take({"event": "end", "outcome": outcome, "points": 10.0, "of": 10, "status": 0})
    board.end_run()


def text_of(board: Board, width: int = 80, height: int = 24) -> str:
    return "\n".join(line.plain.rstrip() for line in lines_shown(board, CONSOLE, width, height))


# The board


def test_steps_are_marked_as_their_checks_are_decided() -> None:
    board = began()
    first, second = board.parts[:2]
    assert board.says == "checking stage.builds"
    assert {each.state(board.verdicts) for each in board.parts} == {""} and board.current == first
    decides(board, "pass", "stage.builds", READY)
    assert first.state(board.verdicts) == "begun"
    decides(board, "not applicable", PORT)
    assert first.state(board.verdicts) == "done" and board.current == second
    tells(board, FIRST)
    over(board, "fail")
    assert second.state(board.verdicts) == "failing" and board.says == f"{FIRST} fails" and board.failing == FIRST


def test_it_has_passed_only_as_a_whole_and_as_the_files_are_now() -> None:
    board = began(READY, whole=False)
    decides(board, "pass", READY)
    over(board, "pass")
    assert not board.passed
    board = began()
    decides(board, "pass", *ALL)
    over(board, "pass")
    assert board.passed and board.says == "passes: 10 of 10 points"
    board.begin_round()
    assert not board.passed and not board.says


def test_a_story_stays_until_its_check_passes_or_another_is_told() -> None:
    board = began()
    tells(board)
    over(board, "fail")
    board.hint = [("a hint", "")]
    board.begin_round()
    board.begin_run(whole=False)
    assert board.story and board.story.check == READY
    tells(board)
    assert len(board.stories) == 1 and board.hint
    over(board, "fail")
    board.begin_round()
    board.begin_run(whole=False)
    decides(board, "pass", READY)
    assert board.story is None and not board.hint


def test_a_failure_that_comes_again_is_told_from_the_one_before() -> None:
    board = began()
    tells(board)
    over(board, "fail")
    assert "again" not in text_of(board)
    for times in (2, 3):
        board.begin_round()
        board.begin_run(whole=False)
        tells(board)
        over(board, "fail")
        assert f"(again, {times} times now)" in text_of(board)
    board.begin_round()
    board.begin_run(whole=True)
    decides(board, "pass", READY)
    tells(board, FIRST)
    assert "again" not in text_of(board)


def test_esc_is_named_where_it_leads_back() -> None:
    board = began()
    tells(board)
    over(board, "fail")
    assert "Esc" not in text_of(board)
    board.page = Page("What to do now")
    assert "Esc back · h hint" in text_of(board).splitlines()[-1] and "q quit" in text_of(board)
    board.page, board.offset = None, 3
    assert "Esc back" in text_of(board, height=16) and "Esc" not in text_of(board, height=60)


def test_advice_is_given_where_there_is_room_for_it() -> None:
    board = began()
    board.advice = "root: check as an ordinary user"
    assert text_of(board).endswith(board.advice) and "q quit" in text_of(board)
    assert text_of(board, width=60).endswith("q quit")
    board.note = "polling: nfs is silent"
    assert text_of(board).endswith(board.note)


@pytest.mark.parametrize("language, words", [(Language.EN, "docs/en/stage-05.md, step 1"),
                                             (Language.ZH, "docs/zh-CN/stage-05.md，第 1 步")])
def test_what_to_read_is_the_step_that_one_is_at(language: Language, words: str, tmp_path: Path) -> None:
    (tmp_path / "05_zero_copy").mkdir()
    page = to_do(Work(tmp_path), Board(5, language))
    assert any(line.endswith(words) for line, _ in page.lines), page.lines


def test_up_to_the_first_mistake_means_that() -> None:
    board = began()
    tells(board)
    decides(board, "fail", FIRST)
    assert board.says == f"{READY} fails" and FIRST not in board.verdicts


def test_of_several_stories_one_is_read() -> None:
    board = began()
    board.every = True
    tells(board)
    tells(board, FIRST)
    over(board, "fail")
    assert [each.check for each in board.stories] == [READY, FIRST] and board.says == "2 checks fail"
    assert "(1 of 2: ← →)" in text_of(board)


def test_calls_are_told_behind_their_story() -> None:
    board = began()
    tells(board)
    board.take({"event": "calls", "check": READY, "hints": "not_flushed", "lines": [["    write(1, ...", "red"]]})
    assert board.story and board.story.lines[-1] == ("    write(1, ...", "red")
    assert board.story.hints == "not_flushed"  # which they have shown


def test_a_grader_that_cannot_run_is_told() -> None:
    board = began()
    board.take({"event": "trouble", "lines": [["no space left on device", ""]]})
    over(board, "error")
    assert "the grader could not work" in text_of(board) and "no space left" in text_of(board)


# The screen


def boards() -> list[Board]:
    told = began()
    tells(told)
    hinted = began()
    tells(hinted)
    hinted.hint, hinted.note = [("  hint 1 of 3  look at the descriptor", "cyan")], "polling: nfs is silent"
    passed = began()
    decides(passed, "pass", *ALL)
    over(passed, "pass")
    return [Board(1), Board(6, Language.ZH), began(), told, hinted, passed]


@pytest.mark.parametrize("height", [1, 2, 3, 5, 8, 13, 24, 60])
@pytest.mark.parametrize("width", [1, 9, 40, 80, 200])
def test_it_fits_any_screen(width: int, height: int) -> None:
    for board in boards():
        shown = lines_shown(board, CONSOLE, width, height)
        assert len(shown) == height and max(line.cell_len for line in shown) <= width


def test_a_story_that_is_cut_begins_where_it_fails() -> None:
    board = began()
    tells(board)
    shown = text_of(board).splitlines()
    assert f"✗ {READY}: it listens, and says so" in shown
    assert any("► " in line and "the server prints something" in line for line in shown)
    expected = shown.index("  expected  a line that says where it listens, and it is quite long, longer than")
    assert shown[expected + 1] == "            a screen is wide"
    assert any("lines above" in line for line in shown)
    board.offset = 0
    shown = text_of(board).splitlines()
    assert "  stage 01" in shown and any("lines below" in line for line in shown)


def test_steps_make_room_for_a_story_on_a_low_screen() -> None:
    board = began()
    tells(board)
    assert "·2 ·3" in text_of(board, height=24) and "Errors" not in text_of(board, height=24)
    assert "Errors" in text_of(board, height=40)
    board.stories[0].lines = board.stories[0].lines[-3:]
    assert "Errors" in text_of(board, height=24)


@pytest.mark.parametrize(
    ("line", "under"),
    [("✗ client.sizes: a title of some words that go on", 2), (" ►  9    0.123 s ✗ the server prints something", 19),
     ("  - it ended with status 1, and status 0 was expected", 4), ("  but was   a line that is longer than this", 12),
     ("    stdout | one that is indented and long enough", 4), ("no indent at all, but long enough to be wrapped", 0)],
)
def test_what_goes_on_stands_under_what_it_goes_on_from(line: str, under: int) -> None:
    for text in wrapped((line, ""), CONSOLE, 40)[1:]:
        assert len(text.plain) - len(text.plain.lstrip()) == under, text


def test_control_characters_are_not_obeyed() -> None:
    assert wrapped(("\x1b[2J\x9b", ""), CONSOLE, 80)[0].plain == r"\x1b[2J\x9b"


def test_ascii_will_do() -> None:
    assert in_ascii(Text("✓ 1 · ► — 文")).plain == "+ 1 . > - ?"
    utf8 = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    gbk = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="gbk"))
    assert draws_unicode(utf8, {}) and not draws_unicode(utf8, {"LC_ALL": "C"}) and not draws_unicode(gbk, {})


# Keys and files


def test_keys_have_names() -> None:
    assert names_of(b"hq \x1b[A\x1bOB\x1b[6~\x1b[1;5C\x1b") == [
        "h", "q", "page down", "up", "down", "page down", "\x1b[1;5C", "esc"
    ]
    assert names_of("é".encode()) == ["\ufffd", "\ufffd"]


MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:40 / /mnt/c rw,noatime - 9p C:\\134 rw,aname=drvfs
24 22 0:41 / /home/a\\040student rw - fuse.sshfs host:/ rw
25 24 0:42 / /home/a\\040student/local rw - tmpfs tmpfs rw
26 22 0:43 / /srv rw shared:1 - ext4 /dev/vdb rw
27 22 0:44 / /srv rw shared:2 - nfs4 server:/ rw
"""


@pytest.mark.parametrize(
    ("folder", "why"),
    [("/home/other/work", ""), ("/mnt/c/work", "9p"), ("/mnt/cd", ""), ("/home/a student/work", "fuse.sshfs"),
     ("/home/a student/local/work", ""), ("/srv/work", "nfs4")],
)
def test_where_no_events_come_it_polls(folder: str, why: str) -> None:
    assert why_poll(Path(folder), MOUNTS) == why


def test_where_the_kernel_has_no_more_watches_it_polls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def used_up() -> None:
        raise OSError(errno.ENOSPC, "inotify watch limit reached")

    monkeypatch.setattr(saves, "_EVENTS", used_up)
    watched = saves.Saves(lambda: None)
    (tmp_path / "01_small_file").mkdir()
    watched.watch(tmp_path / "01_small_file")
    assert watched.polls_for is not None and watched.polls_for.en == "inotify is used up"
    watched.close()


def test_where_no_mounts_can_be_read_nothing_is_known() -> None:
    assert why_poll(Path("/"), "") == ""


# The grader

STUBBORN = """
import json, os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "1000"], start_new_session=True)
events = int(next(each for each in sys.argv if each.startswith("--events=")).partition("=")[2])
os.write(events, json.dumps({"event": "begin", "stage": 1, "checks": []}).encode() + b"\\n")
signal.pause()
"""


def test_a_grader_that_has_to_be_killed_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [each.pid for each in left_over()]
    monkeypatch.setattr(grader, "PATIENCE", 0.0)
    monkeypatch.setattr(grader, "command_of", lambda _, *words: [sys.executable, "-c", STUBBORN, *map(str, words)])
    events = grader.grading_of(tmp_path, 1)
    assert next(events)["event"] == "begin"
    assert len(left_over(before)) == 2
    events.close()
    assert left_over(before) == []
