"""A client whose standard error is a terminal, to see its progress bar."""

import errno
import fcntl
import os
import pty
import struct
import termios
import threading
import time
from typing import Optional

from .limits import Printed
from .programs import Client


class TerminalClient(Client):
    """As Client, but its standard error is a pseudo terminal of 80 columns; `stderr` gives exactly what was written."""

    _master = -1
    _reader: Optional[threading.Thread] = None

    def start(self) -> "TerminalClient":
        """Starts it with a new terminal, and a thread that drains what is written there."""
        self._chunks: list[tuple[float, bytes]] = []
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        attributes = termios.tcgetattr(slave)
        attributes[1] &= ~termios.OPOST  # otherwise "\n" would be seen as "\r\n"
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        try:
            self._launch(slave)
        finally:
            os.close(slave)
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
            self._chunks.append((time.monotonic(), data))

    @property
    def stderr(self) -> str:
        return b"".join(data for _, data in self._chunks).decode(errors="replace")

    def printed(self) -> list[Printed]:
        to_terminal = sum(len(data) for _, data in self._chunks)
        return [*super().printed(), Printed(f"{self.kind} (process {self.pid})", to_terminal)]

    @property
    def redraws(self) -> list[str]:
        """What each redraw showed: the pieces between carriage returns and newlines, without the empty ones."""
        return [piece for piece in self.stderr.replace("\n", "\r").split("\r") if piece]

    @property
    def arrivals(self) -> list[tuple[float, bytes]]:
        """When (time.monotonic, in seconds) which bytes came; two writes may have come as one."""
        return list(self._chunks)

    def _drained(self) -> None:
        if self._reader is not None:
            self._reader.join()

    def _close(self) -> None:
        super()._close()
        self._drained()
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
