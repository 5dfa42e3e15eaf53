"""The progress line: drawn in its place again and again, on a terminal only."""

import contextlib
import os
import time
from typing import Optional

_PAUSE = 0.1  # seconds between two drawings
_MIB = 1 << 20


def line(received: int, size: int, seconds: float) -> str:
    """What the line says. 100 % means that all has come: so it's rounded down, and all of 0 bytes is 100 %."""
    percent = 100 * received // size if size else 100
    rate = received / seconds if seconds > 0 else 0.0
    text = f"{percent:3d} %  {received} of {size} bytes  {rate / _MIB:.1f} MiB/s"
    if received < size and rate > 0:
        text += f"  {_clock((size - received) / rate)} left"
    return text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


class Progress:
    """Draws the line at most ten times a second; `close` ends it, so that what follows begins on a line of its own.

    Nothing is drawn if the size is unknown (None), or if standard error is no terminal.
    """

    def __init__(self, size: Optional[int]) -> None:
        self._size = size or 0
        self._drawn = size is not None and os.isatty(2)
        self._start = self._next = time.monotonic()
        self._width = 0  # of what stands there

    def show(self, received: int) -> None:
        """Draws, unless it's too early for that."""
        if self._drawn and time.monotonic() >= self._next:
            self._draw(received)
            self._next = time.monotonic() + _PAUSE

    def complete(self) -> None:
        """The last drawing, when all has come."""
        if self._drawn:
            self._draw(self._size)

    def close(self) -> None:
        """Ends the line, if there is one."""
        if self._width:
            self._width = 0
            self._write("\n")

    def _draw(self, received: int) -> None:
        text = line(received, self._size, time.monotonic() - self._start)[: _columns() - 1]
        self._write("\r" + text.ljust(self._width))  # blanks wipe out the rest of a longer line
        self._width = len(text)

    @staticmethod
    def _write(text: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that has gone is no reason to lose the file
            os.write(2, text.encode())


def _columns() -> int:
    with contextlib.suppress(OSError):
        return os.get_terminal_size(2).columns or 80  # 0: the terminal doesn't know
    return 80
