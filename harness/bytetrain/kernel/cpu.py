"""The CPU time that processes use, measured against a busy loop of our own: no clock on the wall gives a verdict.

Ticks are of 1/100 s on all usual machines (os.sysconf("SC_CLK_TCK")).
"""

import os
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Optional

from .processes import PROC, stat_fields, state

_TICKS = os.sysconf("SC_CLK_TCK")
SPIN = 0.2  # of the CPU that we use ourselves; a process that spins has about 1, one that sleeps 0
POLLS = 20  # wakeups in a second...
SPARE = 4  # ...and a few more, however short the look
LOOKS = 50  # at the state of a process, while we watch it


def cpu_seconds(pid: int) -> float:
    """CPU time used so far, user and system, in steps of a tick; 0 if it is gone."""
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0


def wakeups(pid: int) -> int:
    """How often the process has gone to sleep so far (voluntary context switches); 0 if it is gone."""
    return _sum_over_threads(pid, "status", "voluntary_ctxt_switches", 1) or 0


def _sum_over_threads(pid: int, file: str, prefix: str, field: int) -> Optional[int]:
    total = 0
    try:
        for thread in (PROC / str(pid) / "task").iterdir():
            lines = (thread / file).read_text().splitlines()
            total += sum(int(line.split()[field]) for line in lines if line.startswith(prefix))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return total


def nanoseconds(pid: int) -> int:
    """CPU time used so far: see "/proc/<pid>/schedstat" in Documentation/scheduler/sched-stats.rst of the kernel. Where
    a kernel doesn't count those, in steps of a tick; 0 if it is gone."""
    try:
        counted = int((PROC / str(pid) / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        counted = 0
    return counted or int(cpu_seconds(pid) * 1e9)


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """We, and all that is started here, share one CPU: while we look, nothing of it runs. See sched_setaffinity(2)."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class CpuUse:
    """What a process used while a busy loop of our own used `yardstick` seconds of CPU."""

    seconds: float
    yardstick: float
    wakeups: int
    runnable: float  # the share of our looks, meanwhile, that found it in state R: it has a CPU, or waits for one
    elapsed: float  # seconds on the wall

    @property
    def share(self) -> float:
        """About 1 for a process that spins and gets as much of the CPUs as we do; 0 for one that sleeps."""
        return self.seconds / self.yardstick

    @property
    def spins(self) -> bool:
        """Whether it doesn't sleep: it uses CPU, or would if others left it some."""
        return self.share > SPIN or self.runnable > 0.5

    @property
    def polls(self) -> bool:
        """Whether it wakes up again and again to look. Who keeps house once a second doesn't."""
        return self.wakeups > SPARE + POLLS * self.elapsed


def watch(pids: Iterable[int], yardstick: float = 0.5) -> dict[int, CpuUse]:
    """Observes processes while we burn `yardstick` seconds of CPU: no clock on the wall is involved."""
    before = {pid: (cpu_seconds(pid), wakeups(pid)) for pid in pids}
    looks, runnable = 0, dict.fromkeys(before, 0)
    began, start = time.monotonic(), time.thread_time()
    while (used := time.thread_time() - start) < yardstick:
        if used >= looks * yardstick / LOOKS:
            looks += 1
            for pid in before:
                runnable[pid] += state(pid) == "R"
    elapsed = time.monotonic() - began
    return {
        pid: CpuUse(
            max(0.0, cpu_seconds(pid) - cpu), yardstick, max(0, wakeups(pid) - wakes), runnable[pid] / looks, elapsed
        )
        for pid, (cpu, wakes) in before.items()
    }


def cpu_use_against_yardstick(pid: int, yardstick: float = 0.5) -> CpuUse:
    """As `cpu_use`, for one process."""
    return cpu_use([pid], yardstick)[pid]


def cpu_use(pids: Collection[int], yardstick: float) -> dict[int, CpuUse]:
    """As `watch`. Watches again if anybody doesn't sleep: work that is left over ends, spinning doesn't."""
    for _ in range(3):
        found = watch(pids, yardstick)
        if not any(use.spins or use.polls for use in found.values()):
            break
    return found
