"""Programs with a terminal: a client that has one as standard error, to see its progress bar, and a server that has one
as standard output, where stdio holds back no line."""

import errno
import fcntl
import os
import pty
import re
import struct
import termios
import threading

from ..telling.story import quietly
from ..telling.waiting import wait_until
from .output import Capture
from .program import Client, Server

# Bytes: stdio collects at least 1024 for a terminal before it writes them at once, and a line has much less.
SMALLEST_BUFFER = 1000
_MARK = re.compile(rb"\0mark \d+\0")


class Terminal(Capture):
    """A pseudo terminal of 80 columns; a thread drains what is written there, and `text` gives exactly that."""

    def __init__(self) -> None:
        super().__init__()
        self.file.close()
        self._chunks: list[bytes] = []  # what was written there so far, our marks included
        self._marks = 0
        self._master, slave = pty.openpty()
        self.file = os.fdopen(slave, "wb", buffering=0)
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST  # otherwise "\n" would be seen as "\r\n"
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError as error:
                if error.errno != errno.EIO:  # EIO: the last process that had the terminal has closed it
                    raise
                return
            self._chunks.append(data)

    def sync(self) -> None:
        """Waits until all that was written to the terminal before this call is in `text`, however busy the machine is:
        a terminal is a queue, so we write a mark into it ourselves, and wait for that. (It is not seen in `text`.)"""
        if self.file.closed:  # the program has ended, and all is here
            return
        self._marks += 1
        mark, first = b"\0mark %d\0" % self._marks, len(self._chunks)
        with quietly():
            os.write(self.file.fileno(), mark)
            what = "what the program has written comes through its terminal"
            wait_until(lambda: mark in b"".join(self._chunks[first:]), what)

    @property
    def size(self) -> int:
        return sum(map(len, self._chunks))

    @property
    def written(self) -> bytes:
        """All that has come through so far."""
        return _MARK.sub(b"", b"".join(self._chunks))

    @property
    def text(self) -> str:
        return self.written.decode(errors="replace")

    def finish(self) -> None:
        """Once nobody else has the terminal: waits until all is in `text`."""
        self.file.close()  # the last one who had it open, so that the thread comes to its end
        self._reader.join()

    def close(self) -> None:
        self.finish()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1


class TerminalClient(Client):
    """As Client, but its standard error is a terminal; `stderr` gives exactly what was written."""

    _terminal: Terminal
    _looked_at = 0  # bytes that `has_drawn_at_once` has seen

    def start(self) -> "TerminalClient":
        """Starts it with a new terminal."""
        self._err.close()
        self._err = self._terminal = Terminal()
        super().start()
        return self

    def sync(self) -> None:
        """Waits until all that was written before this call is in `stderr`."""
        self._terminal.sync()

    def has_drawn_at_once(self) -> bool:
        """Whether something was written since the last call, but no more than a line or some: not a whole buffer, in
        which lines had been kept until it was full. (Each write(2) comes whole before or behind a mark.)"""
        self.sync()
        before, self._looked_at = self._looked_at, len(self._terminal.written)
        return 0 < self._looked_at - before < SMALLEST_BUFFER

    @property
    def redraws(self) -> list[str]:
        """What each redraw showed: the pieces between carriage returns and newlines, without the empty ones."""
        return [piece for piece in self.stderr.replace("\n", "\r").split("\r") if piece]

    def _drained(self) -> None:
        self._terminal.finish()


class TerminalServer(Server):
    """As Server, but its standard output is a terminal, where a line that ends is written at once, flushed or not."""

    _terminal: Terminal

    def start(self) -> "TerminalServer":
        """Starts it with a new terminal, and waits until it listens."""
        self._out.close()
        self._out = self._terminal = Terminal()
        super().start()
        return self

    def sync(self) -> None:
        """Waits until all that was written before this call is in `stdout`."""
        self._terminal.sync()
