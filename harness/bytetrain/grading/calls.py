"""The system calls of the guilty program around a failure, from a second run of the same forced schedule.

The first run is untouched by strace, which changes the timing: it gives the verdict. The second one only illustrates
it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from ..course.traits import traits
from ..judging.telling_calls import sight
from ..kernel import trace
from ..kernel.trace import Event, Trace
from ..programs.workplace import temporary_folder
from ..telling.story import Story
from ..telling.text import counted
from .command import grading_command
from .records import Record, in_data

SHOWN = 14  # calls that a story shows
LIMIT_AGAIN = 5.0  # seconds: a program that is known to hang need not be waited for so long again
_PATIENCE = 120.0  # seconds for the whole of the second run
# What a transfer, a pool and a safe saving are made of; "?" where not every architecture has the call.
TRACED = ",".join(
    ["network", "read", "write", "readv", "writev", "pread64", "pwrite64", "sendfile", "splice", "?epoll_wait",
     "epoll_pwait", "?poll", "ppoll", "?select", "pselect6", "?fork", "?vfork", "clone", "?clone3", "wait4", "waitid",
     "kill", "ftruncate", "fallocate", "?link", "linkat", "?rename", "renameat", "?renameat2", "?unlink", "unlinkat",
     "exit_group", "?open", "openat"]
)
_LEAST, _LEAST_OF_ALL = 3, 20  # repetitions that are told as one: in a story, and where all calls are told
_TELLING = "   ◄"
_UNFINISHED = re.compile(r",? ?<unfinished \.\.\.>$")
_LEADS_TO = (  # as strace -yy tells it
    (re.compile(r"\bAT_FDCWD<[^>]*>"), "AT_FDCWD"),
    (re.compile(r"<[^>]*>\(deleted\)"), ""),  # an output of the program: it goes into a file of ours without a name
    (re.compile(r"<(?:/[^>]*)?/([^/>]*)>"), r"<\1>"),
    (re.compile(r"<UNIX(-\w+)?:\[[^]]*\]>"), "<a channel>"),
    (re.compile(r"<anon_inode:\[(\w+)\]>"), r"<\1>"),
)
_SYSTEM = re.compile(r'"(/etc|/usr|/lib|/proc|/sys|/dev|/run)\b')


def from_second_run(record: Record, harness: Path, submission: Path, options: Sequence[str]) -> Around:
    """Runs one case again, traced, in a process of its own, and takes the calls from its results, if it can be."""
    if trace.why_no_strace():
        return Around([], {})
    with temporary_folder() as folder:
        results = folder / "results.json"
        case = ["--check", record.check, f"--stage={record.stage}", f"--case={record.case}", *record.replay]
        command = grading_command(submission, results, *case, *options, "-n0", "--traced", str(folder), harness=harness)
        environment = {**os.environ, "BYTETRAIN_LIMIT": f"{LIMIT_AGAIN:g}"}
        environment.pop("PYTEST_XDIST_WORKER", None)
        try:
            subprocess.run(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, timeout=_PATIENCE,
            )
            data = json.loads(results.read_text())
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return Around([], {})
    for check in data["checks"]:
        if check["story"] is not None:
            found = check["story"]["diagnosis"] or {}
            return Around(list(check["story"]["calls"]), {key: found[key] for key in ("id", "words") if found})
    return Around([], {})


class Around(NamedTuple):
    """What the calls around a failure are, and what they say."""

    lines: list[str]
    diagnosis: dict[str, str]  # as in a Record


def around_failure(
    kinds: Collection[str], story: Story, traces: list[tuple[str, Trace]], most: Optional[int] = SHOWN
) -> Around:
    """The last calls before the step that failed, of the client, the server or both (`kinds`); `most` None: all. Those
    that tell what went wrong are among them, however long ago they were."""
    failing = story.failing
    until = failing.ended if failing is not None and failing.ended else float("inf")
    known = [(kind, [event for event in each.events if event.time <= until])
             for kind, each in traces if kind in kinds and each.file.exists()]
    heals = story.stage > 0 and traits(story.stage).heals  # before that stage a worker may die of SIGPIPE
    sights = (sight(events, kind == "server", sigpipe=heals or kind == "client") for kind, events in known)
    seen = next((each for each in sights if each is not None), None)
    telling = seen.events if seen else ()
    events = [event for _, each in known for event in _without_start(each, telling) if _is_told(event, telling)]
    groups = collapsed(events, _LEAST if most is not None else _LEAST_OF_ALL)
    if most is not None:
        old, late = groups[:-most], groups[-most:]
        groups = [group for group in old if any(event in telling for event in group.events)] + late
    groups.sort(key=lambda group: group.began)
    lines = [line for group in groups for line in group.lines(story.began, telling)]
    return Around(lines, in_data(seen.diagnosis if seen else None))


def _without_start(events: list[Event], telling: Sequence[Event]) -> list[Event]:
    """Without what a program does before it has any socket: an interpreter reads its libraries, call after call."""
    begin = next((number for number, event in enumerate(events) if event.name in ("socket", "socketpair")), 0)
    return [event for event in events[:begin] if event in telling] + events[begin:]


def _is_told(event: Event, telling: Sequence[Event]) -> bool:
    """Not what the system's own files are asked for."""
    of_system = event.name in ("open", "openat") and _SYSTEM.search(event.arguments)
    return event in telling or not (of_system or ".so." in event.arguments or event.name == "exit_group")


class Group(NamedTuple):
    """Calls of one process, in turn, and how often they were made so."""

    times: int
    events: Sequence[Event]
    began: float
    ended: float

    def lines(self, began: float, telling: Collection[Event]) -> Iterator[str]:
        """`began`: the story. What is telling is marked."""
        for number, event in enumerate(self.events):
            often = f"{counted(self.times, 'time')} " if number == 0 else "and each time "
            yield call_line(event, began, often if self.times > 1 else "") + (_TELLING if event in telling else "")


def collapsed(events: Sequence[Event], least: int) -> list[Group]:
    """Calls that are repeated `least` times or more are one group; the others are groups of one. In the order in which
    they have ended."""
    of_process: dict[int, list[Event]] = {}
    for event in sorted(events, key=lambda event: event.time):
        of_process.setdefault(event.pid, []).append(event)
    groups = [group for each in of_process.values() for group in _collapsed(each, least)]
    return sorted(groups, key=lambda group: group.ended)


def _collapsed(events: Sequence[Event], least: int) -> Iterator[Group]:
    keys = [_key(event) for event in events]
    at = 0
    while at < len(events):
        length, times = max(((each, _times(keys, at, each)) for each in (1, 2, 3)), key=lambda pair: pair[1])
        if times < least:
            length, times = 1, 1
        end = at + length * times
        yield Group(times, events[at : at + length], events[at].time, events[end - 1].time)
        at = end


def _key(event: Event) -> tuple[object, ...]:
    """What is the same in calls that are repeated: all that a reader sees of them, but the time."""
    return event.kind, event.name, _short(event.arguments), event.result, event.error


def _times(keys: Sequence[tuple[object, ...]], at: int, length: int) -> int:
    """How often the same `length` calls follow each other there."""
    times = 1
    while keys[at : at + length] == keys[at + length * times : at + length * (times + 1)]:
        times += 1
    return times


def _short(arguments: str) -> str:
    """What descriptors lead to, in a word or two: of a file its name; a connection is told with its ports."""
    text = _UNFINISHED.sub("", arguments.rstrip(") "))
    for pattern, word in _LEADS_TO:
        text = pattern.sub(word, text)
    return text


def call_line(event: Event, began: float, often: str = "") -> str:
    """'0.013 s [4711] recv(4, "\\x00", 4, 0) = 1'"""
    start = f"{event.time - began:8.3f} s [{event.pid}] {often}"
    if event.kind == "call":
        result = f"{event.result}" if event.result is not None else "? (it never came back)"
        return f"{start}{event.name}({_short(event.arguments)}) = {result} {event.error}".rstrip()
    if event.kind == "signal":
        return f"{start}--- {event.name} ---"
    if event.kind == "killed":
        return f"{start}+++ killed by {event.name} +++"
    return f"{start}+++ exited with {event.result} +++"
