"""Fixtures of the grader; its options are in bytetrain/grading/. Checks lie in checks/; the harness's own tests in
tests/.

    pytest harness/                             grades stages/
    pytest harness/ --submission DIR --stage 3  grades one stage of another submission
"""

from __future__ import annotations  # pytest 6 has no public names for some of its types

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Union

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bytetrain import Failure, grading  # noqa: E402
from bytetrain.grading import calls  # noqa: E402
from bytetrain.grading.attached import on_config, on_item  # noqa: E402
from bytetrain.grading.selection import sides_of, submission_of  # noqa: E402
from bytetrain.judging import diagnoses  # noqa: E402
from bytetrain.kernel import trace  # noqa: E402
from bytetrain.programs import sessions  # noqa: E402
from bytetrain.programs.build import BuildFailed, NotGraded, Programs, build  # noqa: E402
from bytetrain.programs.start import Starter, Tracing  # noqa: E402
from bytetrain.programs.workplace import temporary_folder  # noqa: E402
from bytetrain.telling import story  # noqa: E402
from bytetrain.wire.files import FileStore  # noqa: E402

pytest_plugins = grading.pytest_plugins
Builder = Callable[[int], Programs]


@pytest.fixture(scope="session")
def submission(pytestconfig: pytest.Config) -> Path:
    """The folder that is graded."""
    return submission_of(pytestconfig)


@pytest.fixture(scope="session")
def preset(pytestconfig: pytest.Config) -> str:
    """The preset that it is built with."""
    return str(pytestconfig.getoption("--preset"))


@pytest.fixture(scope="session")
def built(submission: Path, preset: str, pytestconfig: pytest.Config) -> Builder:
    """built(3) builds stage 03 once in a session; NotGraded where the stage is missing, a Failure where it's broken."""
    folders = on_config(pytestconfig).results.folders
    known: dict[int, Union[Programs, NotGraded, BuildFailed]] = {}

    def of_stage(number: int) -> Programs:
        if number not in known:
            try:
                known[number] = programs = build(submission, number, preset, folders)
                on_config(pytestconfig).warnings[number] = list(programs.warnings)
            except (NotGraded, BuildFailed) as error:
                known[number] = error
        result = known[number]
        if isinstance(result, NotGraded):
            raise NotGraded(str(result))
        if isinstance(result, BuildFailed):
            raise BuildFailed(str(result))
        return result

    return of_stage


@pytest.fixture
def pair(stage: int, built: Builder) -> Programs:
    """The two programs of the stage that the check runs for."""
    return built(stage)


@pytest.fixture(scope="session")
def store() -> Iterator[FileStore]:
    """Test files, made once in a session and removed at its end."""
    with temporary_folder("bytetrain-files-") as path:
        files = FileStore(path)
        yield files
        files.clean()


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for one check, removed at its end."""
    with temporary_folder() as path:
        yield path


@pytest.fixture(autouse=True)
def nobody_left_behind() -> Iterator[None]:
    """Fails a check that leaves a process behind, and ends that process."""
    before = {each.pid for each in sessions.left_over()}
    yield
    found = sessions.end_left_over(before)
    if found:
        who = ", ".join(map(str, found))
        raise Failure(
            f"processes were left behind: {who}", expected="nobody left behind", actual=f"{len(found)} left: {who}"
        )


@pytest.fixture
def start(
    pair: Programs, nobody_left_behind: None, folder: Path, request: pytest.FixtureRequest
) -> Iterator[Starter]:
    """Starts the programs of the stage: start.server(file), start.client(port). They are watched over, and ended with
    the check; one that goes beyond the limits fails it, and so does what a sanitizer has found in one."""
    option = request.config.getoption
    traced = option("--traced") or (folder if option("--replay") and trace.available() else None)
    starter = Starter(
        pair, folder, tracing=Tracing(Path(traced) if traced else None, calls.TRACED),
        watched=option("--containment") != "off", external_port=option("--external-port"),
    )
    kept = on_item(request.node)
    kept.start = starter
    try:
        with story.examined_by(diagnoses.examiner(starter.programs)), story.examined():
            with starter:
                yield starter
    finally:
        traces = starter.tracing.traces
        if traces and starter.breach is None:
            whole = None if option("--replay") else calls.SHOWN
            kept.around = calls.around_failure(sides_of(request.node), story.current(), traces, whole)
