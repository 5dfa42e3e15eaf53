"""What a program printed and how it ended, kept small and made fit for a message."""

import os
import signal
import tempfile
from dataclasses import dataclass
from typing import IO, Optional

from ..telling.sizes import MiB
from .sanitizers import without_legend

CAPTURE_LIMIT = MiB  # bytes of a program's output that are read; the middle of more is left out
SHOWN_LIMIT = 2000  # characters of it that a message shows


def shown(text: str, limit: int = SHOWN_LIMIT) -> str:
    """A text for a message: its middle left out if it is long."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"


def status_in_words(status: int) -> str:
    """'status 1', or 'signal 13 (SIGPIPE)' for -13."""
    if status >= 0:
        return f"status {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"signal {-status}"


@dataclass(frozen=True)
class Finished:
    """How a program ended, and what it printed."""

    status: int
    stdout: str
    stderr: str

    @property
    def signal(self) -> int:
        """The signal that ended it, or 0."""
        return max(0, -self.status)

    def __str__(self) -> str:
        return f"it ended with {status_in_words(self.status)}\n{quoted(self.stdout, self.stderr)}"


def quoted(stdout: str, stderr: str) -> str:
    """Both outputs, each line marked, for a message."""
    lines = []
    for label, text in (("standard output", stdout), ("standard error", stderr)):
        lines += [f"its {label}:" if text else f"its {label} is empty"]
        lines += [f"  | {line}" for line in shown(without_legend(text)).splitlines()]
    return "\n".join(lines)


class Capture:
    """A file without a name that takes a program's output; it can be read while the program writes."""

    def __init__(self) -> None:
        self.file: IO[bytes] = tempfile.TemporaryFile()
        self._last: Optional[str] = None

    @property
    def size(self) -> int:
        """Bytes written so far; 0 once it is closed."""
        try:
            return os.fstat(self.file.fileno()).st_size
        except (ValueError, OSError):  # EBADF, if another thread closes it right now
            return 0

    @property
    def text(self) -> str:
        """What has been written so far; the middle of more than CAPTURE_LIMIT bytes is left out."""
        return self._last if self._last is not None else os.fsdecode(self._read())

    def _read(self) -> bytes:
        descriptor, size = self.file.fileno(), os.fstat(self.file.fileno()).st_size
        if size <= CAPTURE_LIMIT:
            return os.pread(descriptor, size, 0)
        half = CAPTURE_LIMIT // 2
        left_out = f"\n[... {size - 2 * half} bytes left out ...]\n".encode()
        return os.pread(descriptor, half, 0) + left_out + os.pread(descriptor, half, size - half)

    def close(self) -> None:
        """Keeps the text and gives the file back."""
        if self._last is None:
            self._last = self.text
            self.file.close()
