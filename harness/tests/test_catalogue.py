"""The data files say what the contract says."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from bytetrain.course import catalogue, data, folders
from bytetrain.course.catalogue import Check, lessons, rubric
from bytetrain.course.languages import Bilingual
from bytetrain.course.paths import REPO
from bytetrain.course.traits import Content, all_traits, brings, stage_numbers, traits
from bytetrain.docs.glossary import without_links


def test_every_lesson_is_there_once_with_titles_in_both_languages() -> None:
    lessons = catalogue.lessons()
    assert len({lesson.id for lesson in lessons}) == len(lessons) >= 14
    assert all(lesson.title.en and lesson.title.zh for lesson in lessons)


def test_a_lesson_is_cured_by_the_stage_it_names() -> None:
    for lesson in catalogue.lessons():
        assert lesson.cured_by.stage == lesson.cured_from >= lesson.shown_by.stage, lesson.id


def test_a_lesson_says_which_options_show_it() -> None:
    lesson = catalogue.lesson("waitall_returns_short")
    assert lesson.shown_by == catalogue.Run(3, client=("--receive=waitall",))
    assert lesson.cured_by == catalogue.Run(3, client=("--receive=exact",))
    assert catalogue.lesson("exit_leaves_mess").cured_by == catalogue.Run(6)


def test_a_stage_is_found_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "03_whatever").mkdir()
    (tmp_path / "04_a_file").touch()
    assert folders.stage_dir(tmp_path, 3) == tmp_path / "03_whatever"
    assert folders.stage_dir(tmp_path, 4) is None
    assert folders.stages_of(tmp_path) == [3]
    with pytest.raises(ValueError, match="no stage 99: stages are numbered 1 to"):
        folders.stage_dir(tmp_path, 99)


# What sets the stages apart


def test_the_stages_differ_as_the_contract_says() -> None:
    by_content = {content: [stage for stage in range(1, 7) if traits(stage).content is content] for content in Content}
    assert list(by_content.values()) == [[1], [2, 3], [4], [5, 6]]
    assert [stage for stage in range(1, 7) if traits(stage).whole_trains_only] == [1, 2]
    first = {"heals": 3, "progress_line": 4, "ways": 5, "timeouts": 6}
    for trait, number in first.items():
        assert [stage for stage in range(1, 7) if brings(stage, trait)] == [number], trait


ROW = 'points = 1\nwhole_trains_only = true\nheals = true\nprogress_line = true\nways = true\ntimeouts = true\n'


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("[02]\n", r"\[02\] stands where \[01\] should"),
        (f"[01]\n{ROW}", r"\[01\]: .*content"),
        (f'[01]\n{ROW}content = "pigeons"\n', r"\[01\]: 'pigeons'"),
        (f'[01]\n{ROW}content = "raw bytes"\n[02]\nheal = true\n', r"\[02\]: .*'heal'"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(rows: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "stages.toml").write_text(rows)
    with pytest.raises(ValueError, match=words):
        all_traits(tmp_path / "stages.toml")


def test_a_stage_tells_its_changes(tmp_path: Path) -> None:
    folder = tmp_path / "02_big_file"
    folder.mkdir()
    (folder / "stage.toml").write_text(
        'title = "Big"\ntitle_zh = "大"\n[changes."train.cpp"]\nen = "why"\nzh = "为什么"\n', encoding="utf-8"
    )
    assert catalogue.stages(tmp_path) == [
        catalogue.Stage(2, "02_big_file", Bilingual("Big", "大"), changes={"train.cpp": Bilingual("why", "为什么")})
    ]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stage.toml").write_text("title = ")
    with pytest.raises(ValueError, match="stage.toml"):
        data.load_toml(tmp_path / "stage.toml")


# The checks


def test_points_sum_to_100_whatever_is_run() -> None:
    known = rubric()
    assert sum(known.stage_points.values()) == 100
    for stage, worth in known.stage_points.items():
        assert sum(known.points(check, stage) for check in known.of_stage(stage)) == worth


def test_a_stage_is_graded_for_its_own_lesson_first() -> None:
    known = rubric()
    for stage in stage_numbers():
        own = sum(known.points(check, stage) for check in known.of_stage(stage) if check.first == stage)
        assert own > Fraction(known.stage_points[stage], 4), f"stage {stage}: its own checks are worth {float(own):.1f}"


def test_every_check_is_in_the_catalogue_and_every_entry_is_a_check() -> None:
    pattern = re.compile(r'^@pytest\.mark\.check\("([^"]+)"\)\n(@pytest\.mark\.parametrize)?', re.MULTILINE)
    files = sorted((REPO / "harness" / "checks").glob("test_*.py"))
    by_file = {file: pattern.findall(file.read_text()) for file in files}
    found = [each for pairs in by_file.values() for each in pairs]
    homes = [check for pairs in by_file.values() for check in {check for check, _ in pairs}]
    assert len(homes) == len(set(homes))  # all that a check does lies in one file
    without_cases = [check for check, cases in found if not cases]
    assert len(without_cases) == len(set(without_cases))  # of two functions of one check, --case tells which is meant
    marked = {check for check, _ in found}
    known = set(rubric().checks)
    patterns = [each[:-1] for each in marked if each.endswith("*")]
    by_pattern = {each for each in known if any(each.startswith(pattern) for pattern in patterns)}
    assert known == by_pattern | {each for each in marked if not each.endswith("*")}
    assert by_pattern == {f"{pattern}{each.id}" for pattern in patterns for each in lessons()}


@pytest.mark.parametrize("check", rubric().checks.values(), ids=lambda check: str(check.id))
def test_a_check_has_what_a_student_needs(check: Check) -> None:
    assert 1 <= check.first <= check.last <= stage_numbers()[-1] and check.title.en and check.title.zh
    assert check.calls and set(check.calls) <= set(catalogue.SIDES)
    assert check.lesson in ("", *(each.id for each in lessons()))
    reference = check.id.startswith("reference.")
    assert (check.weight == 0) == reference
    assert len(check.hints) == (0 if reference else 3)
    page = check.page.partition("#")[0]
    assert reference or (REPO / "docs" / "en" / page).is_file() and (REPO / "docs" / "zh-CN" / page).is_file()


def graded_part() -> str:
    """The contract, without what nobody is graded on."""
    page = without_links((REPO / "docs" / "en" / "contract.md").read_text(encoding="utf-8"))
    graded, _, rest = page.partition("\n## Where this page was silent\n")
    assert rest
    return graded


def promises() -> str:
    """Each run of blanks and line ends is one blank."""
    return " ".join(graded_part().split())


@pytest.mark.parametrize("check", rubric().checks.values(), ids=lambda check: str(check.id))
def test_a_check_that_earns_points_keeps_to_the_contract(check: Check) -> None:
    assert bool(check.contract) == (check.weight > 0), f"{check.id}: which words of docs/en/contract.md promise that?"
    assert check.contract in promises(), f"{check.id}: docs/en/contract.md doesn't say: {check.contract}"
    assert check.contract == "" or len(check.contract) >= 18, f"{check.id}: too few words to find the place by"


# Sentences that no check quotes: what they begin with, and who asks for it all the same; "" if it is no promise.
UNQUOTED = {
    "English |": "", "Everything that grades": "", "Write your stage in any language": "",
    "| parent | the process that listens, accepts": "pool.worker_sends", "| worker |": "pool.worker_sends",
    "| channel |": "", "`server [OPTIONS]": "server.command_line", "`client HOST PORT": "client.command_line",
    "FILE is a readable regular file; the server never changes it": "server.sizes",
    "`listening on": "server.ready_line",
    "The log goes to standard error": "server.file_missing", "If the log has begun": "server.file_missing",
    "From stage 06 on no process of it stays": "server.port_taken",
    "No temporary file stays behind": "client.end_between_trains",
    "The client sends nothing": "client.no_wait_for_close", "| 02, 03 | train(name)": "server.sizes",
    "| 04 | train(name)": "server.sizes", "| 05, 06 | train(name)": "server.sizes",
    "`size` is 8 bytes": "server.size_64_bits", "The grader hands the bytes": "", "| 01 | `--raw`": "",
    "| 03 | `client": "", "| 05, 06 | `server --send": "", "| 05, 06 | `client --receive": "",
    "| 06 | `server --drain": "exit.drain_timeout",
    "| 06 | `server --stall": "exit.stalled_client", "They belong to the reference pairs": "",
    "A submission doesn't need them": "", "If its server knows the last two": "exit.drain_timeout",
    "| Ctrl-C in a terminal:": "exit.ctrl_c",
}


def sentences() -> list[str]:
    """Those of the graded part, and the rows of its tables; without what is drawn or shown as a session."""
    text = re.sub(r"(?ms)^(<!--[^\n]*-->\n)?```.*?^```\n", "", graded_part())
    paragraphs = [each for each in re.split(r"\n\s*\n", text) if not each.startswith("#")]
    parts = [" ".join(part.split()) for each in paragraphs for part in re.split(r"\n(?=- |\| )", each)]
    found = [each for part in parts for each in re.split(r"(?<=[.:;])\s+(?=[A-Z`])", part.removeprefix("- "))]
    return [each for each in found if "|---|" not in each]


def test_every_sentence_of_the_contract_is_asked_for() -> None:
    quotes = [piece for check in rubric().checks.values() for piece in re.split(r"(?<=[.:;]) ", check.contract)]
    quotes = [each for each in quotes if len(each) >= 18]
    unquoted = [each for each in sentences() if not any(quote in each or each in quote for quote in quotes)]
    assert [each for each in unquoted if not each.startswith(tuple(UNQUOTED))] == [], "which check asks for that?"
    assert [start for start in UNQUOTED if not any(each.startswith(start) for each in unquoted)] == [], "not there"
    assert {check for check in UNQUOTED.values() if check} <= set(rubric().checks)
