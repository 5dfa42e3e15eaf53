"""The reference's programs, in whatever surroundings they are started: closed descriptors, blocked and ignored signals,
a log that nobody reads, the environment, a current directory that is gone. All stages, both programs.

The surroundings are made by a shell or by Python, which then becomes the program (exec).
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Optional

import pytest

from bytetrain.course.paths import STAGES
from bytetrain.course.traits import stage_numbers
from bytetrain.kernel.tcp import listening
from bytetrain.programs.build import Programs, build
from bytetrain.programs.program import Client, Conditions, Program, Server
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import ON_DISK, content, write_file
from bytetrain.wire.framing import stream
from bytetrain.wire.peers import RawClient, RawServer, free_port

HEALS = 3  # from this stage on a dead worker is replaced
LEAVES = 6  # from this stage on SIGTERM is heard


@pytest.fixture(scope="module", params=stage_numbers())
def pair(request: pytest.FixtureRequest, preset: str) -> Programs:
    return build(STAGES, int(request.param), preset)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_file(tmp_path / "file.bin", 900)


def shell(script: str) -> Conditions:
    """Under a shell that does this first, and then becomes the program: "exec" with a redirection, say."""
    return Conditions(prefix=("bash", "-c", f'{script}; exec "$@"', "sh"))


def expected(pair: Programs, file: Path) -> bytes:
    return stream(pair.stage, os.fsencode(file.name), file.read_bytes())


def gets_the_file(pair: Programs, port: int, file: Path) -> None:
    with RawClient(port) as client:
        assert client.read_to_end() == expected(pair, file)


CLOSED = [each for count in (1, 2, 3) for each in itertools.combinations((0, 1, 2), count)]


def closing(which: tuple[int, ...]) -> Conditions:
    return shell("exec " + " ".join(f"{fd}>&-" for fd in which))


@contextmanager
def a_server(pair: Programs, file: Path, under: Conditions) -> Iterator[Server]:
    """A server that may have no standard output to name its port on."""
    port = free_port()
    server = Server(pair.server, file, workers=1, port=port, under=under)
    try:
        Program.start(server)
        wait_until(lambda: listening(port) or not server.running, "the server listens")
        wait_until(lambda: server.workers or not server.running, "it has its worker")
        assert server.running, server.stderr
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("which", CLOSED, ids=lambda which: "-".join(map(str, which)))
def test_a_server_with_closed_descriptors(pair: Programs, file: Path, which: tuple[int, ...]) -> None:
    with a_server(pair, file, closing(which)) as server:
        gets_the_file(pair, server.port, file)
        kept = file.rename(file.with_name("kept"))
        with RawClient(server.port) as client:  # the worker has something for its log: it must not come here
            assert client.read_to_end() == b""
        kept.rename(file)
        gets_the_file(pair, server.port, file)


@pytest.mark.parametrize("which", CLOSED, ids=lambda which: "-".join(map(str, which)))
def test_a_client_with_closed_descriptors(pair: Programs, file: Path, tmp_path: Path, which: tuple[int, ...]) -> None:
    target = tmp_path / "target"
    target.mkdir()
    with Server(pair.server, file, workers=1) as server, Client(
        pair.client, server.port, target, under=closing(which)
    ) as client:
        done = client.wait()
        assert (target / file.name).read_bytes() == file.read_bytes()
        assert done.status == (1 if 1 in which else 0)  # whom it could not tell


@pytest.mark.parametrize("which", CLOSED, ids=lambda which: "-".join(map(str, which)))
def test_a_client_with_closed_descriptors_fails(pair: Programs, tmp_path: Path, which: tuple[int, ...]) -> None:
    with RawServer() as server, Client(pair.client, server.port, tmp_path, under=closing(which)) as client:
        server.accept().close()
        assert client.wait().status == 1 and client.files() == []


def ignoring(*signals: signal.Signals, blocked: tuple[signal.Signals, ...] = ()) -> Conditions:
    script = (
        "import os, signal, sys\n"
        f"for number in {[int(each) for each in signals]}: signal.signal(number, signal.SIG_IGN)\n"
        f"signal.pthread_sigmask(signal.SIG_BLOCK, {[int(each) for each in blocked]})\n"
        "os.execv(sys.argv[1], sys.argv[1:])\n"
    )
    return Conditions(prefix=(sys.executable, "-c", script))


ODD = ignoring(
    signal.SIGCHLD, signal.SIGPIPE, blocked=(signal.SIGCHLD, signal.SIGPIPE, signal.SIGTERM, signal.SIGINT)
)


def test_a_server_whose_starter_ignores_and_blocks_signals(pair: Programs, file: Path) -> None:
    with Server(pair.server, file, workers=2, under=ODD) as server:
        victim = server.worker()
        os.kill(victim, signal.SIGKILL)
        if pair.stage >= HEALS:
            wait_until(lambda: len(server.workers) == 2 and victim not in server.workers, "another worker is there")
            gets_the_file(pair, server.port, file)
        else:  # the zombie is what these stages show: nobody else reaps it
            state = Path(f"/proc/{victim}/stat")
            wait_until(lambda: ") Z " in state.read_text(), "the worker is a zombie")
        server.signal(signal.SIGTERM)
        assert server.wait().status == (0 if pair.stage >= LEAVES else -signal.SIGTERM)


def test_what_nohup_ignores_stays_ignored(pair: Programs, file: Path) -> None:
    with Server(pair.server, file, under=ignoring(signal.SIGHUP)) as server:
        server.signal(signal.SIGHUP)
        gets_the_file(pair, server.port, file)


def test_a_client_whose_starter_ignores_and_blocks_signals(pair: Programs, file: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    with Server(pair.server, file) as server, Client(pair.client, server.port, target, under=ODD) as client:
        assert client.wait().status == 0 and client.files() == [file.name]
    with RawServer() as silent, Client(pair.client, silent.port, target, under=ODD) as client:
        with silent.accept():
            client.signal(signal.SIGTERM)
            assert client.wait().status == -signal.SIGTERM


class Log:
    """A FIFO as standard error. `reader` keeps it open; nobody reads."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log"
        os.mkfifo(self.path)
        self.reader: Optional[int] = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.under = shell(f"exec 2>'{self.path}'")

    def fill(self) -> None:
        assert self.reader is not None
        for size in (4096, 1):
            try:
                while True:
                    os.write(self.reader, b"." * size)
            except BlockingIOError:
                continue

    def read_to_the_end(self, program: Program) -> bytes:
        """What a program says until it ends, behind what the FIFO was filled with."""
        said = b""

        def came() -> bool:
            nonlocal said
            ended = not program.running  # first: then nothing comes any more
            assert self.reader is not None
            with suppress(BlockingIOError):
                while some := os.read(self.reader, 65536):
                    said += some
            return ended

        wait_until(came, "it has said its last words")
        return said.lstrip(b".")

    def leave(self) -> None:
        if self.reader is not None:
            os.close(self.reader)
        self.reader = None


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    fifo = Log(tmp_path)
    yield fifo
    fifo.leave()


def has_much_to_log(pair: Programs, server: Server, file: Path) -> None:
    """Lines of workers, and from stage 03 on of the parent as well: it has to be there, and serve, after each."""
    kept = file.rename(file.with_name("kept"))
    for _ in range(8):
        with RawClient(server.port) as client:
            assert client.read_to_end() == b""
    kept.rename(file)
    if pair.stage >= HEALS:
        victim = server.worker()
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in server.workers and len(server.workers) == 2, "another worker is there")
    for _ in range(4):
        gets_the_file(pair, server.port, file)
    if pair.stage >= LEAVES:
        server.signal(signal.SIGTERM)
        assert server.wait().status == 0


@pytest.mark.parametrize("what", [Log.fill, Log.leave], ids=["full", "without reader"])
def test_a_log_that_nobody_reads(pair: Programs, file: Path, log: Log, what: Callable[[Log], None]) -> None:
    with Server(pair.server, file, workers=2, under=log.under) as server:
        what(log)
        has_much_to_log(pair, server, file)


def test_the_last_words_wait_for_a_reader(pair: Programs, log: Log, tmp_path: Path) -> None:
    """What a program says when it ends is neither lost nor cut where standard error is full: a slow pager reads it."""
    operand = "x" * 6000
    for words, status in ((["127.0.0.1", "0", "1", "missing"], 1), (["1", "2", "3", "4", operand], 2)):
        log.fill()
        with Program([pair.server, *words], Conditions(cwd=tmp_path, prefix=log.under.prefix)) as program:
            said = log.read_to_the_end(program)
            assert program.wait().status == status
        if status == 1:
            assert said == b"server: missing: No such file or directory\n"
        else:
            assert operand.encode() + b"\nusage: " in said and said.endswith(b"\n")


def test_a_log_on_a_full_disk(pair: Programs, file: Path) -> None:
    with Server(pair.server, file, workers=2, under=shell("exec 2>/dev/full")) as server:
        has_much_to_log(pair, server, file)


def test_a_log_above_the_limit_of_a_file(pair: Programs, file: Path, tmp_path: Path) -> None:
    limited = shell(f"exec 2>'{tmp_path}/log.txt'; ulimit -f 1; head -c 1024 /dev/zero >&2")
    with Server(pair.server, file, workers=2, under=limited) as server:
        has_much_to_log(pair, server, file)


def test_the_ready_line_finds_no_reader(pair: Programs, file: Path, tmp_path: Path) -> None:
    for sink in (">/dev/full", "> >(:); wait $!"):  # and a pipe whose reader has ended
        with a_server(pair, file, shell(f"exec {sink}")) as server:
            gets_the_file(pair, server.port, file)
            assert f"listening on 127.0.0.1:{server.port}, and standard output takes no line" in server.stderr


@pytest.mark.parametrize("program", ["server", "client"])
def test_help_finds_no_reader(pair: Programs, program: str) -> None:
    script = 'exec > >(:); wait $!; exec "$@"'
    words = ["bash", "-c", script, "sh", str(getattr(pair, program)), "--help"]
    done = subprocess.run(words, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"")


def test_options_stand_where_they_like_whatever_the_environment_says(pair: Programs) -> None:
    operands = {pair.server: ("127.0.0.1", "0", "1", "FILE"), pair.client: ("127.0.0.1", "1")}
    for words in ([str(program), *operands[program], "--help"] for program in operands):
        done = subprocess.run(words, env={"POSIXLY_CORRECT": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert (done.returncode, done.stderr) == (0, b"") and done.stdout.startswith(b"usage: ")
    done = subprocess.run([str(pair.client), "127.0.0.1", "1", "--", "--help", "more"], stderr=subprocess.PIPE)
    assert done.returncode == 2 and b"too many arguments: more" in done.stderr


def test_the_current_directory_is_gone(pair: Programs, file: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    gone = shell("mkdir gone; cd gone; rmdir ../gone")
    with Server(pair.server, file, under=gone) as server:
        with Client(pair.client, server.port, target, under=gone) as client:
            assert client.wait().status == 0 and (target / file.name).read_bytes() == content(900, ON_DISK)
        with Client(pair.client, server.port, target, name_directory=False, under=gone) as client:
            done = client.wait()
            assert done.status == 1 and len(done.stderr.splitlines()) == 1
