"""Who is compared with whom, in turns; and what has come of it, against bars.toml."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..course.data import load_toml
from ..programs.build import Programs
from ..telling.sizes import GiB, KiB, MiB, size_words
from ..wire.files import FileStore
from .contestants import Receiver, Sender, curl, discarded, forking, iperf3, load_report, nginx, ours, saved_by
from .meters import Timed, Transfers, packets_sent, timed, used

BARS = Path(__file__).with_name("bars.toml")
# Of small files: told as they are too, not only as ratios.
OF_SMALL_FILES = ("rate", "server_cpu", "packets", "p50", "p99", "worst")
Measures = dict[str, float]  # of one run: throughput in bytes a second, rate in connections a second, seconds of CPU
Subject = Callable[[], Measures]
Spread = tuple[float, float, float]


@dataclass(frozen=True)
class Place:
    """Where a bench works."""

    scratch: Path  # configuration, logs
    disk: Path  # on the file system that was asked for
    memory: Path  # on tmpfs


@dataclass(frozen=True)
class Comparison:
    """Two that do the same, and what is measured of both."""

    id: str
    title: str
    ours: Subject
    peer: Subject
    needs: tuple[str, ...] = ()  # programs of the peer
    amount: str = ""  # what one run moves, in words
    at_once: int = 0  # so many small files: worth a run without the peer, too


@dataclass
class Measurements:
    """The ratios of ours to the peer's, pair by pair, measure by measure."""

    comparison: Comparison
    ours: list[Measures] = field(default_factory=list)
    peer: list[Measures] = field(default_factory=list)

    @property
    def measures(self) -> list[str]:
        """What was measured of both; nothing, if ours ran alone."""
        return [name for name in self.ours[0] if name in self.peer[0]] if self.peer else []

    def ratios(self, measure: str) -> list[float]:
        return [mine[measure] / its[measure] for mine, its in zip(self.ours, self.peer) if its.get(measure)]

    def spread(self, measure: str) -> Spread:
        return spread(self.ratios(measure))

    def small(self) -> Iterator[dict[str, Any]]:
        """Of small files: the figures of each server by itself."""
        for server, runs in (("stage 06", self.ours), (", ".join(self.comparison.needs), self.peer)):
            if self.comparison.at_once and runs:
                figures = summed_up([{name: run[name] for name in OF_SMALL_FILES} for run in runs])
                yield {"server": server, "at_once": self.comparison.at_once, **figures}


def spread(values: Iterable[float]) -> Spread:
    """Lower quartile, median, upper quartile; of less than three values the ends."""
    found = sorted(values)
    if len(found) < 3:
        return found[0], statistics.median(found), found[-1]
    low, middle, high = statistics.quantiles(found, n=4, method="inclusive")
    return low, middle, high


def summed_up(runs: Sequence[Measures]) -> dict[str, Any]:
    """The median of each measure, and all their quartiles as "spread"."""
    found = {name: spread(run[name] for run in runs) for name in runs[0]}
    return {
        **{name: middle for name, (_, middle, _) in found.items()},
        "spread": {name: [low, high] for name, (low, _, high) in found.items()},
    }


def measured(sender: Sender, receiver: Receiver, file: Path, place: Place, times: int = 1) -> tuple[Transfers, Timed]:
    """One run: the receiver takes the file `times` times."""
    with sender(file, place.scratch) as server:
        before, packets = used(server.pids), packets_sent()
        finished = receiver(server, place.scratch)
        packets, spent = packets_sent() - packets, used(server.pids) - before
    return Transfers(finished.seconds, times * file.stat().st_size, spent, finished.usage, packets), finished


def transfer(sender: Sender, receiver: Receiver, file: Path, place: Place) -> Subject:
    def run() -> Measures:
        found, _ = measured(sender, receiver, file, place)
        return {
            "throughput": found.throughput, "cpu": found.per_gib(found.cpu),
            "server_cpu": found.per_gib(found.sender.cpu),
        }

    return run


def under_load(sender: Sender, at_once: int, total: int, file: Path, place: Place) -> Subject:
    def run() -> Measures:
        found, finished = measured(sender, discarded(at_once, total), file, place, total)
        answer = load_report(finished)
        return {
            "throughput": answer["bytes"] / answer["seconds"], "rate": answer["connections"] / answer["seconds"],
            "server_cpu": found.sender.cpu / total, "packets": found.packets / total, "p50": answer["p50"],
            "p99": answer["p99"], "worst": answer["worst"],
        }

    return run


def copied(file: Path, target: Path, place: Place) -> Subject:
    """cp, which needs no network: the limit of the memory."""

    def run() -> Measures:
        finished = timed(["cp", file, target], place.scratch)
        target.unlink()
        return {
            "throughput": file.stat().st_size / finished.seconds, "cpu": finished.usage.cpu * GiB / file.stat().st_size,
        }

    return run


def streamed(size: int, place: Place) -> Subject:
    """iperf3 -Z, which sends the same bytes again and again, and keeps nothing: the limit of the loopback."""

    def run() -> Measures:
        answer = iperf3(size, place.scratch)
        return {"throughput": answer["bytes"] / answer["seconds"]}

    return run


def all_of(stages: Callable[[int], Programs], store: FileStore, place: Place, quick: bool) -> list[Comparison]:
    """The comparisons, in the order of bars.toml."""
    return [*of_a_large_file(stages, store, place, quick), *of_many_clients(ours(stages(6)), store, place, quick)]


def of_a_large_file(
    stages: Callable[[int], Programs], store: FileStore, place: Place, quick: bool
) -> Iterator[Comparison]:
    """One transfer at a time."""
    large = store.seeded((128 if quick else 1024) * MiB)
    last = stages(6)
    server = ours(last)
    to_memory, to_disk = saved_by(last, place.memory), saved_by(last, place.disk)

    def compare(id: str, title: str, mine: Subject, its: Subject, *needs: str) -> Comparison:
        return Comparison(id, title, mine, its, needs, size_words(large.stat().st_size))

    def pair(receiver: Receiver, sender: Sender = server) -> Subject:
        return transfer(sender, receiver, large, place)

    yield from [
        compare(
            "server", "stage 06 and nginx, to the same receiver", pair(discarded()), pair(discarded(), nginx()), "nginx"
        ),
        compare(
            "pair_discarded", "our server to our receiver, nginx to curl: discarded", pair(discarded()),
            pair(curl(Path("/dev/null")), nginx()), "nginx", "curl",
        ),
        compare(
            "pair_tmpfs", "our pair, nginx to curl: saved on tmpfs", pair(to_memory),
            pair(curl(place.memory / "file"), nginx()), "nginx", "curl",
        ),
        compare(
            "pair_disk", "our pair, nginx to curl: saved on the disk's file system", pair(to_disk),
            pair(curl(place.disk / "file"), nginx()), "nginx", "curl",
        ),
        compare(
            "against_cp", "our pair saved on tmpfs, cp", pair(to_memory), copied(large, place.memory / "file", place)
        ),
        compare(
            "against_cp_disk", "our pair saved on the disk's file system, cp", pair(to_disk),
            copied(large, place.disk / "file", place),
        ),
        compare(
            "against_iperf3", "our server to our receiver, discarded, and iperf3 -Z", pair(discarded()),
            streamed(large.stat().st_size, place), "iperf3",
        ),
        compare(
            "against_trains", "stage 06, and the trains of stage 02 (taken by the client of stage 03)", pair(to_memory),
            pair(saved_by(stages(3), place.memory), ours(stages(2))),
        ),
    ]


def of_many_clients(server: Sender, store: FileStore, place: Place, quick: bool) -> Iterator[Comparison]:
    """Many connections, and many at once."""
    small, middle = store.seeded(KiB), store.seeded(10 * MiB)
    connections, downloads = (4000, 60) if quick else (20_000, 1000)
    for at_once in (1, 16, 64):
        total = connections if at_once > 1 else connections // 4  # one by one takes longer
        mine, its = (under_load(sender, at_once, total, small, place) for sender in (server, nginx()))
        title = f"1 KiB files, {at_once} at once, nginx"
        yield Comparison(f"small_{at_once}", title, mine, its, ("nginx",), f"{total} of 1 KiB", at_once)
    yield Comparison(
        "against_fork", "1 KiB files, 16 at once, a server that forks for each connection",
        under_load(server, 16, connections, small, place),
        under_load(forking(), 16, connections // 4, small, place), (), f"{connections} of 1 KiB",
    )
    yield Comparison(
        "many", f"{downloads} downloads of 10 MiB at once, nginx",
        under_load(server, downloads, downloads, middle, place),
        under_load(nginx(), downloads, downloads, middle, place), ("nginx",), f"{downloads} of 10 MiB",
    )


def in_turns(comparison: Comparison, pairs: int, alone: bool = False) -> Measurements:
    """Runs both, or ours alone, pair after pair; who begins changes each time. The first pair warms up, and is thrown
    away."""
    outcome = Measurements(comparison)
    for number in range(pairs + 1):
        both = [(comparison.ours, outcome.ours), (comparison.peer, outcome.peer)][: 1 if alone else 2]
        for subject, results in both if number % 2 else reversed(both):
            found = subject()
            if number:
                results.append(found)
    return outcome


@dataclass(frozen=True)
class Bar:
    """What the median of a measure must come to."""

    comparison: str
    measure: str
    better: str
    must: float
    ci: float
    what: str = ""  # of a figure that has no peer: its unit

    def met(self, ratio: float) -> bool:
        return ratio >= self.must if self.better == "more" else ratio <= self.must

    def missed_in_ci(self, low: float, high: float) -> bool:
        """Not by noise: the better quartile is beyond the line as well."""
        return high < self.ci if self.better == "more" else low > self.ci

    @property
    def words(self) -> str:
        return f"{'≥' if self.better == 'more' else '≤'} {self.must:.2f}{self.what and ' '}{self.what}"


def bars() -> list[Bar]:
    return [Bar(**entry) for entry in load_toml(BARS)["bar"]]


def judged(outcomes: Sequence[Measurements], figures: Mapping[tuple[str, str], float]) -> Iterator[tuple[Bar, Spread]]:
    """Each bar for which something was measured: ratios to a peer, or the figures that have none."""
    by_id = {outcome.comparison.id: outcome for outcome in outcomes}
    for bar in bars():
        if bar.comparison in by_id:
            yield bar, by_id[bar.comparison].spread(bar.measure)
        elif (figure := figures.get((bar.comparison, bar.measure))) is not None:
            yield bar, (figure, figure, figure)
