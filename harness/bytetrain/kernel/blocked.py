"""The system call in which a process waits: /proc/PID/syscall, see proc(5)."""

import functools
import platform
from dataclasses import dataclass
from typing import Optional, Union

from ..telling.text import counted
from .descriptors import descriptors, socket_name
from .processes import PROC, facts
from .tcp import CLOSE_WAIT, tcp_sockets

_SYSCALLS = {
    "x86_64": {0: "read", 1: "write", 7: "poll", 20: "writev", 23: "select", 34: "pause", 35: "nanosleep",
               40: "sendfile", 42: "connect", 43: "accept", 44: "sendto", 45: "recvfrom", 46: "sendmsg",
               47: "recvmsg", 61: "wait4", 128: "rt_sigtimedwait", 130: "rt_sigsuspend", 202: "futex",
               219: "restart_syscall", 230: "clock_nanosleep", 232: "epoll_wait", 247: "waitid", 270: "pselect6",
               271: "ppoll", 275: "splice", 281: "epoll_pwait", 288: "accept4", 441: "epoll_pwait2"},
    "aarch64": {22: "epoll_pwait", 63: "read", 64: "write", 66: "writev", 71: "sendfile", 72: "pselect6", 73: "ppoll",
                76: "splice", 95: "waitid", 98: "futex", 101: "nanosleep", 115: "clock_nanosleep",
                128: "restart_syscall", 133: "rt_sigsuspend", 137: "rt_sigtimedwait", 202: "accept", 203: "connect",
                206: "sendto", 207: "recvfrom", 211: "sendmsg", 212: "recvmsg", 242: "accept4", 260: "wait4",
                441: "epoll_pwait2"},
}.get(platform.machine(), {})


@dataclass(frozen=True)
class BlockedCall:
    """The system call in which a process waits."""

    name: str  # "epoll_wait"; "call 123" where the number has no name here
    arguments: tuple[int, ...]  # six; the first is often a descriptor


def blocked_in(pid: Union[int, str]) -> Optional[BlockedCall]:
    """The call in which a process, or a thread (PID/task/TID), waits; None if it runs, is gone, or the kernel doesn't
    let us look."""
    try:
        words = (PROC / str(pid) / "syscall").read_text().split()
    except OSError:  # denied (as ptrace is), gone, or a kernel without the file
        return None
    if len(words) < 7 or words[0] == "-1":
        return None
    number = int(words[0])
    return BlockedCall(_SYSCALLS.get(number, f"call {number}"), tuple(int(word, 16) for word in words[1:7]))


@functools.lru_cache(maxsize=None)
def can_tell() -> bool:
    """Whether this kernel lets us look at all, and the calls of this machine have names here."""
    own = blocked_in("self")
    return own is not None and own.name == "read"


def activity(pid: int) -> str:
    """What a process is doing just now, in words: that it waits, and in which call; or that it runs."""
    known, call = facts(pid), blocked_in(pid)
    if known is None:
        return "it is gone"
    if known.state == "T":
        return "it is stopped"
    if call is not None:
        return f"it waits in {call.name}{_of_what(pid, call)}"
    return {"R": "it runs (does it spin?)", "Z": "it is a zombie"}.get(known.state, "it waits")


def _of_what(pid: int, call: BlockedCall) -> str:
    """More about a call on a TCP connection: how many bytes it asks for, and what there is to be had."""
    if call.name not in ("read", "recvfrom", "splice"):
        return ""
    held = descriptors(pid).get(call.arguments[0], "")
    end = next((each for each in tcp_sockets() if held == socket_name(each.inode)), None)
    asked = f" for {call.arguments[4 if call.name == 'splice' else 2]} bytes"
    if end is None:
        return asked
    closed = ", after the other side of its connection has closed" if end.state == CLOSE_WAIT else ""
    return f"{asked}{closed}; {counted(end.receive_queue, 'byte')} there, unread"
