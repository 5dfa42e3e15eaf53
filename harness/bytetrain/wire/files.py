"""Test files by size and seed, and what two files differ in.

The content of a file depends on its position: any few bytes of it occur once, so that a hole, a shift or a repeat
changes the md5. (A file of zeros hides all three.)
"""

import ctypes
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from ..telling.sizes import MiB

BLOCK = MiB  # bytes that are made, read and hashed at once
AROUND = 8  # bytes on either side of a difference that a window shows
_PUNCH_HOLE = 0x02 | 0x01  # FALLOC_FL_PUNCH_HOLE and FALLOC_FL_KEEP_SIZE, which it asks for: linux/falloc.h


def _block(number: int, seed: int, size: int = BLOCK) -> bytes:
    """The first `size` bytes of the numbered MiB: SHAKE-128 makes them at about 400 MB a second."""
    return hashlib.shake_128(f"bytetrain {seed} {number}".encode()).digest(size)


def content(size: int, seed: int = 1, start: int = 0) -> bytes:
    """`size` bytes of the seeded content, from offset `start` on."""
    first, skip = divmod(start, BLOCK)
    blocks = -(-(skip + size) // BLOCK)
    whole = b"".join(_block(first + number, seed) for number in range(blocks))
    return whole[skip : skip + size]


def write_file(path: Path, size: int, seed: int = 1) -> Path:
    """Writes `size` bytes of the seeded content into `path`, with little memory."""
    with path.open("wb") as file:
        for number in range(-(-size // BLOCK)):
            file.write(_block(number, seed, min(BLOCK, size - number * BLOCK)))
    return path


def write_sparse(path: Path, size: int) -> Path:
    """A file of `size` zeros that takes no room on the disk, like `truncate -s`."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def drop_pages(path: Path, start: int, size: int) -> None:
    """Takes a part of a file out of the page cache: POSIX_FADV_DONTNEED of posix_fadvise(2)."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), start, size, os.POSIX_FADV_DONTNEED)


def punch_hole(path: Path, start: int, size: int) -> bool:
    """Gives back the room that a part of a file takes, on the disk and in the page cache; it reads as zeros from then
    on. False where that can't be done: fallocate(2), Deallocating file space."""
    try:
        with path.open("r+b") as file:
            libc = ctypes.CDLL(None, use_errno=True)
            return bool(libc.fallocate64(file.fileno(), _PUNCH_HOLE, ctypes.c_int64(start), ctypes.c_int64(size)) == 0)
    except OSError:  # it is gone, or not ours to write
        return False


def is_in_memory(path: Path) -> bool:
    """Whether what is saved there takes memory, and no disk: tmpfs(5)."""
    device = os.stat(path).st_dev
    here = f"{os.major(device)}:{os.minor(device)}"
    lines = (line.partition(" - ") for line in os.fsdecode(Path("/proc/self/mountinfo").read_bytes()).splitlines())
    return any(mount.split()[2] == here and kind.split()[0] == "tmpfs" for mount, _, kind in lines)


def md5_of(path: Path) -> str:
    """The md5 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return md5_of_stream(iter(lambda: file.read(BLOCK), b""))


def md5_of_stream(chunks: Iterable[bytes]) -> str:
    """The md5 of what comes in pieces."""
    digest = hashlib.md5()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


@dataclass(frozen=True)
class Difference:
    """Where two files, or a file and a stream, first differ. As a string: a hex window with a caret under it."""

    offset: int
    expected_size: int
    size: int
    start: int  # of the window
    expected: bytes  # what the window should show
    got: bytes
    what: str  # the name of what was got

    @property
    def in_short(self) -> str:
        """In a few words."""
        return f"{self.size} bytes, different from byte {self.offset} on"

    def __str__(self) -> str:
        size = f"{self.size} bytes, {self.expected_size} expected"
        lines = [f"{self.what}: {size}; they differ from byte {self.offset} on"]
        for label, data in (("expected", self.expected), ("got", self.got)):
            lines.append(window_line(label, self.start, data))
        return "\n".join([*lines, caret(self.offset - self.start)])


def window_line(label: str, start: int, data: bytes) -> str:
    """One line of a window: a label, the offset of its first byte, and its bytes, in hexadecimal and as text."""
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
    return f"  {label:<8} {start:>10}: {data.hex(' '):<{6 * AROUND}} {text}".rstrip()


def caret(place: int) -> str:
    """What points to a byte of the line above it."""
    return " " * (23 + 3 * place) + "^^"


def difference(expected: Path, got: Path) -> Optional[Difference]:
    """Where two files first differ; None if they are equal."""
    offset = 0
    with expected.open("rb") as left, got.open("rb") as right:
        while True:
            want, have = left.read(BLOCK), right.read(BLOCK)
            if want != have:
                offset += first_difference(want, have)
                return _window(expected, got, offset)
            if not want:
                return None
            offset += len(want)


def first_difference(want: bytes, have: bytes) -> int:
    """The offset of the first byte that differs; where one is the beginning of the other, its length."""
    common = min(len(want), len(have))
    if want[:common] == have[:common]:
        return common
    low, high = 0, common  # want[:low] == have[:low], want[:high] != have[:high]
    while high - low > 1:
        middle = (low + high) // 2
        if want[low:middle] == have[low:middle]:
            low = middle
        else:
            high = middle
    return low


def _window(expected: Path, got: Path, offset: int) -> Difference:
    start = max(0, offset - AROUND)
    windows = []
    for path in (expected, got):
        with path.open("rb") as file:
            file.seek(start)
            windows.append(file.read(2 * AROUND))
    sizes = expected.stat().st_size, got.stat().st_size
    return Difference(offset, *sizes, start, windows[0], windows[1], got.name)


class FileStore:
    """Test files in one folder: each is made once, and `clean` removes the folder with all of them.

    Several processes may share a folder: a file appears under its name only when it is complete.
    """

    def __init__(self, folder: Optional[Path] = None) -> None:
        self.folder = folder if folder is not None else Path(tempfile.mkdtemp(prefix="bytetrain-files-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._md5s: dict[Path, str] = {}

    def seeded(self, size: int, seed: int = 1) -> Path:
        """A file of `size` bytes of the seeded content, read-only."""
        return self._get(f"seed{seed}-{size}.bin", lambda path: write_file(path, size, seed))

    def sparse(self, size: int) -> Path:
        """A sparse file of `size` zeros, read-only."""
        return self._get(f"zeros-{size}.bin", lambda path: write_sparse(path, size))

    def md5(self, path: Path) -> str:
        """The md5 of a file of this store, computed once."""
        if path not in self._md5s:
            self._md5s[path] = md5_of(path)
        return self._md5s[path]

    def clean(self) -> None:
        """Removes the folder and everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _get(self, name: str, write: Callable[[Path], object]) -> Path:
        path = self.folder / name
        if not path.exists():
            unfinished = self.folder / f".{name}.{os.getpid()}"
            write(unfinished)
            unfinished.chmod(0o444)
            unfinished.rename(path)
        return path
