"""What system calls say about the mistake of a program: which of them were not looked at, and which it repeats.

All of it is about the calls of one process after the other, as strace has seen them (kernel/trace.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, Optional

from .. import Diagnosis
from ..course.traits import traits
from ..kernel.trace import Event
from ..telling import story
from ..wire.framing import HEAD, LARGEST_BODY
from .bad_ends import MISTAKE_OF

REPEATS = 8  # times in a row that a call has the same answer: whoever asks on, asks for ever
_AT_ONCE = 0.002  # seconds, on the average of many, between two calls of which the second was made at once
_MANY = 100
_AS_MANY_AS = (0x7FFFF000, *((1 << bits) - 1 for bits in (31, 32, 63, 64)))  # bytes a call can move, or a type count
_SENDING, _RECEIVING = ("sendto", "write"), ("recvfrom", "read")
_TRANSFERS = (*_SENDING, *_RECEIVING, "sendmsg", "recvmsg", "sendfile", "splice", "writev", "readv")
_DEADLY = {number.name: mistake for number, mistake in MISTAKE_OF.items()}
_SYSTEM = ("/dev/", "/proc/", "/sys/")
_TO_LEAVE = ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGALRM")
_OUTPUT_OR_CHANNEL = re.compile(r"[012](?!\d)|\d+<UNIX")  # as the first argument
_PATIENT = ("EAGAIN", "EINTR", "ERESTARTSYS")  # to be asked again
_NOT_OURS_TO_WRITE = ("EACCES", "EPERM", "EROFS", "ETXTBSY")
_MAKES_A_DESCRIPTOR = ("open", "openat", "socket", "accept", "accept4", "dup", "dup2", "dup3", "epoll_create1")
_DATA = re.compile(
    r'(?P<fd>\d+)<(?P<what>.*?)>, "(?P<data>(?:[^"\\]|\\.)*)"(?:\.\.\.)?, (?P<asked>\d+)(?P<flags>, [^,]*)?', re.DOTALL)
_SENDFILE = re.compile(r"(?P<fd>\d+)<(?P<what>.*?)>, \d+<.*>, .*?, (?P<asked>\d+)", re.DOTALL)
_ESCAPES = {"n": 10, "t": 9, "r": 13, "v": 11, "f": 12, "\\": 92, '"': 34}


class Sight(NamedTuple):
    """A diagnosis, and the calls that tell it."""

    diagnosis: Diagnosis
    events: Sequence[Event]


class Moved(NamedTuple):
    """A call that moves bytes, or should have."""

    event: Event
    descriptor: int
    what: str  # the descriptor leads to
    data: bytes  # the first few of them
    asked: int  # bytes
    peeked: bool

    @property
    def done(self) -> int:
        """Bytes that were moved."""
        return self.event.result if self.event.result is not None and self.event.result > 0 else 0

    @property
    def is_short(self) -> bool:
        return 0 < self.done < self.asked


def moved(event: Event) -> Optional[Moved]:
    """The call as such; None if it is another one, or has never come back."""
    pattern = _SENDFILE if event.name == "sendfile" else _DATA
    found = pattern.match(event.arguments)
    if event.kind != "call" or not found or event.result is None:
        return None
    rest = found.groupdict()
    data = _bytes(rest.get("data") or "")
    peeked = "MSG_PEEK" in (rest.get("flags") or "")
    return Moved(event, int(found["fd"]), found["what"], data, int(found["asked"]), peeked)


def _bytes(text: str) -> bytes:
    """What a string of strace's stands for."""
    found = re.findall(r"\\x([0-9a-f]{2})|\\([0-7]{1,3})|\\(.)|([^\\])", text)
    return bytes(int(x, 16) if x else int(o, 8) if o else _ESCAPES.get(e, 63) if e else min(ord(c), 255)
                 for x, o, e, c in found)


def sight(events: Sequence[Event], of_server: bool, sigpipe: bool = True) -> Optional[Sight]:
    """What the calls of a program, and of its children, say: of several mistakes the first one, as the others may have
    come of it. `sigpipe`: whether SIGPIPE may end none of them."""
    by_pid = sorted(events, key=lambda each: each.pid)
    by_process = [list(of_one) for _, of_one in groupby(by_pid, lambda each: each.pid)]
    by_process.sort(key=lambda process: process[0].time)
    found = [each for rule in _RULES for process in by_process for each in rule(process)]
    if of_server:
        found += [each for rule in _OF_SERVERS for process in by_process for each in rule(process)]
        found += [each for worker in by_process[1:] for each in _worker_leaves(worker)]
    known = [each for each in found if sigpipe or each.diagnosis.id != "killed_by_sigpipe"]
    return min(known, key=lambda each: each.events[0].time) if known else None


def _open_for_writing(events: Sequence[Event]) -> Iterator[Sight]:
    """A file that must not be written to was to be opened for that; and was opened in no other way."""
    opened = {(each.name, _path(each)) for each in events if each.name in ("open", "openat") and not each.failed}
    for event in events:
        for_writing = event.name in ("open", "openat") and re.search(r"\bO_(RDWR|WRONLY)\b", event.arguments)
        if not for_writing or "O_CREAT" in event.arguments or event.error not in _NOT_OURS_TO_WRITE:
            continue
        path = _path(event)
        if (event.name, path) not in opened and not path.startswith(_SYSTEM):
            words = (f"{path.rpartition('/')[2]} was to be opened with {for_writing[0]}, which asks for the right "
                     f"to write to it as well. The answer was {event.error}.")
            yield Sight(Diagnosis("opened_for_writing", words), [event])


def _path(event: Event) -> str:
    return event.arguments.partition('"')[2].partition('"')[0]


def _used_minus_one(events: Sequence[Event]) -> Iterator[Sight]:
    """The answer -1 was taken for a descriptor."""
    failed: Optional[Event] = None
    for event in events:
        if event.kind == "call" and event.name in _MAKES_A_DESCRIPTOR:
            failed = event if event.failed else None
        elif failed and event.error == "EBADF" and re.match(r"-1\b|.*cmsg_data=\[-1\]", event.arguments):
            words = (f"{failed.name} has failed with {failed.error}, and its answer, -1, was given to {event.name} as "
                     "if it were a descriptor.")
            yield Sight(Diagnosis("error_ignored", words), [failed, event])


def _repeats(events: Sequence[Event]) -> Iterator[Sight]:
    """The same call on the same descriptor with the same answer, again and again, whatever else is called between."""
    calls = [each for each in events if each.kind == "call" and each.name in _TRANSFERS and each.result is not None]
    of_one: dict[tuple[str, str], list[Event]] = {}
    for each in calls:
        of_one.setdefault((each.name, each.arguments.split(",")[0]), []).append(each)
    for series in of_one.values():
        for _, run in groupby(series, lambda each: (each.result, each.error)):
            same = list(run)
            if len(same) >= REPEATS:
                yield from _of_repeated(same)


def _of_repeated(same: Sequence[Event]) -> Iterator[Sight]:
    event, times = same[0], f"{len(same)} times in a row"
    bytes_of = moved(event)
    telling = [event, same[-1]]
    if event.failed and event.error not in _PATIENT:
        words = f"{event.name} has failed with {event.error}, and was called again, {times}, as if it had not."
        yield Sight(Diagnosis("error_ignored", words), telling)
    elif event.error == "EAGAIN" and len(same) >= _MANY and same[-1].time - event.time < _AT_ONCE * len(same):
        words = f"{event.name} has answered EAGAIN, nothing to be had now, and was called again at once, {times}."
        yield Sight(Diagnosis("spins", words), telling)
    elif bytes_of and event.name in _RECEIVING and event.result == 0 and bytes_of.asked and "TCP" in bytes_of.what:
        words = (f"{event.name} has returned 0 on descriptor {bytes_of.descriptor}, which means that the other side "
                 f"has closed and nothing more will come; and it was called again, {times}.")
        yield Sight(Diagnosis("end_of_stream_ignored", words), telling)


def of_spinning(pid: int, events: Sequence[Event]) -> Optional[Diagnosis]:
    """Of a process that is known to use all the CPU that it can get, and what it has called meanwhile."""
    calls = [each for each in events if each.kind == "call" and each.result is not None]
    if not events:
        return Diagnosis("spins", f"Process {pid} runs on and on, and makes no system call.")
    if len(calls) < _MANY or any(each.name in _TRANSFERS and each.result for each in calls if not each.failed):
        return None
    names = " and ".join(f"{name} {count} times" for name, count in Counter(each.name for each in calls).most_common(2))
    seconds = calls[-1].time - calls[0].time
    return Diagnosis("spins", f"Process {pid} runs on and on: in {seconds:.2f} s it called {names}, and moved no byte.")


def _short_send(events: Sequence[Event]) -> Iterator[Sight]:
    """Of what was to be sent only a part was taken, and what was sent next on that connection was something else."""
    calls = [each for each in map(moved, events) if each and each.event.name in _SENDING and "TCP" in each.what]
    for call, following in _each_with_the_next(calls):
        left = call.asked - call.done
        if following is None or following.what != call.what or not _begins_a_train(following):
            continue
        if following.asked == left:
            continue
        if call.is_short:
            words = (f"{call.event.name} was to send {call.asked} bytes on descriptor {call.descriptor}, and took "
                     f"{call.done}. The other {left} were not sent: the next call began with the next train.")
            yield Sight(Diagnosis("short_count", words), [call.event, following.event])
        elif call.event.error == "EAGAIN" and call.data != following.data:
            words = (f"{call.event.name} was to send {call.asked} bytes on descriptor {call.descriptor}, and answered "
                     "EAGAIN: there was no room for any of them. They were not sent again: the next call began with "
                     "the next train.")
            yield Sight(Diagnosis("error_ignored", words), [call.event, following.event])


def _each_with_the_next(calls: Sequence[Moved]) -> Iterator[tuple[Moved, Optional[Moved]]]:
    """Each call, and the next one on the same descriptor. (Who spins has made very many.)"""
    following: dict[int, Moved] = {}
    pairs: list[tuple[Moved, Optional[Moved]]] = []
    for call in reversed(calls):
        pairs.append((call, following.get(call.descriptor)))
        following[call.descriptor] = call
    yield from reversed(pairs)


def _short_sendfile(events: Sequence[Event]) -> Iterator[Sight]:
    """Of what was left of a file only a part was taken, and the process has gone on to something else. (Who asks for a
    round number, as many bytes as there may be, is never short.)"""
    calls = [each for each in map(moved, events) if each and each.event.name == "sendfile" and "TCP" in each.what]
    for call, following in zip(calls, [*calls[1:], None]):
        again = following is not None and following.what == call.what
        if not call.is_short or again or not call.asked & (call.asked - 1) or call.asked in _AS_MANY_AS:
            continue
        if any(each.kind == "call" and each.time > call.event.time for each in events):
            words = (f"sendfile was to send {call.asked} bytes on descriptor {call.descriptor}, and moved {call.done}. "
                     f"It was not called again for the other {call.asked - call.done}.")
            yield Sight(Diagnosis("short_count", words), [call.event])


def _begins_a_train(call: Moved) -> bool:
    """A head alone, or a head and all of its body, and more trains perhaps."""
    length = int.from_bytes(call.data[:HEAD], "big")
    more = 1 <= length <= LARGEST_BODY and call.asked >= HEAD + length
    return len(call.data) >= HEAD and (call.asked == HEAD and length <= LARGEST_BODY or more)


def _short_receive(events: Sequence[Event]) -> Iterator[Sight]:
    """Of a head, or of a body whose length is known, only a part has come; and the next call wanted something else."""
    calls = [each for each in map(moved, events) if each and each.event.name in _RECEIVING and "TCP" in each.what]
    calls = [each for each in calls if not each.peeked and not each.event.failed and each.asked]
    length: Optional[int] = None  # as the last head has told it
    for call, following in zip(calls, [*calls[1:], None]):
        what = {length: "a body", HEAD: "a head"}.get(call.asked, "")
        left = call.asked - call.done
        length = int.from_bytes(call.data, "big") if call.done == call.asked == HEAD else length
        if not what or not call.is_short:
            continue
        words = (f"{call.event.name} was to read {call.asked} bytes, {what}, from descriptor {call.descriptor}, and "
                 f"returned {call.done}. It was not called again for the other {left}")
        if following is None and _leaves(events, call.event):
            yield Sight(Diagnosis("short_count", f"{words}: the program has ended instead."), [call.event])
        elif following is not None and following.what == call.what and following.asked != left:
            words += f": the next call asked for {following.asked}."
            yield Sight(Diagnosis("short_count", words), [call.event, following.event])


def _asked_for_nothing(events: Sequence[Event]) -> Iterator[Sight]:
    """The head of an empty body came, 0 bytes were asked for, and the program has given up over the answer. (Behind the
    name, and where the format has such: an empty name is to be refused, and so is an empty train from stage 04 on.)"""
    stage = story.current().stage
    if stage and traits(stage).announces_size:
        return
    calls = [each for each in map(moved, events) if each and each.event.name in _RECEIVING and "TCP" in each.what]
    for head, call in zip(calls[1:], calls[2:]):
        empty = head.done == HEAD and head.data[:HEAD] == bytes(HEAD) and call.what == head.what
        if not empty or call.asked or call.event.result != 0:
            continue
        rest = [each for each in events if each.time > call.event.time]
        failed = any(each.kind == "signal" or (each.kind == "call" and each.failed) for each in rest)
        if call is calls[-1] and not failed and any(each.kind == "exit" and each.result for each in rest):
            words = (f"The head 00 00 00 00 has come, a body of 0 bytes. {call.event.name} was asked for 0 bytes from "
                     f"descriptor {call.descriptor}, and has returned as many; and the program has ended with "
                     "a failure.")
            yield Sight(Diagnosis("zero_bytes_asked", words), [head.event, call.event])


def _leaves(events: Sequence[Event], after: Event) -> bool:
    """Whether a process has ended by itself after a call, and not because of a signal."""
    rest = {each.kind for each in events if each.time > after.time}
    return "exit" in rest and "signal" not in rest


def _turned_length(events: Sequence[Event]) -> Iterator[Sight]:
    """A head came, and as many bytes were asked for as it tells if it is read the other way round."""
    calls = [each for each in map(moved, events) if each and each.event.name in _RECEIVING and "TCP" in each.what]
    for call, following in zip(calls, calls[1:]):
        head = call.data[:HEAD]
        turned, there = int.from_bytes(head, "little"), int.from_bytes(head, "big")
        if call.done == HEAD and there <= LARGEST_BODY < turned == following.asked:
            words = (f"The head {head.hex(' ')} has come, a length of {there}, and {following.event.name} then asked "
                     f"for {turned} bytes: that is the head read the other way round.")
            yield Sight(Diagnosis("host_byte_order", words), [call.event, following.event])


def _killed(events: Sequence[Event]) -> Iterator[Sight]:
    """A signal has ended the process that nobody has sent to it."""
    for before, event in zip(events, events[1:]):
        sender = re.search(r"si_pid=(\d+)", before.arguments)
        by_itself = before.name == event.name and (sender is None or int(sender[1]) == event.pid)
        if event.kind != "killed" or not by_itself or event.name not in _DEADLY:
            continue
        calls = [each for each in events if each.kind == "call" and each.time <= before.time]
        last = f"; its last call was {calls[-1].name}" if calls else ""
        words = f"Process {event.pid} was ended by {event.name}{last}."
        yield Sight(Diagnosis(_DEADLY[event.name], words), [*calls[-1:], event])


def _worker_leaves(events: Sequence[Event]) -> Iterator[Sight]:
    """A worker has ended by itself because of one transfer: something of it failed, and not the channel, as at the end
    of its parent."""
    last = events[-1]
    told_to = any(each.kind == "signal" and each.name in _TO_LEAVE for each in events)
    if last.kind != "exit" or not last.result or told_to:
        return
    failed = [each for each in events if each.kind == "call" and each.failed and each.error not in _PATIENT]
    for why in [each for each in failed if not _OUTPUT_OR_CHANNEL.match(each.arguments)][-1:]:
        words = (f"In worker {last.pid} {why.name} has failed with {why.error}, and the worker has ended: status "
                 f"{last.result}.")
        yield Sight(Diagnosis("worker_leaves", words), [why, last])


def _failed_write(events: Sequence[Event]) -> Iterator[Sight]:
    """A file could not be written, and the program has ended as if it had been."""
    ended_well = any(each.kind == "exit" and each.result == 0 for each in events)
    for event in events if ended_well else ():
        of_file = re.match(r"(\d+)</(?!dev/)", event.arguments)
        written = event.name in ("write", "pwrite64", "writev") and of_file and int(of_file[1]) > 2
        if of_file and written and event.failed and event.error not in _PATIENT:
            words = (f"{event.name} to descriptor {of_file[1]}, a file, has failed with {event.error}; and the program "
                     "has ended with status 0.")
            yield Sight(Diagnosis("error_ignored", words), [event])


_RULES: Sequence[Callable[[Sequence[Event]], Iterator[Sight]]] = (
    _used_minus_one, _turned_length, _short_receive, _asked_for_nothing, _short_send, _short_sendfile, _failed_write,
    _killed, _repeats,
)
_OF_SERVERS: Sequence[Callable[[Sequence[Event]], Iterator[Sight]]] = (_open_for_writing,)
