"""Shows a board: on one calm screen of a terminal, or line by line where there is none (TERM=dumb, a pipe)."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Optional, Protocol

from rich.console import Console, ConsoleDimensions, Group
from rich.live import Live
from rich.text import Text

from ..grading.words import Line
from ..telling.text import visible
from .board import Board
from .display import draws_unicode, in_ascii, keys_of, lines_shown, steps_in_a_line


def say_below(console: Console, text: str, plain: bool, style: str = "") -> None:
    """Prints a line as long as it is."""
    line = Text(visible(text), style)
    console.print(in_ascii(line) if plain else line, soft_wrap=True)


class View(Protocol):
    """How a board is shown."""

    @property
    def width(self) -> int:
        """Columns."""

    def enter(self) -> None:
        """From now on the terminal is ours."""

    def show(self, board: Board) -> None:
        """As it is now."""

    def leave(self) -> None:
        """The terminal is as it was."""

    def say(self, text: str) -> None:
        """A line below whatever else is there."""


def view() -> View:
    """For the standard output that we have."""
    console = Console(highlight=False, markup=False, emoji=False)
    plain = not draws_unicode(console)
    if console.is_terminal and not console.is_dumb_terminal:
        return OneScreen(console, plain)
    return Lines(console, plain)


class OneScreen:
    """The alternate screen of a terminal, drawn over and over in place: nothing scrolls, nothing flickers."""

    def __init__(self, console: Console, plain: bool) -> None:
        self._console = console
        self._plain = plain
        self._live: Optional[Live] = None

    @property
    def width(self) -> int:
        return _size()[0]

    def enter(self) -> None:
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._live.start()

    def show(self, board: Board) -> None:
        if self._live is None:
            return
        width, height = _size()
        self._console.size = ConsoleDimensions(width, height)
        lines = lines_shown(board, self._console, width, height)
        drawn = Group(*(in_ascii(each) if self._plain else each for each in lines))
        with contextlib.suppress(OSError):  # EIO: the terminal has hung up, and the end is near
            self._live.update(drawn, refresh=True)

    def leave(self) -> None:
        if self._live is not None:
            with contextlib.suppress(OSError):
                self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        say_below(self._console, text, self._plain)


def _size() -> tuple[int, int]:
    """Of the terminal, as it is now: COLUMNS and LINES of the environment don't follow it."""
    try:
        width, height = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        width = height = 0
    return width or 80, height or 24


class Lines:
    """One line after the other: what is new since the last time."""

    def __init__(self, console: Console, plain: bool) -> None:
        self._console = console
        self._plain = plain
        self._round = 0
        self._told: dict[str, int] = {}  # how many lines of what

    @property
    def width(self) -> int:
        return self._console.width

    def enter(self) -> None:
        pass

    def leave(self) -> None:
        pass

    def show(self, board: Board) -> None:
        if board.round != self._round:
            self._round, self._told = board.round, {}
            self._tell("round", [("", ""), (f"{board.title}: {board.says}", "bold")])
        self._tell("warnings", board.warnings)
        for each in board.stories:
            if each.round == board.round:
                self._tell(f"story {each.check}", each.lines)
        self._tell(f"hint {board.hint}", board.hint)
        if board.page is not None:
            self._tell(f"page {board.page.title}", [(board.page.title, "bold"), *board.page.lines])
        self._tell("trouble", board.trouble)
        if board.ended and not board.running:
            steps = steps_in_a_line(board, 1000).plain
            foot = f"{keys_of(board)}{'   ' if board.note else ''}{board.note}"
            self._tell("end", [("", ""), (board.says, "bold"), (steps, ""), (foot, "cyan")])

    def _tell(self, what: str, lines: list[Line]) -> None:
        for text, style in lines[self._told.get(what, 0) :]:
            say_below(self._console, text, self._plain, style)
        self._told[what] = len(lines)

    def say(self, text: str) -> None:
        say_below(self._console, text, self._plain)
