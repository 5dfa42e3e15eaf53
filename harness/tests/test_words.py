"""The words of a story: read by somebody who has never seen the harness, they say what was seen, once, and briefly."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from rich.cells import cell_len

from bytetrain import Failure
from bytetrain.course.catalogue import mistakes, rubric
from bytetrain.course.folders import instead_of
from bytetrain.course.languages import Language
from bytetrain.course.paths import HARNESS
from bytetrain.grading import words
from bytetrain.grading.records import Record, Verdict
from bytetrain.grading.results import Results
from bytetrain.judging import pools
from bytetrain.judging.progress import dribble, in_percent, missing_half
from bytetrain.kernel import processes, tcp
from bytetrain.learn import hint as hint_command
from bytetrain.telling import story
from bytetrain.telling.text import in_words
from bytetrain.telling.waiting import NeverHappened, wait_until
from bytetrain.wire.peers import Connection

from .trial import Trial

NAME = "n" * 255
FACTS = processes.ProcessFacts(12, "server", "S", 1, 12, 12)
SOCKET = tcp.TcpSocket(4711, 50000, tcp.CLOSE_WAIT, 0, 7, 99)


def step(said: str, **more: object) -> dict[str, Any]:
    return {"kind": "did", "words": said, "at": 0.0, "outcome": "", "result": "", "failing": False, **more}


def told(record: Record, *, whole: bool = False) -> str:
    return "\n".join(line for line, _ in words.story(record, None, whole=whole))


# What Python calls an object


@pytest.mark.parametrize(
    "seen, said",
    [
        ([FACTS], "server (pid 12, state S, parent 1)"),
        ([], "none"),
        (None, "nothing"),
        ({0: "/dev/null", 3: "socket:[99]"}, "0: /dev/null, 3: socket:[99]"),
        (SOCKET, "port 4711 to port 50000: CLOSE_WAIT, 0 bytes sent and not acknowledged, 7 unread"),
        ("SSR", "SSR"),
    ],
    ids=["process", "nobody", "nothing", "descriptors", "socket", "text"],
)
def test_what_was_seen_is_said_in_words(seen: object, said: str) -> None:
    with pytest.raises(NeverHappened) as caught:
        wait_until(lambda: False, "it comes", limit=0, seen=lambda: seen)
    assert caught.value.actual == in_words(seen) == said


def returning_objects() -> Iterator[str]:
    """The functions of the harness that return what has no words of its own: several of something, or a mapping."""
    for file in (HARNESS / "bytetrain").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.returns:
                if any(word in ast.unparse(node.returns) for word in ("ProcessFacts]", "TcpSocket]", "dict[int")):
                    if not ast.unparse(node.returns).startswith("Optional"):
                        yield node.name


def test_no_message_holds_such_an_object() -> None:
    objects = set(returning_objects())
    assert {"children", "zombies", "descriptors", "holders"} <= objects
    found = []
    for file in (each for part in ("bytetrain", "checks") for each in (HARNESS / part).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Call):
                called = ast.unparse(node.value.func).rpartition(".")[2]
                found += [f"{file.relative_to(HARNESS)}:{node.lineno}: {called}()"] if called in objects else []
    assert not found, "in_words, or join"


def test_no_message_shows_a_value_as_python_writes_it() -> None:
    """Bytes, and text with bytes in it, go through in_quotes or in_words: !r would write b'...' and \\udcff."""
    told_from = [HARNESS / "checks", *(HARNESS / "bytetrain" / part for part in ("judging", "telling", "wire"))]
    found = []
    for file in (each for part in told_from for each in part.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FormattedValue) and node.conversion == ord("r"):
                found += [f"{file.relative_to(HARNESS)}:{node.lineno}: {ast.unparse(node.value)}"]
    assert [each for each in found if not each.endswith(": error")] == []


# Long names, long outputs, and what is said twice


def test_a_long_name_is_shortened_in_its_middle() -> None:
    steps = [step(f"$ client /tmp/x/{NAME}"), step(f"the client has saved '{NAME}'", outcome="failed", failing=True)]
    output = [{"command": f"client {NAME}", "fate": "status 1", "stdout": f"received {NAME}, 9 bytes", "stderr": ""}]
    record = Record(
        "client.name", 1, "", Verdict.FAIL, message=f"no file '{NAME}'", expected=f"a file '{NAME}'", actual="no file",
        steps=steps, output=output, calls=[f'0.1 s [9] openat(3, "{NAME}", O_RDONLY) = -1 ENOENT'],
    )
    text = told(record) + "\n".join(line for line, _ in words.calls_told(record))
    assert "n" * 60 not in text.replace("\n", "").replace(" ", "")
    assert text.count("more...]nn") == 7
    assert "n" * 50 in told(record, whole=True)


def test_a_path_of_short_names_stays_as_it_is() -> None:
    path = "/".join(["a-folder-of-twenty-5"] * 12)
    assert words.shortened(path) == path


def test_of_what_was_found_the_first_lines_are_shown() -> None:
    found = "\n".join(f"line {number}" for number in range(54))
    record = Record("server.ready_line", 1, "", Verdict.FAIL, message="no", expected="the ready line", actual=found)
    assert "line 5\n" in told(record) and "line 6" not in told(record)
    assert "[... 48 more lines ...]" in told(record)
    assert "line 53" in told(record, whole=True)


def test_a_step_that_quotes_a_program_is_cut() -> None:
    said = "it ended with status 1\n" + "\n".join(f"  | line {number}" for number in range(54))
    failing = step(said, outcome="failed", failing=True)
    record = Record("client.sizes", 1, "", Verdict.FAIL, message=said, steps=[failing])
    assert "| line 14\n" in told(record) and "line 15" not in told(record)
    assert "[... 39 more lines ...]" in told(record) and "line 53" in told(record, whole=True)


def test_what_a_step_has_said_is_not_said_again_below_it() -> None:
    steps = [step("a file comes", kind="told"), step("nothing was drawn", outcome="failed", failing=True)]
    record = Record("progress.last_line", 4, "", Verdict.FAIL, steps=steps)
    record.message = "a file comes\n\nnothing was drawn\n\nand more is known"
    text = told(record)
    assert (text.count("a file comes"), text.count("nothing was drawn"), text.count("and more is known")) == (1, 1, 1)


def test_what_no_shown_step_has_said_is_said_and_the_failing_step_is_always_shown() -> None:
    failing = step("it failed", outcome="failed", failing=True)
    steps = [step(f"action {number}") for number in range(12)] + [failing] + [step("clears up") for _ in range(20)]
    record = Record("pool.size", 1, "", Verdict.FAIL, message="action 7\n\nit failed", steps=steps)
    text = told(record)
    assert (text.count("action 7"), text.count("it failed")) == (1, 1)
    assert "►" in text and "[... 8 steps ...]" in text and "[... 6 steps ...]" in text


def test_what_was_waited_for_is_told_once() -> None:
    record = Record("pool.size", 1, "", Verdict.FAIL, expected="three workers", actual="two workers, and a zombie " * 9)
    record.message = f"waited for this, in vain: three workers; instead: {record.actual}; and nobody can move any more"
    text = told(record)
    assert "\n  waited for this, in vain; and nobody can move any more\n" in text and text.count("two workers") == 9
    assert all(len(line) <= 110 for line in text.splitlines())


@pytest.mark.parametrize("said, left", [
    ("waited for this, in vain: a byte; and {}", ""),
    ("our connection waited for a byte, in vain: neither has come and {}",
     "our connection waited for a byte, in vain: neither has come"),
    ("waited for this, in vain: a byte; and {} there", "waited for this, in vain: a byte; and {} there"),
])
def test_who_cannot_move_is_told_once(said: str, left: str) -> None:
    stuck = "nobody can move any more: the server: it waits in accept"
    record = Record("pool.size", 1, "", Verdict.FAIL, expected="a byte", actual=f"neither and {stuck}")
    record.message = said.format(stuck)
    assert words._not_told_yet(record) == left.format(stuck)


# A dead process


def test_a_dead_parent_is_not_said_to_use_no_cpu() -> None:
    told_story = story.begin()
    with subprocess.Popen(["true"]) as process:
        process.wait()
        with pytest.raises(Failure, match="the parent .* has ended"):
            pools.all_sleep({process.pid: "the parent"}, 0.01)
        pools.uses_no_cpu(process.pid, "a worker")
    said = [(each["words"], each["outcome"]) for each in told_story.as_data()]
    assert [outcome for _, outcome in said] == ["failed", ""]
    assert said[1][0] == f"a worker (process {process.pid}) has ended"


# The progress line


class Drawing:
    """Stands for a connection to a client that draws when so many pieces have come."""

    def __init__(self, needed: int) -> None:
        self.needed, self.pieces, self.looks = needed, 0, 0

    def deliver(self, train: bytes) -> None:
        self.pieces += 1

    def has_drawn(self) -> bool:
        """As TerminalClient.has_drawn_at_once: what has been seen is not seen again."""
        return self.pieces == self.needed and self._looks() == 1

    def _looks(self) -> int:
        self.looks += 1
        return self.looks


@pytest.mark.parametrize("needed, left, said", [(2, 4, "it has sent 2 bytes"), (99, 0, "it has sent 6 bytes")])
def test_many_looks_at_a_terminal_are_one_step(needed: int, left: int, said: str) -> None:
    told_story, client = story.begin(), Drawing(needed)
    assert len(dribble(cast(Connection, client), 4, bytes(6), client.has_drawn)) == left
    [only] = told_story.as_data()
    assert (only["outcome"], only["result"]) == ("", said)


@pytest.mark.parametrize(
    "said, before, why",
    [
        ([0.01, 0.5, 0.55], 1, "the line says 0.55 % when .* not 100 times that"),
        ([1, 7], 1, "the line says 7 % when a little more than half has come$"),
        ([1], 1, "no line was drawn while more bytes came"),
    ],
)
def test_why_a_line_with_half_is_missing(said: list[float], before: int, why: str) -> None:
    assert re.match(why, missing_half(said, before))
    assert in_percent(said) == f"{said[-1]:g} %"
    assert in_percent([]) == "no percentage at all"


def test_a_story_has_its_title_its_cause_and_its_hint_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    check, mistake = rubric().checks["server.ready_line"], mistakes()["not_flushed"]
    record = Record(check.id, 1, "", Verdict.FAIL)
    record.expected, record.actual = "a line", "none"
    record.diagnosis = {"id": mistake.id, "words": "It lies there."}
    lines = [line for line, _ in words.story(record, check, language=Language.ZH)]
    text = "".join(line.strip() for line in lines)
    assert check.title.zh in text and mistake.title.zh in text and mistake.hints[0].zh in text
    assert f"docs/zh-CN/{check.page}" in text and mistake.title.en not in text and "expected" not in text
    columns = [cell_len(line.partition(each)[0]) for line in lines for each in ("a line", "none") if each in line]
    assert len(set(columns)) == 1


# Hints


def hint(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    hint_command.main(words)
    return capsys.readouterr().out


def test_each_hint_says_how_to_come_to_the_next_one(capsys: pytest.CaptureFixture[str]) -> None:
    check = rubric().checks["client.head_split"]
    assert "hint 1 of 3:" in (first := hint(capsys, check.id)) and first.endswith("./lab hint client.head_split 2\n")
    assert hint(capsys, check.id, "2").endswith("more  ./lab hint client.head_split 3\n")
    assert hint(capsys, check.id, "3").endswith(f"read  docs/en/{check.page}\n")


def test_hints_are_there_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    check = rubric().checks["client.head_split"]
    said = hint(capsys, check.id, "2", "--lang", "zh")
    assert check.hints[1].zh in said and said.endswith("./lab hint client.head_split 3 --lang zh\n")
    assert f"docs/zh-CN/{check.page}" in hint(capsys, check.id, "3", "--lang=zh")


@pytest.mark.parametrize(
    "word, instead", [("client.headsplit", "client.head_split"), ("lesson", "lesson."), ("?", "docs/en/checks.md")]
)
def test_an_unknown_check_is_told_what_there_is(word: str, instead: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        hint_command.main([word])
    assert ended.value.code == 2 and instead in capsys.readouterr().err


def test_a_classic_mistake_has_hints_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    mistake = mistakes()["not_flushed"]
    assert hint(capsys, "not_flushed").endswith("./lab hint not_flushed 2\n")
    assert mistake.title.zh in (last := hint(capsys, "not_flushed", "3", "--lang", "zh"))
    assert mistake.hints[2].zh in last and not last.endswith("\n\n")
    record = Record("server.ready_line", 1, "", Verdict.FAIL)
    record.diagnosis = {"id": "not_flushed", "words": "It lies there."}
    assert "  more   ./lab hint not_flushed 2" in told(record)


def test_a_story_says_how_to_come_to_more_hints() -> None:
    check = rubric().checks["client.head_split"]
    lines = [line for line, _ in words.story(Record(check.id, 3, "", Verdict.FAIL), check)]
    assert lines[-2] == "  more   ./lab hint client.head_split 2"


def test_a_story_has_one_hint_in_the_end() -> None:
    """The calls may tell the cause: a hint waits for them."""
    check = rubric().checks["client.head_split"]
    record = Record(check.id, 3, "", Verdict.FAIL, calls_follow=True)
    assert "hint" not in "".join(line for line, _ in words.story(record, check))
    phase = Record(check.id, 3, "", Verdict.PASS, calls=["0.1 s [9] recvfrom(3) = 2"])
    phase.diagnosis = {"id": "short_count", "words": "It returned 2."}
    for found, name in ((Record(check.id, 3, "", Verdict.PASS), check.id), (phase, "short_count")):
        record.takes_in(found)
        said = [line for line, _ in words.calls_told(record, check, concludes=True)]
        assert [line for line in said if "./lab hint" in line] == [f"  more   ./lab hint {name} 2"]
    assert not any("./lab hint" in line for line, _ in words.calls_told(record, check))
    assert any("./lab hint short_count 2" in line for line, _ in words.story(record, check))


# The end of a run

TWO = """
import pytest

@pytest.mark.check("pool.size")
@pytest.mark.parametrize("word", ["one", "two"])
def test_number_of_workers(stage, word): pass

@pytest.mark.check("client.sizes")
def test_every_size(stage): pytest.skip("this machine has no such thing")
"""


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    submission = tmp_path / "submission"
    (submission / "01_small_file").mkdir(parents=True)
    return Trial.of(tmp_path, submission, TWO, {"pool.size": (1, 1), "client.sizes": (1, 1)})


def test_k_knows_ids_of_checks_and_a_run_ends_in_our_words(trial: Trial) -> None:
    graded = trial.grade("--stage=1", "-k", "pool.siz or client.sizes")
    assert graded.output.endswith("s\n") and "cases: 2 passed, 1 not applicable, in " in graded.output.splitlines()[-1]
    assert not re.search(r"short test summary|SKIPPED \[|test_sample\.py::\S+ - |deselected", graded.output)


def test_what_chooses_nothing_says_so(trial: Trial) -> None:
    nothing = trial.grade("--stage=1", "-k", "nobody")
    assert nothing.status == 5 and "deselected" not in nothing.output.splitlines()[-1]
    assert nothing.output.endswith("no check fits -k nobody --stage 1; docs/en/checks.md lists them all\n")


def test_a_check_that_the_stage_does_not_have_is_refused_in_words(trial: Trial) -> None:
    refused = trial.grade("--stage=2", only="pool.size")
    assert refused.status == 4
    assert "--check pool.size: nothing of it in stage 02; it counts in stage 01 only" in refused.output
    assert "there is no such check; there is pool.size" in trial.grade("--stage=1", only="pool.sizes").output


@pytest.mark.parametrize(
    "number, there, said",
    [
        (1, "stage01", "you have stage01: call it 01_small_file"),
        (1, "1-small-file", "you have 1-small-file: call it 01_small_file"),
        (3, "my_waitall", "you have my_waitall: call it 03_waitall"),
        (1, "02_big_file", ""),
        (1, "lab1_stage2", ""),
        (1, "a stage/CMakeLists.txt", ""),
        (1, "server", "is a stage's folder itself"),
    ],
)
def test_a_folder_with_another_name_is_pointed_at(number: int, there: str, said: str, tmp_path: Path) -> None:
    if there == "server":
        (tmp_path / there).touch()
    else:
        (tmp_path / there).mkdir(parents=True)
    found = instead_of(tmp_path, number)
    assert said in found if said else found == ""


def test_warnings_of_a_build_are_told_in_brief_and_kept_whole(tmp_path: Path) -> None:
    results = Results(rubric(), tmp_path, "release", [1])
    found = [f"server.cpp:{line}: warning: no" for line in range(5)]
    results.warnings[1] = found
    first, *said = [line for line, _ in words.warnings_told(1, found)]
    assert "stage 01 has 5 warnings; all of them are in the results" in first and len(said) == words.WARNINGS
    assert results.as_data()["stages"][0]["warnings"] == found
    assert [line for line, _ in words.warnings_told(1, found[:1])][0] == "The build of stage 01 has a warning:"


def test_nothing_handed_in_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "stage01").mkdir()
    nothing = Results(rubric(), tmp_path, "release", [1, 2])
    assert nothing.exit_status == 1
    said = [line for line, _ in words.summary(nothing)]
    assert "no folder is called 01_...; you have stage01: call it 01_small_file" in said
    (tmp_path / "02_big_file").mkdir()
    assert Results(rubric(), tmp_path, "release", [1, 2]).exit_status == 0
    empty = Results(rubric(), tmp_path / "nobody", "release", [1])
    text = " ".join(" ".join(line for line, _ in words.summary(empty)).split())
    assert "has no stage: the folders looked for are 01_..." in text
