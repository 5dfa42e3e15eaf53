"""Keys of a terminal, one at a time, without Enter and without an echo. See termios(3)."""

from __future__ import annotations

import contextlib
import os
import re
import select
import termios
import threading
import tty
from typing import Any, Callable, Optional

_NAMES = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left", b"\x1b[5~": "page up",
    b"\x1b[6~": "page down", b" ": "page down", b"f": "page down", b"b": "page up", b"\x1b": "esc", b"g": "home",
    b"G": "end", b"\x1b[H": "home", b"\x1b[F": "end", b"j": "down", b"k": "up",
}
_KEY = re.compile(rb"\x1b(?:[\[O][0-9;]*[A-Za-z~])?|[^\x1b]", re.DOTALL)


def names_of(typed: bytes) -> list[str]:
    """"h", "up", "esc"...: the keys that a terminal has sent. Of ESC O A it's the same as of ESC [ A."""
    found = (each.replace(b"\x1bO", b"\x1b[") for each in _KEY.findall(typed))
    return [_NAMES.get(each) or each.decode("ascii", "replace") for each in found]


class Keys:
    """A thread reads them while we are inside: `pressed` is called there for each, and `gone` when the terminal has
    gone. At the end the terminal is as it was. Signals of the keyboard (Ctrl-C, Ctrl-Z) stay signals."""

    def __init__(self, terminal: int, pressed: Callable[[str], None], gone: Callable[[], None]) -> None:
        self._terminal = terminal
        self._pressed = pressed
        self._gone = gone
        self._before: list[Any] = []
        self._thread: Optional[threading.Thread] = None

    def __enter__(self) -> Keys:
        if os.isatty(self._terminal):
            self._before = termios.tcgetattr(self._terminal)
            self.take()
            self._over, self._end = os.pipe()
            self._thread = threading.Thread(target=self._read, daemon=True)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread is not None:
            os.close(self._end)
            self._thread.join()
            os.close(self._over)
            self.release()

    def take(self) -> None:
        """No line is edited any more, and nothing echoed."""
        if self._before:
            tty.setcbreak(self._terminal, termios.TCSADRAIN)

    def release(self) -> None:
        """As it was."""
        if self._before:
            with contextlib.suppress(termios.error):  # it has gone
                termios.tcsetattr(self._terminal, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._terminal, self._over], [], [])
            if self._over in ready:
                return
            try:
                typed = os.read(self._terminal, 64)
            except OSError:  # EIO: it has hung up
                typed = b""
            if not typed:
                self._gone()
                return
            for each in names_of(typed):
                self._pressed(each)
