"""Many at once: one server, from 1 to 1000 downloads of 10 MiB; ours, and nginx where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..build import Programs
from .comparisons import Place
from .contestants import Sender, discarded, missing, nginx, ours, told
from .meters import peak_memory

AT_ONCE = (1, 4, 16, 64, 256, 1000)
LEAST = 16  # downloads: fewer at once are repeated


@dataclass(frozen=True)
class Crowd:
    """So many downloads at once from one server."""

    server: str
    at_once: int
    bytes_per_second: float  # all together
    p50: float  # seconds that the median client took
    worst: float
    memory: int  # bytes: the peaks of all processes of the server, added up


def measure(stage: Programs, file: Path, place: Place, counts: Sequence[int]) -> list[Crowd]:
    """One run each, in turns."""
    servers = {"stage 06": ours(stage)}
    if not missing("nginx"):
        servers["nginx"] = nginx()
    return [crowd(name, sender, file, place, count) for count in counts for name, sender in servers.items()]


def crowd(name: str, sender: Sender, file: Path, place: Place, at_once: int) -> Crowd:
    with sender(file, place.scratch) as server:
        answer = told(discarded(at_once, max(at_once, LEAST))(server, place.scratch))
        memory = sum(map(peak_memory, server.pids))
    return Crowd(name, at_once, answer["bytes"] / answer["seconds"], answer["p50"], answer["worst"], memory)
