"""Leaving, stage 06: the whole table of the contract. Whatever ends the server, nobody waits in vain, nobody is left.

Timeouts are set by options where the server knows these. Another one need not, and takes its 30 seconds.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import pytest

from bytetrain import Failure, HarnessError, NotApplicable
from bytetrain.judging.diagnoses import of_open_listener
from bytetrain.judging.pools import can_connect, first_byte_comes, replace_workers, stalled
from bytetrain.judging.transfers import big_size, complain_about, read_cut_short, read_whole, serves
from bytetrain.judging.timeouts import Timeouts
from bytetrain.judging.verdicts import has_left, refused, snapshot
from bytetrain.kernel.blocked import activity
from bytetrain.kernel.cpu import on_one_cpu
from bytetrain.kernel.processes import children, live_children, state, zombies
from bytetrain.kernel.signals import cont, has_acted_on, kill, step, stop
from bytetrain.kernel.tcp import listening
from bytetrain.programs.build import Programs
from bytetrain.programs.output import Finished, status_in_words
from bytetrain.programs.program import Conditions, Program, Server
from bytetrain.programs.start import Starter
from bytetrain.telling.sizes import KiB, MiB
from bytetrain.telling.story import expect, expecting, quietly, told
from bytetrain.telling.text import counted, in_quotes
from bytetrain.telling.waiting import LIMIT, NobodyMoves, wait_until
from bytetrain.wire.faults import Timeout
from bytetrain.wire.files import FileStore
from bytetrain.wire.framing import Parser
from bytetrain.wire.peers import RawClient
from bytetrain.wire.reading import Ended
from bytetrain.wire.proxy import Proxy


MANY = 200  # workers, which take a server a while to fork
TRIES = 30
AT_ONCE = 25.0  # seconds: less than the 30 after which a drain ends by itself, and far more than leaving takes
DEFAULT_TIMEOUT = 30.0
STEPS: dict[str, Callable[[Server], None]] = {
    "SIGTERM": lambda server: server.signal(signal.SIGTERM),
    "SIGINT": lambda server: server.signal(signal.SIGINT),
    "Ctrl-C": lambda server: server.signal_group(signal.SIGINT),
}


def leaves(server: Server, limit: float = 2 * DEFAULT_TIMEOUT, before: Sequence[int] = ()) -> None:
    """The server ends with status 0, and nobody is left: no orphan, no zombie that it hasn't reaped. `before`: the
    workers that it had when it was told to leave."""
    __tracebackhide__ = True
    try:
        finished = server.wait(limit)
    except Failure as failure:
        for pid in [each for each in server.workers if before and each not in before]:
            failure.adds(f"worker {pid} was started after the signal, in the place of one that has left: "
                         f"{activity(pid)}")
        raise
    has_left(finished, server.left_behind())


def stops_listening(server: Server) -> None:
    """Nobody listens any more, and new clients are refused."""
    __tracebackhide__ = True
    try:
        wait_until(lambda: not listening(server.port), f"the server stops listening on port {server.port}")
    except Failure as failure:
        failure.diagnosis = of_open_listener(server)
        raise
    expect(
        not can_connect(server.port), "a new client can still connect: it would wait for ever",
        expected="its connection is refused",
    )


@pytest.mark.check("exit.idle")
@pytest.mark.parametrize("how", list(STEPS))
@pytest.mark.parametrize("workers", [1, 4])
def test_idle_server_leaves(
    how: str, workers: int, pair: Programs, store: FileStore, start: Starter, options: Timeouts
) -> None:
    server = start.server(store.seeded(1000), workers=workers, options=options("--drain-timeout=3600"))
    serves(server, pair.stage, store.seeded(1000))
    before = server.workers
    with told(f"{counted(workers, 'idle worker')}; then came {how}"):
        STEPS[how](server)
        leaves(server, AT_ONCE, before)
        expect(not listening(server.port), f"somebody still listens on port {server.port}", expected="nobody listens")


@pytest.mark.check("exit.drain")
@pytest.mark.parametrize("workers", ["first", "replaced"])
def test_transfers_under_way_are_finished(
    workers: str, pair: Programs, big: Path, start: Starter, options: Timeouts
) -> None:
    server = start.server(big, workers=3, options=options("--drain-timeout=3600", "--stall-timeout=3600"))
    if workers == "replaced":
        replace_workers(server)
    busy = [stalled(server) for _ in range(2)]
    server.signal(signal.SIGTERM)
    with told("three workers, two of them in mid-transfer; then came SIGTERM"):
        stops_listening(server)
        both = {worker for _, worker in busy}
        what = "the idle worker leaves and is reaped"
        wait_until(lambda: {each.pid for each in children(server.pid)} <= both, what, seen=lambda: children(server.pid))
        gone = both - {each.pid for each in children(server.pid)}
        told_gone = f"workers in mid-transfer have left as well: {', '.join(f'worker {pid}' for pid in sorted(gone))}"
        expect(not gone, told_gone, expected="the two busy workers stay", actual=f"{len(gone)} of them left")
        for connection, worker in busy:
            read_whole(connection, pair.stage, big)
            wait_until(lambda: state(worker) is None, f"worker {worker}, whose transfer is over, leaves and is reaped")
        leaves(server)


@pytest.mark.check("exit.backlog")
@pytest.mark.parametrize("how", list(STEPS))
def test_backlog_sees_the_end(how: str, pair: Programs, big: Path, start: Starter, options: Timeouts) -> None:
    server = start.server(big, workers=1, options=options("--drain-timeout=3600", "--stall-timeout=3600"))
    first, _ = stalled(server)
    waiting = [RawClient(server.port) for _ in range(3)]
    STEPS[how](server)
    with told(f"one worker, in mid-transfer, and three clients in the backlog; then came {how}"), first:
        stops_listening(server)
        for client in waiting:
            with told("a client in the backlog should see its connection closed"), client:
                wait_until(client.has_something, "the connection ends")
                read_cut_short(client, pair.stage)
        if how == "SIGTERM":
            read_whole(first, pair.stage, big)
        leaves(server)


@contextmanager
def not_before(timeout: float, what: str) -> Iterator[None]:
    """What happens inside takes as long as a timeout of the server, or more: no busy machine can make that fail. (Who
    counts whole seconds may take one off. So: half of it, and of 2 seconds or more.)"""
    __tracebackhide__ = True
    began = time.monotonic()
    yield
    after = time.monotonic() - began
    expect(
        after >= 0.45 * timeout, f"{what} after {after:.1f} s, where the server should be patient for {timeout:g} s",
        expected=f"{timeout:g} s of patience", actual=f"{after:.1f} s",
    )


@pytest.mark.check("exit.drain_timeout")
def test_drain_ends_after_a_while(pair: Programs, big: Path, start: Starter, options: Timeouts) -> None:
    given = options("--drain-timeout=2", "--stall-timeout=3600")
    server = start.server(big, options=given)
    connection, _ = stalled(server)
    with told("a client that reads nothing; then came SIGTERM, and the drain timeout passed"), connection:
        with not_before(2 if given else DEFAULT_TIMEOUT, "the drain is over"):
            server.signal(signal.SIGTERM)
            leaves(server, LIMIT if given else 4 * DEFAULT_TIMEOUT)
        read_cut_short(connection, pair.stage)


@pytest.mark.check("exit.second_signal")
@pytest.mark.parametrize("how", list(STEPS))
def test_second_signal_ends_the_drain(how: str, pair: Programs, big: Path, start: Starter, options: Timeouts) -> None:
    server = start.server(big, workers=3, options=options("--drain-timeout=3600", "--stall-timeout=3600"))
    connection, worker = stalled(server)
    server.signal(signal.SIGTERM)
    with told(f"a client that reads nothing; then came SIGTERM, and after it {how}"), connection:
        stops_listening(server)
        wait_until(lambda: live_children(server.pid) == [worker], "only the busy worker stays")
        STEPS[how](server)
        leaves(server, AT_ONCE)
        read_cut_short(connection, pair.stage)


@pytest.mark.check("exit.ordered")
@pytest.mark.parametrize("how", ["SIGINT", "Ctrl-C"])
def test_ordered_exit_in_mid_transfer(
    how: str,
    pair: Programs,
    big: Path,
    target: Path,
    start: Starter,
    options: Timeouts,
) -> None:
    server = start.server(big, workers=3, options=options("--drain-timeout=3600", "--stall-timeout=3600"))
    connection, _ = stalled(server)
    before = snapshot(target)
    with connection, Proxy(server.port, Timeout(100_000)) as proxy:
        client = start.client(proxy.port, target)
        proxy.wait_forwarded(100_000)
        STEPS[how](server)
        with told(f"three workers, two of them in mid-transfer; then came {how}"):
            leaves(server, AT_ONCE)
            read_cut_short(connection, pair.stage)
        with told(f"the client was in mid-transfer when the server ended; it should see that, and report it ({how})"):
            proxy.release()
            refused(client.wait(), target, before)


@pytest.mark.check("exit.ctrl_c")
def test_ctrl_c_is_the_parents_business(big: Path, start: Starter, options: Timeouts) -> None:
    # The parent is stopped, so that only the workers can act on the signal: they should not.
    server = start.server(big, options=options("--drain-timeout=3600", "--stall-timeout=3600"))
    connection, _ = stalled(server)
    workers = server.workers
    stop(server.pid)
    server.signal_group(signal.SIGINT)
    with told("SIGINT came to the whole process group while the parent was stopped"), connection:
        what = "each worker has acted on SIGINT, or doesn't"
        wait_until(
            lambda: all(has_acted_on(worker, signal.SIGINT) for worker in workers), what,
            seen=lambda: children(server.pid),
        )
        dead = ", ".join(map(str, zombies(server.pid)))
        expect(
            not dead and server.workers == workers, f"workers have ended by themselves: {dead}",
            expected="all workers stay, until their parent tells them",
        )
        cont(server.pid)
        with told("then the parent went on"):
            leaves(server, AT_ONCE)


@pytest.mark.check("exit.parent_killed")
@pytest.mark.parametrize("workers", ["first", "replaced"])
def test_parent_is_killed(workers: str, pair: Programs, big: Path, start: Starter, options: Timeouts) -> None:
    server = start.server(big, workers=4, options=options("--stall-timeout=3600"))
    if workers == "replaced":
        replace_workers(server)
    busy = [stalled(server) for _ in range(4)]
    idle = [busy.pop(0) for _ in range(2)]  # the ones that were forked first: others may hold copies of their channels
    for connection, _ in idle:
        read_whole(connection, pair.stage, big)
    server.signal(signal.SIGKILL)
    server.wait()
    with told("four workers, two of them in mid-transfer; then the parent was killed (SIGKILL)"):
        what = "the idle workers see that their channel has ended, and leave, while the others are still busy"
        wait_until(lambda: all(state(pid) in ("Z", None) for _, pid in idle), what, AT_ONCE, server.left_behind)
        for connection, worker in busy:
            with told(f"worker {worker} should finish its transfer"):
                read_whole(connection, pair.stage, big)
        with told("after that they should leave too"):
            server.reap_left_behind()


@pytest.mark.check("exit.stalled_client")
def test_stalled_client_is_dropped(pair: Programs, big: Path, start: Starter, options: Timeouts) -> None:
    given = options("--stall-timeout=2")
    limit = LIMIT if given else 4 * DEFAULT_TIMEOUT
    server, orphaned = (start.server(big, workers=1, options=given) for _ in range(2))
    alone, _ = stalled(orphaned)
    orphaned.signal(signal.SIGKILL)
    orphaned.wait()
    with not_before(2 if given else DEFAULT_TIMEOUT, "the stalled client is dropped"):
        connection, _ = stalled(server)
        waiting = RawClient(server.port)
        with told("one worker; its client takes not one byte, another one waits"):
            what = "the stalled client is dropped, and the next one is served"
            first_byte_comes(waiting, what, limit)
    with waiting, connection, alone:
        read_whole(waiting, pair.stage, big)
        with told("what the dropped client gets when it reads at last"):
            read_cut_short(connection, pair.stage)
        with told("a worker whose client takes not one byte should leave as well when its parent has been killed"):
            orphaned.reap_left_behind(limit)


# Seconds: the slow part of a transfer, and the longest pause of ours in it that counts.
SLOW, AT_MOST = 3.5, 0.7
SLOW_TRIES = 10


@dataclass(frozen=True)
class Slowness:
    """How a client reads that is slow, and has not stalled."""

    words: str
    buffer: int  # bytes: its SO_RCVBUF
    most: int  # bytes that it takes at a time
    between: float  # seconds that it rests
    whole: bool  # whether it reads the rest at once; else it leaves after the slow part


SLOWNESS = {
    "all that has come": Slowness("takes all that has come, then rests for 0.3 s", 256 * KiB, MiB, 0.3, True),
    # To TCP a window smaller than a segment is closed: what comes, comes at the pace of the sender's probe timer.
    "little": Slowness("has little room, takes 2 KiB, then rests for 0.05 s", 16 * KiB, 2 * KiB, 0.05, False),
}


@pytest.mark.check("exit.slow_client")
@pytest.mark.parametrize("takes", SLOWNESS)
def test_slow_client_is_not_dropped(
    pair: Programs, takes: str, store: FileStore, start: Starter, options: Timeouts
) -> None:
    given = options("--stall-timeout=2")
    how, limit, slow, at_most = SLOWNESS[takes], 2.0, SLOW, AT_MOST
    if not given:
        if how.whole:
            raise NotApplicable("this server has no option --stall-timeout: a client that takes little tells it alone")
        limit, slow, at_most = DEFAULT_TIMEOUT, DEFAULT_TIMEOUT + 2, DEFAULT_TIMEOUT / 4
    original = store.seeded(big_size() + 32 * MiB)  # far more than we take while we are slow
    server = start.server(original, options=given)
    for _ in range(SLOW_TRIES if given else 3):
        pauses = Pauses()
        try:
            with told(f"the stall timeout is {limit:g} s; for {slow:g} s a client {how.words}"):
                with RawClient(server.port, receive_buffer=how.buffer) as connection:
                    parser = read_slowly(connection, pair.stage, how, slow, pauses)
                if how.whole:
                    parser.end()
                    complain_about(parser, original)
            return
        except NobodyMoves:  # so it was not for us that it waited
            raise
        except Failure:
            if pauses.longest <= at_most:
                raise
    raise HarnessError(  # not "not applicable": who is busy may be the program
        f"this machine is too busy: again and again we could not read at least every {at_most:g} s"
    )


class Pauses:
    """For how long a client has taken nothing, at most: from before one read to the end of the next."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._since = time.monotonic()

    @contextmanager
    def end(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.longest = max(self.longest, time.monotonic() - self._since)
            self._since = began


def read_slowly(connection: RawClient, stage: int, how: Slowness, slow: float, pauses: Pauses) -> Parser:
    """Reads for `slow` seconds as `how` says, and then the rest, if there shall be one. Failure if it is cut off."""
    __tracebackhide__ = True
    parser, began = Parser(stage, keep=False), time.monotonic()
    with expecting(f"our client {how.words}, again and again"), quietly():
        while True:
            try:
                with pauses.end():
                    data = connection.read_some(how.most)
            except Ended:
                words = f"the connection was reset after {parser.received} bytes of content"
                raise Failure(words, expected="the whole file", actual=words) from None
            now = time.monotonic()
            if not data or (now > began + slow and not how.whole):
                break
            parser.feed(data)
            if now < began + slow:
                wait_until(lambda: time.monotonic() >= now + how.between, "our client takes nothing for a moment")
    expect(bool(data) or how.whole, f"it has ended after {parser.received} bytes of content", expected="more bytes")
    return parser


@pytest.mark.check("exit.right_after_ready")
@pytest.mark.parametrize("how", list(STEPS))
def test_signal_right_after_readiness(how: str, store: FileStore, start: Starter) -> None:
    for number in range(1, 11):
        server = start.server(store.seeded(1000), workers=4)
        STEPS[how](server)
        with told(f"start {number} of 10: {how} came as soon as the server had said that it listens"):
            leaves(server, AT_ONCE)
        server.stop()


@pytest.mark.check("exit.before_ready")
def test_signal_before_readiness(store: FileStore, start: Starter) -> None:
    for workers, (how, leave) in zip((1, 20, 100), STEPS.items()):
        server, forked = caught_while_forking(workers, store.seeded(1000), start)
        leave(server)
        cont(server.pid)
        with told(f"{how} came when {forked} of {MANY} workers had been forked"):
            finished: Finished = server.wait()
            ended_by = signal.SIGTERM if how == "SIGTERM" else signal.SIGINT
            expect(
                finished.status in (0, -ended_by), str(finished),
                expected=f"status 0, or {status_in_words(-ended_by)}", actual=status_in_words(finished.status),
            )
            with told("its workers should leave as well"):
                server.reap_left_behind()


class EarlyServer(Server):
    """As Server; but `start` doesn't wait until it is ready."""

    def start(self) -> "EarlyServer":
        Program.start(self)
        return self


def caught_while_forking(workers: int, file: Path, start: Starter) -> tuple[Server, int]:
    """A server that is stopped (SIGSTOP) when some of its MANY workers are there, at least `workers`, but not all; and
    how many. It goes on step by step, but a machine may be so busy that it is done after one step: then we try another
    one."""
    for _ in range(TRIES):
        server = EarlyServer(start.pair.server, file, workers=MANY, under=Conditions(cwd=start.folder))
        with on_one_cpu(), expecting(f"the server forks {workers} workers or more"), quietly():
            start.program(server)
            stop(server.pid)
            forked = forks_step_by_step(server, workers)
        expect(
            server.running, f"it ended before it had {workers} workers; it said {in_quotes(server.stderr)}",
            expected=f"{MANY} workers",
        )
        expect(
            forked >= workers, f"it said {in_quotes(server.stdout)} when it had only {forked} of {MANY} workers",
            expected=f"{MANY} workers before that line",
        )
        if forked < MANY and not server.stdout:
            return server, forked
        server.stop()
    raise HarnessError(f"{TRIES} times all {MANY} workers were there before the server could be stopped")


def forks_step_by_step(server: Server, workers: int) -> int:
    """Lets a stopped server fork so many workers or more, and stops it again: how many there are. One that has forked
    nobody in MANY steps goes on until it does: it may be that it never will."""
    steps = before = 0

    def goes_on() -> bool:
        return len(live_children(server.pid)) > before or not server.running or bool(server.stdout)

    while (forked := len(live_children(server.pid))) < workers and server.running and not server.stdout:
        steps, before = (steps + 1 if forked == before else 0), forked
        if steps < MANY:
            step(server.pid)
            continue
        cont(server.pid)
        wait_until(goes_on, f"it forks more than {before} workers", seen=lambda: activity(server.pid))
        stop(server.pid)
    return forked


@pytest.mark.check("exit.dead_worker")
def test_worker_is_dead_already(store: FileStore, start: Starter, options: Timeouts) -> None:
    for how, leave in STEPS.items():
        server = start.server(store.seeded(1000), workers=3, options=options("--drain-timeout=3600"))
        stop(server.pid)  # so that it finds the dead worker and the signal at the same moment
        dead = server.worker(1)
        kill(dead)
        wait_until(lambda: state(dead) == "Z", f"worker {dead} is dead")
        leave(server)
        cont(server.pid)
        with told(f"three workers; one was killed, and then came {how}"):
            leaves(server, AT_ONCE)


@pytest.mark.check("exit.no_replacement")
def test_worker_that_dies_while_draining_is_not_replaced(big: Path, start: Starter, options: Timeouts) -> None:
    server = start.server(big, options=options("--drain-timeout=3600", "--stall-timeout=3600"))
    connection, worker = stalled(server)
    before = server.workers
    server.signal(signal.SIGTERM)
    stops_listening(server)
    kill(worker)
    with told("SIGTERM came, and the last busy worker was killed while it finished its transfer"), connection:
        leaves(server, AT_ONCE, before)


@pytest.mark.check("exit.client_dies")
def test_client_that_dies_while_draining(big: Path, start: Starter, options: Timeouts) -> None:
    server = start.server(big, options=options("--drain-timeout=3600", "--stall-timeout=3600"))
    connection, _ = stalled(server)
    server.signal(signal.SIGTERM)
    stops_listening(server)
    connection.reset()
    with told("SIGTERM came, and then the last client reset its connection"):
        leaves(server, AT_ONCE)
