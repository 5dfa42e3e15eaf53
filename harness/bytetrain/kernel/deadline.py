"""A deadline that the kernel keeps: SIGKILL for this process, even if somebody has stopped it. See timer_create(2).

Python has no such timers: alarm(2) and setitimer(2) send SIGALRM, which a stopped process doesn't get.
"""

import ctypes
import os
import signal

_MONOTONIC = 1  # CLOCK_MONOTONIC


class _Event(ctypes.Structure):
    """struct sigevent, see sigevent(7); sigev_notify 0 is SIGEV_SIGNAL."""

    _fields_ = [("value", ctypes.c_void_p), ("signal", ctypes.c_int), ("notify", ctypes.c_int),
                ("padding", ctypes.c_char * 48)]


class _Times(ctypes.Structure):
    """struct itimerspec: an interval, and the first time; each in seconds and nanoseconds."""

    _fields_ = [("every_s", ctypes.c_long), ("every_ns", ctypes.c_long), ("s", ctypes.c_long), ("ns", ctypes.c_long)]


class Deadline:
    """Of this process. A fork doesn't inherit it."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = ctypes.c_void_p()
        event = _Event(None, signal.SIGKILL, 0)
        self._call("timer_create", _MONOTONIC, ctypes.byref(event), ctypes.byref(self._timer))

    def set(self, seconds: float) -> None:
        """In so many seconds from now, instead of what was set before; never, if 0."""
        whole = int(seconds)
        times = _Times(0, 0, whole, int((seconds - whole) * 1e9))
        self._call("timer_settime", self._timer, 0, ctypes.byref(times), None)

    def _call(self, name: str, *arguments: object) -> None:
        if getattr(self._libc, name)(*arguments) != 0:
            raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
