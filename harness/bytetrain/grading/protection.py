"""pytest's side of what protects this machine from a submission: the option --containment, and what it says of it.

See programs/containment.py (the sandbox) and programs/limits.py.
"""

from __future__ import annotations

import atexit
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Optional

import pytest

from .. import Failure, HarnessError
from ..course.paths import REPO, STAGES
from ..kernel.deadline import Deadline
from ..kernel.processes import close_to_others
from ..programs import containment, limits, sessions
from ..programs.workplace import place_of_a_run
from ..telling.text import visible
from .command import command_of_pytest
from .hooks import around, first, last, wrong_usage
from .results import ERROR
from .selection import check_options, chosen_stages, stage_of, submission_of

MODES = ("auto", "bubblewrap", "limits", "off")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("bytetrain").addoption(
        "--containment", choices=MODES, default="auto",
        help="what protects this machine from the submission (default: auto, which is bubblewrap for others' code, "
        "where it works, and limits else)",
    )


@first
def pytest_cmdline_main(config: pytest.Config) -> Optional[int]:
    """Runs all of it once more, inside the sandbox, if there shall be one; else goes on here."""
    if not _wants_sandbox(config):
        return None
    check_options(config)
    sessions.end_orderly_on_signals()
    config.pluginmanager.getplugin("capturemanager").stop_global_capturing()  # the run inside has the terminal
    wanted = {"results": config.getoption("--results"), "junit": config.getoption("xmlpath", None)}
    sandbox = containment.Sandbox(
        shown=[REPO, submission_of(config), Path(str(config.rootpath))],
        outputs={name: Path(each).resolve() for name, each in wanted.items() if each},
        patience=_patience_of_the_run(config),
    )
    try:
        return sandbox.run(command_of_pytest(*config.invocation_params.args))
    except HarnessError as error:
        print(visible(str(error)), file=sys.stderr)
        return ERROR


@around
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Inside, JUnit XML goes to its descriptor as well; its file is named as ever."""
    descriptor = containment.output("junit")
    writers: list[Any] = [
        each for each in session.config.pluginmanager.get_plugins()
        if descriptor is not None and hasattr(each, "logfile") and hasattr(each, "add_global_property")
    ]
    files = [each.logfile for each in writers]
    for each in writers:
        each.logfile = f"/proc/self/fd/{descriptor}"
    yield
    for each, file in zip(writers, files):
        each.logfile = file


@last
def pytest_unconfigure() -> None:
    """Inside: only now is what was written a result."""
    containment.say("ended")


def _wants_sandbox(config: pytest.Config) -> bool:
    if (
        config.option.help
        or config.option.version
        or config.option.collectonly
        or containment.is_inside()
        or hasattr(config, "workerinput")
    ):
        return False
    return mode_of(config) == "bubblewrap"


def mode_of(config: pytest.Config) -> str:
    """What protects in this run: bubblewrap, limits or off."""
    asked, external = str(config.getoption("--containment")), config.getoption("--external-port") is not None
    if asked == "bubblewrap" and external:
        raise wrong_usage(
            "--external-port: a server outside can't be reached from a sandbox; leave --containment out"
        )
    if containment.is_inside():
        return "bubblewrap"
    if asked == "bubblewrap" and containment.why_no_sandbox():
        raise wrong_usage(f"--containment bubblewrap: {containment.why_no_sandbox()}")
    if asked != "auto":
        return asked
    return "limits" if _is_ours(config) or external or containment.why_no_sandbox() else "bubblewrap"


def _is_ours(config: pytest.Config) -> bool:
    """Whether nobody else's code is run: the reference stages, or the harness's own tests."""
    named = [Path(str(word).partition("::")[0]).resolve() for word in config.args]
    own_tests = REPO / "harness" / "tests"
    return submission_of(config) == STAGES or (
        bool(named) and all(own_tests in (path, *path.parents) for path in named)
    )


def protection_in_words(config: pytest.Config) -> str:
    """For people: what protects, and what is missing for more."""
    mode = mode_of(config)
    said = containment.SAID[mode]
    fell_back = mode == "limits" and config.getoption("--containment") == "auto" and not _is_ours(config)
    return f"{said}: {containment.why_no_sandbox()}" if fell_back and containment.why_no_sandbox() else said


@first
def pytest_configure(config: pytest.Config) -> None:
    containment.there_before()
    if mode_of(config) != "off" and not _is_ours(config):
        limits.limit_processes()
        close_to_others()
        if not containment.is_inside() and not hasattr(config, "workerinput"):
            _make_place(config)
        if config.getoption("--external-port") is None and _patience_of_an_item(config):
            config.pluginmanager.register(_TimeLimits(config), "bytetrain-time-limits")


def _make_place(config: pytest.Config) -> None:
    """Without a sandbox all temporary files of a run, and of its workers, lie in one folder as well, and go with it."""
    sessions.end_orderly_on_signals()
    kept = ExitStack()
    place = kept.enter_context(place_of_a_run())
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)
    atexit.register(kept.close)  # after pytest, which tidies up in it then as well: the last to register is the first


def _patience_of_the_run(config: pytest.Config) -> float:
    return len(chosen_stages(config)) * limits.STAGE_TIME


def _patience_of_an_item(config: pytest.Config) -> float:
    """Seconds that pytest-timeout gives to an item; 0: as many as it wants."""
    given = config.getoption("timeout", None)
    return float(config.getini("timeout") or 0) if given is None else float(given)


class _TimeLimits:
    """What no program can make longer, by never coming to an end, or by stopping whoever judges it.

    Whoever is stopped can't look at a clock: so the kernel ends it, later than pytest would have.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._spent: defaultdict[int, float] = defaultdict(float)  # seconds of this process, stage by stage
        self._patience = 1.2 * _patience_of_an_item(config) + 2
        self._of_item, self._of_run = Deadline(), Deadline()
        self._of_run.set(_patience_of_the_run(config) + 2 * containment.GRACE)

    @around
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        stage, began = stage_of(item), time.monotonic()
        self._of_item.set(self._patience)
        yield
        self._of_item.set(0)
        if isinstance(stage, int):
            self._spent[stage] += time.monotonic() - began

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        stage = stage_of(item)
        if isinstance(stage, int) and self._spent[stage] > limits.STAGE_TIME:
            raise Failure(
                f"the time of stage {stage:02d} is up: its checks have taken {self._spent[stage]:.0f} s so far, and "
                f"{limits.STAGE_TIME:.0f} s are for all of them. This one was not begun.",
                expected=f"all checks of the stage within {limits.STAGE_TIME:.0f} s", actual="no time is left",
            )


def pytest_report_header(config: pytest.Config) -> str:
    return visible(f"protection: {protection_in_words(config)}")
