"""The pool: who is in it, who waits, who comes next, what becomes of it when a worker dies, and how it starts again."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import select
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bytetrain import Failure, NotApplicable
from bytetrain.course.traits import traits
from bytetrain.judging.acts import (
    Pool, all_sleep, can_connect, comes_to_rest, first_byte_comes, holds, kill_worker, parent_accepts,
    parent_uses_no_cpu, read_cut_short, read_whole, replace_workers, serves, sleeping_on, stalled, uses_no_cpu,
    waiting_client,
)
from bytetrain.kernel.blocked import activity
from bytetrain.kernel.cpu import cpu_seconds
from bytetrain.kernel.descriptors import descriptors
from bytetrain.kernel.processes import children, descendants, facts, sleeping, state
from bytetrain.kernel.signals import cont, has_acted_on, kill, stop
from bytetrain.kernel.tcp import listening
from bytetrain.programs.build import Programs, preset_options
from bytetrain.programs.program import Conditions, Program, Server
from bytetrain.programs.start import Starter
from bytetrain.telling.story import expect, expecting, quietly, told
from bytetrain.telling.waiting import LIMIT, settled, wait_until
from bytetrain.wire.files import FileStore, size_of, write_file
from bytetrain.wire.framing import fitting
from bytetrain.wire.peers import RawClient, free_port

CROWD = 64  # more than an array of 10 events can hold
MAY_WAIT = 10  # clients that find room in the listen backlog, as the contract says


def small(store: FileStore, stage: int) -> Path:
    """A file that every stage can send; large enough for a few trains from stage 02 on."""
    return store.seeded(fitting(stage, 100_000))


def end_server(server: Server, how: str) -> None:
    """Ends a server in one of the ways of ENDS, and waits until it has ended."""
    # A worker that has not had its first turn on a CPU holds all that was its parent's, the listener too.
    what = "every worker has run, and waits"
    wait_until(lambda: all(map(has_run, server.workers)), what, seen=lambda: children(server.pid))
    everybody = [server.pid, *server.workers]
    if how == "SIGKILL to the parent":
        for worker in server.workers:  # so that they are still there, with all that they have, when it starts again
            stop(worker)
    if how == "Ctrl-C":
        server.signal_group(signal.SIGINT)
    for pid in everybody if how == "SIGKILL to all" else everybody[:1]:
        if how != "Ctrl-C":
            kill(pid, signal.Signals[how.partition(" ")[0]])
    server.wait()


def has_run(worker: int) -> bool:
    """Whether it has had its first turn. One that spins has, too: that is another matter."""
    return sleeping(worker) or cpu_seconds(worker) > 0.1


ENDS = ("SIGTERM", "SIGINT", "Ctrl-C", "SIGKILL to the parent", "SIGKILL to all")


@pytest.mark.check("pool.size")
@pytest.mark.parametrize("workers", [1, 3])
def test_exactly_that_many_workers(pair: Programs, workers: int, store: FileStore, start: Starter) -> None:
    server = start.server(small(store, pair.stage), workers=workers)
    found = descendants(server.pid)
    expect(
        len(found) == workers, f"WORKERS is {workers}; once ready the server has {len(found)} descendants: {found}",
        expected=f"{workers} descendants", actual=f"{len(found)}",
    )
    for _ in range(workers):
        serves(server, pair.stage, small(store, pair.stage))
    found = descendants(server.pid)
    expect(
        len(found) == workers, f"WORKERS is {workers}; after transfers it has {len(found)} descendants: {found}",
        expected=f"{workers} descendants", actual=f"{len(found)}",
    )


@pytest.mark.check("server.ready_last")
def test_ready_means_ready(pair: Programs, store: FileStore, start: Starter) -> None:
    # Its standard output is a pipe that is full: so it has to wait where it says that it is ready.
    port = free_port()
    under = Conditions(cwd=start.folder)
    server = start.program(MuteServer(pair.server, small(store, pair.stage), workers=3, port=port, under=under))
    with told("the server is about to say that it listens, and can't yet, because nobody reads its standard output"):
        wait_until(lambda: settled(server.states, "who waits") == "SSSS", "parent and workers wait", seen=server.states)
        wait_until(lambda: listening(port), "it listens: otherwise a client that came now would be refused")
    with told("then the line is read"):
        server.speak()
        serves(server, pair.stage, small(store, pair.stage))


class MuteServer(Server):
    """A server that finds its standard output full, until it may speak."""

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
        return ""  # nobody can look into a pipe without taking what is there

    def states(self) -> str:
        """The letters of parent and workers."""
        return "".join(str(state(pid)) for pid in [self.pid, *self.workers])

    def speak(self) -> None:
        """Reads the pipe, up to the line that the server has to say."""
        with expecting("it says that it listens"):
            said = b""
            while not said.endswith(b"\n") and select.select([self._reader], [], [], LIMIT)[0]:
                said = (said + os.read(self._reader, 4096)).lstrip(b".")
            expect(
                said == f"listening on 127.0.0.1:{self.port}\n".encode(), f"it said {said!r}",
                expected=f"listening on 127.0.0.1:{self.port}",
            )

    def _close(self) -> None:
        os.close(self._reader)


@pytest.mark.check("pool.idle_cpu")
def test_idle_server_uses_no_cpu(pair: Programs, store: FileStore, big: Path, start: Starter) -> None:
    server = start.server(small(store, pair.stage))
    with told("nobody has come yet"):
        sleep_on(server)
    for _ in range(3):
        serves(server, pair.stage, small(store, pair.stage))
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
def test_listens_on_its_host_only(pair: Programs, store: FileStore, start: Starter) -> None:
    for host, other in (("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "127.0.0.1")):
        server = start.server(small(store, pair.stage), host=host)
        serves(server, pair.stage, small(store, pair.stage))
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
def test_transfers_leave_nothing_open(pair: Programs, store: FileStore, start: Starter) -> None:
    server = start.server(small(store, pair.stage), workers=3)
    serves(server, pair.stage, small(store, pair.stage))
    pool = Pool.of(server)
    with told("three workers, ten transfers"):
        for _ in range(10):
            serves(server, pair.stage, small(store, pair.stage))
        pool.is_complete()
    server.stop()
    server = start.server(small(store, pair.stage), workers=1)
    serves(server, pair.stage, small(store, pair.stage))
    comes_to_rest(server)
    worker = server.worker()
    before = descriptors(worker)
    with told("one worker, ten transfers"):
        for _ in range(10):
            serves(server, pair.stage, small(store, pair.stage))
        comes_to_rest(server)
        after = descriptors(worker)
        words = f"after one transfer the worker had {len(before)} descriptors open, and after ten more it has {after}"
        expect(
            len(after) <= len(before), words, expected=f"{len(before)} descriptors, or fewer", actual=f"{len(after)}"
        )


@pytest.mark.check("pool.clients_wait")
def test_clients_wait_for_a_worker(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big)
    busy = [stalled(server)[0] for _ in range(2)]
    waiting = [RawClient(server.port) for _ in range(5)]
    with told("two workers are busy with clients that read nothing; five more have connected"):
        parent_uses_no_cpu(server)
        for number, client in enumerate(busy + waiting, 1):
            with told(f"then all read, one after the other; this is client {number} of 7"), client:
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


@pytest.mark.check("pool.stopped_workers")
def test_connection_waits_for_a_stopped_worker(pair: Programs, store: FileStore, start: Starter) -> None:
    server = start.server(small(store, pair.stage))
    comes_to_rest(server)
    workers = server.workers
    for worker in workers:
        stop(worker)
    with quietly():
        clients = [waiting_client(server) for _ in workers]
    parent_accepts(server)
    with quietly():
        clients += [waiting_client(server) for _ in range(MAY_WAIT)]
    wait_until(
        lambda: sleeping(server.pid), "the parent has handed over as many as it can", seen=lambda: facts(server.pid)
    )
    served, closed = sum(client.has_bytes() for client in clients), sum(client.has_ended() for client in clients)
    words = f"all workers are stopped, and bytes have come to {served} clients: who sent them?"
    expect(not served, words, expected="every transfer is made by a worker: so nobody gets a byte now")
    words = f"all workers are stopped, and the connections of {closed} clients have been closed: none is dropped"
    expect(not closed, words, expected="who comes waits for a worker", actual=f"{closed} clients: closed")
    for worker in workers:
        cont(worker)
    for number, client in enumerate(clients, 1):
        what = f"{len(clients)} clients came while both workers were stopped (SIGSTOP); this is number {number}"
        with told(what), client:
            read_whole(client, pair.stage, small(store, pair.stage))


@pytest.mark.check("pool.parent_stopped")
def test_parent_survives_stop_and_cont(pair: Programs, store: FileStore, start: Starter) -> None:
    server = start.server(small(store, pair.stage), workers=CROWD)
    serves(server, pair.stage, small(store, pair.stage))
    pool = Pool.of(server)
    workers = server.workers
    with quietly():
        for worker in workers:
            stop(worker)
        clients = [waiting_client(server) for _ in workers]
    wait_until(
        lambda: sleeping(server.pid), "the parent has handed over as many as it can", seen=lambda: facts(server.pid)
    )
    stop(server.pid)
    with quietly():
        for worker in workers:
            cont(worker)
        wait_until(
            lambda: all(map(sleeping, workers)), "the workers have served those", seen=lambda: children(server.pid)
        )
    cont(server.pid)  # epoll_wait, poll and select return EINTR now, handler or not: signal(7)
    with told(f"the parent was stopped (SIGSTOP) while workers served {CROWD} clients, and has gone on (SIGCONT)"):
        for client in clients:
            with client:
                read_whole(client, pair.stage, small(store, pair.stage))
        serves(server, pair.stage, small(store, pair.stage))
        pool.is_complete()


# The file


def serves_again(server: Server, stage: int, file: Path) -> None:
    for _ in range(3):
        serves(server, stage, file)


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


# Starting again


@pytest.mark.check("server.restart")
@pytest.mark.parametrize("how", ENDS)
def test_starts_again_at_once(pair: Programs, how: str, store: FileStore, start: Starter) -> None:
    file = small(store, pair.stage)
    server = start.server(file, port=free_port())
    serves(server, pair.stage, file)  # the server closes first: its end rests in TIME_WAIT
    with RawClient(server.port) as connection:
        connection.read_exactly(1)
        end_server(server, how)
        with told(f"the server was ended ({how}) and the same command, port {server.port}, is started again at once"):
            again = start.server(file, port=server.port)
            serves(again, pair.stage, file)


@pytest.mark.check("server.restart_beside_transfer")
@pytest.mark.parametrize("how", ["SIGKILL to the parent", "SIGKILL to all"])
def test_starts_again_beside_a_transfer(pair: Programs, how: str, big: Path, start: Starter) -> None:
    for workers in ("first", "replaced") if traits(pair.stage).heals else ("first",):
        server = start.server(big, port=free_port())
        if workers == "replaced":
            try:
                replace_workers(server)
            except Failure:  # nobody has taken their place: others ask for that
                return
        connection, _ = stalled(server)
        end_server(server, how)
        what = f"the {workers} workers, one in mid-transfer; the server was ended ({how}), and is started again"
        with told(what), connection:
            again = start.server(big, port=server.port)
            serves(again, pair.stage, big)


# Workers that die: from stage 03 on


@pytest.mark.check("pool.idle_worker_dies")
def test_dead_idle_worker_is_replaced(pair: Programs, store: FileStore, start: Starter) -> None:
    file = small(store, pair.stage)
    server = start.server(file, workers=3)
    serves(server, pair.stage, file)
    pool = Pool.of(server)
    for number, by in enumerate((signal.SIGKILL, signal.SIGABRT, signal.SIGTERM)):
        worker = server.worker(number)
        kill(worker, by)
        what = f"worker {worker} has ended, or does nothing about {by.name}"
        wait_until(lambda: has_acted_on(worker, by), what, seen=lambda: facts(worker))
        with told(f"three idle workers; number {number + 1} got {by.name}"):
            pool.is_complete()
            serves_again(server, pair.stage, file)
            pool.is_complete()
    pool.is_calm()


@pytest.mark.check("pool.all_workers_die")
@pytest.mark.parametrize("order", ["clients first", "deaths first"])
def test_all_workers_die_as_clients_come(pair: Programs, order: str, store: FileStore, start: Starter) -> None:
    file = small(store, pair.stage)
    server = start.server(file, workers=3)
    serves(server, pair.stage, file)
    pool = Pool.of(server)
    stop(server.pid)  # so that it finds the dead workers and the clients at the same moment
    clients = [waiting_client(server) for _ in range(2 if order == "clients first" else 0)]
    for worker in server.workers:
        kill_worker(worker)
    clients += [RawClient(server.port) for _ in range(2 - len(clients))]
    cont(server.pid)
    with told(f"three idle workers were killed, and two clients connected, before the parent could know ({order})"):
        for client in clients:
            read_whole(client, pair.stage, file)
        pool.is_complete()
        pool.is_calm()


@pytest.mark.check("pool.busy_worker_dies")
def test_dead_busy_worker_is_replaced(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big)
    serves(server, pair.stage, big)
    pool = Pool.of(server)
    (first, worker), (second, _) = stalled(server), stalled(server)
    waiting = [RawClient(server.port) for _ in range(2)]
    kill_worker(worker)
    with told("two busy workers, two clients that wait; the first worker was killed"):
        pool.is_complete()
        with told("its client should see the connection end"):
            read_cut_short(first, pair.stage)
        with told("the clients that waited should be served by its replacement, while the second worker is still busy"):
            for client in waiting:
                read_whole(client, pair.stage, big)
        with told("the second worker's transfer should go on as if nothing had been"):
            read_whole(second, pair.stage, big)
        pool.is_complete()
        pool.is_calm()


@pytest.mark.check("pool.worker_dies_before_taking")
def test_worker_dies_with_a_connection_it_has_not_taken(pair: Programs, store: FileStore, start: Starter) -> None:
    file = small(store, pair.stage)
    server = start.server(file, workers=1)
    serves(server, pair.stage, file)
    pool = Pool.of(server)
    worker = server.worker()
    stop(worker)
    client = waiting_client(server)
    parent_accepts(server)
    wait_until(lambda: sleeping(server.pid), "the parent has handed it over, and sleeps")
    kill_worker(worker)
    with told("the only worker was killed with a connection on its channel that it had not taken yet"), client:
        pool.is_complete()
        serves(server, pair.stage, file)
        with told("that client may be served by another worker, or see its connection end, but not wait for ever"):
            wait_until(client.has_something, "something comes to it, if only the end of the stream")


@pytest.mark.check("pool.out_of_descriptors")
def test_parent_is_out_of_descriptors(pair: Programs, store: FileStore, start: Starter) -> None:
    file = small(store, pair.stage)
    server = start.server(file)
    serves(server, pair.stage, file)
    pool = Pool.of(server)
    with told("the parent may have no more descriptors than it has now; a client comes"), may_open(server.pid, 0):
        client = waiting_client(server)
        pool.is_calm()
    with told("then it may have more again"), client:
        read_whole(client, pair.stage, file)
        pool.is_complete()


@contextlib.contextmanager
def may_open(pid: int, more: int) -> Iterator[None]:
    """For a while, a process may have only so many more descriptors than it has now: RLIMIT_NOFILE of getrlimit(2),
    which bounds their numbers."""
    used = descriptors(pid)
    free = (number for number in itertools.count() if number not in used)
    lowest = next(itertools.islice(free, more, None))
    try:
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, hard))
    except ProcessLookupError:
        raise Failure(f"process {pid} has gone", expected="it lives", actual="nobody has that pid") from None
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):  # it should stay, and may have ended
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.check("pool.worker_out_of_descriptors")
def test_worker_cannot_open_the_file(pair: Programs, preset: str, big: Path, start: Starter) -> None:
    # Asked of the preset, not of the program: what a program says of itself earns it nothing.
    if any("undefined" in option for option in preset_options(preset)):
        raise NotApplicable("UBSan needs descriptors of its own: it looks through a pipe whether memory can be read")
    server = start.server(big)
    # Each has made a transfer: what a worker opens once, and keeps, is open by now.
    for connection in [stalled(server)[0] for _ in range(2)]:
        with connection:
            read_whole(connection, pair.stage, big)
    pool = Pool.of(server)
    workers = server.workers
    with contextlib.ExitStack() as limits:
        for worker in workers:
            limits.enter_context(may_open(worker, 1))
        for number in range(1, 5):
            with told(
                f"each worker may have one descriptor more, for its client, and none for FILE; client {number} has come"
            ):
                with RawClient(server.port) as client, expecting("its connection ends"):
                    client.skip_to_end(2 * size_of(big))  # closed, or, by one with a descriptor in reserve, served
        for worker in workers:
            uses_no_cpu(worker, "a worker")
    with told("four clients came when the workers had no descriptor left for FILE; now they have"):
        serves_again(server, pair.stage, big)
        words = f"the workers were {workers} before, and are {server.workers} now: they stay"
        expect(
            server.workers == workers, words, expected=f"the workers {workers}", actual=f"the workers {server.workers}"
        )
        pool.is_complete()
        pool.is_calm()
