"""Options and fixtures of the grader. Checks lie in checks/; the harness's own tests in tests/.

    pytest harness/                             grades stages/
    pytest harness/ --submission DIR --stage 3  grades one stage of another submission
"""

from __future__ import annotations  # pytest 6 has no public names for some of its types

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Optional, TypeVar, Union

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bytetrain import Failure, programs as running  # noqa: E402
from bytetrain.build import BuildFailed, NotGraded, Programs, build  # noqa: E402
from bytetrain.catalogue import lessons  # noqa: E402
from bytetrain.files import FileStore  # noqa: E402
from bytetrain.paths import STAGE_NUMBERS, STAGES  # noqa: E402
from bytetrain.programs import Client, Program, Server, status_in_words  # noqa: E402
from bytetrain.terminal import TerminalClient  # noqa: E402

Hook = TypeVar("Hook", bound=Callable[..., Any])
Builder = Callable[[int], Programs]
LOG_TAIL = 15  # lines of a server's log that a failure shows
around: Callable[[Hook], Hook] = pytest.hookimpl(hookwrapper=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bytetrain")
    group.addoption("--submission", metavar="DIR", default=str(STAGES), help="what to grade (default: stages/)")
    group.addoption(
        "--stage", metavar="N", action="append", default=[], help="grade this stage only; again, or 2,3, for more"
    )
    group.addoption("--preset", metavar="NAME", default="release", help="a preset of CMakePresets.json (default: release)")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "stages(*numbers, from_=1, to=6): the stages that the check is about")
    config.addinivalue_line("markers", "lessons(stages=...): once for each lesson, in each stage of stages(lesson)")
    config.addinivalue_line("markers", "reference_only: about the reference pairs, not about a submission")
    running.prepare()
    chosen_stages(config)
    if not submission_of(config).is_dir():
        raise pytest.UsageError(f"--submission {submission_of(config)}: there is no such folder")


def submission_of(config: pytest.Config) -> Path:
    return Path(str(config.getoption("--submission"))).resolve()


def chosen_stages(config: pytest.Config) -> list[int]:
    """The numbers that --stage names, or all of them."""
    words = [word for option in config.getoption("--stage") for word in str(option).split(",")]
    try:
        numbers = [int(word.split("_")[0]) for word in words]
    except ValueError:
        numbers = [0]
    if not set(numbers) <= set(STAGE_NUMBERS):
        raise pytest.UsageError(f"--stage {','.join(words)}: stages are numbered 1 to 6")
    return sorted(set(numbers)) or list(STAGE_NUMBERS)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A check that asks for `stage` (or `pair`) runs once for each stage that its marker allows and --stage names."""
    if (marker := metafunc.definition.get_closest_marker("lessons")) is not None:
        pairs = [(each, number) for each in lessons() for number in marker.kwargs["stages"](each)]
        chosen = [(each, number) for each, number in pairs if number in chosen_stages(metafunc.config)]
        ids = [f"{each.id}-stage{number:02d}" for each, number in chosen]
        metafunc.parametrize(("lesson", "stage"), chosen, ids=ids, scope="session")
    elif "stage" in metafunc.fixturenames:
        allowed = stages_of_marker(metafunc.definition.get_closest_marker("stages"))
        numbers = [number for number in chosen_stages(metafunc.config) if number in allowed]
        metafunc.parametrize("stage", numbers, ids=[f"stage{number:02d}" for number in numbers], scope="session")


def stages_of_marker(marker: Optional[pytest.Mark]) -> list[int]:
    if marker is None:
        return list(STAGE_NUMBERS)
    first, last = marker.kwargs.get("from_", 1), marker.kwargs.get("to", 6)
    return [number for number in marker.args or STAGE_NUMBERS if first <= number <= last]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    other_stages = [item for item in items if not isinstance(stage_of(item), (int, type(None)))]
    if other_stages:  # --stage names none of theirs: pytest would show them all as skipped
        config.hook.pytest_deselected(items=other_stages)
        items[:] = [item for item in items if item not in other_stages]
    if submission_of(config) == STAGES:
        return
    skip = pytest.mark.skip(reason="about the reference pairs, not about a submission")
    for item in items:
        if item.get_closest_marker("reference_only"):
            item.add_marker(skip)


def stage_of(item: pytest.Item) -> Any:
    """The stage that a check runs for: its number, None if it asks for no stage, or pytest's NOTSET."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("stage") if callspec is not None else None


@around
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A Failure speaks for itself: its words are shown, and not the Python lines that led to it."""
    outcome: Any = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, Failure):
        report = outcome.get_result()
        if report.failed:
            servers = [each for each in getattr(item, "bytetrain_programs", []) if isinstance(each, Server)]
            more = about(servers[-1]) if servers and report.when == "call" else []
            report.longrepr = "\n".join([item.nodeid, "", str(call.excinfo.value), *more, ""])


def about(server: Server) -> list[str]:
    """What became of the server in a check that has failed, and the end of its log. (A client's are in the story.)"""
    status = server.status
    fate = "it is still running" if status is None else f"it has ended with {status_in_words(status)}"
    log = server.stderr.splitlines()[-LOG_TAIL:]
    return ["", f"the server: {fate}; {server.again()}", *(f"  | {line}" for line in log)]


@pytest.fixture(scope="session")
def submission(pytestconfig: pytest.Config) -> Path:
    """The folder that is graded."""
    return submission_of(pytestconfig)


@pytest.fixture(scope="session")
def preset(pytestconfig: pytest.Config) -> str:
    """The preset that it is built with."""
    return str(pytestconfig.getoption("--preset"))


@pytest.fixture(scope="session")
def built(submission: Path, preset: str) -> Builder:
    """built(3) builds stage 03 once in a session; it skips where the stage is missing, and fails where it's broken."""
    known: dict[int, Union[Programs, NotGraded, BuildFailed]] = {}

    def of_stage(number: int) -> Programs:
        if number not in known:
            try:
                known[number] = build(submission, number, preset)
            except (NotGraded, BuildFailed) as error:
                known[number] = error
        result = known[number]
        if isinstance(result, NotGraded):
            pytest.skip(str(result))
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
    files = FileStore()
    yield files
    files.clean()


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder for one check, removed at its end."""
    with tempfile.TemporaryDirectory(prefix="bytetrain-") as path:
        yield Path(path)


@pytest.fixture(autouse=True)
def nobody_left_behind() -> Iterator[None]:
    """Fails a check that leaves a process behind, and ends that process."""
    before = {each.pid for each in running.left_over()}
    yield
    found = running.end_left_over(before)
    if found:
        raise Failure("processes were left behind: " + ", ".join(map(str, found)))


@pytest.fixture
def started(nobody_left_behind: None, folder: Path, request: pytest.FixtureRequest) -> Iterator[list[Program]]:
    """The programs that a check has started. They are ended with it; a sanitizer's finding in one fails the check."""
    programs: list[Program] = []
    request.node.bytetrain_programs = programs
    yield programs
    for program in reversed(programs):
        program.stop()
    for program in programs:
        report = running.sanitizer_report(program.stderr)
        if report:
            raise Failure(f"a sanitizer has found an error in the {program.kind} ({program.again()}):\n{report}")


@pytest.fixture
def start_server(started: list[Program], folder: Path) -> Callable[..., Server]:
    """start_server(pair, file, workers=2, options=[]) returns a Server that listens: see programs.Server."""

    def start(pair: Programs, file: Path, **more: Any) -> Server:
        __tracebackhide__ = True
        more.setdefault("cwd", folder)
        server = Server(pair.server, file, **more)
        started.append(server)
        return server.start()

    return start


@pytest.fixture
def start_client(started: list[Program], folder: Path) -> Callable[..., Client]:
    """start_client(pair, port, directory=None, terminal=False) starts a client, in a new folder unless told one."""

    def start(
        pair: Programs, port: int, directory: Optional[Path] = None, terminal: bool = False, **more: Any
    ) -> Client:
        __tracebackhide__ = True
        kind = TerminalClient if terminal else Client
        client = kind(pair.client, port, directory or new_folder(folder), **more)
        started.append(client)
        return client.start()

    return start


def new_folder(parent: Path) -> Path:
    """A new empty folder in another one: received-1, received-2..."""
    path = parent / f"received-{len(os.listdir(parent)) + 1}"
    path.mkdir()
    return path
