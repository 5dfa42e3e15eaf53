"""The scene of a lesson: a pair of programs, files, peers, and what is done with them.

    with starting(programs) as start, Scene(start, run, store) as scene:
        server = scene.server(scene.store.seeded(MiB))
        client = scene.client(server.port)

Whatever is started here ends with the scene. What is done is told as everywhere (telling/story.py); a lesson puts
headings above it, in its own words, and who listens to these and to the commands hears the lesson.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Callable, Optional

from .. import Failure
from ..course.catalogue import Run
from ..judging.pools import stalled
from ..judging.transfers import big_size
from ..judging.verdicts import closed_to_its_owner
from ..kernel import trace
from ..kernel.trace import Trace
from ..programs.output import status_in_words
from ..programs.program import Client, Conditions, Server
from ..programs.start import SomeProgram, Starter
from ..programs.terminal import TerminalClient
from ..telling.story import expect
from ..telling.text import in_quotes
from ..telling.waiting import NeverHappened, wait_until
from ..wire.faults import Fault
from ..wire.files import FileStore, md5_of
from ..wire.framing import HEAD
from ..wire.peers import Connection, RawClient, RawServer
from ..wire.proxy import Proxy

AFTER_ITS_END = 2.0  # seconds until a thread of ours has surely seen what a client did that is gone already
_LOG_TAIL = 5  # lines of a server's log


class Scene:
    """One pair, and all that a lesson starts beside it."""

    def __init__(
        self,
        start: Starter,
        run: Run,
        store: FileStore,
        *,
        big: int = 0,
        traced: bool = False,
        reference: bool = True,
    ) -> None:
        """`big`: bytes of a big file, where a lesson likes one. `traced`: strace may add lines of evidence, though it
        changes the timing; where everything that is started is traced, a scene traces nothing by itself. `reference`:
        the pair has the options of the reference pairs."""
        self.run = run
        self.store = store
        self.big = big or 2 * big_size()
        self.traced = traced
        self.reference = reference
        self.folder = start.folder
        self._start = start
        self._stack = ExitStack()

    @property
    def stage(self) -> int:
        return self._start.pair.stage

    @property
    def log(self) -> list[str]:
        """The last lines that its servers have logged."""
        servers = [each for each in self._start.programs if isinstance(each, Server)]
        return [line for each in servers for line in each.stderr.splitlines()[-_LOG_TAIL:]]

    # Files

    def blocking(self) -> Path:
        """A file that is by far too big for the buffers of a connection: without a reader, its sender blocks."""
        return self.store.seeded(2 * big_size())

    # Programs

    def server(self, file: Path, workers: int = 2, options: Optional[Sequence[str]] = None) -> Server:
        """Starts the server, with the options of the run or with others; it listens."""
        words = self.run.server if options is None else options
        return self._ends(self._start.server(file, workers=workers, options=words))

    def client(self, port: int, tracing: Optional[Trace] = None) -> Client:
        """Starts the client in a new folder, under strace if there is a trace."""
        return self._ends(self._start.client(port, options=self.run.client, under=Conditions(trace=tracing)))

    def terminal_client(self, port: int) -> TerminalClient:
        """As `client`, with a terminal for its standard error."""
        return self._ends(self._start.terminal_client(port, options=self.run.client))

    def _ends(self, program: SomeProgram) -> SomeProgram:
        """Before the peers that were there when it was started."""
        self._stack.callback(program.stop)
        return program

    # Peers

    def proxy(self, port: int, *faults: Fault) -> Proxy:
        """A proxy in front of a server."""
        return self._stack.enter_context(Proxy(port, *faults))

    def connect(self, port: int) -> RawClient:
        """A client of our own."""
        return self._stack.enter_context(RawClient(port))

    def stalled_client(self, server: Server) -> tuple[RawClient, int]:
        """A client of our own that reads nothing, and the worker that blocks in sending to it."""
        client, worker = stalled(server)
        self._stack.enter_context(client)
        return client, worker

    def raw_server(self) -> RawServer:
        """A server of our own."""
        return self._stack.enter_context(RawServer())

    # Traces

    def tracing(self, name: str, calls: str, *, needed: bool = False, running: bool = False) -> Optional[Trace]:
        """A trace to be begun, of a `running` process or of one to be started.

        None where strace can't do that, where all is traced already, or where it isn't wanted and not `needed`.
        """
        why_not = trace.why_not_running() if running else trace.why_no_strace()
        if why_not or self._start.tracing.wanted or not (self.traced or needed):
            return None
        tracing = Trace(self.folder / f"{name}.strace", calls)
        self._stack.callback(lambda: tracing.file.exists() and tracing.wait_written())
        return tracing

    def attach(self, tracing: Optional[Trace], *pids: int) -> None:
        """Begins a trace of running processes, if there is one to begin."""
        if tracing is not None:
            expect(bool(pids), "the server has no worker", expected="one worker or more", actual="no live children")
            tracing.attach(*pids)
            self._stack.callback(tracing.detach)

    # The end

    def __enter__(self) -> "Scene":
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._stack.close()


def outcome(client: Client) -> str:
    """How a client ended, with what it said: 'status 1: client: train of 1025821971 bytes...'."""
    finished = client.wait()
    said = (finished.stdout if finished.status == 0 else finished.stderr).strip().splitlines()
    return f"{status_in_words(finished.status)}: {said[-1] if said else '(it said nothing)'}"


def wait_for(client: Client, condition: Callable[[], object], what: str) -> None:
    """Waits for what a client should bring about; Failure tells it at once if the client has ended without it."""
    wait_until(lambda: condition() or not client.running, what)
    if client.running:
        return
    try:
        wait_until(condition, what, AFTER_ITS_END)
    except NeverHappened:
        raise Failure(f"waited for this: {what}; but the client has ended with {outcome(client)}") from None


def saved_md5(client: Client, name: str) -> str:
    """The md5 of what a client has saved under that name; "" if there is no such file."""
    path = client.directory / name
    if not path.is_file():
        return ""
    closed = closed_to_its_owner(path)
    expect(not closed, f"the client has saved {in_quotes(name)} {closed}", expected="a file that its owner can read")
    return md5_of(path)


def read_train(connection: Connection) -> bytes:
    """The body of the next train."""
    return connection.read_exactly(int.from_bytes(connection.read_exactly(HEAD), "big"))
