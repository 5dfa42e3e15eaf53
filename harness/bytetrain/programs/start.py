"""The one way to start the programs of a stage: for checks, lessons, demo and bench.

    with Starter(pair, folder) as start:
        server = start.server(file, workers=3)
        client = start.client(server.port)

Whatever is started so is ended with the starter, and traced and watched over if it should be. Who wants no more than
one program, with nobody to look after it, takes a Program by itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Callable, Optional, TypeVar

from .. import Failure, NotApplicable
from ..kernel.trace import Trace
from ..telling.story import quietly
from ..telling.waiting import watching
from ..wire.files import forget_files, touched
from . import containment
from .build import Programs
from .external import ExternalServer
from .limits import Printed, Watch
from .sanitizers import sanitizer_report
from .stuck import Stuck
from .program import Client, Conditions, Program, Server
from .terminal import TerminalClient
from .workplace import temporary_folder

SomeProgram = TypeVar("SomeProgram", bound=Program)
SomeClient = TypeVar("SomeClient", bound=Client)


class Tracing:
    """Traces every program that is started into a file of its own in a folder; does nothing without one."""

    def __init__(self, folder: Optional[Path], calls: str = "") -> None:
        self._folder = folder
        self._calls = calls
        self.traces: list[tuple[str, Trace]] = []  # "server" or "client", and its trace

    @property
    def wanted(self) -> bool:
        return self._folder is not None

    def of(self, kind: str) -> Optional[Trace]:
        """The trace of the next program: a "server" or a "client"."""
        if self._folder is None:
            return None
        trace = Trace(self._folder / f"{kind}-{len(self.traces) + 1}.strace", self._calls)
        self.traces.append((kind, trace))
        return trace

    def finish(self) -> None:
        """Once the programs have ended: waits until the traces are written."""
        with quietly():
            for _, trace in self.traces:
                trace.wait_written()


class Starter:
    """Starts programs, above all those of a pair; at the end of a `with` they are ended, and what a watch or a
    sanitizer has found out about them is a failure."""

    def __init__(
        self,
        pair: Programs,
        folder: Path,
        *,
        tracing: Optional[Tracing] = None,
        watched: bool = False,
        external_port: Optional[int] = None,
    ) -> None:
        """`folder` is where servers run, and where clients get folders of their own. `watched`: whoever goes beyond the
        limits is ended. `external_port`: where the user starts the one server, in a debugger perhaps."""
        self.pair = pair
        self.folder = folder
        self.tracing = tracing or Tracing(None)
        self.programs: list[Program] = []
        self.more_options: Callable[[Path, Sequence[str]], Sequence[str]] = lambda file, options: ()  # for its server
        self._external_port = external_port
        self._clients = 0
        self._watched = watched
        self._watch = Watch(folder, self._printed, containment.strays)
        self._stack = ExitStack()

    @property
    def breach(self) -> Optional[Exception]:
        """Which limit a program has passed."""
        return self._watch.breach

    def program(self, program: SomeProgram) -> SomeProgram:
        """Starts a program that is there already."""
        __tracebackhide__ = True
        self.programs.append(program)
        program.start()
        return program

    def server(
        self,
        file: Path,
        *,
        workers: int = 2,
        host: str = "127.0.0.1",
        port: int = 0,
        options: Sequence[str] = (),
        under: Conditions = Conditions(),
    ) -> Server:
        """Starts the server; it listens."""
        __tracebackhide__ = True
        words = [*options, *self.more_options(file, options)]
        kind, port = self._kind_of_server(port)
        under = replace(under, cwd=under.cwd or self.folder)
        if kind is Server:
            under = self._traced("server", under)
        server = kind(self.pair.server, file, workers=workers, host=host, port=port, options=words, under=under)
        return self.program(server)

    def client(
        self,
        port: int,
        directory: Optional[Path] = None,
        *,
        options: Sequence[str] = (),
        name_directory: bool = True,
        under: Conditions = Conditions(),
    ) -> Client:
        """Starts the client, in a new folder unless it is told one."""
        __tracebackhide__ = True
        directory, under = directory or self._new_folder(), self._traced("client", under)
        client = Client(self.pair.client, port, directory, options=options, name_directory=name_directory, under=under)
        return self.program(client)

    def terminal_client(
        self, port: int, directory: Optional[Path] = None, *, options: Sequence[str] = ()
    ) -> TerminalClient:
        """As `client`, with a terminal for its standard error."""
        __tracebackhide__ = True
        directory, under = directory or self._new_folder(), self._traced("client", Conditions())
        return self.program(TerminalClient(self.pair.client, port, directory, options=options, under=under))

    def _traced(self, kind: str, under: Conditions) -> Conditions:
        return replace(under, trace=under.trace or self.tracing.of(kind))

    def _kind_of_server(self, port: int) -> tuple[type[Server], int]:
        """Ours, and its port; or the one that the user starts: a check that starts a second one asks too much."""
        if self._external_port is None:
            return Server, port
        if any(isinstance(each, Server) for each in self.programs):
            raise NotApplicable("this check starts its server more than once: run it without --external-port")
        return ExternalServer, self._external_port

    def _new_folder(self) -> Path:
        self._clients += 1
        path = self.folder / f"received-{self._clients}"
        path.mkdir()
        return path

    def _has_found(self) -> bool:
        return self._watched and self._watch.has_found()

    def _printed(self) -> list[Printed]:
        return [each for program in self.programs for each in program.printed()]

    # The end

    def __enter__(self) -> "Starter":
        if self._watched:
            self._stack.enter_context(self._watch)
        if self._external_port is None:
            self._stack.enter_context(watching(lambda: Stuck(self.programs, self._has_found).look))
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        with self._stack:
            for program in reversed(self.programs):
                program.stop()
        if error is None and self.breach is not None:
            raise self.breach
        self.tracing.finish()
        changed = touched(self.folder, [each.file for each in self.programs if isinstance(each, Server)])
        forget_files(self.folder)
        for file, became in changed:
            if error is None:
                words = f"FILE, {file.name}, {became} while the programs ran: it is for reading only"
                raise Failure(words, expected="FILE as it was", actual=f"it {became}")
        for program in self.programs:
            report = sanitizer_report(program.stderr)
            if report and error is None:
                words = f"a sanitizer has found an error in the {program.kind} ({program.again()}):\n{report}"
                raise Failure(words, expected="nothing for a sanitizer to find", actual=report.partition("\n")[0])


@contextmanager
def starting(pair: Programs) -> Iterator[Starter]:
    """A starter with a folder of its own, which goes with it."""
    with temporary_folder() as folder, Starter(pair, folder) as start:
        yield start
