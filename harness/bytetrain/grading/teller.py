"""What pytest tells of a run, where it has its terminal: records come in, stories go out, points are summed up.

Only the controller of pytest-xdist has one. Without pytest-xdist there is one process, which is both.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ..course.languages import Language
from ..course.paths import STAGES
from ..programs import sessions
from ..programs.output import status_in_words
from ..telling.text import visible
from . import words
from .attached import on_config, on_report
from .events import Events
from .hooks import first, last, of_another_plugin
from .order import Key, Order, key_of
from .records import Record, Verdict
from .results import ERROR, forget, write
from .selection import submission_of

_NAME = "bytetrain-teller"


def is_controller(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


def add_teller(config: pytest.Config) -> None:
    config.pluginmanager.register(Teller(config), _NAME)


def teller_of(config: pytest.Config) -> "Teller":
    """Of a controller, once the session has started."""
    found: Teller = config.pluginmanager.get_plugin(_NAME)
    return found


class Teller:
    """Takes in the reports of a run, where pytest has its terminal."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.results = on_config(config).results
        self._whole = bool(config.getoption("--replay"))  # a story with all its calls is told when these are known
        self.order = Order(self.results, all_cases=bool(config.getoption("--all-cases")))
        self._told: dict[Key, Record] = {}  # the failures whose story is told
        self._unhinted: set[Key] = set()  # those of them whose hint waits for the system calls
        self._causes: set[tuple[str, int]] = set()  # what they have shown, in which stage
        self._phases: dict[str, list[Record]] = {}  # of checks that have not come to their end
        self._interrupted: set[Any] = set()  # workers
        self._gone: dict[Any, str] = {}  # workers that were ended, and how; each is told with what it was at
        self._file = Path(str(config.getoption("--results")))
        self._events = Events(config.getoption("--events"))
        self._language = Language(config.getoption("--lang"))

    @property
    def _terminal(self) -> Any:
        return self.config.pluginmanager.get_plugin("terminalreporter")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Without pytest-xdist, whose scheduler tells the order otherwise."""
        self.order.begin(item.nodeid for item in session.items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        phase = on_report(report)
        if phase is None:
            # Only a check counts: the harness's own tests lie beside checks/.
            node = getattr(report, "node", None)
            crashed = report.failed and report.when == "???" and node not in self._interrupted
            if crashed and report.nodeid.startswith("checks/"):
                self._begin()
                self._stray(report.nodeid, self._gone.pop(node, ""))
            if crashed or report.when == "teardown":
                self.order.ended(report.nodeid)
            return
        self._begin()
        if phase.warnings and phase.stage not in self.results.warnings:
            self.results.warnings[phase.stage] = phase.warnings
            self._write(words.warnings_told(phase.stage, phase.warnings), "warnings", stage=phase.stage)
        self._phases.setdefault(report.nodeid, []).append(phase)
        failed = phase.verdict is Verdict.FAIL and not self._whole  # nothing makes that better, and nothing worse
        if report.when != "teardown" and not failed:  # else it counts at its end: whoever kills us earns nothing by it
            return
        also: list[Key] = []
        for each in self._phases.pop(report.nodeid):
            record = self.results.add(each)
            if each.elsewhere:
                found = self.results.add(Record.from_data(each.elsewhere))
                also += [] if self.order.comes_to((found.check, found.stage)) else [(found.check, found.stage)]
        if report.when == "teardown":
            self.order.ended(report.nodeid)
        also += self.order.decided() if key_of(report.nodeid) else [(record.check, record.stage)]
        self._tell_all(also)
        if report.when == "teardown" and self._told.get((record.check, record.stage)) is record:
            self._tell_calls(record)

    def _tell_calls(self, record: Record) -> None:
        """What comes behind a story, once the check has come to its end."""
        key = record.check, record.stage
        concludes = key in self._unhinted
        self._unhinted.discard(key)
        if self._whole or not (record.calls or concludes):
            return
        known = self.results.rubric.checks.get(record.check)
        told = words.calls_told(record, known, concludes=concludes, language=self._language)
        hints, hinted = words.hints_named(record), concludes and words.has_hint(record, known)
        self._write(told, "calls", stage=record.stage, check=record.check, hints=hints, hinted=hinted)

    def _begin(self) -> None:
        """There is the first report of a check."""
        if not self.results.begun:
            self.results.begun = True
            self.config.option.tbstyle = "no"  # stories are told at once: pytest need not tell them again
            forget(self._file)
            for stage, checks in self.order.checks().items():
                self._events.tell("begin", stage=stage, checks=checks)

    def _take_in_the_rest(self) -> None:
        """Of a run that was broken off (-x with workers of xdist), not every case comes to its end. What has gone wrong
        by then is known, and told; who has only passed so far earns nothing."""
        for phase in [each for phases in self._phases.values() for each in phases]:
            if phase.verdict in (Verdict.FAIL, Verdict.HARNESS_ERROR):
                self.results.add(phase)
        self._phases.clear()
        self._tell_all(self.order.rest())

    @last
    def pytest_unconfigure(self) -> None:
        """Ends the programs of a pytest worker that something has killed: they have come to us."""
        sessions.end_left_over()

    @property
    def _has_results(self) -> bool:
        return bool(self.results.all_verdicts() or self.results.strays)

    @of_another_plugin
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """A worker of pytest-xdist has ended: by itself, or it was ended; or it is interrupted, as all of the run."""
        if error == "keyboard-interrupt":
            self._interrupted.add(node)
        elif error:
            self._gone[node] = _how_it_ended(node)

    def _stray(self, item: str, how: str) -> None:
        """A worker was ended, while it ran an item, if it did; what it had found out there doesn't count."""
        known = self._phases.pop(item, [])
        found = re.search(r"(?<=stage)\d\d(?=\b|-)", item)
        name = known[0].check if known else item.rpartition("::")[2].partition("[")[0]
        record = Record(name, int(found[0]) if found else 0, known[0].case if known else "", Verdict.HARNESS_ERROR)
        record.message = words.ended_worker(record, how)
        self.results.strays.append(record)
        self._write(words.stray(record), "stray")

    def _tell_all(self, decided: Iterable[Key]) -> None:
        """The first story of each check that has failed; what has one cause is one story: a build that fails, or a
        classic mistake."""
        for check, stage in decided:
            record = self.results.first_failure(check, stage)
            if verdict := self.results.verdict(check, stage):
                self._events.tell("verdict", stage=stage, check=check, verdict=verdict.value)
            if self.order.over or record is None or record.verdict not in (Verdict.FAIL, Verdict.HARNESS_ERROR):
                continue
            cause = "stage.builds" if record.build_failed else record.cause or check
            if (cause, stage) not in self._causes:
                self._causes.add((cause, stage))
                self._told[check, stage] = record
                named = "stage.builds" if record.build_failed else check
                known = self.results.rubric.checks.get(named)
                self._unhinted |= {(check, stage)} if record.calls_follow else set()
                told = words.story(record, known, whole=self._whole, language=self._language)
                hints, hinted = words.hints_named(record), not record.calls_follow and words.has_hint(record, known)
                self._write(told, "story", stage=stage, check=check, hints=hints, hinted=hinted)
                if self.config.getoption("--first"):
                    self.order.over = self.results.partial = True

    def _write(self, lines: Iterable[words.Line], event: str = "", **more: object) -> None:
        """On the terminal, and as an event of that name."""
        lines = list(lines)
        if event:
            self._events.tell(event, lines, **more)
        self._terminal.ensure_newline()
        if self._terminal._tw.width_of_current_line:  # dots, of which pytest itself doesn't count all
            self._terminal.write_line("")
        self._terminal.write_line("")
        for text, style in lines:
            self._terminal.write_line(visible(text), **{each: True for each in style.split()})
        self._terminal.write_line("")
        self._terminal.flush()  # whoever reads it through a pipe sees it at once as well

    def pytest_terminal_summary(self) -> None:
        if self._has_results and not self.config.getoption("--traced"):
            self._terminal.ensure_newline()
            self._terminal.section("what was found")
            self._write(words.summary(self.results))
            if submission_of(self.config) != STAGES:
                self._terminal.write_line(visible(f"protection: {self.results.protection}"))
            self._terminal.write_line(visible(f"results: {self._file}"))

    @first
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        regular = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        for how in self._gone.values() if regular and self.results.begun else ():
            self._stray("", how)
        self._take_in_the_rest()
        if not self._has_results:
            return
        if regular:
            session.exitstatus = self.results.exit_status
        else:
            self.results.partial = self.results.interrupted = True
            if self.results.exit_status == ERROR:
                session.exitstatus = ERROR
        data = self.results.as_data()
        write(data, self._file)
        asked_for = [each for each in data["stages"] if each["stage"] in self.results.stages]
        points, of = (round(sum(each[key] for each in asked_for), 4) for key in ("points", "of"))
        self._events.tell("end", outcome=data["outcome"], points=points, of=of)
        self._points_for_junit(data)

    def _points_for_junit(self, data: dict[str, Any]) -> None:
        """Points are a check's, not a test case's: they are properties of the whole suite. (pytest's fixture for these
        is for tests only.)"""
        for plugin in self.config.pluginmanager.get_plugins():
            if hasattr(plugin, "add_global_property"):
                for key in ("outcome", "points", "of"):
                    plugin.add_global_property(key, data[key])
                for check in data["checks"]:
                    plugin.add_global_property(f"points {check['id']} {check['stage']}", check["points"])
                    plugin.add_global_property(f"of {check['id']} {check['stage']}", check["of"])


def _how_it_ended(node: Any) -> str:
    """How the process of a worker of pytest-xdist has ended, if that can be known."""
    process = getattr(getattr(node.gateway, "_io", None), "popen", None)
    try:
        return status_in_words(process.wait(10)) if process is not None else ""
    except subprocess.TimeoutExpired:
        return ""
