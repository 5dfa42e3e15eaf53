"""The open descriptors of a process, and who holds a socket: /proc/PID/fd, see proc(5)."""

import os

from .processes import PROC, processes


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
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    return dict(sorted(found.items()))


def descriptor_count(pid: int) -> int:
    """How many descriptors the process has open."""
    return len(descriptors(pid))


def holders(inode: int) -> list[int]:
    """The processes that have a socket open, of those that we may look into: the pids."""
    return [each.pid for each in processes() if f"socket:[{inode}]" in descriptors(each.pid).values()]
