"""pytest's side of what protects this machine from a submission: the option --containment, and what it says of it.

See programs/containment.py (the sandbox) and programs/limits.py.
"""

from __future__ import annotations

import atexit
import compileall
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
from ..course.paths import BUILD, REPO, STAGES
from ..kernel.deadline import Deadline
from ..kernel.processes import close_to_others, keep_capability
from ..programs import containment, limits, ownership, sessions
from ..programs.workplace import place_of_a_run
from ..telling.text import visible
from .command import command_of
from .hooks import around, first, last, wrong_usage
from .results import ERROR
from .selection import check_options, chosen_stages, stage_of, submission_of

MODES = ("auto", "bubblewrap", "limits", "off")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bytetrain")
    group.addoption(
        "--containment", choices=MODES, default="auto",
        help="what protects this machine from the submission (default: auto, which is bubblewrap for others' code, "
        "where it works, and limits else)",
    )
    group.addoption(
        "--trust", action="store_true",
        help="grade without a sandbox what is not yours, or seems not to be: its programs can do all that you can",
    )
    group.addoption(
        "--keep-build", metavar="DIR", default=None, help="with a sandbox: build in this empty folder, and keep it"
    )


@first
def pytest_cmdline_main(config: pytest.Config) -> Optional[int]:
    """Runs all of it once more, inside the sandbox, if there shall be one; else goes on here."""
    if containment.is_inside() or hasattr(config, "workerinput") or _runs_nothing(config):
        return None
    check_options(config)
    outputs = _outputs(config)
    if mode_of(config) != "bubblewrap":
        _refuse_strangers(config)
        return None
    _compile(config.rootpath)
    sessions.end_orderly_on_signals()
    config.pluginmanager.getplugin("capturemanager").stop_global_capturing()  # the run inside has the terminal
    sandbox = containment.Sandbox(
        shown=[submission_of(config), Path(str(config.rootpath))],
        outputs=outputs,
        patience=_patience_of_the_run(config), kept_build=_kept_build(config),
    )
    try:
        return sandbox.run(command_of("pytest", *config.invocation_params.args, harness=config.rootpath))
    except KeyboardInterrupt:  # before anything could be graded
        return int(pytest.ExitCode.INTERRUPTED)
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


def _outputs(config: pytest.Config) -> dict[str, Path]:
    """What a run writes for whoever wants it. UsageError if it can't be written, or nothing can be built: said before
    anybody waits."""
    wanted = {"results": config.getoption("--results"), "junit": config.getoption("xmlpath", None)}
    found = {name: Path(str(each)).resolve() for name, each in wanted.items() if each}
    for folder in {BUILD.parent, *(path.parent for path in found.values())}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise wrong_usage(
                f"{folder} can't be written: {error.strerror}. What is built, and results, go there: use a clone in a "
                "folder of your own, or another --results"
            ) from None
    return found


def _compile(harness: Path) -> None:
    """Keeps the harness as bytecode, if that can be written: inside nobody can, and six processes read all of it."""
    for folder in ("bytetrain", "checks"):
        compileall.compile_dir(harness / folder, quiet=2)


def _runs_nothing(config: pytest.Config) -> bool:
    return bool(config.option.help or config.option.version or config.option.collectonly)


def _refuse_strangers(config: pytest.Config) -> None:
    """Without a sandbox, whoever is graded gets all that who grades has. UsageError unless it is the same person, by
    all that can be seen, or the option says that it doesn't matter."""
    if config.getoption("--keep-build"):
        raise wrong_usage("--keep-build: without a sandbox, what is built stays in build/harness/")
    if _is_ours(config) or config.getoption("--trust"):
        return
    doubt = ownership.doubt(submission_of(config))
    if doubt:
        missing = containment.why_no_sandbox() or f"this is --containment {config.getoption('--containment')}"
        raise wrong_usage(
            f"{doubt}. Others' programs need a sandbox, and there is none: {missing}. If you trust them with all that "
            "you can read and write: --trust"
        )


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
    if _is_ours(config):
        return said
    if mode == "limits" and config.getoption("--containment") == "auto" and containment.why_no_sandbox():
        said = f"{said}: {containment.why_no_sandbox()}"
    return said + (containment.OF_ROOT if os.geteuid() == 0 else "")


@first
def pytest_configure(config: pytest.Config) -> None:
    if config.option.help:
        return
    containment.there_before()
    if mode_of(config) != "off" and not _is_ours(config):
        limits.limit_processes()
        close_to_others()
        if not _has_workers(config):  # else it is for these, of whom some may come late
            keep_capability()
        if not containment.is_inside() and not hasattr(config, "workerinput"):
            _make_place(config)
        if config.getoption("--external-port") is None and _patience_of_an_item(config):
            config.pluginmanager.register(_TimeLimits(config), "bytetrain-time-limits")


def _has_workers(config: pytest.Config) -> bool:
    """Whether it is the controller of pytest-xdist's workers, who start the programs."""
    return not hasattr(config, "workerinput") and config.getoption("dist", "no") != "no"


def _make_place(config: pytest.Config) -> None:
    """Without a sandbox all temporary files of a run, and of its workers, lie in one folder as well, and go with it."""
    sessions.end_orderly_on_signals()
    kept = ExitStack()
    place = kept.enter_context(place_of_a_run())
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)
    atexit.register(kept.close)  # after pytest, which tidies up in it then as well: the last to register is the first


def _kept_build(config: pytest.Config) -> Optional[Path]:
    """The folder that --keep-build names. UsageError unless it is empty: what others have left there would be used."""
    given = config.getoption("--keep-build")
    if given is None:
        return None
    folder = Path(str(given)).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = next(folder.iterdir(), None)
        if found is None:
            folder.chmod(0o700)  # what is built there is ours, with any bits of its mode: set-user-ID, for instance
    except OSError as error:
        raise wrong_usage(f"--keep-build {given}: {error.strerror}") from None
    if found is not None:
        raise wrong_usage(f"--keep-build {given}: this folder is not empty, it holds {found.name}")
    return folder


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
