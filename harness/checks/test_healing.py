"""From stage 03 on a pool heals: what becomes of it when workers die, or descriptors run out."""

from __future__ import annotations

import contextlib
import itertools
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bytetrain import Failure, NotApplicable
from bytetrain.judging.pools import (
    Pool, kill_worker, parent_accepts, parent_uses_no_cpu, stalled, uses_no_cpu, waiting_client,
)
from bytetrain.judging.transfers import read_cut_short, read_whole, serves, serves_again
from bytetrain.kernel.descriptors import descriptors
from bytetrain.kernel.processes import facts, sleeping
from bytetrain.kernel.signals import cont, has_acted_on, kill, stop
from bytetrain.programs.build import Programs, preset_options
from bytetrain.programs.start import Starter
from bytetrain.telling.story import expect, expecting, told
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import size_of
from bytetrain.wire.peers import RawClient


@pytest.mark.check("pool.idle_worker_dies")
def test_dead_idle_worker_is_replaced(pair: Programs, small: Path, start: Starter) -> None:
    server = start.server(small, workers=3)
    serves(server, pair.stage, small)
    pool = Pool.of(server)
    for number, by in enumerate((signal.SIGKILL, signal.SIGABRT, signal.SIGTERM)):
        worker = server.worker(number)
        kill(worker, by)
        what = f"worker {worker} has ended, or does nothing about {by.name}"
        wait_until(lambda: has_acted_on(worker, by), what, seen=lambda: facts(worker))
        with told(f"three idle workers; number {number + 1} got {by.name}"):
            pool.is_complete()
            serves_again(server, pair.stage, small)
            pool.is_complete()


@pytest.mark.check("pool.all_workers_die")
@pytest.mark.parametrize("order", ["clients first", "deaths first"])
def test_all_workers_die_as_clients_come(pair: Programs, order: str, small: Path, start: Starter) -> None:
    server = start.server(small, workers=3)
    serves(server, pair.stage, small)
    pool = Pool.of(server)
    stop(server.pid)  # so that it finds the dead workers and the clients at the same moment
    clients = [waiting_client(server) for _ in range(2 if order == "clients first" else 0)]
    for worker in server.workers:
        kill_worker(worker)
    clients += [RawClient(server.port) for _ in range(2 - len(clients))]
    cont(server.pid)
    with told(f"three idle workers were killed, and two clients connected, before the parent could know ({order})"):
        for client in clients:
            read_whole(client, pair.stage, small)
        pool.is_complete()


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


@pytest.mark.check("pool.worker_dies_before_taking")
def test_worker_dies_with_a_connection_it_has_not_taken(pair: Programs, small: Path, start: Starter) -> None:
    server = start.server(small, workers=1)
    serves(server, pair.stage, small)
    pool = Pool.of(server)
    worker = server.worker()
    stop(worker)
    client = waiting_client(server)
    parent_accepts(server)
    wait_until(lambda: sleeping(server.pid), "the parent has handed it over, and sleeps")
    kill_worker(worker)
    with told("the only worker was killed with a connection on its channel that it had not taken yet"), client:
        pool.is_complete()
        serves(server, pair.stage, small)
        with told("that client may be served by another worker, or see its connection end, but not wait for ever"):
            wait_until(client.has_something, "something comes to it, if only the end of the stream")


@pytest.mark.check("pool.out_of_descriptors")
def test_parent_is_out_of_descriptors(pair: Programs, small: Path, start: Starter) -> None:
    server = start.server(small)
    serves(server, pair.stage, small)
    pool = Pool.of(server)
    with told("the parent may have no more descriptors than it has now; a client comes"), may_open(server.pid, 0):
        client = waiting_client(server)
        parent_uses_no_cpu(server)
    with told("then it may have more again"), client:
        read_whole(client, pair.stage, small)
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
