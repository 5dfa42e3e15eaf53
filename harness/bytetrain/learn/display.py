"""How a board is drawn: the lines of a screen of any size."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple, Optional

from rich.console import Console
from rich.text import Text

from ..course.languages import Bilingual
from ..grading.words import Line
from ..telling.text import visible
from .board import Board
from .standing import PART_MARKS, part_line

_KEYS = Bilingual(
    "h hint · a {} · n next · c compare · q quit", "h 提示 · a {} · n 下一步 · c 对照 · q 退出"
)
_ESC, _AGAIN = Bilingual("Esc back · ", "Esc 返回 · "), Bilingual("again, {} times now", "又一次，已是第 {} 次")
_ALL, _FIRST = Bilingual("all", "全部"), Bilingual("first only", "只到第一个")
_BROKEN = Bilingual("The grader could not do its work:", "评分程序没能工作：")
_AND, _SCROLLS = Bilingual(", ", "，"), Bilingual("[{}: ↑ ↓ space]", "［{}：↑ ↓ 空格键］")
_ABOVE, _BELOW = Bilingual("{} lines above", "上面还有 {} 行"), Bilingual("{} lines below", "下面还有 {} 行")
_ROOM = 14  # lines that a long story should have; with less, the steps share one line
_AROUND = 5  # lines that are neither steps nor read: the first, the last, and those that are empty
# What a line begins with, under which its continuation shouldn't stand: "  expected  ", " ►  2    0.123 s ✗ ".
_LABEL = re.compile(r" ?[ ►] *\d+ +[\d.#]+ s . | *\S+(?: \S+){0,3} {2,}| *[✗✓!·-] | +")
_ASCII = str.maketrans("✓✗·◐►◄○→←↑↓…–—─│’‘“”", "+x.~>>o><^v.---|''\"\"")


def draws_unicode(console: Console, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal shows more than ASCII, as far as that can be known. Python writes UTF-8 in the C locale too
    (PEP 540); who has asked for that locale by name may have a terminal without."""
    return console.encoding.lower().startswith("utf") and environment.get("LC_ALL") not in ("C", "POSIX")


def lines_shown(board: Board, console: Console, width: int, height: int) -> list[Text]:
    """What is on the screen: at most `height` lines of at most `width` columns, the footer last."""
    reading = _reading(board)
    reads = sum(len(wrapped(line, console, width)) for line in (reading.title, *reading.lines)) if reading else 0
    head = _head(board, width)
    steps = _steps(board, width, height - _AROUND, reads)
    gap = [Text()] if height >= len(steps) + _AROUND + min(reads, 2) else []
    above = [head, *gap, *steps, *gap][: max(1, height - 1)]
    room = height - len(above) - 1 - len(gap)
    body = _body(board, reading, console, width, room) if reading and room > 0 else []
    filler = [Text()] * (height - len(above) - len(body) - 1)
    return [*above, *body, *filler, _foot(board, width)][:height]


def _head(board: Board, width: int) -> Text:
    style = "bold green" if board.passed else "bold red" if board.failing in board.decided else "cyan"
    says = Text(visible(board.says), style)
    return _both_ends(Text(board.title, "bold"), says, width)


def _foot(board: Board, width: int) -> Text:
    esc = _ESC[board.language] if board.esc_leads_back else ""
    keys, note = Text(esc + keys_of(board), "cyan"), Text(visible(board.note or board.advice), "yellow")
    fits = keys.cell_len + 2 + note.cell_len <= width
    return _both_ends(keys, note if board.note or fits else Text(), width)


def keys_of(board: Board) -> str:
    """What they do."""
    return _KEYS[board.language].format((_FIRST if board.every else _ALL)[board.language])


def _both_ends(left: Text, right: Text, width: int) -> Text:
    """Two texts on one line; where there isn't room for both, the left one is cut."""
    right.truncate(width, overflow="ellipsis")
    room = width - right.cell_len - (2 if right else 0)
    left.truncate(max(0, room), overflow="ellipsis", pad=False)
    line = left + Text(" " * (width - left.cell_len - right.cell_len)) + right
    line.truncate(width)
    return line


def _steps(board: Board, width: int, height: int, reads: int) -> list[Text]:
    """One line each, unless what is read needs the room: then one for all."""
    if height - len(board.parts) < min(reads, _ROOM):
        return [steps_in_a_line(board, width)]
    lines = []
    for part in board.parts:
        line = part_line(part, board.verdicts, board.language)
        lines.append(Text(" ► ", "bold") + line[3:] if part == board.current else line)
        lines[-1].truncate(width, overflow="ellipsis")
    return lines


def steps_in_a_line(board: Board, width: int) -> Text:
    """The marks of all, and the current one."""
    line = Text()
    for part in board.parts:
        mark, style = PART_MARKS[part.state(board.verdicts)]
        line.append(f"{mark}{part.number or ''}", style)
        line.append(" ")
    if board.current is not None:
        line.append("►")
        line.append_text(part_line(board.current, board.verdicts, board.language)[4:])
    line.truncate(width, overflow="ellipsis")
    return line


def _body(board: Board, reading: Reading, console: Console, width: int, height: int) -> list[Text]:
    """What is read: its first line always, and of the others those that are looked at."""
    top = wrapped(reading.title, console, width)
    parts = [wrapped(line, console, width) for line in reading.lines]
    shown = [each for lines in parts for each in lines]
    room = height - len(top)
    board.seen_from = 0
    if len(shown) <= room or room < 2:
        board.offset = None
        return (top + shown)[:height]
    first = sum(map(len, parts[: reading.best])) if board.offset is None else board.offset
    first = max(0, min(first, len(shown) - (room - 1)))
    board.seen_from, board.seen = first, room - 1
    seen = shown[first : first + room - 1]
    return top + seen + [_rest(board, len(shown) - first - len(seen), width)]


def _rest(board: Board, below: int, width: int) -> Text:
    counts = (_ABOVE, board.seen_from), (_BELOW, below)
    words = _AND[board.language].join(text[board.language].format(count) for text, count in counts if count)
    line = Text(_SCROLLS[board.language].format(words), "dim")
    line.truncate(width, overflow="ellipsis")
    return line


class Reading(NamedTuple):
    """What is to be read below the steps."""

    title: Line
    lines: list[Line]
    best: int = 0  # the line that it's best to begin with, where there isn't room for all


def _reading(board: Board) -> Optional[Reading]:
    if board.page is not None:
        offers = [("", ""), (board.page.offers, "bold")] if board.page.offers else []
        return Reading((board.page.title, "bold"), [*board.page.lines, *offers])
    if board.trouble:
        return Reading((_BROKEN[board.language], "bold yellow"), board.trouble)
    story = board.story
    if story is None:
        lines = [*board.warnings, *([(board.learnt, "")] if board.passed else [])]
        return Reading(lines[0], lines[1:]) if lines else None
    title, style = story.lines[0] if story.lines else (story.check, "")
    if len(board.stories) > 1:
        title += f"   ({board.shown + 1} of {len(board.stories)}: ← →)"
    if story.times > 1:
        title += f"   ({_AGAIN[board.language].format(story.times)})"
    if story.round != board.round:  # of files that have changed since
        style = "dim"
    lines = story.lines[1:]
    if board.hint:
        return Reading((title, style), [*board.hint, ("", ""), *lines])
    failing = next((number for number, (text, _) in enumerate(lines) if "►" in text[:3]), 0)
    return Reading((title, style), lines, failing)


def wrapped(line: Line, console: Console, width: int) -> list[Text]:
    """One line of a story, as many of a screen: what goes on stands under what it goes on from."""
    text, style = visible(line[0]).expandtabs(4), line[1]
    label = _LABEL.match(text)
    start = text[: label.end()] if label and label.end() <= width // 2 else ""
    parts = Text(text[len(start) :], style).wrap(console, max(1, width - len(start)), overflow="fold")
    return [Text((" " * len(start) if number else start) + part.plain, style) for number, part in enumerate(parts)] or [
        Text(start, style)
    ]


def in_ascii(line: Text) -> Text:
    """For terminals that show nothing else; each character stays one."""
    plain = line.plain.translate(_ASCII).encode("ascii", "replace").decode()
    copy = line.copy()
    copy.plain = plain
    return copy
