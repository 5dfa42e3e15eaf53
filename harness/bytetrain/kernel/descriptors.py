"""The open descriptors of a process, and who holds a socket: /proc/PID/fd, see proc(5)."""

import errno
import os
import re
from contextlib import suppress

from .processes import PROC, ProcessFacts, processes

_UNDER_WAY = re.compile(r"^scm_fds:\s*(\d+)$", re.MULTILINE)


def descriptors(pid: int) -> dict[int, str]:
    """The open descriptors and what each refers to: {0: "/dev/null", 3: "socket:[4711]"}.

    Empty if it is gone, or ending: then its folder belongs to root; and so is that of another user's process.
    """
    found = {}
    try:
        for entry in os.listdir(PROC / str(pid) / "fd"):
            try:
                found[int(entry)] = os.readlink(PROC / str(pid) / "fd" / entry)
            except FileNotFoundError:  # closed between the two looks
                continue
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                found[int(entry)] = "a file deeper than a path can be long"
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    return dict(sorted(found.items()))


def descriptor_count(pid: int) -> int:
    """How many descriptors the process has open."""
    return len(descriptors(pid))


def descriptors_under_way(pid: int) -> int:
    """How many descriptors lie unread in the queues of its sockets, sent to it as SCM_RIGHTS: "scm_fds" of
    /proc/PID/fdinfo. 0 if the kernel doesn't tell (before Linux 5.6), or doesn't let us look."""
    count = 0
    for number in descriptors(pid):
        with suppress(OSError):  # closed between the two looks, or not ours to look at
            told = (PROC / str(pid) / "fdinfo" / str(number)).read_text()
            count += sum(map(int, _UNDER_WAY.findall(told)))
    return count


def socket_name(inode: int) -> str:
    """What the descriptor of a socket refers to, as /proc/PID/fd tells it."""
    return f"socket:[{inode}]"


def has_socket(pid: int, inode: int) -> bool:
    """Whether a process has a socket open; never for inode 0, which is a socket's that no process holds any more."""
    return inode != 0 and socket_name(inode) in descriptors(pid).values()


def holders(*inodes: int) -> list[ProcessFacts]:
    """The processes that have one of these sockets open, of those that we may look into."""
    return [each for each in processes() if any(has_socket(each.pid, inode) for inode in inodes)]
