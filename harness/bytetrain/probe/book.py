"""What the probe has written: processes, and each of their calls, with what its descriptors are.

The file is described in harness/probe/format.hpp. It may be read while the programs run, and after they were killed.
"""

from __future__ import annotations

import errno
import mmap
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from .library import library
from .plan import CALLS, Rule

_MAGIC, _VERSION = 0x3145424F52505442, 1
_HEAD = struct.Struct("=Q8I")
_PROCESS = struct.Struct("=ii8HIIq116I")
_RECORD = struct.Struct("=IHHiiIiqqqii6qQ80s")
_BEGUN, _ENDED = 1, 2
VARIABLE = "BYTETRAIN_PROBE"


class BadBook(ValueError):
    """A file that isn't a book of this version."""


@dataclass(frozen=True)
class ProbedProcess:
    """One that the probe has come to."""

    lineage: str  # "1.2": the second child of the first process
    pid: int
    parent: int  # its place among them; -1: the probe has not seen it begin
    children: int
    images: int  # how often a program has begun in it: once, and with each execve
    began: float  # seconds, of CLOCK_MONOTONIC


@dataclass(frozen=True)
class ProbedCall:
    """A call, as it was asked and answered."""

    name: str
    process: int  # its place in Book.processes()
    lineage: str
    thread: int
    nth: int  # call of that name in its process
    rule: int  # of the plan, that was applied, counted from 1; 0: none
    began: float  # seconds, of CLOCK_MONOTONIC
    ended: Optional[float]  # None: it has not come back, or its process died in it
    result: Optional[int]
    error: str  # "EINTR"; "" if there was none
    arguments: tuple[int, ...]
    data: bytes  # first bytes moved; a path; a socket address; two descriptors
    passed: Optional[int]  # the descriptor that was passed
    inode: int  # of the file that the call has made or passed, or 0
    file: str = ""  # what the descriptor that it is about is: "listens on 127.0.0.1:4711", "/tmp/x"

    def __str__(self) -> str:
        about = f" <{self.file}>" if self.file else ""
        answer = "never came back" if self.ended is None else f"= {self.result}{self.error and f' {self.error}'}"
        return f"{self.lineage} {self.name}{about} {answer}"


class Book:
    """The file of one run. `rules` is the plan; `processes` and `records` are the room that there is."""

    def __init__(self, path: Path, rules: Sequence[Rule] = (), processes: int = 512, records: int = 200_000) -> None:
        self.path, self.rules = path, tuple(rules)
        head = _HEAD.pack(_MAGIC, _VERSION, len(self.rules), processes, records, 0, 0, 0, 0)
        with path.open("xb") as file:
            file.write(head + b"".join(each.packed() for each in self.rules))
            file.truncate(file.tell() + processes * _PROCESS.size + records * _RECORD.size)
        self._processes = _HEAD.size + len(self.rules) * len(Rule("*", "*", 1, 1, "fail").packed())
        self._records = self._processes + processes * _PROCESS.size
        self._room = (processes, records)

    def variables(self) -> dict[str, str]:
        """Of the environment of whom the probe shall watch. They are inherited by what that starts."""
        return {"LD_PRELOAD": str(library()), VARIABLE: str(self.path)}

    def processes(self) -> list[ProbedProcess]:
        """In the order of their beginning."""
        with self._mapped() as content:
            return self._read_processes(content)

    def calls(self) -> list[ProbedCall]:
        """In the order in which they began; one that is just beginning is left out."""
        with self._mapped() as content:
            processes = self._read_processes(content)
            return list(with_files(self._read_calls(content, processes), processes))

    @property
    def lost(self) -> int:
        """Calls that were not recorded, as there was no room for more."""
        with self._mapped() as content:
            return max(0, self._head(content)[6] - self._room[1])

    def _mapped(self) -> mmap.mmap:
        with self.path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def _head(self, content: mmap.mmap) -> tuple[int, ...]:
        head = _HEAD.unpack_from(content)
        if head[:5] != (_MAGIC, _VERSION, len(self.rules), *self._room):
            raise BadBook(f"{self.path}: no book of version {_VERSION}, or not the one that was begun")
        return head

    def _read_processes(self, content: mmap.mmap) -> list[ProbedProcess]:
        found = []
        for place in range(min(self._head(content)[5], self._room[0])):
            pid, parent, *rest = _PROCESS.unpack_from(content, self._processes + place * _PROCESS.size)
            lineage = ".".join(str(each) for each in rest[:8] if each)
            found.append(ProbedProcess(lineage, pid, parent, rest[8], rest[9], rest[10] / 1e9))
        return found

    def _read_calls(self, content: mmap.mmap, processes: Sequence[ProbedProcess]) -> Iterator[ProbedCall]:
        for place in range(min(self._head(content)[6], self._room[1])):
            fields = _RECORD.unpack_from(content, self._records + place * _RECORD.size)
            state, call, length, process, thread, nth, rule, began, ended, result, error, passed = fields[:12]
            if state not in (_BEGUN, _ENDED) or call >= len(CALLS) or not 0 <= process < len(processes):
                continue
            over = state == _ENDED
            yield ProbedCall(
                CALLS[call], process, processes[process].lineage, thread, nth, rule, began / 1e9,
                ended / 1e9 if over else None, result if over else None,
                errno.errorcode.get(error, str(error)) if over and error else "", fields[12:18],
                fields[19][:length], None if passed < 0 else passed, fields[18],
            )


# What descriptors are

_MAKES = {
    "epoll_create": "epoll", "epoll_create1": "epoll", "signalfd": "signalfd", "timerfd_create": "timerfd",
    "eventfd": "eventfd", "pidfd_open": "pidfd",
}
_STANDARD = {0: "standard input", 1: "standard output", 2: "standard error"}
# What is about no descriptor, or whose first argument is none.
_ABOUT_NONE = {
    "socket", "socketpair", "open", "creat", "pipe", "pipe2", "stat", "rename", "link", "unlink", "mmap", "munmap",
    "memfd_create", "poll", "ppoll", "select", "pselect", "fork", "execve", "exit", "_exit", "wait", "waitpid", "wait4",
    "waitid", "kill", "sigaction", "signal", "sigprocmask", "sigsuspend", "sigwait", "sigwaitinfo", "sigtimedwait",
    "pause", "alarm", "setitimer", "prctl", "nanosleep", "clock_nanosleep", "usleep", "sleep", "syscall", *_MAKES,
    "openat", "fstatat", "renameat", "renameat2", "linkat", "unlinkat",
}


class _Descriptors:
    """Of all processes, followed from call to call: a fork copies them, a message passes one."""

    def __init__(self) -> None:
        self._of: dict[int, dict[int, str]] = {}
        self._passed: dict[int, str] = {}  # by inode
        self._given: dict[int, list[dict[int, str]]] = {}  # by a process to its children, in order

    def of(self, process: int) -> dict[int, str]:
        return self._of.setdefault(process, dict(_STANDARD))

    def gives(self, call: ProbedCall) -> None:
        """A fork is about to give a copy of all to a child, which is there only later: its parent may go on at once."""
        if call.name == "fork" and not call.error:
            self._given.setdefault(call.process, []).append(dict(self.of(call.process)))

    def inherit(self, process: int, number: int, parent: int) -> None:
        """It is its parent's child of that number, counted from 1."""
        given = self._given.get(parent, [])
        self._of[process] = dict(given[number - 1] if number <= len(given) else self.of(parent))

    def passes(self, call: ProbedCall) -> None:
        """A message is about to pass one: who gets it may know sooner that it has come than we that it has gone."""
        if call.name == "sendmsg" and call.passed is not None:
            self._passed[call.inode] = self.of(call.process).get(call.passed, "")

    def apply(self, call: ProbedCall) -> None:
        """What a call that has succeeded has changed."""
        own, name, result, first = self.of(call.process), call.name, call.result, call.arguments[0]
        if result is None or (result < 0 and name != "close"):
            return
        if name == "close":
            own.pop(first, None)
        elif name in ("open", "openat", "creat"):
            own[result] = os.fsdecode(call.data)
        elif name == "memfd_create":
            own[result] = f"memfd {os.fsdecode(call.data)}"
        elif name == "socket":
            own[result] = "socket"
        elif name in ("socketpair", "pipe", "pipe2"):
            one, other = struct.unpack("=ii", call.data[:8])
            kind = "channel" if name == "socketpair" else "pipe"
            own[one], own[other] = (f"{kind} {one}-{other}, the end {end}" for end in (one, other))
        elif name in ("bind", "connect"):
            verb = "bound to" if name == "bind" else "connected to"
            own[first] = f"{verb} {_address(call.data)}"
        elif name == "listen":
            own[first] = own.get(first, "").replace("bound to", "listens on") or "listens"
        elif name == "getsockname":  # bound to port 0, it is known now which one that became
            verb, colon, _ = own.get(first, "").rpartition(" ")
            own[first] = f"{verb} {_address(call.data)}" if colon and "connect" not in verb else own.get(first, "")
        elif name in ("accept", "accept4"):
            own[result] = f"connection from {_address(call.data)}"
        elif name in ("dup", "dup2", "dup3"):
            own[result] = own.get(first, "")
        elif name == "fcntl" and call.arguments[1] in (0, 1030):  # F_DUPFD, F_DUPFD_CLOEXEC
            own[result] = own.get(first, "")
        elif name in _MAKES:
            own[result] = _MAKES[name]
        elif name == "recvmsg" and call.passed is not None:
            own[call.passed] = self._passed.get(call.inode, "a descriptor that was passed")


def with_files(calls: Iterator[ProbedCall], processes: Sequence[ProbedProcess]) -> Iterator[ProbedCall]:
    """The same calls, with `file`. What a call changes is there once it has ended."""
    known = _Descriptors()
    waiting: dict[int, list[ProbedCall]] = {}
    seen: set[int] = set()

    def catch_up(process: int, until: float) -> None:
        late = waiting.get(process, [])
        for each in [call for call in late if call.ended is not None and call.ended <= until]:
            known.apply(each)
            late.remove(each)

    for call in calls:
        if call.process not in seen:
            seen.add(call.process)
            if (parent := processes[call.process].parent) >= 0:
                known.inherit(call.process, int(call.lineage.rpartition(".")[2]), parent)
        catch_up(call.process, call.began)
        known.passes(call)
        known.gives(call)
        waiting.setdefault(call.process, []).append(call)
        about = "" if call.name in _ABOUT_NONE else known.of(call.process).get(call.arguments[0], "")
        yield replace(call, file=about)


def _address(data: bytes) -> str:
    """Of a sockaddr: "127.0.0.1:4711". See ip(7), ipv6(7)."""
    family = int.from_bytes(data[:2], "little" if struct.pack("=H", 1) == b"\x01\0" else "big")
    port = int.from_bytes(data[2:4], "big")
    if family == socket.AF_INET and len(data) >= 8:
        return f"{socket.inet_ntop(socket.AF_INET, data[4:8])}:{port}"
    if family == socket.AF_INET6 and len(data) >= 24:
        return f"[{socket.inet_ntop(socket.AF_INET6, data[8:24])}]:{port}"
    return "somebody" if family != socket.AF_UNIX else "a UNIX socket"
