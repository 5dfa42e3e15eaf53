"""What a copy costs: every stage, and every way of sending and receiving, on the same file from the page cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..course.traits import traits
from ..kernel import trace
from ..kernel.trace import Trace
from ..programs.build import Programs
from ..programs.program import Conditions
from ..programs.start import Starter
from ..telling.sizes import MiB
from ..wire.files import FileStore
from .comparisons import Measures, Place, measured, summed_up
from .contestants import Receiver, Sender, ours, saved_by
from .meters import Peak, Transfers, peak_memory

SEND = ("copy", "mmap", "sendfile", "splice")  # the ways of stage 05: --send and --receive
RECEIVE = ("copy", "mmap", "splice")
COUNTED = 100 * MiB  # of which calls are counted; of the small trains, which strace slows down most, on less
COUNTED_OF_TRAINS = 4 * MiB

MEASURES: dict[str, Callable[[Transfers], float]] = {
    "bytes_per_second": lambda run: run.throughput,
    "server_cpu_per_gib": lambda run: run.per_gib(run.sender.cpu),
    "client_cpu_per_gib": lambda run: run.per_gib(run.receiver.cpu),
    "server_faults_per_mib": lambda run: run.sender.faults * MiB / run.bytes,
    "client_faults_per_mib": lambda run: run.receiver.faults * MiB / run.bytes,
}


@dataclass
class Way:
    """One way to move a file, from the server's page cache into a new file."""

    name: str
    server: Programs
    client: Programs
    send: Sequence[str] = ()
    receive: Sequence[str] = ()
    runs: list[Transfers] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)  # what takes a run of its own: memory, and calls

    def sender(self) -> Sender:
        return ours(self.server, self.send)

    def receiver(self, directory: Path) -> Receiver:
        return saved_by(self.client, directory, self.receive)

    def figures(self) -> dict[str, Any]:
        """Medians of all runs, their quartiles as "spread", and what was seen once."""
        runs: list[Measures] = [{name: of(run) for name, of in MEASURES.items()} for run in self.runs]
        return {**summed_up(runs), **self.seen}


def ways(stages: Callable[[int], Programs]) -> list[Way]:
    """The naive client of stage 02 breaks on real data: there its trains are taken by the client of stage 03."""
    zero = stages(5)
    found = [
        Way("02 trains", stages(2), stages(3)), Way("03 exact", stages(3), stages(3)),
        Way("04 with its size", stages(4), stages(4)),
    ]
    found += [Way(f"05 send={each}", zero, zero, [f"--send={each}"]) for each in SEND]
    found += [Way(f"05 receive={each}", zero, zero, (), [f"--receive={each}"]) for each in RECEIVE]
    return [*found, Way("06", stages(6), stages(6))]


def measure_ways(chosen: Sequence[Way], file: Path, place: Place, rounds: int) -> None:
    """All ways in turn, again and again; the first round warms up, and looks at the memory."""
    for way in chosen:
        way.seen.update(size=file.stat().st_size, **peaks(way, file, place))
    for _ in range(rounds):
        for way in chosen:
            run, _ = measured(way.sender(), way.receiver(place.memory), file, place)
            way.runs.append(run)


def peaks(way: Way, file: Path, place: Place) -> dict[str, int]:
    """What a worker and the client had in memory at the most, in one transfer that nobody times: so they are looked at
    often."""
    with way.sender()(file, place.scratch) as server:
        with Starter(way.client, place.scratch) as start:
            client = start.client(server.port, place.memory, options=way.receive)
            with Peak(client.pid, 0.001) as peak:
                client.wait()
        (place.memory / file.name).unlink()
        return {"server_peak": max(map(peak_memory, server.pids[1:])), "client_peak": peak.bytes}


def count(chosen: Sequence[Way], store: FileStore, place: Place) -> str:
    """Counts calls, with strace, in a run of its own for each way; or says why they can't be counted."""
    if why_not := trace.why_not_running():
        return why_not
    for way in chosen:
        size = COUNTED if traits(way.server.stage).raw else COUNTED_OF_TRAINS
        way.seen.update(counted=size, **calls(way, store.seeded(size), place))
    return ""


def calls(way: Way, file: Path, place: Place) -> dict[str, float]:
    """All calls of one transfer, for each MiB: of the workers, and of the client from its first on a TCP socket on.

    Before that a client only reads its libraries. To wait counts as well: a poll for each piece is not free.
    """
    workers, of_client = (Trace(place.scratch / f"{who}.strace") for who in ("workers", "client"))
    with way.sender()(file, place.scratch) as server:
        workers.attach(*server.pids[1:])
        under = Conditions(trace=of_client)
        with Starter(way.client, place.scratch) as starter:
            starter.client(server.port, place.memory, options=way.receive, under=under).wait()
        (place.memory / file.name).unlink()
        found = of_client.wait_written().calls()
        workers.detach()
    start = next((number for number, call in enumerate(found) if "TCP" in call.arguments), 0)
    mebibytes = file.stat().st_size / MiB
    return {"server_calls": workers.count() / mebibytes, "client_calls": len(found[start:]) / mebibytes}
