"""Whether programs can still move by themselves: proc(5), and what the kernel tells of each thread's system call.

A program that waits for ever is known long before a limit has passed. It sleeps in a call that ends only by what
others do, no clock wakes it, and it has not even been woken for many looks in a row; so have all others that could wake
it; and the kernel has nothing on its way between them. Then only we could go on, and we wait for them. A clock that
wakes somebody only after we have ceased to wait is none for us. In doubt (a call that is not known here, a kernel that
doesn't let us look, a time that can't be seen) they can move, and are waited for.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple, Optional

from .blocked import BlockedCall, blocked_in
from .descriptors import descriptors, socket_name
from .processes import PROC, ProcessFacts, started, stat_fields, threads
from .signals import stopped_by_us
from .tcp import RETRANSMISSION, tcp_sockets

# Calls that end only by what somebody else does, if no time limit is among their arguments: where that is, and how it
# is told. See the man page of each.
_MILLISECONDS, _TIMES, _UNKNOWN = "milliseconds", "struct timespec", "whichever it is"
_ENDLESS: dict[str, Optional[tuple[int, str]]] = {
    "accept": None, "accept4": None, "recvfrom": None, "recvmsg": None, "read": None, "wait4": None, "waitid": None,
    "pause": None, "rt_sigsuspend": None, "rt_sigtimedwait": (2, _TIMES), "poll": (2, _MILLISECONDS),
    "ppoll": (2, _TIMES), "select": (4, _TIMES), "pselect6": (4, _TIMES), "epoll_wait": (3, _MILLISECONDS),
    "epoll_pwait": (3, _MILLISECONDS), "epoll_pwait2": (3, _TIMES), "futex": (3, _UNKNOWN),
}
# On a socket whose peer sends nothing, or takes nothing, these wait for ever as well; SO_RCVTIMEO and SO_SNDTIMEO of
# socket(7) may end them. Which argument it is. On other files, who knows.
_RECEIVING = {"accept": 0, "accept4": 0, "recvfrom": 0, "recvmsg": 0, "read": 0, "splice": 0}
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

    @property
    def pid(self) -> int:
        return int(self.id.partition("/")[0])


class Stillness:
    """A series of looks at processes."""

    LOOKS = 6  # in a row, in which nobody has moved

    def __init__(self, whom: Callable[[], Iterable[ProcessFacts]]) -> None:
        self._whom = whom
        self._seen: Optional[list[_Thread]] = None
        self._looks = 0
        self.lasts = 0.0  # seconds, or for ever, as the last look has found: see there

    def look(self, within: float = math.inf) -> bool:
        """Whether this look, and enough before it, have found that nobody can move, for so many seconds at least."""
        now = _unable_to_move(self._whom())
        self._looks = self._looks + 1 if now is not None and now == self._seen else 0
        self._seen = now
        if now is None or self._looks < self.LOOKS:
            return False
        self.lasts = _until_a_clock(now, within)
        return self.lasts >= within and not _is_under_way({os.getpid(), *(each.pid for each in now)})


def switches(thread: str) -> tuple[str, ...]:
    """How often a thread (PID/task/TID) has left its CPU, of its own will and not: proc(5). () if it is gone."""
    with suppress(OSError):
        return tuple(line for line in (PROC / thread / "status").read_text().splitlines() if "ctxt_switches" in line)
    return ()


def _unable_to_move(whom: Iterable[ProcessFacts]) -> Optional[list[_Thread]]:
    """All threads, if none of them can move before others do, or a clock; None otherwise. Zombies can't, and are
    none."""
    found = []
    for process in whom:
        if process.state in "ZX":
            continue
        if process.state == "T" and process.pid in stopped_by_us:
            found.append(_Thread(str(process.pid), switches(str(process.pid)), _STOPPED))
            continue
        if process.state != "S" or _may_get_alarm(process):
            return None
        for each in threads(process.pid):
            thread = f"{process.pid}/task/{each}"
            call = blocked_in(thread)
            if stat_fields(thread)[:1] != ["S"] or call is None or not _waits_for_others(process.pid, call):
                return None
            found.append(_Thread(thread, switches(thread), call))
    return found


def _waits_for_others(pid: int, call: BlockedCall) -> bool:
    if call.name not in _ENDLESS:
        return _socket_of(pid, call) is not None
    return not (call.name == "rt_sigtimedwait" and _awaits_alarm(pid, call.arguments[0]))


def _socket_of(pid: int, call: BlockedCall) -> Optional[tuple[int, int]]:
    """The descriptor of the socket on which it waits, and the option that may end that; None if it is none."""
    for places, option in ((_SENDING, socket.SO_SNDTIMEO), (_RECEIVING, socket.SO_RCVTIMEO)):
        if call.name in places and _is_socket(pid, number := call.arguments[places[call.name]]):
            return number, option
    return None


def _is_socket(pid: int, number: int) -> bool:
    return descriptors(pid).get(number, "").startswith("socket:")


def _may_get_alarm(process: ProcessFacts) -> bool:
    """Whether a process may be woken by a clock that tells nobody when: timer_create(2) or, as alarm(2) shows nowhere,
    a SIGALRM that it handles or waits for. (strace always does, and has a timer only while it delays a call.)"""
    pid = process.pid
    with suppress(OSError):  # a kernel without that file
        if (PROC / str(pid) / "timers").read_text().strip():
            return True
        if process.name == "strace":
            return False
    try:
        status = dict(line.split(":", 1) for line in (PROC / str(pid) / "status").read_text().splitlines())
        return any(int(status.get(name, "0"), 16) & _SIGALRM for name in ("SigCgt", "SigBlk"))
    except (OSError, ValueError):
        return True


def _until_a_clock(sleepers: Iterable[_Thread], within: float) -> float:
    """Seconds that pass at least until a clock wakes one of them, or math.inf if none does; 0 where that can't be told.
    The first that is shorter than `within` is enough."""
    least = math.inf
    for each in sleepers:
        if each.call is not _STOPPED:
            least = min(least, _timers_left(each.pid), _limit_left(each.pid, each.call))
        if least < within:
            break
    return least


def _timers_left(pid: int) -> float:
    """Seconds until the first of its timers expires that timerfd_create(2) has made: it_value of proc(5)."""
    timers = (number for number, what in descriptors(pid).items() if "timerfd" in what)
    return min(map(lambda number: _timer_left(pid, number), timers), default=math.inf)


def _timer_left(pid: int, number: int) -> float:
    try:
        text = (PROC / str(pid) / "fdinfo" / str(number)).read_text()
    except OSError:
        return 0.0
    told = dict(re.findall(r"^it_(value|interval): \((\d+, \d+)\)$", text, re.MULTILINE))
    if told.get("value") == told.get("interval") == "0, 0":  # nobody has set it, or it has expired
        return math.inf
    return float(told.get("value", "0").partition(",")[0])


def _limit_left(pid: int, call: BlockedCall) -> float:
    """Seconds that are left of the time limit of a call. It can't have begun before its process has."""
    limit = min(_limit_in_arguments(pid, call), _limit_of_socket(pid, call))
    if limit == math.inf:
        return limit
    return limit - (time.clock_gettime(time.CLOCK_BOOTTIME) - started(pid))


def _limit_in_arguments(pid: int, call: BlockedCall) -> float:
    place, told = _ENDLESS.get(call.name) or (0, "")
    given = call.arguments[place]
    if told == _MILLISECONDS:
        given = ctypes.c_int(given).value  # only so much of the register counts
        return given / 1000 if given >= 0 else math.inf
    if not told or given == 0:  # NULL
        return math.inf
    seconds = _word(pid, given) if told == _TIMES else None
    return float(seconds or 0)


def _word(pid: int, address: int) -> Optional[int]:
    """Of the memory of a process; None if we may not read it."""
    try:
        with open(PROC / str(pid) / "mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return int(struct.unpack("Q", memory.read(8))[0])
    except (OSError, struct.error):
        return None


def _awaits_alarm(pid: int, signals: int) -> bool:
    """Whether SIGALRM is, or may be, in a set of signals that lies at that address. (A signal that is waited for is
    blocked before and after that, and not while it is: the kernel doesn't tell it.)"""
    found = _word(pid, signals)
    return found is None or bool(found & _SIGALRM)


def _is_under_way(pids: Iterable[int]) -> bool:
    """Whether the kernel will send something again on a TCP connection of these processes, even one that is not yet
    accepted, or is closed: a handshake that a short backlog has no room for takes seconds."""
    names = {name for pid in pids for name in descriptors(pid).values() if name.startswith("socket:")}
    every = list(tcp_sockets())
    ports = {each.local_port for each in every if socket_name(each.inode) in names}
    return any(each.timer == RETRANSMISSION and {each.local_port, each.remote_port} & ports for each in every)


def _limit_of_socket(pid: int, call: BlockedCall) -> float:
    """Seconds of the time limit that a call on a socket has by an option of that, which its arguments don't show."""
    found = _socket_of(pid, call)
    if found is None:
        return math.inf
    number, option = found
    try:
        process = os.pidfd_open(pid)
        try:
            copy = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, process, number, 0)
        finally:
            os.close(process)
        if copy < 0:
            return 0.0
        with socket.socket(fileno=copy) as same:
            limit = struct.unpack("ll", same.getsockopt(socket.SOL_SOCKET, option, struct.calcsize("ll")))
            is_tcp = same.family in (socket.AF_INET, socket.AF_INET6) and same.type == socket.SOCK_STREAM
            if is_tcp and same.getsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT):
                return 0.0  # since when that counts, nobody tells
    except OSError:
        return 0.0
    return float(limit[0]) if any(limit) else math.inf
