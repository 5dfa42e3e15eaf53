"""What shall happen to which calls: the rules of a plan, as the probe reads them."""

from __future__ import annotations

import errno
import re
import signal
import struct
from dataclasses import dataclass
from typing import Union

from ..course.paths import HARNESS

SOURCE = HARNESS / "probe"
# The calls that the probe stands in front of, in the order of their numbers.
CALLS = tuple(re.findall(r"^CALL\((\w+),", (SOURCE / "names.def").read_text(encoding="utf-8"), re.MULTILINE))
_ACTIONS = ("fail", "shorten", "delay", "await", "raise", "kill before", "kill within", "kill after")
_ANY, _DEPTH, _LAST = 0xFFFF, 8, 0xFFFFFFFF
_RULE = struct.Struct("=8HHHIIIq88s")
_PATH = 88


class BadRule(ValueError):
    """A rule that can't be meant: what of it, and what it might be."""


@dataclass(frozen=True)
class Rule:
    """What happens to the calls `first` to `last` of one name in one process, counted from 1."""

    lineage: str  # "1.2": the second child of the first process; "1.*": each below it; "*": any
    call: str  # "*": any
    first: int
    last: int
    action: str
    value: int = 0
    path: str = ""

    def packed(self) -> bytes:
        """As it stands in the file."""
        numbers = [_ANY if each == "*" else int(each) for each in self.lineage.split(".")]
        call = _ANY if self.call == "*" else CALLS.index(self.call)
        numbers += [0] * (_DEPTH - len(numbers))
        action = 1 + _ACTIONS.index(self.action)
        return _RULE.pack(*numbers, call, 0, action, self.first, self.last, self.value, self.path.encode())

    def __str__(self) -> str:
        last = "" if self.last == _LAST else str(self.last)
        times = str(self.first) if self.first == self.last else f"{self.first}-{last}"
        value = _told(self.action, self.value) or self.path
        return " ".join(filter(None, (self.lineage, self.call, times, self.action, value)))


def rule(line: str) -> Rule:
    """One from its line; BadRule if it says nothing that can be done.

        1.2 recv 3 fail EINTR       the third recv of the second worker fails; the kernel isn't asked
        1.* send 1- shorten 5       every send of each worker asks for 5 bytes at most
        1 accept4 2 delay 300       milliseconds
        * write 1 await /tmp/go     until there is such a file
        1 send 4 raise SIGPIPE      a signal comes first
        1.1 sendfile 2 kill within  after half of the bytes; "before", "after": the call
    """
    words = line.split()
    if len(words) < 4:
        raise BadRule(f"{line!r}: a rule is PROCESS CALL TIMES ACTION [VALUE]")
    lineage, call, times, action, *values = words
    if not re.fullmatch(r"(\d+\.){0,7}(\d+|\*)", lineage) or "0" in lineage.split("."):
        raise BadRule(f"{line!r}: {lineage} is no process: 1 is the first, 1.2 its second child, 1.* each below it")
    if call not in (*CALLS, "*"):
        raise BadRule(f"{line!r}: the probe knows no call {call}")
    found = re.fullmatch(r"(\d+)(-(\d*))?", times)
    first = int(found[1]) if found else 0
    last = first if found is None or found[2] is None else int(found[3] or _LAST)
    if not 1 <= first <= last <= _LAST:
        raise BadRule(f"{line!r}: {times} is no number of a call; they are counted from 1: 3, 3-5, 3-")
    if action == "kill" and values[:1] in (["before"], ["within"], ["after"]):
        action = f"kill {values.pop(0)}"
    if action not in _ACTIONS or len(values) != (not action.startswith("kill")):
        raise BadRule(f"{line!r}: what shall happen is one of {', '.join(_ACTIONS)}, with its value")
    value = values[0] if values else "0"
    if action == "await":
        if len(value.encode()) >= _PATH or not value.startswith("/"):
            raise BadRule(f"{line!r}: {value} is no absolute path of less than {_PATH} bytes")
        return Rule(lineage, call, first, last, action, path=value)
    return Rule(lineage, call, first, last, action, _number(line, action, value))


def _number(line: str, action: str, value: str) -> int:
    known: Union[object, int, None] = {"fail": errno, "raise": signal}.get(action)
    number = getattr(known, value, None) if known else int(value) if value.isdecimal() else None
    if not isinstance(number, int) or not 0 <= number < 1 << 63:
        wanted = {"fail": "an errno, like EINTR", "raise": "a signal, like SIGPIPE"}.get(action, "a number")
        raise BadRule(f"{line!r}: {value} is not {wanted}")
    return int(number)


def _told(action: str, value: int) -> str:
    if action == "fail":
        return errno.errorcode.get(value, str(value))
    if action == "raise":
        return signal.Signals(value).name
    return str(value) if action in ("shorten", "delay") else ""
