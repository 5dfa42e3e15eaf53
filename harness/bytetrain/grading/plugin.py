"""pytest's hooks of the grader: options, the items of a run, and the record that each phase of an item leaves.

With pytest-xdist the records are made where a check runs, and travel to the controller on pytest's own reports.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any, Optional

import pytest

from .. import Failure, doctor
from ..course.languages import Language
from ..course.paths import BUILD, REPO, STAGES
from ..kernel import trace
from ..programs import containment, sessions
from ..telling import story
from ..telling.story import Step
from ..telling.text import has_bytes, visible, without_bytes
from ..wire.files import set_seed_of_run
from . import calls, protection, words
from .attached import OnConfig, on_config, on_item, put_on_config, put_on_report
from .hooks import around, close_around, first, first_of_another_plugin, of_another_plugin, wrong_usage
from .records import Record, Verdict, fill_in
from .results import Results
from .schema import OUR_FAULT
from .selection import (
    add_options, case_of, check_of, check_options, chosen_stages, draw_seed, parametrize, rubric_of, select, stage_of,
    submission_of,
)
from .teller import add_teller, is_controller, teller_of

RESULTS = BUILD.parent / "results.json"
LEAVE_OUT = ("--check", "--case", "--step", "keyword", "markexpr", "deselect")  # options: not all is run
TRACED_STORIES = 3  # a run traces so many failures (on each of its workers): each takes a second run


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bytetrain")
    add_options(group)
    group.addoption("--results", metavar="FILE", default=str(RESULTS), help="where results.json goes")
    group.addoption("--no-calls", action="store_true", help="stories without system calls: no second run of a failure")
    group.addoption("--all-cases", action="store_true", help="run the other cases of a check that has failed, too")
    group.addoption("--all-checks", action="store_true", help="run what rests on a check that has failed, too")
    group.addoption("--first", action="store_true", help="end with the first story")
    group.addoption(
        "--lang", choices=[each.value for each in Language], default="en",
        help="the language of titles, causes and hints in stories (default: en)",
    )
    group.addoption("--events", metavar="FD", type=int, help="write each verdict to this descriptor, as it comes")
    group.addoption("--replay", action="store_true", help="show everything while it happens: see ./lab replay")
    group.addoption(
        "--traced", metavar="DIR", default=None, help="trace the programs into DIR (for the harness itself)"
    )
    group.addoption("--cuts", metavar="A,B,...", default=None, help="the offsets at which client.any_cuts cuts")
    group.addoption(
        "--external-port", metavar="PORT", type=int, default=None,
        help="run the checks against a server that you have started yourself, under a debugger perhaps",
    )


@around
def pytest_cmdline_main(config: pytest.Config) -> Iterator[None]:
    """pytest-xdist can't tell its workers of a path that is no text: there the checks run one after the other."""
    paths = [REPO, Path.cwd(), *config.invocation_params.args]
    if config.getoption("numprocesses", None) and any(map(has_bytes, map(str, paths))):
        print("a path here is not UTF-8: one check at a time, without -n", file=sys.stderr)
        config.option.numprocesses = None
    yield


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "check(id): which check of checks.toml this is; lesson.* is one for each lesson")
    if config.option.help:
        return
    sessions.prepare()
    check_options(config)
    set_seed_of_run(draw_seed(config))
    results = Results(
        rubric_of(config), submission_of(config), str(config.getoption("--preset")), chosen_stages(config)
    )
    results.folders = _decided_elsewhere(config) or results.folders
    results.protection = protection.protection_in_words(config)
    results.all_checks = bool(config.getoption("--all-checks"))
    results.partial = any(map(config.getoption, LEAVE_OUT))
    put_on_config(config, OnConfig(results))


def _decided_elsewhere(config: pytest.Config) -> dict[int, Path]:
    """What was handed in: a worker of xdist, which may come late, takes the word of its controller."""
    told = json.loads(getattr(config, "workerinput", {}).get("bytetrain_folders", "{}"))
    return {int(number): Path(folder) for number, folder in told.items()}


@of_another_plugin
def pytest_configure_node(node: Any) -> None:
    """For each worker of xdist: as JSON, which takes any path. One that takes the place of another comes late."""
    results = on_config(node.config).results
    node.workerinput["bytetrain_folders"] = json.dumps({number: str(path) for number, path in results.folders.items()})
    node.workerinput["bytetrain_late"] = results.begun


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    parametrize(metafunc)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    select(config, items)


@first_of_another_plugin
def pytest_xdist_newgateway(gateway: Any) -> None:
    from .schedule import keep_main_thread_free  # noqa: PLC0415  pytest-xdist may be missing

    keep_main_thread_free(gateway)


@of_another_plugin
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Ours, unless another one was asked for."""
    if config.getoption("dist") != "load":
        return None
    from .schedule import InOrder  # noqa: PLC0415  pytest-xdist may be missing

    return InOrder(config, log, teller_of(config).order)


@first
def pytest_runtest_setup(item: pytest.Item) -> None:
    if is_controller(item.config) and not teller_of(item.config).order.is_wanted(item.nodeid):
        on_item(item).left_out = True
        pytest.skip("nothing more can be found out")
    stage = stage_of(item)
    listen = _live() if item.config.getoption("--replay") else None
    story.begin(stage if isinstance(stage, int) else 0, listen)


def _live() -> Callable[[Step], None]:
    """Tells each step as it happens."""

    def tell(step: Step) -> None:
        at = (step.ended or step.began) - story.current().began
        result = f": {step.result}" if step.result else ""
        mark, indent = words.mark(step.kind, step.outcome), "    " * step.depth
        print(visible(f"{at:9.3f} s {mark} {indent}{step.whole}{result}"), flush=True)

    return tell


# Records


@around
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Puts the record of this phase on pytest's report."""
    outcome: Any = yield
    report, check = outcome.get_result(), check_of(item)
    report.left_out = on_item(item).left_out
    if check is None or report.left_out:
        return
    stage = stage_of(item)
    record = Record(check, stage if isinstance(stage, int) else 0, case_of(item), Verdict.PASS, call.duration)
    told, record.cases = record, _number_of_cases(item)
    record.warnings = list(map(visible, on_config(item.config).warnings.pop(record.stage, [])))
    error = call.excinfo.value if call.excinfo is not None else None
    if error is not None:
        story.current().blame(error)
    kept = on_item(item)
    breach = kept.start.breach if kept.start is not None else None
    if breach is not None:  # whatever else came of it, that is the cause
        error = breach
    if report.skipped and breach is None:
        record.verdict, record.message = Verdict.NOT_APPLICABLE, visible(_reason(report.longrepr))
    elif error is not None:
        told = _asked_for_by(error, record)
        fill_in(told, error, story.current(), kept.start.programs if kept.start is not None else [])
        told.replay += _what_was_graded(item.config)
        _for_pytest(item, report, told)
        record.elsewhere = told.as_data() if told is not record else {}
    if record.verdict is Verdict.NOT_APPLICABLE and getattr(item.config, "workerinput", {}).get("bytetrain_late"):
        record.verdict = Verdict.HARNESS_ERROR  # programs have run before this worker could ask what the machine has
    if call.when == "teardown":
        around = _calls_of(item)
        record.calls, record.diagnosis = around.lines, record.diagnosis or around.diagnosis
    elif _wants_calls(item.config, record):
        kept.untraced, record.calls_follow = record, not record.diagnosis
    put_on_report(report, record)
    item.user_properties[:] = _for_junit(item, told)  # pytest takes them with the last report of an item
    report.user_properties[:] = item.user_properties


def _asked_for_by(error: BaseException, record: Record) -> Record:
    """The record that an error belongs to: this one, or a new one of another check, which a check has looked at too."""
    other = error.check if isinstance(error, Failure) else ""
    if other in ("", record.check):
        return record
    found = Record(other, record.stage, f"after {record.check} {record.case}".strip(), Verdict.FAIL)
    found.shown_by = [record.check, record.case]
    return found


@first
def pytest_report_teststatus(report: pytest.TestReport) -> Optional[tuple[str, str, str]]:
    """What was left out is no skipped test."""
    return ("", "", "") if getattr(report, "left_out", False) else None


def _number_of_cases(item: pytest.Item) -> int:
    """Of its check in its stage, in this run: whoever sees but some of them knows that there were more."""
    kept = on_config(item.config)
    if not kept.cases:
        every = {(check_of(each), stage_of(each), case_of(each)) for each in item.session.items}
        kept.cases = Counter((check, stage) for check, stage, _ in every)
    return kept.cases[check_of(item), stage_of(item)]


def _for_pytest(item: pytest.Item, report: Any, record: Record) -> None:
    """A verdict in pytest's words: it calls failed what fails in the call, and an error what fails before or after
    it."""
    ours = record.verdict is Verdict.HARNESS_ERROR
    message = without_bytes(record.message)  # what is told is the record; this is for JUnit, and it travels
    report.outcome, report.longrepr = "failed", f"{OUR_FAULT}\n{message}" if ours else message
    if record.verdict in (Verdict.NOT_APPLICABLE, Verdict.NOT_GRADED):
        path, line, _ = item.location
        report.outcome, report.longrepr = "skipped", (path, (line or 0) + 1, f"Skipped: {message}")
    # This report has to end the item: one more tells.
    elif report.when == "teardown" and record.verdict is Verdict.FAIL:
        found = copy(report)
        found.when = "call"
        item.ihook.pytest_runtest_logreport(report=found)
        report.outcome, report.longrepr = "passed", None
    elif report.when != "teardown":
        report.when = "setup" if ours else "call"


def _what_was_graded(config: pytest.Config) -> list[str]:
    """The options by which a replay finds the same programs, as they were given."""
    submission, preset = str(config.option.submission_as_given), str(config.getoption("--preset"))
    named = [] if submission_of(config) == STAGES else ["--submission", submission]
    seed = draw_seed(config)
    named += ["--seed", str(seed)] if seed else []
    return named + ([] if preset == "release" else ["--preset", preset])


def _for_junit(item: pytest.Item, record: Record) -> list[tuple[str, object]]:
    """The properties of a test case; its verdict is the worst of its phases."""
    known = [Verdict(str(value)) for name, value in item.user_properties if name == "verdict"]
    verdict = Verdict.worst([*known, record.verdict])
    return [("check", record.check), ("stage", record.stage), ("verdict", verdict.value)]


def _reason(longrepr: Any) -> str:
    reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
    return str(reason).removeprefix("Skipped: ")


def _wants_calls(config: pytest.Config, record: Record) -> bool:
    """Whether a failure is worth a second run: the first few are, unless traced already, or of a check that is long."""
    known = rubric_of(config).checks.get(record.check)
    off = any(config.getoption(name) for name in ("--no-calls", "--traced", "--replay", "--external-port"))
    off = off or not trace.available() or (known is not None and known.long)
    if off or record.verdict is not Verdict.FAIL or record.build_failed:
        return False
    seen = on_config(config).traced
    if (record.check, record.stage) in seen or len(seen) >= TRACED_STORIES:
        return False
    seen.add((record.check, record.stage))
    return True


def _calls_of(item: pytest.Item) -> calls.Around:
    """The system calls around the failure of an item: those of this run, or of a second one. By now the report of the
    failure has left, and its story is told: whoever reads it need not wait for them."""
    kept, config = on_item(item), item.config
    if kept.untraced is None:
        return kept.around
    same = [f"{name}={config.getoption(name)}" for name in ("--preset", "--containment", "--submission")]
    around = calls.from_second_run(kept.untraced, config.rootpath, submission_of(config), same)
    return around if not kept.untraced.diagnosis else around._replace(diagnosis={})


@close_around
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Iterator[None]:
    """Whoever was interrupted in a check clears it up here. What is found then, a program that was just being started
    and is left behind, say, is nobody's failure."""
    outcome: Any = yield
    if exitstatus == pytest.ExitCode.INTERRUPTED and outcome.excinfo and issubclass(outcome.excinfo[0], Exception):
        outcome.force_result([])


@first
def pytest_sessionstart(session: pytest.Session) -> None:
    if is_controller(session.config):
        # In the sandbox only the folder of this build can be written, and that will do.
        needed = (doctor.loopback,) if containment.is_inside() else doctor.NEEDED
        if not session.config.option.collectonly and (missing := doctor.obstacle(needed)):
            raise wrong_usage(missing)
        add_teller(session.config)
