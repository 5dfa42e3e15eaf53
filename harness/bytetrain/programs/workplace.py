"""Folders in which others have made what they wanted: a place for a whole run, and how it is removed.

Whoever is killed can't tidy up, so a place is locked as long as its run lasts, see flock(2): the next run of the same
user removes those that nobody holds any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACE = "bytetrain-run-"  # how the names of places begin
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def place_of_a_run() -> Iterator[Path]:
    """A new folder for temporary files, which goes at the end with all that is in it."""
    sweep()
    place, lock = _new_place()
    try:
        yield place
    finally:
        remove(place)
        os.close(lock)


def _new_place() -> tuple[Path, int]:
    while True:
        place = Path(tempfile.mkdtemp(prefix=PLACE))
        lock = os.open(place, _FOLDER)
        fcntl.flock(lock, fcntl.LOCK_EX)
        if place.exists():  # else another run has swept it away, before it was locked
            return place, lock
        os.close(lock)


def sweep() -> None:
    """Removes what runs of this user have left that were killed."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [each.path for each in entries if each.name.startswith(PLACE)]
    for path in found:
        with contextlib.suppress(OSError):  # it is held, or somebody else's, or gone
            lock = os.open(path, _FOLDER)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.getuid():
                    remove(Path(path))
            finally:
                os.close(lock)


def remove(path: Path) -> None:
    """Removes a file or a folder, closed ones included, and however deep it is: each folder in it is moved to its top
    first, so neither a path nor a stack grows. What can't be removed stays."""
    with contextlib.suppress(OSError):
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        os.chmod(path, 0o700)
        top = os.open(path, _FOLDER)
        try:
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(path)


def _empty(top: int) -> None:
    waiting = _without_files(top)
    taken, number = set(waiting), 0
    while waiting:
        name = waiting.pop()
        with contextlib.suppress(OSError):
            here = os.open(name, _FOLDER, dir_fd=top)
            try:
                for inner in _without_files(here):
                    while str(number) in taken:
                        number += 1
                    os.rename(inner, str(number), src_dir_fd=here, dst_dir_fd=top)
                    waiting.append(str(number))
                    number += 1
            finally:
                os.close(here)
            os.rmdir(name, dir_fd=top)


def _without_files(folder: int) -> list[str]:
    """Removes all from an open folder but the folders in it, which are opened to us, and returns their names."""
    folders = []
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
                os.chmod(name, 0o700, dir_fd=folder)
                folders.append(name)
            else:
                os.unlink(name, dir_fd=folder)
    return folders


@contextmanager
def temporary_folder(prefix: str = "bytetrain-") -> Iterator[Path]:
    """An empty folder, which goes at the end, whatever programs have made in it."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        remove(folder)
