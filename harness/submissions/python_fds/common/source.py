"""The file that the server sends."""

import io
import os
import stat

from .messages import Failure, about
from .wire import LARGEST_BODY


def open_source(path: str) -> io.FileIO:
    """Opens the file for one transfer. O_NONBLOCK, so that a FIFO is refused instead of waited for: fifo(7)."""
    with about(path):
        file = io.FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "r")
        mode = os.fstat(file.fileno()).st_mode
        # A file of proc(5) says 0 bytes and has more. Its size is asked for last: one that grows meanwhile tells it.
        has_more = stat.S_ISREG(mode) and os.pread(file.fileno(), 1, 0) and os.fstat(file.fileno()).st_size == 0
    if stat.S_ISREG(mode) and not has_more:
        return file
    file.close()
    if has_more:
        raise Failure(f"{path}: has more than the 0 bytes that it says")
    raise Failure(f"{path}: {'Is a directory' if stat.S_ISDIR(mode) else 'Not a regular file'}")


def check_source(stage: int, path: str) -> None:
    """Failure if the file can't be sent in that stage."""
    with open_source(path) as file:
        size = os.fstat(file.fileno()).st_size
    if stage == 1 and size > LARGEST_BODY:
        raise Failure(f"{path}: has {size} bytes, and the one train of stage 01 holds at most {LARGEST_BODY}")
