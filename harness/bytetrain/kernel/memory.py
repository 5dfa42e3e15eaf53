"""What lies in the memory of a process: /proc/PID/maps and /proc/PID/mem, see proc(5)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Optional

from ..telling.sizes import MiB
from .processes import PROC

_MOST = 16 * MiB  # bytes of one mapping that are looked at: buffers of stdio, strings, a stack


def found_in_memory(pid: int, pattern: re.Pattern[bytes]) -> Optional[bytes]:
    """What a pattern matches first in memory that the process alone can write to; None too where we may not look."""
    try:
        memory = os.open(PROC / str(pid) / "mem", os.O_RDONLY)
    except OSError:
        return None
    try:
        for start, size in _private(pid):
            found = pattern.search(_read(memory, start, min(size, _MOST)))
            if found:
                return found[0]
    finally:
        os.close(memory)
    return None


def _private(pid: int) -> Iterator[tuple[int, int]]:
    """Where its private, writable mappings begin, and how long they are."""
    for line in os.fsdecode((PROC / str(pid) / "maps").read_bytes()).splitlines():
        place, rights = line.split()[:2]
        if rights.startswith("rw") and rights.endswith("p"):
            start, end = (int(word, 16) for word in place.split("-"))
            yield start, end - start


def _read(memory: int, start: int, size: int) -> bytes:
    try:
        return os.pread(memory, size, start)
    except (OSError, OverflowError):  # it is gone, or ends; or [vsyscall]
        return b""
