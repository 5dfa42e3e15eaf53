"""The pool: who is in it, who waits, and who comes next."""

from __future__ import annotations

import contextlib
import os
import select
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course.traits import traits
from bytetrain.judging.pools import (
    Pool, all_sleep, can_connect, comes_to_rest, first_byte_comes, holds, parent_uses_no_cpu, sleeping_on, stalled,
    waiting_client,
)
from bytetrain.judging.transfers import read_cut_short, read_whole, serves, serves_again
from bytetrain.kernel.blocked import activity
from bytetrain.kernel.descriptors import descriptors
from bytetrain.kernel.processes import descendants, facts, sleeping
from bytetrain.kernel.tcp import listening
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Conditions, Program, Server
from bytetrain.programs.start import Starter
from bytetrain.telling.story import expect, expecting, quietly, told
from bytetrain.telling.text import counted, in_quotes, in_words
from bytetrain.telling.waiting import LIMIT, NeverHappened, wait_until
from bytetrain.wire.files import write_file
from bytetrain.wire.peers import RawClient, free_port


@pytest.mark.check("pool.size")
@pytest.mark.parametrize("workers", [1, 3])
def test_exactly_that_many_workers(pair: Programs, workers: int, small: Path, start: Starter) -> None:
    server = start.server(small, workers=workers)
    with quietly(), contextlib.suppress(NeverHappened):  # who is late is asked for by server.ready_last
        wait_until(lambda: len(descendants(server.pid)) == workers, "they are there")
    found = descendants(server.pid)
    there = counted(len(found), "descendant")
    expect(
        len(found) == workers, f"WORKERS is {workers}; once ready the server has {there}: {in_words(found)}",
        expected=counted(workers, "descendant"), actual=there,
    )
    for _ in range(workers):
        serves(server, pair.stage, small)
    found = descendants(server.pid)
    there = counted(len(found), "descendant")
    expect(
        len(found) == workers, f"WORKERS is {workers}; after transfers it has {there}: {in_words(found)}",
        expected=counted(workers, "descendant"), actual=there,
    )


@pytest.mark.check("server.ready_last")
def test_ready_means_ready(pair: Programs, small: Path, start: Starter) -> None:
    # Its standard output is a pipe that is full: so it has to wait where it says that it is ready.
    port = free_port()
    under = Conditions(cwd=start.folder)
    server = start.program(MuteServer(pair.server, small, workers=3, port=port, under=under))
    with told("the server is about to say that it listens, and can't yet, because nobody reads its standard output"):
        what = f"the parent waits, and {counted(server.size, 'worker')} are there"
        wait_until(lambda: sleeping(server.pid) and len(server.workers) == server.size, what, seen=server.everybody)
        wait_until(lambda: listening(port), "it listens: otherwise a client that came now would be refused")
    with told("then the line is read"):
        server.speak()
        serves(server, pair.stage, small)


class MuteServer(Server):
    """A server that finds its standard output full, until it may speak."""

    _said = ""

    def start(self) -> "MuteServer":
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"." * 4096)
        os.set_blocking(writer, True)  # the server has the same open file
        self._out.close()
        self._out.file = os.fdopen(writer, "wb")
        Program.start(self)
        self._out.file.close()
        return self

    @property
    def stdout(self) -> str:
        return self._said  # nobody can look into a pipe without taking what is there

    def everybody(self) -> str:
        """The parent and its workers, and what they do."""
        return "; ".join(f"{facts(pid)}: {activity(pid)}" for pid in [self.pid, *self.workers])

    def speak(self) -> None:
        """Reads the pipe, up to the line that the server has to say."""
        with expecting("it says that it listens"):
            said = b""
            while not said.endswith(b"\n") and select.select([self._reader], [], [], LIMIT)[0]:
                said = (said + os.read(self._reader, 4096)).lstrip(b".")
            self._said = os.fsdecode(said)
            expect(
                said == f"listening on 127.0.0.1:{self.port}\n".encode(), f"it said {in_quotes(said)}",
                expected=f"listening on 127.0.0.1:{self.port}",
            )

    def _close(self) -> None:
        os.close(self._reader)


@pytest.mark.check("pool.idle_cpu")
def test_idle_server_uses_no_cpu(pair: Programs, small: Path, big: Path, start: Starter) -> None:
    server = start.server(small)
    with told("nobody has come yet"):
        sleep_on(server)
    for _ in range(3):
        serves(server, pair.stage, small)
    with told("three transfers are over"):
        sleep_on(server)
    if traits(pair.stage).one_train:  # too short to be under way at the same time
        return
    server = start.server(big, workers=3)
    first, second, third = (stalled(server)[0] for _ in range(3))
    with told("three transfers at once have ended, in another order than they began"):
        for connection in (second, first, third):
            with connection:
                read_whole(connection, pair.stage, big)
        sleep_on(server)


def sleep_on(server: Server) -> None:
    all_sleep({server.pid: "the parent", **dict.fromkeys(server.workers, "a worker")}, 0.3)


@pytest.mark.check("server.binds_host")
def test_listens_on_its_host_only(pair: Programs, small: Path, start: Starter) -> None:
    for host, other in (("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")):
        server = start.server(small, host=host)
        serves(server, pair.stage, small)
        reached = can_connect(server.port, other)
        expect(
            not reached, f"HOST is {host}, but the server can be reached at {other} as well: bind(2) to HOST only",
            expected=f"a refusal at {other}", actual="a connection",
        )
        server.stop()


@pytest.mark.check("pool.parent_lets_go")
def test_parent_keeps_no_connection(big: Path, start: Starter) -> None:
    server = start.server(big)
    connection, worker = stalled(server)
    with connection:
        what = f"the parent (pid {server.pid}) has closed its copy of the connection that worker {worker} serves"
        sleeps_on = sleeping_on(server.pid)

        def lets_go() -> bool:
            if holds(server.pid, connection) and sleeps_on():
                raise Failure(f"{what}, in vain: it sleeps on", expected=what, actual=activity(server.pid))
            return not holds(server.pid, connection)

        wait_until(lets_go, what)


@pytest.mark.check("pool.nothing_left_open")
def test_transfers_leave_nothing_open(pair: Programs, small: Path, start: Starter) -> None:
    server = start.server(small, workers=3)
    serves(server, pair.stage, small)
    pool = Pool.of(server)
    with told("three workers, ten transfers"):
        for _ in range(10):
            serves(server, pair.stage, small)
        pool.is_complete()
    server.stop()
    server = start.server(small, workers=1)
    serves(server, pair.stage, small)
    comes_to_rest(server)
    worker = server.worker()
    before = descriptors(worker)
    with told("one worker, ten transfers"):
        for _ in range(10):
            serves(server, pair.stage, small)
        comes_to_rest(server)
        after = descriptors(worker)
        had = counted(len(before), "descriptor")
        words = f"after one transfer the worker had {had} open, and after ten more it has {in_words(after)}"
        expect(
            len(after) <= len(before), words, expected=f"{had}, or fewer", actual=f"{len(after)}"
        )


@pytest.mark.check("pool.clients_wait")
def test_clients_wait_for_a_worker(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big)
    busy = [stalled(server)[0] for _ in range(2)]
    waiting = [RawClient(server.port) for _ in range(5)]
    with told("two workers are busy with clients that read nothing; five more have connected"):
        parent_uses_no_cpu(server)
        left = dict(enumerate(busy + waiting, 1))
        while left:  # in which order they are served is asked elsewhere
            what = f"one of the clients {in_words(list(left))}, who have got nothing yet, is served"
            number = wait_until(lambda: next((each for each in left if left[each].has_something()), 0), what)
            words = f"then they read, each when it is served; this is client {number} of 7"
            with told(words), left.pop(number) as client:
                read_whole(client, pair.stage, big)


@pytest.mark.check("pool.served_in_turn")
def test_clients_are_served_in_turn(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big, workers=1)
    queue = [stalled(server)[0], *(waiting_client(server) for _ in range(4))]
    comes_to_rest(server)  # who takes clients in as they come, has taken them all
    for number, client in enumerate(queue, 1):
        with told(f"one worker, five clients that wait; it's the turn of number {number}"), client:
            first_byte_comes(client)
            later = dict(enumerate(queue[number:], number + 1))
            early = [each for each, other in later.items() if other.has_bytes()]
            expect(
                not early, f"clients {early} have got something already: somebody was served before its turn",
                expected=f"client {number} alone is served", actual=f"clients {early} too",
            )
            closed = [each for each, other in later.items() if other.has_ended()]
            expect(
                not closed, f"the connections of the clients {closed}, who wait, have been closed: none is dropped",
                expected="who waits is served in its turn", actual=f"clients {closed}: closed, without a byte",
            )
            read_whole(client, pair.stage, big)


@pytest.mark.check("pool.first_free_next")
@pytest.mark.parametrize("first", [0, 1, 2])
def test_who_ends_first_is_next(pair: Programs, first: int, big: Path, start: Starter) -> None:
    server = start.server(big, workers=3)
    busy = [stalled(server) for _ in range(3)]
    ending, worker = busy.pop(first)
    with told(f"three workers are busy; the transfer that was begun as number {first + 1} ends first"), ending:
        read_whole(ending, pair.stage, big)
    with told(f"so the next client belongs to worker {worker}, while the two others are still busy"):
        connection, served_by = stalled(server)
        expect(
            served_by == worker, f"it went to worker {served_by}", expected=f"worker {worker}",
            actual=f"worker {served_by}",
        )
        read_whole(connection, pair.stage, big)
    with told("then the two others go on"):
        for other, _ in busy:
            read_whole(other, pair.stage, big)


# The file


@pytest.mark.check("server.file_gone")
def test_file_is_gone(pair: Programs, folder: Path, start: Starter) -> None:
    file = write_file(folder / "vanishing", 900)
    server = start.server(file)
    workers = server.workers
    file.unlink()
    for number in range(1, 5):
        with told(f"FILE is gone; client {number} has come, and its connection should be closed"):
            with RawClient(server.port) as connection:
                read_cut_short(connection, pair.stage)
    write_file(file, 900)
    with told("FILE was gone for four clients, and is back"):
        serves_again(server, pair.stage, file)
        expect(
            server.workers == workers, f"the workers were {workers} before, and are {server.workers} now: they stay",
            expected=f"{workers}", actual=f"{server.workers}",
        )
