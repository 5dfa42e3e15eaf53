"""Saving: under a temporary name until the file is complete, then it takes its name in one step, by rename(2)."""

import contextlib
import os
from collections.abc import Iterator

from .messages import about


class Target:
    """An open file to write to."""

    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path  # for messages
        self._descriptor = descriptor

    def write(self, data: bytes) -> None:
        """Writes it all: write(2) may take a part only, if the disk is nearly full."""
        left = memoryview(data)
        with about(self._path):
            while left:
                left = left[os.write(self._descriptor, left) :]


@contextlib.contextmanager
def directory(path: str) -> Iterator[int]:
    """A descriptor of the directory: the file goes there, even if the directory is renamed meanwhile."""
    with about(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def saved(place: int, path: str, name: bytes) -> Iterator[Target]:
    """A file that is found under its name once the block has ended well; otherwise nothing of it is left.

    `place` is the descriptor of the directory, and `path` what messages call the file.
    """
    temporary = b".%d-%s.part" % (os.getpid(), os.urandom(8).hex().encode())
    descriptor = -1
    try:
        with about(path):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=place)
        yield Target(path, descriptor)
        with about(path):
            os.replace(temporary, name, src_dir_fd=place, dst_dir_fd=place)
    finally:
        if descriptor >= 0:
            os.close(descriptor)
        with contextlib.suppress(FileNotFoundError):  # it has its name by now, or has never been
            os.unlink(temporary, dir_fd=place)
