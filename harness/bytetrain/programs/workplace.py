"""Folders in which others have made what they wanted: a place for a whole run, and how it is removed.

Whoever is killed can't tidy up, so a place is locked as long as its run lasts, see flock(2): the next run of the same
user removes those that nobody holds any more. So it is with the folders in a place: each check begins by removing what
programs have left beside those that are in use.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

PLACE = "bytetrain-run-"  # how the names of places begin
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def place_of_a_run() -> Iterator[Path]:
    """A new folder for temporary files, which goes at the end with all that is in it."""
    sweep()
    with temporary_folder(PLACE) as place:
        yield place


@contextmanager
def temporary_folder(prefix: str = "bytetrain-") -> Iterator[Path]:
    """An empty folder, locked, which goes at the end, whatever programs have made in it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        try:
            lock = os.open(folder, _FOLDER)
        except FileNotFoundError:  # swept away already, by a worker whose check begins just now
            continue
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists():  # else somebody has swept it away, before it was locked
            break
        os.close(lock)
    try:
        yield folder
    finally:
        remove(folder)
        os.close(lock)


def own_place() -> Optional[Path]:
    """The place of this run, or of this sandbox; None if its temporary files lie where others' do."""
    folder = Path(tempfile.gettempdir())
    return folder if folder.name.startswith(PLACE) or "BYTETRAIN_CONTAINED" in os.environ else None


def _names() -> frozenset[str]:
    return frozenset(os.listdir(tempfile.gettempdir())) if own_place() else frozenset()


_there_before = _names()  # for a worker of pytest-xdist, what pytest has made; asked before a program has run


def sweep() -> None:
    """Removes what runs of this user have left that were killed; in a place of our own, all that nobody holds."""
    _nobody_holds(_remove_if_ours, "" if own_place() else PLACE)


def left_in_place() -> list[Path]:
    """What nobody holds in a place of our own: programs have left it there, or are at it."""
    found: list[Path] = []
    if own_place():
        _nobody_holds(found.append, "")
    return found


def _nobody_holds(deed: Callable[[Path], object], prefix: str) -> None:
    """Does something about each folder for temporary files with such a name that is not locked, and, where that may be
    any name, about each file."""
    with os.scandir(tempfile.gettempdir()) as entries:
        found = [each for each in entries if each.name.startswith(prefix) and each.name not in _there_before]
    for each in found:
        with contextlib.suppress(OSError):  # it is held, or gone
            if not each.is_dir(follow_symlinks=False):
                if not prefix and each.stat(follow_symlinks=False).st_size:  # what is only just made is empty
                    deed(Path(each.path))
                continue
            try:
                lock = os.open(each.path, _FOLDER)
            except PermissionError:  # it is closed, as none of ours is
                if not prefix:
                    deed(Path(each.path))
                continue
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                deed(Path(each.path))
            finally:
                os.close(lock)


def _remove_if_ours(path: Path) -> None:
    if os.lstat(path).st_uid == os.getuid():
        remove(path)


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

