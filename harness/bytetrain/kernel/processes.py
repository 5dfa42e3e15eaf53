"""The processes of this machine, as proc(5) tells them: who there is, whose child, and in which state.

A process that has gone has no facts: None, or nothing in a list.
"""

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Optional, Union

PROC = Path("/proc")
_PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_CAP_AMBIENT = 4, 24, 36, 47  # linux/prctl.h
_IS_SET = 1  # PR_CAP_AMBIENT_IS_SET
_SETPCAP = 8  # linux/capability.h: CAP_SETPCAP, by which one lays capabilities down


class ProcessFacts(NamedTuple):
    """What /proc/PID/stat tells: see proc(5)."""

    pid: int
    name: str
    state: str  # R runs, S sleeps, D waits for a disk, T is stopped, t is traced, Z is a zombie
    ppid: int
    group: int
    session: int

    def __str__(self) -> str:
        return f"{self.name} (pid {self.pid}, state {self.state}, parent {self.ppid})"

    def __repr__(self) -> str:  # in a list
        return str(self)


def be_subreaper() -> None:
    """Makes orphans among our descendants come to us, so that they are counted and reaped."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def close_to_others() -> None:
    """Nobody of the same user can read or change our memory any more."""
    _prctl(_PR_SET_DUMPABLE, 0)


def keep_capability() -> None:
    """Whom we start from now on gets no CAP_SETPCAP from us, if we were given it (as ambient) to hand on.

    ptrace(2): nobody gets at the memory of who has a capability that he has not, even if that one is not closed: as
    whoever has just been started is not. See capabilities(7): "Transformation of capabilities during execve()".
    """
    if _prctl(_PR_CAP_AMBIENT, _IS_SET, _SETPCAP) != 1:
        return
    _prctl(_PR_CAPBSET_DROP, _SETPCAP)
    mine = 1 << _SETPCAP
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    sets = (ctypes.c_uint32 * 6)(mine, mine, 0, 0, 0, 0)  # effective, permitted, inheritable; the same for 32 to 63
    if ctypes.CDLL(None, use_errno=True).capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def _prctl(option: int, *values: int) -> int:
    """See prctl(2). OSError if the kernel doesn't want it."""
    found: int = ctypes.CDLL(None, use_errno=True).prctl(option, *[*values, 0, 0, 0, 0][:4])
    if found < 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {values})")
    return found


def _stat(pid: Union[int, str]) -> str:
    """/proc/PID/stat, or a thread's (PID/task/TID); "" if it is gone. The way of fewest steps: it is looked at some ten
    thousand times a run."""
    try:
        with open(f"{PROC}/{pid}/stat", "rb", buffering=0) as file:
            return file.read().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def stat_fields(pid: Union[int, str]) -> list[str]:
    """The fields of that after the name in parentheses: [0] is the state, which proc(5) counts as (3). [] if it is
    gone."""
    return _stat(pid).rpartition(")")[2].split()


def facts(pid: int) -> Optional[ProcessFacts]:
    """The facts of a process, or None if it is gone."""
    text = _stat(pid)
    if not text:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split(maxsplit=4)
    return ProcessFacts(pid, name, fields[0], int(fields[1]), int(fields[2]), int(fields[3]))


def state(pid: int) -> Optional[str]:
    """The letter of the process's state (R, S, D, T, t, Z), or None if it is gone."""
    known = facts(pid)
    return known.state if known else None


def comm(pid: int) -> str:
    """The short name of a process; "" if it is gone."""
    known = facts(pid)
    return known.name if known else ""


def dead(pid: int) -> bool:
    """Whether the process has ended, reaped or not."""
    return state(pid) in ("Z", "X", None)


def exit_code(pid: int) -> int:
    """How a zombie ended, as waitpid(2) will tell who waits for it; 0 if it is no zombie."""
    fields = stat_fields(pid)
    return int(fields[49]) if fields[:1] == ["Z"] else 0


def started(pid: int) -> float:
    """When the process was started, in seconds of CLOCK_BOOTTIME, to 1/100 s; 0 if it is gone."""
    fields = stat_fields(pid)
    return int(fields[19]) / os.sysconf("SC_CLK_TCK") if fields else 0.0


class Moment(NamedTuple):
    """A point in time, and who was there by then."""

    seconds: float  # of CLOCK_BOOTTIME
    last_pid: int  # the number that was given to a process last

    @classmethod
    def now(cls) -> "Moment":
        """proc(5), /proc/loadavg: of the namespace that we are in, as all numbers that we see. Where a container hides
        it, no number is higher."""
        last = sys.maxsize
        with suppress(OSError, ValueError, IndexError):
            last = int((PROC / "loadavg").read_text().split()[4])
        return cls(time.clock_gettime(time.CLOCK_BOOTTIME), last)


_TICK = 0.02  # seconds, within which the time of a start doesn't tell which of two was first


def started_after(pid: int, moment: Moment) -> bool:
    """Whether a process was started after that. Within a tick its number tells; where they have begun anew at the
    lowest just then, it is not known: False."""
    after = started(pid) - moment.seconds
    return after > _TICK or (after > -_TICK and pid > moment.last_pid)


def owner(pid: int) -> int:
    """The user whose process it is; -1 if it is gone."""
    try:
        return os.stat(PROC / str(pid)).st_uid
    except OSError:
        return -1


def sleeping(pid: int) -> bool:
    """Whether the process waits for something in the kernel."""
    return state(pid) == "S"


def processes() -> Iterator[ProcessFacts]:
    """Every process that we can see."""
    for entry in os.listdir(PROC):
        known = facts(int(entry)) if entry.isdigit() else None
        if known is not None:
            yield known


def children(pid: int) -> list[ProcessFacts]:
    """The children of a process, zombies included."""
    return sorted((each for each in processes() if each.ppid == pid), key=lambda each: each.pid)


def live_children(pid: int) -> list[int]:
    """The pids of the children that are no zombies: a server's workers."""
    return [each.pid for each in children(pid) if each.state not in "ZX"]


def zombies(pid: int) -> list[ProcessFacts]:
    """The children that have ended and that `pid` has not waited for."""
    return [each for each in children(pid) if each.state == "Z"]


def descendants(pid: int) -> list[ProcessFacts]:
    """Children, their children, and so on."""
    everybody = list(processes())
    found: list[ProcessFacts] = []
    parents = {pid}
    while parents:
        generation = [each for each in everybody if each.ppid in parents]
        found += generation
        parents = {each.pid for each in generation}
    return found


def all_asleep(pid: int) -> bool:
    """Whether every thread of the process waits for something in the kernel."""
    states = [stat_fields(f"{pid}/task/{thread}")[:1] for thread in threads(pid)]
    return states != [] and all(each == ["S"] for each in states)


def threads(pid: int) -> list[str]:
    """The ids of its threads; [] if it is gone, or closed to us."""
    try:
        return os.listdir(PROC / str(pid) / "task")
    except OSError:
        return []
