"""One run of something: its time, its CPU time, its faults, its memory. Seconds and bytes throughout."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..kernel.cpu import nanoseconds
from ..kernel.processes import stat_fields
from ..telling.sizes import GiB, KiB


class BenchError(Exception):
    """Something could not be measured; says what, and what to do."""


@dataclass(frozen=True)
class Usage:
    """What a process has used."""

    cpu: float
    faults: int = 0  # pages that had to be made or mapped, without a disk: getrusage(2), ru_minflt

    def __sub__(self, other: "Usage") -> "Usage":
        return Usage(self.cpu - other.cpu, self.faults - other.faults)


@dataclass(frozen=True)
class Transfers:
    """One transfer, or many."""

    seconds: float
    bytes: int
    sender: Usage
    receiver: Usage
    packets: int = 0  # TCP segments of both directions, of everybody in this network

    @property
    def throughput(self) -> float:
        return self.bytes / self.seconds

    @property
    def cpu(self) -> float:
        """Of both sides: on loopback the receiver's work is charged to whoever happens to run."""
        return self.sender.cpu + self.receiver.cpu

    def per_gib(self, seconds: float) -> float:
        return seconds * GiB / self.bytes


def used(pids: Iterable[int]) -> Usage:
    """What live processes have used so far, in steps of a nanosecond where the kernel says it: /proc/PID/schedstat."""
    cpu, faults = 0.0, 0
    for pid in pids:
        fields = stat_fields(pid)
        if not fields:
            raise BenchError(f"process {pid} has ended while it was measured: run it by hand, and see why")
        faults += int(fields[7])
        cpu += nanoseconds(pid) / 1e9
    return Usage(cpu, faults)


def packets_sent() -> int:
    """TCP segments that were sent in this network namespace so far, by both sides: OutSegs of /proc/net/snmp (RFC 1213,
    tcpOutSegs)."""
    names, values = (
        line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Tcp:")
    )
    return int(values[names.index("OutSegs")])


def peak_memory(pid: int) -> int:
    """Bytes of memory that a live process has had at the most, pages of files and libraries included; 0 if it is gone.

    (getrusage can't be used: what it tells begins with the memory of whoever started the program.)
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * KiB for line in lines if line.startswith("VmHWM")), 0)


class Peak:
    """Looks at the memory of a process every so many seconds, for as long as a `with` lasts."""

    def __init__(self, pid: int, every: float = 0.01) -> None:
        self.bytes = 0
        self._pid = pid
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            self.bytes = max(self.bytes, peak_memory(self._pid))

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


@dataclass(frozen=True)
class Timed:
    """A program that has come to its end, well."""

    seconds: float
    usage: Usage
    stdout: str


def timed(command: Sequence[object], cwd: Path) -> Timed:
    """Runs a program to its end; BenchError if that is no good one."""
    words = [str(word) for word in command]
    start = time.perf_counter()
    with subprocess.Popen(
        words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        assert program.stdout is not None and program.stderr is not None
        out, err = program.stdout.read(), program.stderr.read()
        _, status, spent = os.wait4(program.pid, 0)
        seconds = time.perf_counter() - start
        program.returncode = os.waitstatus_to_exitcode(status)
    if program.returncode != 0:
        said = err.decode(errors="replace").strip() or out.decode(errors="replace").strip()
        raise BenchError(f"{' '.join(words)} ended with status {program.returncode}: {said}")
    usage = Usage(spent.ru_utime + spent.ru_stime, spent.ru_minflt)
    return Timed(seconds, usage, out.decode(errors="replace"))
