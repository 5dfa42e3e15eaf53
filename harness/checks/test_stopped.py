"""A pool of which a part stands still for a while: SIGSTOP, and SIGCONT later."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from bytetrain.judging.pools import (
    Pool, comes_to_rest, first_byte_comes, in_a_channel, in_vain, parent_accepts, parent_sends, parent_uses_no_cpu,
    waiting_client, waits,
)
from bytetrain.judging.transfers import read_whole, serves
from bytetrain.kernel.processes import children, facts, sleeping
from bytetrain.kernel.signals import cont, stop
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Server
from bytetrain.programs.start import Starter
from bytetrain.telling.story import Problem, expect, judge, quietly, told
from bytetrain.telling.text import counted
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.peers import RawClient

CROWD = 64  # more than an array of 10 events can hold
MAY_WAIT = 10  # clients that find room in the listen backlog, as the contract says


@pytest.mark.check("pool.worker_sends")
def test_file_is_sent_by_a_worker(pair: Programs, small: Path, start: Starter) -> None:
    server = start.server(small)
    workers = all_stopped(server)
    with quietly():
        client = waiting_client(server)
    parent_accepts(server)
    nobody_is_served(server, [client])
    for worker in workers:
        cont(worker)
    with told("a client came while both workers were stopped (SIGSTOP); now they go on"), client:
        read_whole(client, pair.stage, small)


@pytest.mark.check("pool.stopped_workers")
def test_connection_waits_for_a_stopped_worker(pair: Programs, small: Path, start: Starter) -> None:
    server = start.server(small)
    workers = all_stopped(server)
    with quietly():
        clients = [waiting_client(server) for _ in workers]
    parent_accepts(server)
    with quietly():
        clients += [waiting_client(server) for _ in range(MAY_WAIT)]
    nobody_is_served(server, clients)
    for worker in workers:
        cont(worker)
    for number, client in enumerate(clients, 1):
        what = f"{len(clients)} clients came while both workers were stopped (SIGSTOP); this is number {number}"
        with told(what), client:
            read_whole(client, pair.stage, small)


def all_stopped(server: Server) -> list[int]:
    """Its workers, stopped while they have nothing to do."""
    comes_to_rest(server)
    workers = server.workers
    for worker in workers:
        stop(worker)
    return workers


def nobody_is_served(server: Server, clients: Sequence[RawClient]) -> None:
    """All workers are stopped: the parent does what it can, and those who have come wait; none gets a byte, or loses
    its connection."""
    __tracebackhide__ = True
    what = "the parent has done what it can, and sleeps"
    wait_until(lambda: sleeping(server.pid), what, seen=lambda: facts(server.pid), hopeless=in_vain(server))
    served, closed = sum(client.has_bytes() for client in clients), sum(client.has_ended() for client in clients)
    words = f"all workers are stopped, and bytes have come to {counted(served, 'client')}"
    problem = Problem(words, "every transfer is made by a worker", diagnosis=parent_sends(server))
    judge("all workers are stopped: nobody gets a byte now", [problem] if served else [])
    gone = counted(closed, "client")
    words = f"all workers are stopped, and the connections of {gone} have been closed: none is dropped"
    expect(not closed, words, expected="who comes waits for a worker", actual=f"{gone}: closed")


@pytest.mark.check("pool.idle_worker_next")
@pytest.mark.parametrize("which", [0, 1])
def test_next_client_goes_to_an_idle_worker(pair: Programs, which: int, small: Path, start: Starter) -> None:
    server = start.server(small, workers=2)
    comes_to_rest(server)
    stopped, other = server.worker(which), server.worker(1 - which)
    stop(stopped)
    waiting: list[RawClient] = []  # whom the server has given to the worker that is stopped: it was idle then

    for number in range(1, 7):
        with told(f"worker {stopped} is stopped (SIGSTOP), worker {other} is idle, and client {number} comes"):
            client = waiting_client(server)
            if not waiting:
                what = f"it is served, or given to worker {stopped}"
                wait_until(
                    lambda: client.has_something() or (in_a_channel(server, client) and waits(other)),
                    what, seen=lambda: facts(server.pid), judges=False,
                )
            if not waiting and not client.has_something():
                waiting.append(client)
                continue
            first_byte_comes(client, f"client {number} is served by worker {other}")
            with client:
                read_whole(client, pair.stage, small)
            wait_until(
                lambda: sleeping(server.pid) and sleeping(other), f"worker {other} is idle again",
                seen=lambda: facts(server.pid),
            )
    with told("now both workers are stopped, and three more clients come"):
        stop(other)
        waiting += [waiting_client(server) for _ in range(3)]
        parent_uses_no_cpu(server)
    for worker in (stopped, other):
        cont(worker)
    for client in waiting:
        with told("both workers go on (SIGCONT): who waits is served"), client:
            read_whole(client, pair.stage, small)


@pytest.mark.check("pool.parent_stopped")
def test_parent_survives_stop_and_cont(pair: Programs, small: Path, start: Starter) -> None:
    server = start.server(small, workers=CROWD)
    serves(server, pair.stage, small)
    pool = Pool.of(server)
    workers = server.workers
    with quietly():
        for worker in workers:
            stop(worker)
        clients = [waiting_client(server) for _ in workers]
    what = "the parent has done what it can, and sleeps"
    wait_until(lambda: sleeping(server.pid), what, seen=lambda: facts(server.pid), hopeless=in_vain(server))
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
                read_whole(client, pair.stage, small)
        serves(server, pair.stage, small)
        pool.is_complete()
