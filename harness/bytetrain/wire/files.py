"""Test files by size and seed, and what two files differ in.

What is compared lies in memory: who is graded may change every file, and copy from each. So whatever is written here is
known afterwards without being read (`Original`), and what we send ourselves lies in no file.

The content of a file depends on its position: any few bytes of it occur once, so that a hole, a shift or a repeat
changes the md5. (A file of zeros hides all three.)
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Protocol

from ..telling.sizes import MiB

BLOCK = MiB  # bytes that are made, read and hashed at once
AROUND = 8  # bytes on either side of a difference that a window shows
_PUNCH_HOLE = 0x02 | 0x01  # FALLOC_FL_PUNCH_HOLE and FALLOC_FL_KEEP_SIZE, which it asks for: linux/falloc.h


ON_DISK, IN_MEMORY = 1, 1_000_001  # seeds: of files, and of what lies in none
_of_run = ""  # goes into all content


def set_seed_of_run(seed: int) -> None:
    """All content depends on it from now on, so that no program can have it from elsewhere; 0: the same each time."""
    global _of_run
    _of_run = f"{seed} " if seed else ""


def _block(number: int, seed: int, size: int = BLOCK) -> bytes:
    """The first `size` bytes of the numbered MiB: SHAKE-128 makes them at about 400 MB a second."""
    return _known_block(number, seed, _of_run) if size == BLOCK else _make(number, seed, _of_run, size)


@functools.lru_cache(maxsize=4)
def _known_block(number: int, seed: int, of_run: str) -> bytes:
    return _make(number, seed, of_run, BLOCK)


def _make(number: int, seed: int, of_run: str, size: int) -> bytes:
    return hashlib.shake_128(f"bytetrain {of_run}{seed} {number}".encode()).digest(size)


def content(size: int, seed: int = IN_MEMORY, start: int = 0) -> bytes:
    """`size` bytes of the seeded content, from offset `start` on; without a seed, of what is found in no file."""
    first, skip = divmod(start, BLOCK)
    if start and skip + size <= BLOCK:
        return _block(first, seed)[skip : skip + size]
    blocks = -(-(skip + size) // BLOCK)
    whole = b"".join(_block(first + number, seed) for number in range(blocks))
    return whole[skip : skip + size]


def write_file(path: Path, size: int, seed: int = ON_DISK) -> Path:
    """Writes `size` bytes of the seeded content into `path`, with little memory."""
    with path.open("wb") as file:
        for number in range(-(-size // BLOCK)):
            file.write(_block(number, seed, min(BLOCK, size - number * BLOCK)))
    return remember(path, size, Seeded(seed))


def replace_file(path: Path, size: int, seed: int = ON_DISK) -> Path:
    """Puts another file in the place of `path`: rename(2)."""
    write_file(path.with_name(".new"), size, seed).rename(path)
    _made.pop(path.with_name(".new"))
    return remember(path, size, Seeded(seed))


def write_data(path: Path, data: bytes) -> Path:
    """Writes these bytes into `path`."""
    path.write_bytes(data)
    return remember(path, len(data), Literal(data))


def write_sparse(path: Path, size: int) -> Path:
    """A file of `size` zeros that takes no room on the disk, like `truncate -s`."""
    with path.open("wb") as file:
        file.truncate(size)
    return remember(path, size, Zeros())


def cut_file(path: Path, size: int) -> None:
    """Cuts a file that was written here."""
    os.truncate(path, size)
    remember(path, size, _made[path].holds)


def grow_file(path: Path, more: bytes) -> None:
    """Writes more to the end of a file that was written here; it is compared with what it was before."""
    with path.open("ab") as file:
        file.write(more)
    remember(path, _made[path].size, _made[path].holds)


def close_file(path: Path) -> None:
    """Takes all rights from a file that was written here."""
    path.chmod(0)
    remember(path, _made[path].size, _made[path].holds)


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


class Holds(Protocol):
    """What a file should hold, whatever its size. It can be hashed."""

    def read(self, start: int, size: int) -> bytes: ...


@dataclass(frozen=True)
class Seeded:
    """The seeded content."""

    seed: int

    def read(self, start: int, size: int) -> bytes:
        return content(size, self.seed, start)


@dataclass(frozen=True)
class Zeros:
    """A hole."""

    def read(self, start: int, size: int) -> bytes:
        return bytes(size)


@dataclass(frozen=True)
class Literal:
    """These bytes."""

    data: bytes

    def read(self, start: int, size: int) -> bytes:
        return self.data[start : start + size]


@dataclass(frozen=True)
class _Made:
    """What we have put into a file."""

    size: int
    holds: Holds
    was: Optional[tuple[int, ...]]  # see `_look_at`; None: it lies in no file

    def pieces(self) -> Iterator[bytes]:
        """All of it, in blocks."""
        return (self.holds.read(start, min(BLOCK, self.size - start)) for start in range(0, self.size, BLOCK))


_made: dict[Path, _Made] = {}
_stores: set[Path] = set()  # their folders


def _look_at(path: Path) -> tuple[int, ...]:
    """What tells whether somebody has changed a file, or put another one in its place."""
    found = path.lstat()
    return found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def remember(path: Path, size: int, holds: Holds) -> Path:
    """We have written that, or changed it: who changes it from now on is not us."""
    _made[path] = _Made(size, holds, _look_at(path))
    return path


def forget_files(folder: Path) -> None:
    """All that lies below a folder is gone, or will be."""
    for path in [each for each in _made if folder in each.parents]:
        del _made[path]


class Original:
    """What a file should hold. If we have written it, that is known without reading it, whatever has become of it."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self._known = _made.get(path)
        self.size = self._known.size if self._known else path.stat().st_size

    def read(self, start: int = 0, size: Optional[int] = None) -> bytes:
        """Up to `size` bytes from `start` on; None: all."""
        if self._known:
            left = max(0, self.size - start)
            return self._known.holds.read(start, left if size is None else min(size, left))
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read() if size is None else file.read(size)

    @property
    def md5(self) -> str:
        """In hexadecimal."""
        return _known_md5(self._known, _of_run) if self._known else md5_of(self._path)


def size_of(path: Path) -> int:
    """Bytes that a file should hold."""
    return Original(path).size


def touched(folder: Path, named: Iterable[Path] = ()) -> list[tuple[Path, str]]:
    """Which files of ours somebody has touched, of stores, below a folder, and of those `named`, and what was done to
    each. They are known no longer: a store makes them anew."""
    files = [path for path in _made if path.parent in _stores or folder in path.parents or path in set(named)]
    found = [(path, _what_became_of(path)) for path in files]
    return [(path, words) for path, words in found if words]


def _what_became_of(path: Path) -> str:
    """What somebody has done to a file of ours, which is removed then; "" if nobody has touched it."""
    known = _made.get(path)
    if known is None or known.was is None:
        return ""
    words = "was removed"
    with contextlib.suppress(OSError):  # it is gone, or its folder is closed now
        if _look_at(path) == known.was:
            return ""
        words = "was changed, or replaced by another one"
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    del _made[path]
    return words


def md5_of(path: Path) -> str:
    """The md5 of what lies there, in hexadecimal."""
    with path.open("rb") as file:
        return md5_of_stream(iter(lambda: file.read(BLOCK), b""))


@functools.lru_cache(maxsize=None)
def _known_md5(known: _Made, of_run: str) -> str:
    """`of_run`: part of what is remembered."""
    return md5_of_stream(known.pieces())


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
    offset, original = 0, Original(expected)
    with got.open("rb") as right:
        while True:
            want, have = original.read(offset, BLOCK), right.read(BLOCK)
            if want != have:
                offset += first_difference(want, have)
                return _window(original, got, offset)
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


def _window(original: Original, got: Path, offset: int) -> Difference:
    start = max(0, offset - AROUND)
    with got.open("rb") as file:
        file.seek(start)
        have = file.read(2 * AROUND)
    want = original.read(start, 2 * AROUND)
    return Difference(offset, original.size, got.stat().st_size, start, want, have, got.name)


class FileStore:
    """Test files in one folder: each is made once, and `clean` removes the folder with all of them.

    Several processes may share a folder: a file appears under its name only when it is complete.
    """

    def __init__(self, folder: Optional[Path] = None) -> None:
        self.folder = folder if folder is not None else Path(tempfile.mkdtemp(prefix="bytetrain-files-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        _stores.add(self.folder)

    def seeded(self, size: int, seed: int = ON_DISK) -> Path:
        """A file of `size` bytes of the seeded content, read-only."""
        return self._get(f"seed{seed}-{size}.bin", size, Seeded(seed), lambda path: write_file(path, size, seed))

    def in_memory(self, size: int, name: str = "", holds: Holds = Seeded(IN_MEMORY)) -> Path:
        """The path of a file that there is not, for `Original` and who compares: what our own server sends, no program
        can find on the disk."""
        path = self.folder / "in memory" / (name or f"seed1-{size}.bin")
        _made[path] = _Made(size, holds, None)
        return path

    def sparse(self, size: int) -> Path:
        """A sparse file of `size` zeros, read-only."""
        return self._get(f"zeros-{size}.bin", size, Zeros(), lambda path: write_sparse(path, size))

    def md5(self, path: Path) -> str:
        """The md5 of a file of this store, computed once."""
        return Original(path).md5

    def clean(self) -> None:
        """Removes the folder and everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        forget_files(self.folder)
        _stores.discard(self.folder)

    def _get(self, name: str, size: int, holds: Holds, write: Callable[[Path], object]) -> Path:
        path = self.folder / name
        if path in _made:
            return path
        if not path.exists():
            unfinished = self.folder / f".{name}.{os.getpid()}"
            write(unfinished)
            _made.pop(unfinished)
            unfinished.chmod(0o444)
            unfinished.rename(path)
        return remember(path, size, holds)
