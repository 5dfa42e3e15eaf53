"""What this machine has that a check needs, or why a check is "not applicable" here, which pays.

All of it is asked when this is imported, before a program of a submission runs: none can bring about that a check is
not applicable.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from .. import Failure, HarnessError, NotApplicable
from ..programs.containment import ROOM, SMALL, is_inside
from ..programs.limits import RESERVE
from ..programs.program import Argument, Client
from ..programs.workplace import remove, temporary_folder
from ..telling.sizes import GiB, KiB
from ..telling.story import expect
from ..telling.waiting import wait_until
from ..wire.files import is_in_memory

# Descriptors


def require_descriptors(count: int, what: str) -> None:
    """So many for one program."""
    if _OPEN_FILES < count:
        raise NotApplicable(f"this shell may open too few descriptors for {what}: see ulimit -n")


_OPEN_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[0]

# Files that are made when they are read


def read_of(path: Path) -> bytes:
    """What a file says of itself has 0 bytes; b"" if this one is none."""
    return path.read_bytes() if path.is_file() and path.stat().st_size == 0 else b""


def says_empty() -> tuple[Path, bytes]:
    """A file that says it has 0 bytes, and what it has. See proc(5)."""
    if not _MADE_WHEN_READ:
        raise NotApplicable(f"{_VERSION} isn't a file here that says 0 bytes and has more")
    return _VERSION, _MADE_WHEN_READ


_VERSION = Path("/proc/version")
_MADE_WHEN_READ = read_of(_VERSION)

# Privileges


def _words_of_anybody() -> list[Argument]:
    without = "-dac_override,-dac_read_search"
    words: list[Argument] = [shutil.which("setpriv") or "", f"--bounding-set={without}", f"--inh-caps={without}"]
    works = bool(words[0]) and subprocess.run([*words, "true"], stderr=subprocess.DEVNULL).returncode == 0
    return words if works else []


def like_anybody() -> list[Argument]:
    """To be put in front of a command: root, who can read every file, gives up that privilege. capabilities(7)"""
    if os.geteuid() == 0 and not _LIKE_ANYBODY:
        raise NotApplicable("root can read every file, and can't give that up here (setpriv)")
    return list(_LIKE_ANYBODY)


_LIKE_ANYBODY = _words_of_anybody() if os.geteuid() == 0 else []

# Names


def _means_loopback(name: str) -> bool:
    """Whether that is all it resolves to: getaddrinfo(3)."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


def name_of_loopback() -> str:
    """A name for HOST. Usually the hosts file has localhost: hosts(5)."""
    if not _NAME:
        raise NotApplicable("no name resolves to the loopback of this machine, not even localhost: see hosts(5)")
    return _NAME


_NAME = next(filter(_means_loopback, ("localhost", "localhost.localdomain", "ip6-localhost", socket.gethostname())), "")

# A small disk: a file system of a few pages, in memory, with an older file in it


@dataclass(frozen=True)
class SmallDisk:
    """Where a client is run so that it finds a small disk in its directory."""

    prefix: Sequence[str]  # to be put in front of the client
    directory: Path
    everybody: bool  # whether we see what it sees there

    @contextmanager
    def seen_by(self, client: Client) -> Iterator[Path]:
        """Its directory as a client sees it, for longer than the client lives."""
        if self.everybody:
            yield self.directory
            return
        try:
            opened = os.open(f"/proc/{client.pid}/root{self.directory}", os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            words = f"what the client saves on its small file system can't be seen: {error.strerror}"
            hidden = str(error.strerror)
            raise Failure(words, expected="a client that lives, and hides nothing", actual=hidden) from None
        try:
            yield Path(f"/proc/self/fd/{opened}")
        finally:
            os.close(opened)


@contextmanager
def small_disk(pages: int, directory: Path, older: str, its_content: str) -> Iterator[SmallDisk]:
    """A disk of so many pages, the first one with an older file: mounted over `directory`, in a namespace of the
    client's own; or the one that the sandbox has, where root can have no such namespace."""
    if not _WHY_NO_NAMESPACE:
        yield SmallDisk(_mounted(pages, directory, older, its_content), directory, everybody=False)
    elif _SANDBOX_HAS_ONE:
        with _of_the_sandbox(pages, older, its_content) as place:
            yield SmallDisk((), place, everybody=True)
    else:
        raise NotApplicable(f"no small file system can be mounted here, in a user namespace: {_WHY_NO_NAMESPACE}")


# What is mounted there goes with the namespace. Then the program that the other words run.
_ON_SMALL_DISK = 'mount -t tmpfs -o "size=$1" none "$2" && cd "$2" && printf %s "$4" > "$3" && shift 4 && exec "$@"'


def _mounted(pages: int, directory: Path, older: str, its_content: str) -> list[str]:
    size = pages * os.sysconf("SC_PAGESIZE")
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _ON_SMALL_DISK, "small disk"]
    return [*words, str(size), str(directory), older, its_content]


def _why_no_namespace() -> str:
    """Why none can be had, or looked at from outside; "" if that works."""
    with temporary_folder() as folder:
        waits = [*_mounted(4, folder, "older", "content"), "sh", "-c", "echo mounted; read end"]
        try:
            with subprocess.Popen(waits, stdin=PIPE, stdout=PIPE, stderr=PIPE, errors="surrogateescape") as tried:
                assert tried.stdin and tried.stdout and tried.stderr
                if tried.stdout.readline():
                    os.listdir(f"/proc/{tried.pid}/root{folder}")
                    return ""
                return (tried.stderr.read().strip().splitlines() or ["it could not be mounted"])[-1]
        except OSError as error:
            return str(error)


@contextmanager
def _of_the_sandbox(pages: int, older: str, its_content: str) -> Iterator[Path]:
    """A folder on the one small disk that all checks of a sandbox share: they take turns."""
    opened = os.open(SMALL, os.O_RDONLY | os.O_DIRECTORY)

    def ours() -> bool:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        wait_until(ours, "the small disk is free")
        for left in SMALL.iterdir():
            remove(left)
        place = SMALL / "target"
        place.mkdir()
        found = os.statvfs(SMALL)
        with (SMALL / "filler").open("wb") as filler:
            if found.f_bavail > pages:
                os.posix_fallocate(filler.fileno(), 0, (found.f_bavail - pages) * found.f_bsize)
        (place / older).write_text(its_content)
        left_free = os.statvfs(SMALL).f_bavail
        words = f"somebody else writes to {SMALL}: {left_free} pages are free, and not {pages - 1}"
        expect(left_free == pages - 1, words, expected=f"{pages - 1} pages", actual=f"{left_free} pages")
        yield place
    finally:
        for left in SMALL.iterdir():
            remove(left)
        os.close(opened)


_WHY_NO_NAMESPACE = _why_no_namespace()
_SANDBOX_HAS_ONE = is_inside() and SMALL.is_mount() and os.statvfs(SMALL).f_blocks <= 2 * ROOM[str(SMALL)] // 4096

# Room

# For two clients at a time that reserve room for 2 GiB before they begin, and for one of them.
_ROOM, _ROOM_FOR_ONE = 5 * GiB, 9 * GiB // 4


def _room_in(folder: Path) -> int:
    """Bytes that can be saved there."""
    free = shutil.disk_usage(folder).free - RESERVE
    if is_in_memory(folder):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = min(free, *(int(line.split()[1]) * KiB for line in lines if line.startswith("MemAvailable")))
    return free


def require_room(folder: Path) -> None:
    """NotApplicable where 2 GiB can't be saved: a client that reserves the room would fail, and be right. What earlier
    checks have left is gone by now (`Watch`), so if room is lost that was there, nobody knows to whom: HarnessError."""
    words = f"in {folder.parent} there is no room for files of 2 GiB"
    if _ROOM_AT_FIRST < _ROOM:
        raise NotApplicable(f"{words}: {_ROOM // GiB} GiB should be free")
    if _room_in(folder) < _ROOM_FOR_ONE:
        raise HarnessError(f"{words} any more, and {_ROOM // GiB} GiB were free at first: somebody else has taken it")


_ROOM_AT_FIRST = _room_in(Path(tempfile.gettempdir()))
