"""What four lessons have in common: a client that resets its connection in mid-transfer, and what that does to the
pool."""

import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from .. import Failure
from ..judging.pools import lets_go, sleeping_on
from ..kernel.blocked import activity
from ..kernel.cpu import cpu_seconds, cpu_use_against_yardstick
from ..kernel.processes import dead, exit_code, zombies
from ..kernel.signals import kill
from ..kernel.trace import Trace
from ..programs.output import status_in_words
from ..programs.program import Server
from ..telling.story import heading
from ..telling.waiting import NobodyMoves, wait_until
from .scene import Scene

POOL_SIZE = 3
NOTICED = 0.05  # seconds of CPU: a parent that never sleeps any more has used them soon


@dataclass
class Loss:
    """A server whose client has reset its connection in mid-transfer, and the worker that served it."""

    server: Server
    file: Path
    worker: int
    killed_by: int  # the signal that ended the worker; 0 if it has survived, or has been reaped already
    parent_cpu: float  # seconds that the parent had used before that
    tracing: Optional[Trace]

    @property
    def whole_pool(self) -> bool:
        """Whether all the workers that there should be are alive, and no zombie is there."""
        return len(self.server.workers) == POOL_SIZE and not zombies(self.server.pid)

    @property
    def alive(self) -> str:
        return f"{len(self.server.workers)} of {POOL_SIZE} workers are alive"

    @property
    def log(self) -> list[str]:
        """What the server has said last, as a line of evidence."""
        return [f"the server's log: {line}" for line in self.server.stderr.splitlines()[-1:]]

    @property
    def death(self) -> str:
        by = signal.Signals(self.killed_by or signal.SIGKILL)
        return f"worker {self.worker} was ended by signal {by.value} ({by.name})"

    def wait_for_parent(self, *, or_sleeps_on: bool = False) -> bool:
        """Waits until the parent has made the pool whole again (True), or uses CPU on and on without doing so, or, if
        that will do as well, sleeps on (False)."""
        parent = self.server.pid
        sleeps_on = sleeping_on(parent)

        def spins() -> bool:
            return cpu_seconds(parent) - self.parent_cpu >= NOTICED and cpu_use_against_yardstick(parent, 0.1).spins

        def noticed() -> bool:
            if not self.server.running:
                ended = status_in_words(self.server.wait().status)
                words = f"after the death of worker {self.worker} the parent has ended as well: {ended}"
                raise Failure(words, expected="the parent lives on", actual=f"the parent has ended: {ended}")
            return self.whole_pool or spins() or (or_sleeps_on and sleeps_on())

        def seen() -> str:
            left = ", ".join(map(str, zombies(parent))) or "none"
            return f"the parent doesn't spin, {activity(parent)}; {self.alive}, zombies: {left}"

        try:
            wait_until(noticed, f"the parent has reaped and replaced worker {self.worker}", seen=seen)
        except NobodyMoves:
            if not or_sleeps_on:
                raise
        return self.whole_pool


def lose_a_client(scene: Scene, calls: str = "") -> Loss:
    """A client stalls until its worker blocks in a send, then resets the connection. Returns when the worker has
    noticed. `calls` are traced in all workers, where a trace is wanted."""
    file = scene.blocking()
    server = scene.server(file, POOL_SIZE)
    tracing = scene.tracing("workers", calls, running=True) if calls else None
    scene.attach(tracing, *server.workers)
    heading("our client reads nothing until its worker blocks in a send, then it resets the connection")
    client, worker = scene.stalled_client(server)
    parent_cpu = cpu_seconds(server.pid)
    end = client.other_end()
    client.reset()
    lets_go(worker, end)
    return Loss(server, file, worker, exit_code(worker) & 0x7F, parent_cpu, tracing)


def lose_a_worker(scene: Scene) -> Loss:
    """As `lose_a_client`; a worker that survives that is killed, so that in any case one is dead."""
    loss = lose_a_client(scene)
    if not dead(loss.worker):
        heading(f"the worker has survived that, so we kill it: kill -KILL {loss.worker}")
        kill(loss.worker)
        wait_until(lambda: dead(loss.worker), f"worker {loss.worker} is dead")
    return loss
