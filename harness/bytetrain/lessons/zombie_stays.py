"""A worker is dead. Does anybody wait for it?"""

from ..kernel.processes import facts, zombies
from .dead_worker import lose_a_worker
from .evidence import Evidence, when
from .scene import Scene


def play(scene: Scene) -> Evidence:
    loss = lose_a_worker(scene)
    replaced = loss.wait_for_parent()
    left = zombies(loss.server.pid)
    stays = any(each.pid == loss.worker for each in left)
    lines = [loss.death]
    if stays:
        lines.append(f"it is still there: {facts(loss.worker)}; its parent is the server, and Z is for zombie")
        lines.append(loss.alive)
    else:
        lines += [*loss.log, f"no zombie among the server's children; {loss.alive}"]
    return Evidence(
        failure=when(stays, f"worker {loss.worker} stays in state Z; {loss.alive}"),
        cure=when(replaced, f"no zombie; {loss.alive}"),
        lines=lines,
        facts={"worker": loss.worker, "states": {str(each.pid): each.state for each in left},
               "alive": len(loss.server.workers)},
    )
