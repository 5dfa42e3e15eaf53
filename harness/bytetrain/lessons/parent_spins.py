"""A worker is dead, so its channel is at its end: readable for ever. Does the parent sleep again?"""

from typing import Optional

from ..kernel.blocked import blocked_in
from ..kernel.cpu import cpu_use_against_yardstick, watch
from ..kernel.processes import state
from .dead_worker import lose_a_worker
from .evidence import Evidence, when
from .scene import Scene


def play(scene: Scene) -> Evidence:
    loss = lose_a_worker(scene)
    loss.wait_for_parent(or_sleeps_on=True)  # whether it has replaced the worker, other lessons ask
    parent = loss.server.pid
    use = cpu_use_against_yardstick(parent)
    returned = epoll_waits(scene, parent) if use.spins else None
    waiting = blocked_in(parent)
    where = waiting.name if waiting else None
    used = f"the parent used {use.seconds:.2f} s of CPU while a busy loop of ours used {use.yardstick:.2f} s"
    lines = [loss.death, f"{used}, and {'went to sleep' if use.spins else 'woke'} {use.wakeups} times"]
    if returned is not None:
        lines.append(f"under strace, in a fifth of that: {returned} calls of epoll_wait, none of which waited")
    if not use.spins:
        lines += [f"its state is {state(parent)}" + (f", it waits in {where}" if where else ""), *loss.log]
    return Evidence(
        failure=when(use.spins, f"the parent used {use.seconds:.2f} s of CPU in {use.yardstick:.2f} s"),
        cure=when(
            not use.spins, f"the parent used {use.seconds:.2f} s of CPU, and sleeps in {where or 'S'}"
        ),
        lines=lines,
        facts={
            "cpu_seconds": use.seconds, "yardstick_seconds": use.yardstick, "wakeups": use.wakeups,
            "state": state(parent), "waits_in": where, "epoll_waits": returned,
        },
    )


def epoll_waits(scene: Scene, parent: int) -> Optional[int]:
    """How many calls of epoll_wait have returned at once, while we use 0.1 s of CPU; None without strace."""
    tracing = scene.tracing("parent", "epoll_wait,epoll_pwait", running=True)
    if tracing is None:
        return None
    scene.attach(tracing, parent)
    watch([parent], 0.1)
    return sum(1 for call in tracing.detach().calls() if call.result)
