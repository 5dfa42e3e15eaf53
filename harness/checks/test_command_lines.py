"""Command lines, and what keeps a program from beginning: the statuses, and the words that go with them."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Protocol

import pytest

from bytetrain.course.traits import traits
from bytetrain.judging.transfers import hand_over, serves
from bytetrain.judging.machine import like_anybody, name_of_loopback, require_descriptors, says_empty
from bytetrain.judging.verdicts import bad_command_line, has_status, refused, snapshot, start_refused
from bytetrain.kernel.blocked import activity
from bytetrain.kernel.processes import descendants
from bytetrain.kernel.tcp import listening
from bytetrain.programs.build import Programs
from bytetrain.programs.output import Finished
from bytetrain.programs.program import Argument, Conditions, Program
from bytetrain.programs.start import Starter
from bytetrain.telling.story import expect, told
from bytetrain.telling.text import counted, in_quotes
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore, Literal, close_file, write_file
from bytetrain.wire.peers import RawServer

GOOD = ("127.0.0.1", "0", "2", "FILE")  # of a server; FILE stands for one that is there
BAD_PORTS = ("65536", "-1", "12x", "x", "99999999999", "")
BAD_SERVER_LINES = {
    "nothing": (),
    "too few": GOOD[:3],
    "too many": (*GOOD, "more"),
    "unknown option": ("--no-such-option", *GOOD),
    **{f"port {port or 'empty'}": ("127.0.0.1", port, *GOOD[2:]) for port in BAD_PORTS},
    **{
        f"workers {workers or 'empty'}": ("127.0.0.1", "0", workers, "FILE")
        for workers in ("0", "513", "-1", "2x", "many", "4294967298", "")
    },
}
BAD_CLIENT_LINES = {
    "nothing": (),
    "too few": ("127.0.0.1",),
    "too many": ("127.0.0.1", "4711", ".", "more"),
    "unknown option": ("--no-such-option", "127.0.0.1", "4711"),
    **{f"port {port or 'empty'}": ("127.0.0.1", port) for port in BAD_PORTS},
}
NOBODY = "nobody.invalid"  # a name that is never given to anyone: RFC 2606
MISSING = "no such file|not found|missing|not exist|errno 2"
DIRECTORY = "directory|eisdir|errno 21|not a regular|not a file"
RESOLVE = "resol|known|lookup|look up|no address|not found|getaddrinfo|errno -"
TAKEN = "in use|taken|occupied|errno 98"
REFUSED = "refused|nobody|errno 111"
DENIED = "denied|permi|not readable|unreadable|errno 13"
TOO_LARGE = "1000|large|big|long|exceed|limit|most|more than|fit"
NOT_THERE = f"{MISSING}|not a directory|no directory"


class Launch(Protocol):
    """Starts a program."""

    def __call__(self, executable: Argument, *arguments: Argument) -> Program: ...


class Run(Protocol):
    """Runs a program to its end."""

    def __call__(self, executable: Argument, *arguments: Argument) -> Finished: ...


@pytest.fixture
def launch(start: Starter, folder: Path) -> Launch:
    """launch(executable, argument...) starts a program with these arguments."""

    def launched(executable: Argument, *arguments: Argument) -> Program:
        # RES_OPTIONS: where names are asked for in vain, the resolver shall not try for long.
        under = Conditions(cwd=folder, env={"RES_OPTIONS": "timeout:1 attempts:1"})
        return start.program(Program([executable, *arguments], under))

    return launched


@pytest.fixture
def run(launch: Launch, start: Starter) -> Run:
    """run(executable, argument...) waits for the end of the program as well; a server that listens instead fails."""

    def until_its_end(executable: Argument, *arguments: Argument) -> Finished:
        __tracebackhide__ = True
        program = launch(executable, *arguments)
        wait_until(
            lambda: program.stdout or not program.running, "it ends, or says that it listens",
            seen=lambda: activity(program.pid), judges=False,
        )
        listens = program.running and program.stdout.startswith("listening")
        expect(
            not listens, f"it should have ended, and listens instead: it has printed {in_quotes(program.stdout)}",
            expected="it ends", actual="it listens",
        )
        finished = program.wait()
        if traits(start.pair.stage).timeouts:
            with told("the server has ended before it listened: no process of it stays"):
                program.reap_left_behind()
        return finished

    return until_its_end


@pytest.mark.check("server.command_line")
@pytest.mark.parametrize("line", list(BAD_SERVER_LINES))
def test_bad_command_line_of_a_server(pair: Programs, line: str, store: FileStore, run: Run) -> None:
    words = [str(store.seeded(1000)) if word == "FILE" else word for word in BAD_SERVER_LINES[line]]
    with told(f"a bad command line ({line}): server {' '.join(map(repr, words))}"):
        bad_command_line(run(pair.server, *words))


@pytest.mark.check("client.command_line")
@pytest.mark.parametrize("line", list(BAD_CLIENT_LINES))
def test_bad_command_line_of_a_client(pair: Programs, line: str, run: Run) -> None:
    words = BAD_CLIENT_LINES[line]
    with told(f"a bad command line ({line}): client {' '.join(map(repr, words))}"):
        bad_command_line(run(pair.client, *words))


@pytest.mark.check("server.file_missing")
def test_missing_file(pair: Programs, folder: Path, run: Run) -> None:
    with told("FILE is missing"):
        start_refused(run(pair.server, "127.0.0.1", "0", "2", folder / "missing.bin"), "missing.bin", MISSING, log=True)


@pytest.mark.check("server.file_directory")
def test_directory_as_file(pair: Programs, target: Path, run: Run) -> None:
    with told("FILE is a directory"):
        start_refused(run(pair.server, "127.0.0.1", "0", "2", target), target.name, DIRECTORY, log=True)


@pytest.mark.check("server.file_unreadable")
def test_unreadable_file(pair: Programs, folder: Path, run: Run) -> None:
    secret = write_file(folder / "secret.bin", 10)
    close_file(secret)
    with told("FILE may not be read"):
        start_refused(run(*like_anybody(), pair.server, "127.0.0.1", "0", "2", secret), "secret.bin", DENIED, log=True)


@pytest.mark.check("server.file_says_empty")
def test_file_that_says_it_is_empty(pair: Programs, store: FileStore, launch: Launch, start: Starter) -> None:
    file, has = says_empty()
    with told(f"FILE is {file}: it says that it has 0 bytes, and has {len(has)}"):
        server = launch(pair.server, "127.0.0.1", "0", "2", file)
        wait_until(lambda: server.stdout or not server.running, "it listens or ends", judges=False,
                   seen=lambda: activity(server.pid))
        if not server.running:
            start_refused(server.wait(), file.name, log=True)
        else:
            original = store.in_memory(len(has), file.name, Literal(has))
            serves(start.server(file), pair.stage, original)


@pytest.mark.check("server.file_too_large")
def test_file_too_large_for_one_train(pair: Programs, store: FileStore, run: Run) -> None:
    for size in (1001, 65536):
        with told(f"stage 01, and a FILE of {counted(size, 'byte')}: one train carries 1000 at most"):
            finished = run(pair.server, "127.0.0.1", "0", "2", store.seeded(size))
            start_refused(finished, store.seeded(size).name, TOO_LARGE, log=True)


@pytest.mark.check("server.host_unknown")
def test_host_that_a_server_can_not_resolve(pair: Programs, store: FileStore, run: Run) -> None:
    with told("HOST does not resolve"):
        start_refused(run(pair.server, NOBODY, "0", "2", store.seeded(10)), NOBODY, RESOLVE, log=True)


@pytest.mark.check("client.host_unknown")
def test_host_that_a_client_can_not_resolve(pair: Programs, run: Run) -> None:
    with told("HOST does not resolve"):
        start_refused(run(pair.client, NOBODY, "4711"), NOBODY, RESOLVE)


@pytest.mark.check("server.port_taken")
def test_taken_port(pair: Programs, store: FileStore, raw_server: RawServer, start: Starter, run: Run) -> None:
    port = str(raw_server.port)
    with told(f"somebody else listens on PORT {port}"):
        start_refused(run(pair.server, "127.0.0.1", port, "2", store.seeded(10)), port, TAKEN, log=True)
    # Two that both set SO_REUSEPORT may listen on one port, and neither of them is told: socket(7).
    first = start.server(store.seeded(100))
    port = str(first.port)
    with told(f"the same server listens on PORT {port} already, and is started a second time"):
        start_refused(run(pair.server, "127.0.0.1", port, "2", store.seeded(10)), port, TAKEN, log=True)
        serves(first, pair.stage, store.seeded(100))


@pytest.mark.check("client.nobody_listens")
def test_nobody_listens(pair: Programs, target: Path, run: Run) -> None:
    with socket.socket() as reserved:  # bound, not listening: connecting there is refused
        reserved.bind(("127.0.0.1", 0))
        port = str(reserved.getsockname()[1])
        with told(f"nobody listens on PORT {port}"):
            start_refused(run(pair.client, "127.0.0.1", port, target), port, REFUSED)


@pytest.mark.check("client.directory_missing")
@pytest.mark.parametrize("kind", ["missing", "a file"])
def test_directory_that_is_none(
    pair: Programs, kind: str, target: Path, raw_server: RawServer, launch: Launch
) -> None:
    directory = target / "nowhere"
    if kind == "a file":
        directory.write_bytes(b"no directory")
    before = snapshot(target)
    client = launch(pair.client, "127.0.0.1", str(raw_server.port), directory)
    with told(f"DIRECTORY is {kind}"):
        finished = answer(pair, client, raw_server)
        start_refused(finished, "nowhere", NOT_THERE)
        refused(finished, target, before)


def expect_status_1(finished: Finished) -> None:
    """Status 1, and one line on standard error."""
    lines = finished.stderr.splitlines()
    has_status(finished, 1)
    expect(
        len(lines) == 1, f"there are {len(lines)} lines on its standard error: one, with the cause, was expected",
        expected="one line on standard error", actual=counted(len(lines), "line"),
    )


def answer(pair: Programs, client: Program, raw_server: RawServer) -> Finished:
    """Gives the client a whole file; it may also end before it comes for one."""
    connection = raw_server.accept_unless(lambda: not client.running)
    if connection is not None:
        with connection:
            hand_over(connection, pair.stage, b"name", b"content")
            return client.wait()
    return client.wait()


DEAF = {  # standard outputs that take no line, as bash makes them
    "full": ("/dev/full", ">/dev/full"),  # every write fails with ENOSPC, as on a full disk
    "without a reader": ("a pipe whose reader has gone", "> >(:); wait $!"),  # EPIPE, and SIGPIPE before it
}


@pytest.mark.check("client.output_full")
@pytest.mark.parametrize("output", DEAF)
def test_client_can_not_tell_that_it_is_done(
    pair: Programs, output: str, target: Path, raw_server: RawServer, start: Starter
) -> None:
    what, redirection = DEAF[output]
    deaf = ["bash", "-c", f'exec {redirection}; exec "$@"', "deaf"]
    client = start.client(raw_server.port, target, under=Conditions(prefix=deaf))
    with told(f"the client's standard output is {what}: nobody can be told that the file is there"):
        finished = answer(pair, client, raw_server)
        expect_status_1(finished)


@pytest.mark.check("server.port_zero")
def test_port_0_asks_the_kernel(pair: Programs, store: FileStore, start: Starter) -> None:
    servers = [start.server(store.seeded(100), workers=1) for _ in range(3)]
    with told("three servers were started with PORT 0: each must have got, and have named, a port of its own"):
        expect(
            len({server.port for server in servers}) == 3, f"the ports: {[server.port for server in servers]}",
            expected="three ports",
        )
        for server in servers:
            words = f"the server has named port {server.port}, and nobody listens there"
            expect(listening(server.port), words, expected="the port on which it listens")


@pytest.mark.check("server.workers_range")
@pytest.mark.parametrize("workers", [1, 512])
def test_fewest_and_most_workers(pair: Programs, workers: int, store: FileStore, start: Starter) -> None:
    require_descriptors(2 * workers, counted(workers, "worker"))
    server = start.server(store.seeded(1000), workers=workers)
    found = descendants(server.pid)
    expect(
        len(found) == workers, f"WORKERS is {workers}, and once ready the server has {len(found)} child processes",
        expected=f"{workers} child processes", actual=f"{len(found)}",
    )
    with told(f"WORKERS is {workers}"):
        serves(server, pair.stage, store.seeded(1000))


@pytest.mark.check("pair.host_name")
def test_host_may_be_a_name(pair: Programs, store: FileStore, start: Starter, run: Run) -> None:
    name = name_of_loopback()
    server = start.server(store.seeded(100), host=name)
    with told(f"HOST is {name}, for the client too; the server said {in_quotes(server.stdout.strip())}"):
        finished = run(pair.client, name, str(server.port))
        has_status(finished, 0)
