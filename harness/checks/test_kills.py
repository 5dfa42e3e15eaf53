"""Clients that die in mid-transfer, or go away on purpose. No file is lost by it, and from stage 03 on no worker."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Optional

import pytest

from bytetrain.course.traits import traits
from bytetrain.judging.pools import (
    Pool, lets_go, parent_accepts, parent_uses_no_cpu, stalled, uses_no_cpu, waiting_client, worker_of,
)
from bytetrain.judging.transfers import big_size, hand_over_trains, read_whole, serves
from bytetrain.judging.verdicts import changes, received, snapshot
from bytetrain.kernel.descriptors import descriptors
from bytetrain.kernel.processes import dead, facts, sleeping
from bytetrain.kernel.signals import cont, stop
from bytetrain.kernel.tcp import CLOSE_WAIT, is_open
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Server
from bytetrain.programs.start import Starter
from bytetrain.telling.sizes import GiB, MiB
from bytetrain.telling.story import expect, told
from bytetrain.telling.text import counted
from bytetrain.telling.waiting import settled, wait_until
from bytetrain.wire.faults import Timeout, WholeTrains
from bytetrain.wire.files import FileStore, size_of
from bytetrain.wire.framing import HEAD, LARGEST_BODY, fitting, pieces, start_of_content
from bytetrain.wire.peers import RawClient, RawServer
from bytetrain.wire.proxy import Proxy


def middle(stage: int, name: bytes, size: int) -> int:
    """An offset in the midst of a transfer; as long as the content comes in trains, one between two of them."""
    begins = start_of_content(stage, len(name))
    whole_trains = size // 2 // LARGEST_BODY
    return begins + (size // 2 if traits(stage).raw else whole_trains * (HEAD + LARGEST_BODY))


def killed_client(pair: Programs, original: Path, target: Path, start: Starter) -> Server:
    """A client is killed when half of the file has come to it; in stage 01, only the name. Returns the server."""
    at = middle(pair.stage, original.name.encode(), size_of(original))
    server = start.server(original)
    shape = [WholeTrains()] if traits(pair.stage).whole_trains_only else []
    with Proxy(server.port, *shape, Timeout(at)) as proxy:
        client = start.client(proxy.port, target)
        proxy.wait_forwarded(at).client.wait_taken(client.pid)
        client.signal(signal.SIGKILL)
        client.wait()
    return server


@pytest.mark.check("client.killed_saves_nothing")
@pytest.mark.parametrize("older", [False, True], ids=["no older file", "an older file"])
def test_killed_client_saves_nothing(
    pair: Programs, older: bool, store: FileStore, target: Path, start: Starter
) -> None:
    original = store.seeded(fitting(pair.stage, 1_000_000))
    if older:
        (target / original.name).write_bytes(b"what was there before")
    before = snapshot(target).get(original.name, "no file")
    killed_client(pair, original, target, start)
    after = snapshot(target).get(original.name, "no file")
    expect(
        before == after, f"a client was killed half-way; under the final name was {before}, and now is {after}",
        expected=before, actual=after,
    )


@pytest.mark.check("reference.killed_no_temporary")
def test_killed_client_leaves_no_temporary_file(
    pair: Programs, store: FileStore, target: Path, start: Starter
) -> None:
    # Only a file without a name (O_TMPFILE) goes with its process; the contract can't ask for that everywhere.
    try:
        os.close(os.open(target, os.O_TMPFILE | os.O_RDWR, 0o600))
    except OSError:
        pytest.skip("the file system of the temporary folder has no O_TMPFILE")
    killed_client(pair, store.seeded(fitting(pair.stage, 1_000_000)), target, start)
    left = changes({}, snapshot(target))
    expect(
        not left, f"a client was killed half-way, and left something behind: {left}",
        expected="nothing in the directory", actual=f"{left}",
    )


@pytest.mark.check("server.killed_clients")
def test_server_survives_killed_clients(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big)
    serves(server, pair.stage, big)
    pool = Pool.of(server)
    at = middle(pair.stage, big.name.encode(), 200_000)
    for number in range(1, 5):
        with told(f"two workers; client number {number} of 4 was killed in mid-transfer"):
            with Proxy(server.port, Timeout(at)) as proxy:
                client = start.client(proxy.port)
                relay = proxy.wait_forwarded(at)
                # All of it is read: so its end is no reset, and a send meets SIGPIPE.
                relay.client.wait_taken(client.pid)
                worker, end = worker_of(server, relay.server), relay.server.other_end()
                client.signal(signal.SIGKILL)
                client.wait()
            lets_go(worker, end)
            pool.is_the_same()
    with told("four clients were killed in mid-transfer; now the next one comes"):
        client = start.client(server.port)
        received(client.wait(), client.directory, big)


@pytest.mark.check("server.resets")
def test_server_survives_resets(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big)
    serves(server, pair.stage, big)
    pool = Pool.of(server)
    for number in range(1, 5):
        with told(f"two workers; client number {number} of 4 has reset its connection while a worker was sending"):
            connection, worker = stalled(server)
            end = connection.other_end()
            connection.reset()
            lets_go(worker, end)
            pool.is_the_same()
    with told("four clients have reset their connections; now the next one comes"):
        serves(server, pair.stage, big)


@pytest.mark.check("server.early_closes")
def test_server_survives_early_closes(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big)
    serves(server, pair.stage, big)
    pool = Pool.of(server)
    for size in (0, 1, HEAD, 100, 10_000, 1_000_000):
        with told(f"two workers; a client has read {counted(size, 'byte')}, and has closed its connection"):
            with RawClient(server.port) as connection:
                connection.read_exactly(size)
            pool.is_the_same()
    with told("two workers; a client has read all that was under way while its worker was stopped, and has closed"):
        closes_having_read_all(server)
        pool.is_the_same()
    with told("seven clients have closed early; now the next one comes"):
        serves(server, pair.stage, big)


def closes_having_read_all(server: Server) -> None:
    """Nothing is unread when this client closes, so the close is no reset: the next send succeeds, and the one after it
    meets SIGPIPE, in any kernel and at any speed."""
    connection, worker = stalled(server)
    stop(worker)

    def empty() -> bool:
        while connection.has_bytes():
            connection.read_some()
        expect(
            not connection.has_ended(), "the connection has ended, though its worker is stopped: who has closed it?",
            expected="an open connection", actual="a closed one",
        )
        other = connection.other_end()
        return other is not None and other.send_queue == 0 and not connection.has_bytes()

    wait_until(empty, "nothing is under way any more", seen=connection.other_end)
    end = connection.other_end()
    connection.close()
    cont(worker)
    lets_go(worker, end)


@pytest.mark.check("server.sigpipe_before_first_send")
def test_client_is_gone_before_the_worker_starts(pair: Programs, big: Path, start: Starter) -> None:
    # The first send finds a dead connection: SIGPIPE, whatever earlier sends have returned.
    server = start.server(big)
    serves(server, pair.stage, big)
    pool = Pool.of(server)
    stopped = server.workers
    for worker in stopped:
        stop(worker)
    for _ in stopped:
        waiting_client(server).close()
    parent_accepts(server)
    for worker in stopped:
        cont(worker)
    with told("two clients had closed their connections before the workers sent the first byte"):
        pool.is_the_same()
        serves(server, pair.stage, big)


@pytest.mark.check("server.waiting_client_leaves")
def test_waiting_client_goes_away(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big, workers=1)
    serves(server, pair.stage, big)
    pool = Pool.of(server)
    first, _ = stalled(server)
    gone, reset, last = (waiting_client(server) for _ in range(3))
    gone.close()
    reset.reset()
    with told("one worker, four clients: two of those that wait in the backlog go away before their turn"), first, last:
        read_whole(first, pair.stage, big)
        read_whole(last, pair.stage, big)
        pool.is_complete()


@pytest.mark.check("server.stops_sending")
def test_worker_stops_sending_to_a_dead_client(store: FileStore, start: Starter) -> None:
    server = start.server(store.sparse(64 * GiB), workers=1)  # who sends on and on has enough to do for minutes
    connection, worker = stalled(server)
    connection.reset()
    with told("a file of 64 GiB, one worker; its client has reset the connection in mid-transfer"):
        uses_no_cpu(worker, "the worker")
        if dead(worker):  # it has stopped sending: that it should have lived, and who takes its place, others ask
            return
        with RawClient(server.port) as following:
            following.read_exactly(100_000)


@pytest.mark.check("server.half_close")
def test_half_close_is_no_end(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big)
    serves(server, pair.stage, big)
    pool = Pool.of(server)
    workers = server.workers
    for worker in workers:  # so that the first look of whoever serves it finds it half closed
        stop(worker)
    with told("a client closes its sending side at once, and reads on"), RawClient(server.port) as connection:
        connection.finish_sending()
        wait_until(lambda: half_closed(connection), "the server's kernel knows of it", seen=connection.other_end)
        for worker in workers:
            cont(worker)
        read_whole(connection, pair.stage, big)
    pool.is_complete()


def half_closed(connection: RawClient) -> bool:
    other = connection.other_end()
    return other is not None and other.state == CLOSE_WAIT


@pytest.mark.check("server.talking_client")
@pytest.mark.parametrize("when", ["before its turn", "in mid-transfer"])
def test_client_that_talks(pair: Programs, when: str, big: Path, start: Starter) -> None:
    server = start.server(big)
    serves(server, pair.stage, big)
    pool = Pool.of(server)
    workers = server.workers
    if when == "before its turn":
        for worker in workers:
            stop(worker)
        connection = waiting_client(server)
        connection.send_what_fits(MiB)
        for worker in workers:
            cont(worker)
    else:
        connection, _ = stalled(server)
        connection.send_what_fits(MiB)
    with told(f"a client reads nothing and sends up to 1 MiB, where it has nothing to say ({when})"), connection:
        comes_to_a_halt(connection)
        for worker in server.workers:
            uses_no_cpu(worker, "a worker")
        parent_uses_no_cpu(server)
        end = connection.other_end()
        connection.reset()
        for worker in server.workers:
            lets_go(worker, end)
    with told(f"a client has sent up to 1 MiB ({when}), and has reset its connection"):
        pool.is_the_same()
        for following in [stalled(server)[0] for _ in range(pool.workers)]:
            with following:
                read_whole(following, pair.stage, big)
        pool.is_the_same()


def comes_to_a_halt(connection: RawClient) -> None:
    """Waits until nothing moves on a connection from which nobody reads: its buffers are full, or the server has closed
    it."""

    def queues() -> Optional[tuple[int, int]]:
        other = connection.other_end()
        return (other.receive_queue, other.send_queue) if other is not None and is_open(other) else None

    def halted() -> bool:
        found = settled(queues, "what is under way")
        return found is None or found[1] > 0

    wait_until(halted, "the server has sent what fits, or has closed the connection", judges=False,
               seen=connection.other_end)


@pytest.mark.check("server.never_closed")
def test_clients_that_never_close(pair: Programs, store: FileStore, start: Starter) -> None:
    file = store.seeded(1000)
    server = start.server(file, workers=2)
    with ExitStack() as kept_open:
        for number in range(1, 6):
            what = f"two workers; client {number} reads all there is, and doesn't close, nor have those before it"
            with told(what):
                read_whole(kept_open.enter_context(RawClient(server.port)), pair.stage, file)


@pytest.mark.check("client.killed_early")
def test_client_that_is_killed_early_saves_nothing(
    pair: Programs, target: Path, raw_server: RawServer, start: Starter
) -> None:
    client = start.client(raw_server.port, target)
    name = next(pieces(pair.stage, b"name", b"content")).data
    with told("the server has sent the name and nothing else; then the client was killed"):
        with raw_server.accept() as connection:
            hand_over_trains(connection, pair.stage, [name])
            connection.wait_taken(client.pid)
            client.signal(signal.SIGKILL)
            client.wait()
        expect(
            "name" not in snapshot(target), "there is a file under the final name",
            expected="no file under the final name",
        )


@pytest.mark.check("server.worker_descriptors")
def test_descriptors_of_a_worker_do_not_grow(big: Path, start: Starter) -> None:
    server = start.server(big, workers=1)
    worker = server.worker()
    before: dict[int, str] = {}
    for number in range(13):
        early = number % 2 == 1
        with told("one worker; of 13 clients each second one goes away early"), RawClient(server.port) as connection:
            connection.read_exactly(HEAD) if early else connection.skip_to_end(2 * big_size())
        wait_until(lambda: dead(worker) or sleeping(worker), f"worker {worker} rests", judges=False,
                   seen=lambda: facts(worker))
        if dead(worker):  # it has none any more: whom it costs its life that a client goes, others ask
            return
        before = before or descriptors(worker)
    after = descriptors(worker)
    had = counted(len(before), "descriptor")
    words = f"worker {worker} had {had} after its first client, and after 12 more it has {after}"
    expect(len(after) <= len(before), words, expected=f"{had}, or fewer", actual=f"{len(after)}")
