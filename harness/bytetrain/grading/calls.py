"""The system calls of the guilty program around a failure, from a second run of the same forced schedule.

The first run is untouched by strace, which changes the timing: it gives the verdict. The second one only illustrates
it.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Optional

from ..kernel import trace
from ..kernel.trace import Event, Trace
from ..programs.workplace import temporary_folder
from ..telling.story import Story
from .command import grading_command
from .records import Record

SHOWN = 14  # calls that a story shows
LIMIT_AGAIN = 5.0  # seconds: a program that is known to hang need not be waited for so long again
_PATIENCE = 120.0  # seconds for the whole of the second run
# What a transfer, a pool and a safe saving are made of; "?" where not every architecture has the call.
TRACED = ",".join(
    ["network", "read", "write", "readv", "writev", "pread64", "pwrite64", "sendfile", "splice", "?epoll_wait",
     "epoll_pwait", "?poll", "ppoll", "?select", "pselect6", "?fork", "?vfork", "clone", "?clone3", "wait4", "waitid",
     "kill", "ftruncate", "fallocate", "linkat", "?rename", "renameat", "?renameat2", "?unlink", "unlinkat",
     "exit_group"]
)


def from_second_run(record: Record, harness: Path, submission: Path, options: Sequence[str]) -> list[str]:
    """Runs one case again, traced, in a process of its own, and takes the calls from its results. [] if it can't be."""
    if trace.why_no_strace():
        return []
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
            return []
    for check in data["checks"]:
        if check["story"] is not None:
            return list(check["story"]["calls"])
    return []


def around_failure(
    kinds: Collection[str], story: Story, traces: list[tuple[str, Trace]], most: Optional[int] = SHOWN
) -> list[str]:
    """The last calls before the step that failed, of the client, the server or both (`kinds`); `most` None: all."""
    failing = story.failing
    until = failing.ended if failing is not None and failing.ended else float("inf")
    events = [
        event
        for kind, each in traces
        if kind in kinds and each.file.exists()
        for event in _without_start(each.events)
        if event.time <= until and ".so." not in event.arguments and event.name != "exit_group"
    ]
    events.sort(key=lambda event: event.time)
    chosen = events if most is None else events[-most:]
    return [call_line(event, story.began) for event in chosen]


def _without_start(events: list[Event]) -> list[Event]:
    """Without what a program does before it has any socket: an interpreter reads its libraries, call after call."""
    begin = next((number for number, event in enumerate(events) if event.name in ("socket", "socketpair")), 0)
    return events[begin:]


def call_line(event: Event, began: float) -> str:
    """'0.013 s [4711] recv(4, "\\x00", 4, 0) = 1'"""
    start = f"{event.time - began:8.3f} s [{event.pid}] "
    if event.kind == "call":
        result = f"{event.result}" if event.result is not None else "? (it never came back)"
        return f"{start}{event.name}({event.arguments.rstrip(') ')}) = {result} {event.error}".rstrip()
    if event.kind == "signal":
        return f"{start}--- {event.name} ---"
    if event.kind == "killed":
        return f"{start}+++ killed by {event.name} +++"
    return f"{start}+++ exited with {event.result} +++"
