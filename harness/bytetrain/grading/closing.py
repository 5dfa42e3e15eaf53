"""How a run of checks ends on the terminal: in our words, where pytest would speak of its own items.

A check has cases, and pytest takes each for a test: its list of these, and its count, say nothing to who is graded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..course.paths import HARNESS
from ..telling.text import shell_word, visible
from . import words
from .attached import on_config
from .hooks import first, last
from .selection import check_of

_CHOOSING = {  # what pytest calls the values of the options that leave something out
    "keyword": "-k", "markexpr": "-m", "check": "--check", "case": "--case", "stage": "--stage", "step": "--step",
    "deselect": "--deselect",
}
_SILENT = -2  # pytest's verbosity, at which it says nothing more


@first
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """-k knows the ids of checks."""
    for item in items:
        check = check_of(item)
        if check is not None:
            item.extra_keyword_matches.add(check)


@last
def pytest_terminal_summary(terminalreporter: Any, exitstatus: int, config: pytest.Config) -> None:
    """Between our summary and pytest's."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        terminalreporter.ensure_newline()
        terminalreporter.write_line(visible(nothing_chosen(config)))
    elif only_checks(terminalreporter.stats):
        terminalreporter.write_line(words.cases_told(on_config(config).results))
    else:
        return
    terminalreporter.reportchars = ""
    config.option.verbose = _SILENT


def only_checks(stats: dict[str, list[Any]]) -> bool:
    """Whether all that has run was checks, and something was."""
    known = ["check" in report.keywords for kind in ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
             for report in stats.get(kind, ())]
    return bool(known) and all(known)


def nothing_chosen(config: pytest.Config) -> str:
    """Why nothing has run."""
    own = HARNESS / "tests"
    tests = bool(config.args) and all(own in (path, *path.parents) for path in map(Path, map(str, config.args)))
    what = "test of harness/tests/" if tests else "check"
    options = " ".join(_options(config))
    where = "" if tests else "; docs/en/checks.md lists them all"
    return f"nothing was run: no {what} fits {options}{where}" if options else f"nothing was run: there is no {what}"


def _options(config: pytest.Config) -> Iterator[str]:
    for name, option in _CHOOSING.items():
        given = getattr(config.option, name, None)
        for word in given if isinstance(given, list) else [given]:
            if word not in (None, ""):
                yield f"{option} {shell_word(str(word))}"
