"""Many at once: one server, from 1 to 1000 downloads of 10 MiB; ours, and nginx where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..programs.build import Programs
from .comparisons import Measures, Place, summed_up
from .contestants import Sender, discarded, load_report, missing, nginx, ours
from .meters import peak_memory

AT_ONCE = (1, 4, 16, 64, 256, 1000)
LEAST = 16  # downloads: fewer at once are repeated
_ROUNDS = 3


@dataclass
class Crowd:
    """So many downloads at once from one server."""

    server: str
    sender: Sender
    at_once: int
    runs: list[Measures] = field(default_factory=list)

    def run(self, file: Path, place: Place) -> None:
        with self.sender(file, place.scratch) as server:
            answer = load_report(discarded(self.at_once, max(self.at_once, LEAST))(server, place.scratch))
            memory = sum(map(peak_memory, server.pids))
        self.runs.append({
            "bytes_per_second": answer["bytes"] / answer["seconds"],  # all together
            "p50": answer["p50"], "worst": answer["worst"],  # seconds that the median client took, and the worst
            "worst_by_median": answer["worst"] / answer["p50"],
            "memory": memory,  # bytes: the peaks of all processes of the server, added up
        })

    def figures(self) -> dict[str, Any]:
        """Medians of all runs, and their quartiles as "spread"."""
        return {"server": self.server, "at_once": self.at_once, **summed_up(self.runs)}


def measure_crowds(stage: Programs, file: Path, place: Place, counts: Sequence[int]) -> list[Crowd]:
    """All in turn, again and again."""
    servers = {"stage 06": ours(stage)}
    if not missing("nginx"):
        servers["nginx"] = nginx()
    crowds = [Crowd(name, sender, count) for count in counts for name, sender in servers.items()]
    for _ in range(_ROUNDS):
        for crowd in crowds:
            crowd.run(file, place)
    return crowds
