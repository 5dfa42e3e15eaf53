"""A server that has ended starts again at once, on the same port, however it was ended."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course.traits import traits
from bytetrain.judging.pools import replace_workers, stalled
from bytetrain.judging.transfers import serves
from bytetrain.kernel.cpu import cpu_seconds
from bytetrain.kernel.processes import children, sleeping
from bytetrain.kernel.signals import kill, stop
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Server
from bytetrain.programs.start import Starter
from bytetrain.telling.story import told
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.peers import RawClient, free_port


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


@pytest.mark.check("server.restart")
@pytest.mark.parametrize("how", ENDS)
def test_starts_again_at_once(pair: Programs, how: str, small: Path, start: Starter) -> None:
    server = start.server(small, port=free_port())
    serves(server, pair.stage, small)  # the server closes first: its end rests in TIME_WAIT
    with RawClient(server.port) as connection:
        connection.read_exactly(1)
        end_server(server, how)
        with told(f"the server was ended ({how}) and the same command, port {server.port}, is started again at once"):
            again = start.server(small, port=server.port)
            serves(again, pair.stage, small)


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
