"""The reference stages keep their word: what a stage changes is told, what it doesn't tell is byte-identical."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from bytetrain.course.catalogue import Stage, stages
from bytetrain.course.paths import REPO, STAGES
from bytetrain.course.traits import stage_numbers

ALL = stages()
PAIRS = list(pairwise(ALL))
MOST_LINES = 260  # of a file: it should be read in one go
LONGEST_LINE = 120  # of Python; C++ has clang-format
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def folder(stage: Stage) -> Path:
    return STAGES / stage.name


def files(stage: Stage) -> dict[str, bytes]:
    """Every file of a stage, but for stage.toml, which always differs."""
    found = (path for path in folder(stage).rglob("*") if path.is_file())
    named = {str(path.relative_to(folder(stage))): path.read_bytes() for path in found}
    return {name: content for name, content in named.items() if name != "stage.toml"}


def differing(before: Stage, after: Stage) -> set[str]:
    """The files that are new, gone or different."""
    old, new = files(before), files(after)
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def every_file() -> Iterator[tuple[Stage, str, str]]:
    for stage in ALL:
        for name, content in files(stage).items():
            yield stage, name, content.decode()


def test_all_are_there() -> None:
    assert [stage.number for stage in ALL] == list(stage_numbers())


def test_the_first_stage_changes_nothing() -> None:
    assert ALL[0].changes == {}


@pytest.mark.parametrize("before, after", PAIRS, ids=[after.name for _, after in PAIRS])
def test_stage_changes_what_it_says(before: Stage, after: Stage) -> None:
    differ, told = differing(before, after), set(after.changes)
    untold = f"differ from {before.name}, but are not in {after.name}/stage.toml: {sorted(differ - told)}"
    assert not differ - told, untold
    assert not told - differ, f"are in {after.name}/stage.toml, but are as in {before.name}: {sorted(told - differ)}"


@pytest.mark.parametrize("chapter", ALL, ids=[stage.name for stage in ALL])
def test_stage_says_it_in_both_languages(chapter: Stage) -> None:
    assert chapter.title.en and CHINESE.search(chapter.title.zh)
    for name, why in chapter.changes.items():
        assert why.en.isascii() and len(why.en) >= 5, f"{chapter.name}/stage.toml, {name}: en is {why.en!r}"
        assert len(why.zh) >= 3, f"{chapter.name}/stage.toml, {name}: zh is {why.zh!r}"


def test_no_stage_refers_to_another_or_to_what_is_outside() -> None:
    names = "|".join(stage.name for stage in ALL)
    outside = re.compile(rf"\b(?:{names})\b|\.\./\.\.|stages/")
    # A unit test may include "../train.hpp": that is still inside.
    found = [f"{stage.name}/{name}: {hit[0]}" for stage, name, text in every_file() if (hit := outside.search(text))]
    assert not found


def test_files_are_short_enough_to_be_read() -> None:
    lengths = {f"{stage.name}/{name}": text.count("\n") for stage, name, text in every_file() if "tests/" not in name}
    assert not {name: length for name, length in lengths.items() if length > MOST_LINES}


@pytest.mark.parametrize("chapter", ALL, ids=[stage.name for stage in ALL])
def test_stage_includes_its_own_files_only(chapter: Stage) -> None:
    for name, content in files(chapter).items():
        for included in INCLUDE.findall(content.decode()):
            # One spelling for all: from the stage's folder on, whoever includes it. Only tests have their own too.
            places = [folder(chapter) / included]
            if name.startswith("tests/"):
                places.append((folder(chapter) / name).parent / included)
            inside = [place for place in places if place.is_file() and folder(chapter) in place.resolve().parents]
            assert inside, f'{chapter.name}/{name} includes "{included}", which is not in that folder'


def test_a_file_has_the_same_place_in_every_stage() -> None:
    places: dict[str, set[str]] = {}
    for _, name, _ in every_file():
        place, _, file = name.rpartition("/")
        places.setdefault(file, set()).add(place)
    assert not {file: each for file, each in places.items() if len(each) > 1}


def test_who_sends_or_receives_knows_nothing_of_the_command_line() -> None:
    users = {name for _, name, text in every_file() if "plumbing/command_line.hpp" in INCLUDE.findall(text)}
    programs = {name for name in users if not name.startswith("tests/")}
    assert programs == {"server.cpp", "client.cpp", "plumbing/options.cpp"}


# The harness builds each stage by itself for its checks. Here the folder is taken out of the repository as well; the
# first and the last stage will do, since the includes of all have been looked at above.
@pytest.mark.parametrize("chapter", [ALL[0], ALL[-1]], ids=[ALL[0].name, ALL[-1].name])
def test_stage_folder_builds_alone(chapter: Stage, tmp_path: Path) -> None:
    copy = tmp_path / "a copy" / f"{chapter.name} of mine"
    shutil.copytree(folder(chapter), copy, ignore=shutil.ignore_patterns("build"))
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    built = str(tmp_path / "build")
    configure = ["cmake", "-S", str(copy), "-B", built, "-DBUILD_TESTING=OFF", "-DCMAKE_BUILD_TYPE=Debug"]
    for command in (configure, ["cmake", "--build", built, "--parallel", "2"]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout.decode(errors="replace")[-4000:]
    assert all(Path(built, program).is_file() for program in ("server", "client"))
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def verbatim(source: str) -> set[int]:
    """The numbers of the lines inside strings of several lines that are assigned: what a tool printed, as it was."""
    texts = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assign))
    spans = [(text.lineno, text.end_lineno or 0) for text in texts if isinstance(text, ast.Constant)]
    return {number for first, last in spans for number in range(first, last)}


def test_lines_of_python_are_at_most_120_long() -> None:
    found = []
    for path in sorted([*REPO.glob(".ci/*.py"), *REPO.glob("docs/**/*.py"), *REPO.glob("harness/**/*.py")]):
        source = path.read_text(encoding="utf-8")
        long = [number for number, line in enumerate(source.splitlines(), 1) if len(line) > LONGEST_LINE]
        found += [f"{path.relative_to(REPO)}:{number}" for number in sorted(set(long) - verbatim(source))]
    assert found == []


# Ubuntu 22.04 has pytest 6.2: names that came with 7 may stand in annotations, which nobody evaluates, and nowhere
# else.
OF_PYTEST_7 = {"CallInfo", "CollectReport", "Config", "FixtureRequest", "Metafunc", "OptionGroup", "Parser",
               "PytestPluginManager", "Stash", "StashKey", "TestReport", "version_tuple"}


def names_at_run_time(source: str) -> set[str]:
    """pytest.X, wherever it is no annotation."""
    tree = ast.parse(source)
    notes = [getattr(node, key, None) for node in ast.walk(tree) for key in ("annotation", "returns")]
    annotations = {id(part) for note in notes if note is not None for part in ast.walk(note)}
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and id(node) not in annotations
        and isinstance(node.value, ast.Name) and node.value.id == "pytest"
    }


def test_nothing_needs_pytest_7() -> None:
    assert names_at_run_time("key = pytest.StashKey()\ndef f(c: pytest.Config): pytest.skip()") == {"StashKey", "skip"}
    for path in (REPO / "harness").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert not names_at_run_time(source) & OF_PYTEST_7, path
        assert "config.stash" not in source or path.name == "test_tree.py", path
        evaluated = "from __future__ import annotations" not in source
        assert not (evaluated and re.search(rf": pytest\.({'|'.join(OF_PYTEST_7)})\b", source)), path
