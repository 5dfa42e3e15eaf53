"""Whether programs can still move by themselves: proc(5), and what the kernel tells of each thread's system call.

A program that waits for ever is known long before a limit has passed. It sleeps in a call that has no time limit, has
no timer of its own, and has not even been woken for many looks in a row; so have all others that could wake it; and the
kernel has nothing on its way between them. Then only we could go on, and we wait for them. In doubt (a call that is not
known here, a kernel that doesn't let us look, a time limit that can't be seen) they can move, and are waited for.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple, Optional

from .blocked import BlockedCall, blocked_in
from .descriptors import descriptors, socket_name
from .processes import PROC, ProcessFacts, stat_fields, threads
from .signals import stopped_by_us
from .tcp import RETRANSMISSION, tcp_sockets

# Calls that end only by what somebody else does, if no time limit is among their arguments: where that is, and what it
# is when there is none. See the man page of each.
_POINTER, _MILLISECONDS = (0,), (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)  # NULL; -1, of which only an int may count
_ENDLESS: dict[str, Optional[tuple[int, tuple[int, ...]]]] = {
    "accept": None, "accept4": None, "recvfrom": None, "recvmsg": None, "read": None, "wait4": None, "waitid": None,
    "pause": None, "rt_sigsuspend": None, "rt_sigtimedwait": (2, _POINTER), "poll": (2, _MILLISECONDS),
    "ppoll": (2, _POINTER), "select": (4, _POINTER), "pselect6": (4, _POINTER), "epoll_wait": (3, _MILLISECONDS),
    "epoll_pwait": (3, _MILLISECONDS), "epoll_pwait2": (3, _POINTER), "futex": (3, _POINTER),
}
_RECEIVING = ("accept", "accept4", "recvfrom", "recvmsg", "read")  # on sockets: SO_RCVTIMEO may end them, socket(7)
# On a socket whose peer takes nothing, these wait for ever as well: which argument it is. On other files, who knows.
_SENDING = {"sendto": 0, "sendmsg": 0, "write": 0, "writev": 0, "sendfile": 0, "splice": 2}
_SIGALRM = 1 << 13
_STOPPED = BlockedCall("stopped", (0,) * 6)  # none, of a process that waits for our SIGCONT
_TCP_USER_TIMEOUT = 18  # tcp(7)
_PIDFD_GETFD = 438  # on all machines: pidfd_getfd(2)


class _Thread(NamedTuple):
    """One look at a thread that can't move by itself."""

    id: str
    switches: tuple[str, ...]  # how often it has left its CPU: as long as that stays, it has not run
    call: BlockedCall


class Stillness:
    """A series of looks at processes."""

    LOOKS = 6  # in a row, in which nobody has moved

    def __init__(self, whom: Callable[[], Iterable[ProcessFacts]]) -> None:
        self._whom = whom
        self._seen: Optional[list[_Thread]] = None
        self._looks = 0

    def look(self) -> bool:
        """Whether this look, and enough before it, have found that nobody can move."""
        now = _unable_to_move(self._whom())
        self._looks = self._looks + 1 if now is not None and now == self._seen else 0
        self._seen = now
        if now is None or self._looks < self.LOOKS or any(map(_has_limit, now)):
            return False
        return not _is_under_way({os.getpid(), *(int(each.id.partition("/")[0]) for each in now)})


def switches(thread: str) -> tuple[str, ...]:
    """How often a thread (PID/task/TID) has left its CPU, of its own will and not: proc(5). () if it is gone."""
    with suppress(OSError):
        return tuple(line for line in (PROC / thread / "status").read_text().splitlines() if "ctxt_switches" in line)
    return ()


def _unable_to_move(whom: Iterable[ProcessFacts]) -> Optional[list[_Thread]]:
    """All threads, if none of them can move by itself; None otherwise. Zombies can't, and are none."""
    found = []
    for process in whom:
        if process.state in "ZX":
            continue
        if process.state == "T" and process.pid in stopped_by_us:
            found.append(_Thread(str(process.pid), switches(str(process.pid)), _STOPPED))
            continue
        if process.state != "S" or _has_timer(process):
            return None
        for each in threads(process.pid):
            thread = f"{process.pid}/task/{each}"
            call = blocked_in(thread)
            if stat_fields(thread)[:1] != ["S"] or call is None or not _is_endless(process.pid, call):
                return None
            found.append(_Thread(thread, switches(thread), call))
    return found


def _is_endless(pid: int, call: BlockedCall) -> bool:
    if call.name in _SENDING:
        return descriptors(pid).get(call.arguments[_SENDING[call.name]], "").startswith("socket:")
    if call.name not in _ENDLESS or (call.name == "rt_sigtimedwait" and _awaits_alarm(pid, call.arguments[0])):
        return False
    limit = _ENDLESS[call.name]
    return limit is None or call.arguments[limit[0]] in limit[1]


def _has_timer(process: ProcessFacts) -> bool:
    """Whether a process may be woken by a clock: timer_create(2), timerfd_create(2), or, as alarm(2) shows nowhere, a
    SIGALRM that it handles or waits for. (strace always does, and has a timer only while it delays a call.)"""
    pid = process.pid
    with suppress(OSError):  # a kernel without that file
        if (PROC / str(pid) / "timers").read_text().strip():
            return True
        if process.name == "strace":
            return False
    try:
        status = dict(line.split(":", 1) for line in (PROC / str(pid) / "status").read_text().splitlines())
        if any(int(status.get(name, "0"), 16) & _SIGALRM for name in ("SigCgt", "SigBlk")):
            return True
    except (OSError, ValueError):
        return True
    return any("timerfd" in what for what in descriptors(pid).values())


def _awaits_alarm(pid: int, signals: int) -> bool:
    """Whether SIGALRM is, or may be, in a set of signals that lies at that address. (A signal that is waited for is
    blocked before and after that, and not while it is: the kernel doesn't tell it.)"""
    try:
        with open(PROC / str(pid) / "mem", "rb", buffering=0) as memory:
            memory.seek(signals)
            return bool(struct.unpack("Q", memory.read(8))[0] & _SIGALRM)
    except (OSError, struct.error):
        return True


def _is_under_way(pids: Iterable[int]) -> bool:
    """Whether the kernel will send something again on a TCP connection of these processes, even one that is not yet
    accepted, or is closed: a handshake that a short backlog has no room for takes seconds."""
    names = {name for pid in pids for name in descriptors(pid).values() if name.startswith("socket:")}
    every = list(tcp_sockets())
    ports = {each.local_port for each in every if socket_name(each.inode) in names}
    return any(each.timer == RETRANSMISSION and {each.local_port, each.remote_port} & ports for each in every)


def _has_limit(thread: _Thread) -> bool:
    """Whether a call on a socket has a time limit that its arguments don't show, or may have one."""
    call = thread.call
    if call.name not in _RECEIVING and call.name not in _SENDING:
        return False
    pid, number = int(thread.id.partition("/")[0]), call.arguments[_SENDING.get(call.name, 0)]
    if not descriptors(pid).get(number, "").startswith("socket:"):
        return False
    try:
        process = os.pidfd_open(pid)
        try:
            copy = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, number, 0)
        finally:
            os.close(process)
        if copy < 0:
            return True
        with socket.socket(fileno=copy) as same:
            option = socket.SO_SNDTIMEO if call.name in _SENDING else socket.SO_RCVTIMEO
            limit = same.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("ll"))
            is_tcp = same.family in (socket.AF_INET, socket.AF_INET6) and same.type == socket.SOCK_STREAM
            given_up = is_tcp and same.getsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT)
    except OSError:
        return True
    return bool(given_up) or any(struct.unpack("ll", limit))
