"""Stand-ins for the programs of a submission: small Python programs that keep enough of the contract."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bytetrain.course.traits import stage_numbers, traits
from bytetrain.grading.hooks import around, first
from bytetrain.learn import begin, work
from bytetrain.programs.build import Programs, build
from bytetrain.telling.text import has_bytes, without_bytes

STANDINS = Path(__file__).parent / "standins"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-golden", action="store_true", help="write the transcripts of test_golden.py anew")
    parser.addoption("--saves", metavar="N", type=int, default=12, help="how often test_watch.py saves a file")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "preset: runs what --preset builds (marked by its fixture)")


@first  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "preset" in getattr(item, "fixturenames", ()):
            item.add_marker("preset")


@around
def pytest_runtest_makereport() -> Iterator[None]:
    """What a failure shows may be no text, and then pytest-xdist can't bring it to us."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed and has_bytes(report.longreprtext):
        report.longrepr = without_bytes(report.longreprtext)
    report.sections = [(name, without_bytes(text)) for name, text in report.sections]


@pytest.fixture(autouse=True)
def no_work(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The work of whoever runs these tests is none of theirs: what they show and remember would become his. The folder
    where work lies by itself; none does."""
    nowhere = tmp_path_factory.getbasetemp() / "no work"
    for module in (work, begin):
        monkeypatch.setattr(module, "WORK_FOLDER", nowhere)
    return nowhere


def make_submission(folder: Path) -> Path:
    """A submission whose stages are executables: shell scripts that become the Python programs in standins/, of which
    it has its own, as nobody sees ours in a sandbox."""
    shutil.copytree(STANDINS, folder / "standins")
    for number in stage_numbers():
        stage = folder / f"{number:02d}_stand_in"
        stage.mkdir(parents=True)
        for name in ("server", "client"):
            script = stage / name
            words = [traits(number).content.value, "naive" if traits(number).whole_trains_only else "exact"]
            command = f'{shlex.quote(sys.executable)} "${{0%/*}}/../standins/{name}.py" {shlex.join(words)}'
            script.write_bytes(os.fsencode(f'#!/bin/sh\nexec {command} "$@"\n'))
            script.chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that submission."""
    return make_submission(tmp_path_factory.mktemp("standins") / "submission")


@pytest.fixture(scope="session")
def standin(standins: Path) -> Callable[[int], Programs]:
    """standin(3): the two programs of one of its stages."""
    return lambda number: build(standins, number)
