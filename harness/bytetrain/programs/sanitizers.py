"""What AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer write, and what of it helps: the head, the first
stack, where the memory lies, the summary. The bytes around that, and the legend of their colours, only push it away.
"""

import re
from typing import NamedTuple, Optional

_HEADS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:")
_ALONE = "AddressSanitizer:DEADLYSIGNAL"  # of one who was ended before he could say more
_FRAME = re.compile(r"\s+#\d+ ")
_FRAMES = 8  # that are kept of a stack
_BEFORE = 4  # lines between a head and its stack
_LEGEND = re.compile(r"Shadow |=>0x|  |==\d+==ABORTING")


class _Report(NamedTuple):
    begin: int  # its first line among those of a text
    end: int  # the line after its last one
    kept: list[str]


def sanitizer_report(text: str) -> Optional[str]:
    """What a sanitizer wrote among a program's messages, briefly; None if none did."""
    found = _find(text.splitlines())
    return "\n".join(found.kept) if found else None


def without_legend(text: str) -> str:
    """A program's messages, the first report among them in brief."""
    lines = text.splitlines()
    found = _find(lines)
    return "\n".join([*lines[: found.begin], *found.kept, *lines[found.end :], ""]) if found else text


def _find(lines: list[str]) -> Optional[_Report]:
    begin = next((number for number, line in enumerate(lines) if any(head in line for head in _HEADS)), None)
    if begin is None:
        begin = next((number for number, line in enumerate(lines) if _ALONE in line), None)
        return None if begin is None else _Report(begin, begin + 1, [lines[begin]])
    of_ubsan = _HEADS[-1] in lines[begin]
    end, before, frames = _first_stack(lines, begin + 1, 0 if of_ubsan else _BEFORE)
    kept = [lines[begin], *before, *frames[:_FRAMES]]
    if len(frames) > _FRAMES:
        kept.append(f"    [... {len(frames) - _FRAMES} more ...]")
    for number, line in enumerate([] if of_ubsan else lines[end:], end):
        if " is located " in line:
            kept.append(line)
        if line.startswith("SUMMARY: "):
            return _Report(begin, _end_of_legend(lines, number + 1), [*kept, line])
    return _Report(begin, end, kept)


def _first_stack(lines: list[str], begin: int, most: int) -> tuple[int, list[str], list[str]]:
    """The line behind it, what stands before it (at `most` so many lines), and its frames."""
    before: list[str] = []
    frames: list[str] = []
    for number, line in enumerate(lines[begin:], begin):
        if _FRAME.match(line):
            frames.append(line)
        elif frames or (line and len(before) == most):
            return number, before, frames
        elif line:
            before.append(line)
    return len(lines), before, frames


def _end_of_legend(lines: list[str], begin: int) -> int:
    return next((number for number, line in enumerate(lines[begin:], begin) if not _LEGEND.match(line)), len(lines))
