"""A pool that is looked at before and after: who serves whom, who waits, who sleeps, and who is still there."""

import socket
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable, Optional

from .. import Diagnosis, Failure
from ..course.traits import traits
from ..kernel.blocked import blocked_in
from ..kernel.cpu import cpu_use, nanoseconds, wakeups
from ..kernel.descriptors import descriptor_count, descriptors, descriptors_under_way, has_socket
from ..kernel.processes import dead, descendants, facts, sleeping, state, zombies
from ..kernel.signals import kill
from ..kernel.tcp import SYN_RECV, TcpSocket, backlog, is_open, listener
from ..programs.output import status_in_words
from ..programs.program import Server
from ..programs.sessions import members
from ..programs.spinning import idles_in_circles
from ..telling import story
from ..telling.story import did, expect, expecting, quietly, told
from ..telling.text import counted, in_words
from ..telling.waiting import LIMIT, Look, NeverHappened, wait_until
from ..wire.peers import SMALL_BUFFER, Connection, RawClient


def can_connect(port: int, host: str = "127.0.0.1") -> bool:
    """Whether anybody accepts a connection there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def holds(pid: int, connection: Connection) -> bool:
    """Whether a process has the server's end of a connection."""
    other = connection.other_end()
    return other is not None and has_socket(pid, other.inode)


def in_a_channel(server: Server, connection: Connection) -> bool:
    """Whether the parent has passed it on, and no worker has taken it yet. (One that keeps a copy has passed it on, if
    something lies in a channel.)"""
    other, workers = connection.other_end(), server.workers
    if other is None or other.inode == 0 or any(has_socket(pid, other.inode) for pid in workers):
        return False
    return not has_socket(server.pid, other.inode) or any(map(descriptors_under_way, workers))


_NAPS = ("nanosleep", "clock_nanosleep")


def waits(pid: int) -> bool:
    """Whether a process sleeps until something comes, and doesn't just take a nap on its way. (Where the kernel doesn't
    tell: whether it sleeps.)"""
    call = blocked_in(pid)
    return sleeping(pid) and (call is None or call.name not in _NAPS)


_NAPS_ON = 10  # naps, after which one is known to do nothing else: it polls, which is asked elsewhere


def resting() -> Callable[[int], bool]:
    """A look at processes, to be taken again and again: whether one has nothing more to do, and sleeps until something
    comes. Who takes a nap on its way, between a close and its report perhaps, has something to do."""
    first: dict[int, int] = {}

    def look(pid: int) -> bool:
        naps = wakeups(pid) - first.setdefault(pid, wakeups(pid))
        return waits(pid) or (sleeping(pid) and naps >= _NAPS_ON)

    return look


def worker_of(server: Server, connection: Connection) -> int:
    """The worker that serves a connection; waits until there is one."""
    __tracebackhide__ = True

    def look() -> Optional[int]:
        if not is_open(connection.other_end()):
            words = "the server has closed a connection before a worker was seen with it"
            raise Failure(words, expected="a worker with that connection", actual=words)
        return next((pid for pid in server.workers if holds(pid, connection)), None)

    return wait_until(look, "a worker takes the connection", seen=lambda: descendants(server.pid)) or 0


def stalled(server: Server) -> tuple[RawClient, int]:
    """A client that reads nothing, and the worker that has come to a halt for it. The file must be a big one."""
    __tracebackhide__ = True
    with expecting("our client reads nothing, and its worker blocks in sending") as step:
        connection = RawClient(server.port, server.host, receive_buffer=SMALL_BUFFER)
        try:
            worker = worker_of(server, connection)
            connection.wait_sender_blocked(worker)
        except BaseException:
            connection.close()
            raise
        step.result = f"process {worker}"
    return connection, worker


def waiting_client(server: Server) -> RawClient:
    """A client of our own that the server's kernel has taken in: it waits in the backlog, or wherever the server lets
    it wait. (To us, a connection is made one packet earlier.)"""
    __tracebackhide__ = True
    connection = RawClient(server.port, server.host, receive_buffer=SMALL_BUFFER)

    def taken_in() -> bool:
        other = connection.other_end()
        return other is None or other.state != SYN_RECV

    wait_until(taken_in, "the server's kernel takes our client in", seen=connection.other_end)
    return connection


def first_byte_comes(client: Connection, what: str = "the first byte comes", limit: float = LIMIT) -> None:
    """Waits until somebody serves a client that waits. One whose connection ends instead was not served."""
    __tracebackhide__ = True
    with expecting(what), quietly():
        wait_until(client.has_something, what, limit)
        if client.has_ended():
            words = f"the connection of a client that waited was closed, without a byte; waited for: {what}"
            raise Failure(words, expected="who waits is served in its turn", actual="closed, without a byte")


_SLEEPS_ON = 100  # looks in a row, 20 ms apart or less, that find a process asleep and not woken since the last one


def sleeping_on(pid: int) -> Callable[[], bool]:
    """A look, to be taken again and again: true once a process is known to sleep on, though something has happened that
    it should have woken for. One that only waits for a CPU doesn't sleep."""
    woken, looks = -1, 0

    def look() -> bool:
        nonlocal woken, looks
        before, woken = woken, wakeups(pid)
        looks = looks + 1 if sleeping(pid) and woken == before else 0
        return looks >= _SLEEPS_ON

    return look


def parent_accepts(server: Server) -> None:
    """Waits until the backlog is empty: the parent accepts, and doesn't leave that to its workers, who are stopped."""
    __tracebackhide__ = True

    def seen() -> str:
        found = listener(server.port)
        others = [f"worker {pid}" for pid in server.workers if found and has_socket(pid, found.inode)]
        held = f", and the listening socket is open in {', '.join(others)} as well" if others else ""
        return f"{backlog(server.port)} wait in the backlog{held}"

    what = "the parent accepts the clients that have come: it doesn't leave that to its workers"
    wait_until(lambda: not backlog(server.port), what, seen=seen)


def parent_sends(server: Server) -> Optional[Diagnosis]:
    """Bytes come while all workers are stopped: who sends them, if there is nobody else."""
    others = [each for each in members(server.pid) if each.pid != server.pid and each.state not in "TZ"]
    if others or not server.running:
        return None
    words = (f"All workers were stopped (SIGSTOP), so of all processes of the server only the parent (process "
             f"{server.pid}) could send.")
    return Diagnosis("parent_sends", words)


def lets_go(worker: int, end: Optional[TcpSocket]) -> None:
    """Waits until a worker has noticed that the connection whose server's end that is has ended: it is dead, or it
    sleeps without the connection."""
    __tracebackhide__ = True
    inode = end.inode if end else 0

    def noticed() -> bool:
        return dead(worker) or (not has_socket(worker, inode) and sleeping(worker))

    what = f"worker {worker} has noticed that its client is gone"
    wait_until(noticed, what, seen=lambda: facts(worker), judges=False)


def comes_to_rest(server: Server) -> None:
    """Waits until every worker sleeps, and then the parent: so what a worker had to report has been heard.

    (Who has read the end of a stream may be faster than the worker that has closed it, and is not yet idle.)
    """
    __tracebackhide__ = True

    def states() -> str:
        return "".join(str(state(pid)) for pid in [*server.workers, server.pid])

    rests = resting()

    def rest() -> bool:
        return all(map(rests, [*server.workers, server.pid]))

    wait_until(rest, "workers and parent sleep", seen=states, hopeless=in_vain(server))


def in_vain(server: Server) -> Look:
    """For who waits for a pool without clients: whether somebody of it goes round and round."""
    looks: list[Look] = []

    def look(within: float) -> str:
        if not looks:
            looks.append(idles_in_circles(server.pid, "the parent"))
            looks.extend(idles_in_circles(pid, "a worker") for pid in server.workers[:_LOOKED_AT])
        return "; ".join(filter(None, (each(within) for each in looks)))

    return look


def kill_worker(pid: int) -> None:
    """SIGKILL, and waits until the worker is dead. (Before that it can still be given a connection, and lose it.)"""
    kill(pid)
    wait_until(lambda: dead(pid), f"worker {pid} is dead", seen=lambda: state(pid))


def replace_workers(server: Server) -> None:
    """All workers are killed while they are idle, and others have taken their place, in a pool that heals."""
    __tracebackhide__ = True
    first = server.workers
    with expecting("all workers are killed (SIGKILL), and replaced"):
        for worker in first:
            kill_worker(worker)
        wait_until(
            lambda: len(server.workers) == len(first)
            and not zombies(server.pid)
            and not set(first) & set(server.workers),
            f"there are {len(first)} new workers",
            seen=lambda: facts(server.pid), hopeless=in_vain(server),
        )
        comes_to_rest(server)


@dataclass(frozen=True)
class Pool:
    """A pool as it should be: how many workers it has, and how many descriptors its parent."""

    server: Server
    workers: int
    descriptors: int
    processes: Collection[int]  # the workers' pids

    @classmethod
    def of(cls, server: Server) -> "Pool":
        """What the server is like just now, while it is well and has nothing to do; it has made a transfer before."""
        comes_to_rest(server)
        workers, count = server.workers, descriptor_count(server.pid)
        words = f"the server (process {server.pid}) doesn't let us see its descriptors: PR_SET_DUMPABLE of prctl(2)"
        expect(count > 0, words, expected="descriptors that can be counted", actual="none can be seen")
        return cls(server, len(workers), count, workers)

    def is_complete(self) -> None:
        """The parent lives, with all its workers, without zombies, and with as many descriptors as before."""
        __tracebackhide__ = True
        pid = self.server.pid
        most = counted(self.descriptors, "descriptor")
        what = f"the server has {counted(self.workers, 'live worker')}, no zombie, and no more than {most}"

        def well() -> bool:
            if not self.server.running:
                finished = self.server.wait()
                said = status_in_words(finished.status)
                raise Failure(
                    f"the parent has ended: {finished}", expected=what, actual=f"the parent has ended: {said}"
                )
            complete = len(self.server.workers) == self.workers and not zombies(pid)
            return complete and 0 < descriptor_count(pid) <= self.descriptors

        def seen() -> str:
            zombie = ", ".join(map(str, zombies(pid))) or "none"
            found = f"{counted(len(self.server.workers), 'live worker')}, zombies: {zombie}"
            open_there = counted(descriptor_count(pid), "descriptor")
            return f"{found}, {open_there} in its parent: {in_words(descriptors(pid))}"

        wait_until(well, what, seen=seen, hopeless=in_vain(self.server))

    def is_the_same(self) -> None:
        """As `is_complete`, and made of the processes that it was made of before."""
        __tracebackhide__ = True
        self.is_complete()
        now = self.server.workers
        gone = ", ".join(str(pid) for pid in self.processes if pid not in now)
        words = f"the workers {gone} have ended, and others have their place: a client that leaves costs no worker"
        expect(not gone, words, expected=f"the same workers as before: {sorted(self.processes)}", actual=f"{now}")


def uses_no_cpu(pid: int, who: str) -> None:
    """A worker sleeps. That it should be alive is asked elsewhere."""
    __tracebackhide__ = True
    all_sleep({pid: who}, 0.1, may_end=True)


_AT_ONCE = 0.25  # seconds in which a server comes to rest that has no more to do; else there is a closer look
_SAME_LOOKS = 4  # that find everybody asleep, and nobody woken since the last one
_LOOKED_AT = 8  # workers of a large pool


IDLE = "pool.idle_cpu"


def parent_uses_no_cpu(server: Server) -> None:
    """The parent lives, and sleeps. One that wakes up in vain now and then does so at other times, too."""
    __tracebackhide__ = True
    try:
        all_sleep({server.pid: "the parent"}, 0.1)
    except Polls as failure:
        failure.check = IDLE
        raise


def is_idle_again(server: Server) -> None:
    """At the end of a check: parent and workers, whatever there has been, sleep; else it is a failure of IDLE. Most do
    by now, and it takes two or three milliseconds to see that. In a pool that need not heal, and has lost a worker,
    nobody is judged."""
    __tracebackhide__ = True
    whom = {server.pid: "the parent", **dict.fromkeys(server.workers[:_LOOKED_AT], "a worker")}
    last: list[tuple[int, int]] = []
    same = 0

    def rests() -> bool:
        nonlocal last, same
        found = [(nanoseconds(pid), wakeups(pid)) for pid in whom if sleeping(pid)]
        same = same + 1 if found == last and len(found) == len(whom) else 0
        last = found
        return same >= _SAME_LOOKS

    with quietly(), suppress(NeverHappened):
        wait_until(rests, "parent and workers sleep", _AT_ONCE, at_once=True)
        return
    try:
        with told("all is over, as far as this check goes: so the server uses no CPU (see pool.idle_cpu)"):
            all_sleep({pid: who for pid, who in whom.items() if not dead(pid)}, 0.1, may_end=True)
    except Failure as failure:
        if traits(story.current().stage).heals or len(server.workers) == server.size:
            failure.check = IDLE
            raise


class Polls(Failure):
    """A process wakes up again and again, where it should sleep on."""


def all_sleep(whom: Mapping[int, str], yardstick: float, *, may_end: bool = False) -> None:
    """Processes, told by their pids, sleep while we burn `yardstick` seconds of CPU. Whoever is dead doesn't: that is a
    failure, or, of those who `may_end`, nothing that is judged here."""
    __tracebackhide__ = True
    for pid, use in cpu_use(whom, yardstick).items():
        if may_end and dead(pid):
            did(f"{whom[pid]} (process {pid}) has ended")
            continue
        with expecting(f"{whom[pid]} (process {pid}) uses no CPU"):
            if dead(pid):
                raise Failure(
                    f"{whom[pid]} (pid {pid}) has ended", expected="it lives, and sleeps", actual="it has ended"
                )
            if use.spins:
                raise Failure(
                    f"{whom[pid]} (pid {pid}) spins: it used {use.seconds:.2f} s of CPU, and woke up {use.wakeups} "
                    "times, while a "
                    f"busy loop of the harness used {use.yardstick:g} s. Who waits for something should sleep in a "
                    "system call.",
                    expected="no CPU time",
                    actual=f"{use.seconds:.2f} s of CPU in {use.yardstick:g} s, {counted(use.wakeups, 'wakeup')}",
                )
            if use.polls:
                raise Polls(
                    f"{whom[pid]} (pid {pid}) polls: it woke up {use.wakeups} times in {use.elapsed:.2f} s, with "
                    "nothing to do. Who "
                    "waits for something should sleep in a system call until it happens, without a short timeout.",
                    expected="it sleeps on",
                    actual=f"{counted(use.wakeups, 'wakeup')} in {use.elapsed:.2f} s",
                )
