"""A client whose standard error is a terminal, to see its progress bar."""

import errno
import fcntl
import os
import pty
import re
import struct
import termios
import threading
from typing import Optional

from .limits import Printed
from .programs import Client
from .story import quietly
from .waiting import wait_until

# Bytes: stdio collects at least 1024 for a terminal before it writes them at once, and a line has much less.
SMALLEST_BUFFER = 1000
_MARK = re.compile(rb"\0mark \d+\0")


class TerminalClient(Client):
    """As Client, but its standard error is a pseudo terminal of 80 columns; `stderr` gives exactly what was written."""

    _master = _slave = -1
    _reader: Optional[threading.Thread] = None
    _marks = 0
    _looked_at = 0  # bytes that `has_drawn_at_once` has seen

    def start(self) -> "TerminalClient":
        """Starts it with a new terminal, and a thread that drains what is written there."""
        self._chunks: list[bytes] = []  # what was written there so far, our marks included
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        attributes = termios.tcgetattr(self._slave)
        attributes[1] &= ~termios.OPOST  # otherwise "\n" would be seen as "\r\n"
        termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        try:
            self._launch(self._slave)
        finally:
            self._reader = threading.Thread(target=self._drain, daemon=True)
            self._reader.start()
        return self

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
        """Waits until all that was written to the terminal before this call is in `stderr`, however busy the machine is:
        a terminal is a queue, so we write a mark into it ourselves, and wait for that. (It is not seen in `stderr`.)"""
        if self._slave < 0:  # the client has ended, and all is here
            return
        self._marks += 1
        mark, first = b"\0mark %d\0" % self._marks, len(self._chunks)
        with quietly():
            os.write(self._slave, mark)
            what = "what the client has written comes through its terminal"
            wait_until(lambda: mark in b"".join(self._chunks[first:]), what)

    def has_drawn_at_once(self) -> bool:
        """Whether something was written since the last call, but no more than a line or some: not a whole buffer, in
        which lines had been kept until it was full. (Each write(2) comes whole before or behind a mark.)"""
        self.sync()
        before, self._looked_at = self._looked_at, len(self._written)
        return 0 < self._looked_at - before < SMALLEST_BUFFER

    @property
    def _written(self) -> bytes:
        return _MARK.sub(b"", b"".join(self._chunks))

    @property
    def stderr(self) -> str:
        return self._written.decode(errors="replace")

    def printed(self) -> list[Printed]:
        return [*super().printed(), Printed(f"{self.kind} (process {self.pid})", sum(map(len, self._chunks)))]

    @property
    def redraws(self) -> list[str]:
        """What each redraw showed: the pieces between carriage returns and newlines, without the empty ones."""
        return [piece for piece in self.stderr.replace("\n", "\r").split("\r") if piece]

    def _drained(self) -> None:
        if self._slave >= 0:
            os.close(self._slave)  # the last one who had the terminal open, so that the thread comes to its end
            self._slave = -1
        if self._reader is not None:
            self._reader.join()

    def _close(self) -> None:
        super()._close()
        self._drained()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
