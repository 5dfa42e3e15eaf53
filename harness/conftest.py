"""Fixtures of the grader; its options are in bytetrain/grading/. Checks lie in checks/; the harness's own tests in
tests/.

    pytest harness/                             grades stages/
    pytest harness/ --submission DIR --stage 3  grades one stage of another submission
"""

from __future__ import annotations  # pytest 6 has no public names for some of its types

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Optional, Union

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from bytetrain import Failure, NotApplicable  # noqa: E402
from bytetrain.grading import calls  # noqa: E402
from bytetrain.grading.attached import on_item  # noqa: E402
from bytetrain.grading.calls import Tracing  # noqa: E402
from bytetrain.grading.selection import sides_of, submission_of  # noqa: E402
from bytetrain.kernel import trace  # noqa: E402
from bytetrain.programs import containment, output, sessions  # noqa: E402
from bytetrain.programs.build import BuildFailed, NotGraded, Programs, build  # noqa: E402
from bytetrain.programs.external import ExternalServer  # noqa: E402
from bytetrain.programs.limits import Watch  # noqa: E402
from bytetrain.programs.program import Client, Program, Server  # noqa: E402
from bytetrain.programs.terminal import TerminalClient  # noqa: E402
from bytetrain.telling import story  # noqa: E402
from bytetrain.wire.files import FileStore  # noqa: E402

pytest_plugins = ["bytetrain.grading.protection", "bytetrain.grading.plugin"]
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
    before = {each.pid for each in sessions.left_over()}
    yield
    found = sessions.end_left_over(before)
    if found:
        who = ", ".join(map(str, found))
        raise Failure(
            f"processes were left behind: {who}", expected="nobody left behind", actual=f"{len(found)} left: {who}"
        )


@pytest.fixture
def tracing(pytestconfig: pytest.Config, folder: Path) -> Tracing:
    """What traces the programs, where that was asked for."""
    traced, replay = pytestconfig.getoption("--traced"), pytestconfig.getoption("--replay")
    return Tracing(Path(traced) if traced else folder if replay and trace.available() else None)


@pytest.fixture
def started(
    nobody_left_behind: None, folder: Path, tracing: Tracing, request: pytest.FixtureRequest
) -> Iterator[list[Program]]:
    """The programs that a check has started, watched over. They are ended with it; a sanitizer's finding in one fails
    the check, and so does one that goes beyond the limits."""
    kept = on_item(request.node)
    programs = kept.programs
    watch = Watch(folder, lambda: [each for program in programs for each in program.printed()], containment.strays)
    with ExitStack() as stack:
        if request.config.getoption("--containment") != "off":
            stack.enter_context(watch)
        kept.watch = watch
        yield programs
        for program in reversed(programs):
            program.stop()
    if watch.breach is not None:
        raise watch.breach
    if tracing.traces:
        tracing.finish()
        whole = None if request.config.getoption("--replay") else calls.SHOWN
        kept.calls = calls.around_failure(sides_of(request.node), story.current(), tracing.traces, whole)
    for program in programs:
        report = output.sanitizer_report(program.stderr)
        if report:
            words = f"a sanitizer has found an error in the {program.kind} ({program.again()}):\n{report}"
            raise Failure(words, expected="nothing for a sanitizer to find", actual=report.partition("\n")[0])


@pytest.fixture
def start_server(
    started: list[Program], folder: Path, tracing: Tracing, pytestconfig: pytest.Config
) -> Callable[..., Server]:
    """start_server(pair, file, workers=2, options=[]) returns a Server that listens: see programs.Server."""
    external = pytestconfig.getoption("--external-port")

    def start(pair: Programs, file: Path, **more: Any) -> Server:
        __tracebackhide__ = True
        if external is not None:
            return start_external(pair, file, external, started, **more)
        more.setdefault("cwd", folder)
        more["prefix"] = [*tracing.prefix("server"), *more.get("prefix", [])]
        server = Server(pair.server, file, traced=bool(tracing.traces), **more)
        started.append(server)
        return server.start()

    return start


def start_external(
    pair: Programs, file: Path, port: int, started: list[Program], workers: int = 2, host: str = "127.0.0.1",
    options: Sequence[str] = (), **_: object
) -> Server:
    """Waits for the one server that the user starts; a check that starts a second one asks too much."""
    if any(isinstance(each, Server) for each in started):
        raise NotApplicable("this check starts its server more than once: run it without --external-port")
    server = ExternalServer(pair.server, file, workers=workers, host=host, port=port, options=options)
    started.append(server)
    return server.start()


@pytest.fixture
def start_client(started: list[Program], folder: Path, tracing: Tracing) -> Callable[..., Client]:
    """start_client(pair, port, directory=None, terminal=False) starts a client, in a new folder unless told one."""

    def start(
        pair: Programs, port: int, directory: Optional[Path] = None, terminal: bool = False, **more: Any
    ) -> Client:
        __tracebackhide__ = True
        kind = TerminalClient if terminal else Client
        more["prefix"] = [*tracing.prefix("client"), *more.get("prefix", [])]
        client = kind(pair.client, port, directory or new_folder(folder), traced=bool(tracing.traces), **more)
        started.append(client)
        return client.start()

    return start


def new_folder(parent: Path) -> Path:
    """A new empty folder in another one: received-1, received-2..."""
    path = parent / f"received-{len(os.listdir(parent)) + 1}"
    path.mkdir()
    return path
