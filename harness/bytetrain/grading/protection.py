"""pytest's side of what protects this machine from a submission: the option --containment, and what it says of it.

See programs/containment.py (the sandbox) and programs/limits.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Optional

import pytest

from ..course.paths import REPO, STAGES
from ..kernel.processes import close_to_others
from ..programs import containment, limits
from ..programs.build import build_folder
from .command import command_of_pytest
from .hooks import first
from .results import ERROR
from .selection import check_options, submission_of

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
    config.pluginmanager.getplugin("capturemanager").stop_global_capturing()  # the run inside has the terminal
    outputs = [config.getoption("--results"), config.getoption("xmlpath", None)]
    sandbox = containment.Sandbox(
        build_folder(submission_of(config), str(config.getoption("--preset"))),
        shown=[REPO, submission_of(config), Path(str(config.rootpath))],
        outputs=[Path(each).resolve() for each in outputs if each],
    )
    status = sandbox.run(command_of_pytest(*config.invocation_params.args))
    if status > ERROR and status not in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED):
        print(
            f"the run inside the sandbox has not come to its end (status {status}): something has killed it",
            file=sys.stderr,
        )
        return ERROR
    return status


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
        raise pytest.UsageError(
            "--external-port: a server outside can't be reached from a sandbox; leave --containment out"
        )
    if containment.is_inside():
        return "bubblewrap"
    if asked == "bubblewrap" and containment.why_no_sandbox():
        raise pytest.UsageError(f"--containment bubblewrap: {containment.why_no_sandbox()}")
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


def pytest_report_header(config: pytest.Config) -> str:
    return f"protection: {protection_in_words(config)}"
