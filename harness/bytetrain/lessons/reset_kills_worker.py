"""A client resets its connection in mid-transfer; others have left before a worker has even looked at them."""

import signal

from ..kernel.processes import sleeping
from ..kernel.signals import cont, stop
from ..programs.program import Server
from ..telling.story import heading
from ..telling.waiting import wait_until
from .dead_worker import POOL_SIZE, Loss, lose_a_client
from .evidence import Evidence, when
from .scene import Scene
from .wording import call_in_words


def play(scene: Scene) -> Evidence:
    loss = lose_a_client(scene, "sendto,sendmsg,sendfile,splice,write")
    calls = last_calls(loss)
    lines = [f"the worker's last calls on its connection: {', '.join(calls)}"] if calls else []
    shown = loss.killed_by == signal.SIGPIPE
    whole = False
    if shown:
        lines.append(loss.death)
    else:
        whole = survives_more(scene, loss)
        lines += [f"the server's log: {line}" for line in loss.server.stderr.splitlines()[:2]]
        lines.append(f"{loss.alive}; the next client gets {'the whole file' if whole else 'no whole file'}")
    survived = loss.worker in loss.server.workers
    first = "ECONNRESET, then " if any("ECONNRESET" in call for call in calls) else ""  # known only if it was traced
    return Evidence(
        failure=when(shown, f"{first}signal 13 (SIGPIPE) ended worker {loss.worker}"),
        cure=when(whole, f"{loss.alive}{', the same as before' if survived else ''}; next client served"),
        lines=lines,
        facts={"worker": loss.worker, "signal": loss.killed_by, "survived": survived, "calls": calls},
    )


def last_calls(loss: Loss) -> list[str]:
    """The last calls of the worker on its connection, if they were traced."""
    if loss.tracing is None:
        return []
    return [call_in_words(call) for call in loss.tracing.detach().calls(pid=loss.worker) if "TCP" in call.arguments][
        -3:
    ]


def survives_more(scene: Scene, loss: Loss) -> bool:
    """Whether the pool is whole and at rest after other clients have left too early, and still serves."""
    leave_before_served(scene, loss.server)
    received = scene.connect(loss.server.port).read_stream(scene.stage, keep=False)

    def at_rest() -> bool:
        return loss.whole_pool and all(map(sleeping, loss.server.workers))

    wait_until(at_rest, f"{POOL_SIZE} workers wait for clients, and nobody is a zombie", seen=lambda: loss.alive)
    return received.md5 == scene.store.md5(loss.file) and loss.server.running


def leave_before_served(scene: Scene, server: Server) -> None:
    """Clients that are gone before a worker can send to them: its first send succeeds, the second is EPIPE."""
    workers = server.workers
    heading(f"{len(workers)} more clients connect and close while all workers are stopped; then one reads the file")
    for worker in workers:
        stop(worker)
    for _ in workers:
        scene.connect(server.port).close()
    for worker in workers:
        cont(worker)
