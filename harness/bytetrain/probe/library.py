"""The library of the probe: where it is, and for whom it is in vain."""

from __future__ import annotations

import functools
import struct
from pathlib import Path
from typing import Optional

from ..course.paths import BUILD
from ..programs.tools import build_tools
from .plan import SOURCE

_BUILT = BUILD / "probe"
_PT_INTERP = 3  # elf(5): who loads a program that isn't static
_GO = b"\xff Go buildinf:"  # in front of what the linker of Go writes into each program
_MOST = 64 * 1024 * 1024  # bytes of a program that are looked at


@functools.lru_cache(maxsize=None)
def library() -> Path:
    """The library, built if it isn't, or has changed; ToolsDontBuild if it can't be."""
    build_tools(SOURCE, _BUILT)
    return _BUILT / "probe.so"


def why_unseen(program: Path) -> Optional[str]:
    """Why the probe sees no call of a program, in a sentence; None if it does. A script is seen, if what runs it is."""
    with program.open("rb") as file:
        content = file.read(_MOST)
    if not content.startswith(b"\x7fELF"):
        return None
    if _GO in content:
        return f"{program.name} is written in Go, which asks the kernel without the C library: strace sees it"
    if not _has_loader(content):
        return f"{program.name} is linked statically, so no library can stand in front of another: strace sees it"
    return None


def _has_loader(content: bytes) -> bool:
    """Whether a program asks for a loader, which is who heeds LD_PRELOAD. ELF of 64 or 32 bits; see elf(5)."""
    wide, order = content[4] == 2, "<" if content[5] == 1 else ">"
    start = struct.unpack_from(f"{order}{'Q' if wide else 'I'}", content, 32 if wide else 28)[0]
    size, count = struct.unpack_from(f"{order}HH", content, 54 if wide else 42)
    places = range(start, start + size * count, size or 1)
    return any(struct.unpack_from(f"{order}I", content, each)[0] == _PT_INTERP for each in places)
