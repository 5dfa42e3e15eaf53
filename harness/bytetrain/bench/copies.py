"""What a copy costs: every stage, and every way of sending and receiving, on the same file from the page cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import trace
from ..build import Programs
from ..files import FileStore
from ..lessons.bytes_copied_twice import MOVING
from ..programs import Client
from ..trace import Trace
from .comparisons import Measures, MiB, Place, measured, summed_up
from .contestants import Receiver, Sender, ours, saved_by
from .meters import Peak, Run, peak_memory

SEND = ("copy", "mmap", "sendfile", "splice")  # the ways of stage 05: --send and --receive
RECEIVE = ("copy", "mmap", "splice")
CLOSER = 100 * MiB  # of which calls are counted

MEASURES: dict[str, Callable[[Run], float]] = {
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
    runs: list[Run] = field(default_factory=list)
    seen: dict[str, float] = field(default_factory=dict)  # what takes a run of its own: calls and memory

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
    found = [Way("02 trains", stages(2), stages(3)), Way("03 exact", stages(3), stages(3)), Way("04 with its size", stages(4), stages(4))]
    found += [Way(f"05 send={each}", zero, zero, [f"--send={each}"]) for each in SEND]
    found += [Way(f"05 receive={each}", zero, zero, (), [f"--receive={each}"]) for each in RECEIVE]
    return [*found, Way("06", stages(6), stages(6))]


def measure(chosen: Sequence[Way], file: Path, place: Place, rounds: int) -> None:
    """All ways in turn, again and again; the first round warms up."""
    for number in range(rounds + 1):
        for way in chosen:
            run, _ = measured(way.sender(), way.receiver(place.memory), file, place)
            if number:
                way.runs.append(run)


def look_closer(chosen: Sequence[Way], store: FileStore, place: Place) -> str:
    """Counts calls, with strace, and memory, in a run of its own for each way; or says why the calls can't be counted."""
    why_not = trace.why_not_running()
    for way in chosen:
        size = 4 * MiB if way.server.stage < 5 else CLOSER
        way.seen = watched(way, store.seeded(size), place, traced=not why_not)
    return why_not or ""


def watched(way: Way, file: Path, place: Place, traced: bool) -> dict[str, float]:
    """One transfer, its calls for each MiB (of the client from its first call on a socket on), and its peaks."""
    workers, client = (Trace(place.scratch / f"{who}.strace", ",".join(MOVING)) for who in ("workers", "client"))
    prefix = client.prefix() if traced else []
    with way.sender()(file, place.scratch) as server:
        if traced:
            workers.attach(*server.pids[1:])
        options = {"options": way.receive, "prefix": prefix, "traced": traced}
        with Client(way.client.client, server.port, place.memory, **options) as program, Peak(program.pid) as peak:  # type: ignore[arg-type]
            program.wait()
        if traced:
            client.wait_written()
            workers.detach()
        found: dict[str, float] = {"server_peak": max(map(peak_memory, server.pids[1:])), "client_peak": peak.bytes}
    for saved in place.memory.iterdir():
        saved.unlink()
    if traced:
        found.update(server_calls=per_mib(workers, file), client_calls=per_mib(client, file))
    return found


def per_mib(traced: Trace, file: Path) -> float:
    calls = traced.calls()
    start = next((number for number, call in enumerate(calls) if "TCP" in call.arguments), 0)
    return len(calls[start:]) * MiB / file.stat().st_size
