"""The parent's signals, as numbers to be read from a pipe: signal.set_wakeup_fd, known as the self-pipe trick."""

import contextlib
import os
import signal
from collections.abc import Iterator

HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_LEAVE = (signal.SIGTERM, signal.SIGINT)


class SignalPipe:
    """From its creation on, the signals of HEARD do nothing but leave their numbers in the pipe."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in HEARD:
            signal.signal(number, lambda *_: None)  # of the default actions none would write to the pipe

    def fileno(self) -> int:
        return self._reading

    def take(self) -> bytes:
        """The numbers of the signals that have come, one byte each."""
        with contextlib.suppress(BlockingIOError):
            return os.read(self._reading, 4096)
        return b""

    def leave_to_parent(self) -> None:
        """In a worker: who leaves, and when, is decided by the parent, even if Ctrl-C goes to the whole group."""
        signal.set_wakeup_fd(-1)
        os.close(self._reading)
        os.close(self._writing)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ignore()


def ignore() -> None:
    """SIGTERM and SIGINT have no effect any more."""
    for number in _LEAVE:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Signals wait until the block has ended. Around a fork: no child writes to the pipe that it shares with us."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
