"""From 1 KiB to 8 GiB: does the time grow as the file does, and the memory not at all?"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..programs.build import Programs
from ..programs.start import Starter
from ..telling.sizes import GiB, KiB, MiB
from ..wire.files import FileStore
from .comparisons import Place, summed_up
from .contestants import ours
from .meters import Peak, peak_memory

SIZES = (KiB, 64 * KiB, MiB, 16 * MiB, 64 * MiB, 256 * MiB, GiB, 8 * GiB)
QUICK = SIZES[:6]
LARGE = 256 * MiB  # from here on three runs tell enough


@dataclass(frozen=True)
class Point:
    """One size."""

    size: int
    seconds: list[float]  # from the client's start to its end, of each run
    server_peak: int  # bytes; of the worker that has most
    client_peak: int  # of the run that had most; 0 if it was over before anybody could look

    def figures(self) -> dict[str, Any]:
        """The peaks, the median of the seconds, in all and for each GiB, and their quartiles as "spread"."""
        peaks = {"server_peak": self.server_peak, "client_peak": self.client_peak}
        times = [{"seconds": each, "seconds_per_gib": each * GiB / self.size} for each in self.seconds]
        return {"size": self.size, **summed_up(times), **peaks}


def measure_points(stage: Programs, store: FileStore, place: Place, sizes: Sequence[int]) -> list[Point]:
    """Sparse files, saved on the disk's file system and removed at once."""
    return [point(stage, store.sparse(size), place, 3 if size >= LARGE else 5) for size in sizes]


def point(stage: Programs, file: Path, place: Place, runs: int) -> Point:
    seconds, peaks = [], []
    with ours(stage)(file, place.scratch) as server:
        for _ in range(runs):
            began = time.perf_counter()
            with Starter(stage, place.scratch) as start:
                client = start.client(server.port, place.disk)
                with Peak(client.pid) as peak:
                    client.wait()
            seconds.append(time.perf_counter() - began)
            peaks.append(peak.bytes)
            (place.disk / file.name).unlink()
        return Point(file.stat().st_size, seconds, max(map(peak_memory, server.pids[1:])), max(peaks))
