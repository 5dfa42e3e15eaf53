"""Limits for programs that somebody else wrote, and the watch that ends them when they go beyond: whatever the sandbox.

One thread looks a few times a second at all that has come of this process: how many processes that is, how much they
have printed, and what they have put on the disk. Beyond a limit all of them are ended, and the check fails with words
that tell which one it was.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import stat
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Optional

from .. import Failure, HarnessError
from ..kernel.descriptors import descriptors
from ..kernel.processes import ProcessFacts, descendants, owner, processes, threads
from ..telling.sizes import GiB, MiB
from .workplace import left_in_place, own_place, remove, sweep

PROCESSES = 1500  # the largest pool that a check asks for has 512 workers
OUTPUT = 64 * MiB  # of one program; the contract asks for a line
DISK = 3 * GiB  # in the folder of one check; the largest file that is saved has 2 GiB, mostly of holes
FILES = 20_000  # in that folder
STRAYS = 64 * MiB  # of files beside it, in a sandbox
RESERVE = 256 * MiB  # of free disk, which nobody may touch
STAGE_TIME = float(os.environ.get("BYTETRAIN_STAGE_LIMIT", "1200"))  # seconds for all checks of a stage in a row
_BETWEEN = 0.2  # seconds between two looks
WATCHER = "limits"  # the name of the thread that looks: it does nothing else


def limit_processes() -> None:
    """The last fence, behind the watch: this process and its descendants get room for so many more processes of this
    user.

    The kernel counts all of a user's, so it lies far beyond what a watched run comes to: a bomb in one run must not
    keep another from forking. Root has no such limit: setrlimit(2), RLIMIT_NPROC.
    """
    if os.getuid() == 0:
        return
    ours = sum(len(threads(each.pid)) for each in processes() if owner(each.pid) == os.getuid())
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    wanted = ours + 10 * PROCESSES
    resource.setrlimit(resource.RLIMIT_NPROC, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def be_first_to_die(pid: int) -> None:
    """If memory runs out, the kernel takes this process and its children before anybody else: proc(5),
    oom_score_adj.

    We are closed to others, and so is what we start until its execve is complete, a little later than Popen knows of
    it: till then its files are root's.
    """
    for _ in range(10_000):
        try:
            with open(f"/proc/{pid}/oom_score_adj", "w") as file:
                file.write("1000")
            return
        except PermissionError:
            os.sched_yield()
        except OSError:  # it has ended already
            return


def limit_files(pid: int) -> None:
    """A program that builds writes no larger file: setrlimit(2), RLIMIT_FSIZE. Servers and clients have large ones."""
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (GiB, GiB))


@dataclass(frozen=True)
class DiskUsage:
    """What a file or a folder takes on the disk."""

    size: int  # bytes that are really taken
    files: int


def disk_usage(path: Path, *, opening: bool = False) -> DiskUsage:
    """Of a file, or of a folder and all below it, no further than FILES files: whoever has more is beyond the limit
    anyway. What is in a folder that is closed to us is seen only if that may be opened."""
    size = files = 0
    waiting = [str(path)]
    if not path.is_dir() or path.is_symlink():
        try:
            return DiskUsage(path.lstat().st_blocks * 512, 1)
        except OSError:  # gone between two looks
            return DiskUsage(0, 0)
    while waiting and files <= FILES:
        here = waiting.pop()
        try:
            if opening and not os.access(here, os.R_OK | os.X_OK):
                os.chmod(here, 0o700, follow_symlinks=True)
            with os.scandir(here) as entries:
                for entry in entries:
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as error:  # gone between two looks, or closed to us
            if error.errno == errno.ENAMETOOLONG:  # deeper than anybody needs: we can't look there, so it is too much
                files += FILES + 1
    return DiskUsage(size, files)


def nameless_usage(whose: Sequence[ProcessFacts], device: int) -> int:
    """Bytes of a file system that the files take which processes hold and which have no name any more."""
    found: dict[int, int] = {}
    for each in whose:
        for number in descriptors(each.pid):
            with contextlib.suppress(OSError):  # closed between two looks
                seen = os.stat(f"/proc/{each.pid}/fd/{number}")
                if seen.st_nlink == 0 and seen.st_dev == device and stat.S_ISREG(seen.st_mode):
                    found[seen.st_ino] = seen.st_blocks * 512
    return sum(found.values())


@dataclass(frozen=True)
class Printed:
    """How much a program has printed so far."""

    who: str  # "server (process 4711)"
    bytes: int


class Watch:
    """Watches over the programs of one check, or over a build, while a `with` lasts; `breach` tells what went wrong."""

    def __init__(
        self, folder: Path, printed: Callable[[], Sequence[Printed]], strays: Callable[[], Sequence[Path]] = tuple
    ) -> None:
        """`strays`: what programs have left beside the folders that they were given, where that can be told."""
        self.breach: Optional[Exception] = None
        self._folder = folder
        self._printed = printed
        self._strays = strays
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=WATCHER)
        self._free = self._names = 0  # bytes and inodes that were free at the start

    def __enter__(self) -> "Watch":
        if own_place():
            sweep()
        free = shutil.disk_usage(self._folder).free
        if free < RESERVE:
            raise HarnessError(f"only {free // MiB} MiB are free in {self._folder.parent}: make room, and grade again")
        self._free, self._names = free, os.statvfs(self._folder).f_favail
        self._thread.start()
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._over.set()
        self._thread.join()
        self._look()  # once more: what is short can do much

    def has_found(self) -> bool:
        """Looks now: whether a limit has been passed."""
        self._look()
        return self.breach is not None

    def _run(self) -> None:
        while not self._over.wait(_BETWEEN):
            self._look()

    def _look(self) -> None:
        """Ends everybody if a limit has been passed; later looks end who has come since."""
        self.breach = self.breach or self._too_many_processes() or self._too_much_output() or self._too_much_on_disk()
        if self.breach is not None:
            end_descendants()
            for stray in self._strays():  # else whoever comes later has no room
                remove(stray)

    def _too_many_processes(self) -> Optional[Exception]:
        if len(os.listdir("/proc")) < PROCESSES:  # a cheap look, which tells nearly always that all is well
            return None
        count = len(descendants(os.getpid()))
        if count <= PROCESSES:
            return None
        return Failure(f"there are {count} processes, and still more are coming: no task here needs so many. "
                       "All were ended.", expected=f"at most {PROCESSES} processes", actual=f"{count} processes")

    def _too_much_output(self) -> Optional[Exception]:
        for each in self._printed():
            if each.bytes > OUTPUT:
                return Failure(f"the {each.who} has printed {each.bytes // MiB} MiB, and it was ended.",
                               expected=f"at most {OUTPUT // MiB} MiB of output", actual=f"{each.bytes // MiB} MiB")
        return None

    def _too_much_on_disk(self) -> Optional[Exception]:
        found = disk_usage(self._folder)
        if found.size > DISK or found.files > FILES:
            actual = f"{found.size // MiB} MiB in {found.files} files"
            return Failure(f"the disk fills up: there are {actual} in the folder of this check, and all was ended.",
                           expected=f"at most {DISK // MiB} MiB in {FILES} files", actual=actual)
        strays = self._strays()
        usages = [disk_usage(stray) for stray in strays]
        size, files = sum(each.size for each in usages), sum(each.files for each in usages)
        if size > STRAYS or files > FILES:
            actual = f"{size // MiB} MiB beside the folder of this check: {', '.join(map(str, strays[:3]))}"
            return Failure(f"the disk fills up: there are {actual}; and all was ended.",
                           expected=f"at most {STRAYS // MiB} MiB in {FILES} files", actual=actual)
        free, names = shutil.disk_usage(self._folder).free, os.statvfs(self._folder).f_favail
        if self._free - free <= DISK and free >= RESERVE and self._names - names <= FILES:
            return None
        # Only then: a look at every descriptor takes its time, and closed folders are opened.
        found = disk_usage(self._folder, opening=True)
        nameless = nameless_usage(descendants(os.getpid()), self._folder.stat().st_dev)
        usages = [disk_usage(each, opening=True) for each in left_in_place()]
        beside, files = sum(each.size for each in usages), sum(each.files for each in usages)
        if found.size + nameless + beside > DISK or found.files + files > FILES:
            actual = (
                f"{found.size // MiB} MiB in {found.files} files in the folder of this check, {beside // MiB} MiB in "
                f"{files} files beside it, and {nameless // MiB} MiB in files that have no name any more"
            )
            return Failure(f"the disk fills up: there are {actual}; and all was ended.",
                           expected=f"at most {DISK // MiB} MiB in {FILES} files", actual=actual)
        if free >= RESERVE:
            return None
        taken = found.size + nameless + beside
        words = f"the disk is full: {free // MiB} MiB are left, and this check has taken {taken // MiB} MiB"
        return Failure(words) if taken >= GiB else HarnessError(words)


def end_descendants() -> None:
    """Ends all that has come of this process. They are stopped first: who is stopped forks no more."""
    for _ in range(1000):
        going = [each for each in descendants(os.getpid()) if each.state not in "TtZX"]
        if not going:
            break
        _signal_all(going, signal.SIGSTOP)
    _signal_all(descendants(os.getpid()), signal.SIGKILL)


def _signal_all(whom: Sequence[ProcessFacts], number: int) -> None:
    for each in whom:
        if each.state not in "ZX":
            try:
                os.kill(each.pid, number)
            except ProcessLookupError:
                pass
