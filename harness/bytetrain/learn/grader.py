"""The grader at work on one stage, for whoever shows it in another way: what it decides, as it decides it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Callable, Optional

from ..course.paths import HARNESS
from ..grading.command import command_of
from ..kernel.processes import be_subreaper
from ..programs.sessions import end_left_over, left_over
from ..telling.text import visible

GraderEvent = dict[str, Any]  # see grading/events.py

_TROUBLE = 20  # lines of what the grader has said, if it could not run
PATIENCE = 20.0  # seconds for its end, once it was asked to


def grading_of(
    submission: Path, stage: int, *options: str, begun: Optional[Callable[["subprocess.Popen[bytes]"], None]] = None
) -> Generator[GraderEvent, None, None]:
    """Grades a stage of one's own work, and yields the events of it; in front of the last one, if the grader could not
    do its work, {"event": "trouble", "lines": ...}. Whoever closes this ends the grader, and all that it has started.

    `begun` is given the grader, for whoever is in another thread and can't close this: SIGTERM will do.

    The programs are those of who grades, and no others': limits protect from them, and what was built stays built.
    """
    be_subreaper()
    others = [each.pid for each in left_over()]
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said, open(reading, encoding="utf-8") as events:
        try:
            grader = subprocess.Popen(
                command_of("pytest", *_words(submission, stage, writing, few="--check" in options), *options),
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, pass_fds=[writing], start_new_session=True,
            )
        finally:
            os.close(writing)
        try:
            if begun is not None:
                begun(grader)
            last = ""
            for line in events:
                event: GraderEvent = json.loads(line)
                last = event["event"]
                if last == "end":
                    event["status"] = grader.wait()
                yield event
            status = grader.wait()
            if last != "end":
                yield {"event": "trouble", "status": status, "lines": [[each, ""] for each in _end_of(said)]}
        finally:
            _end(grader)
            end_left_over(others)  # had it to be killed, what it has started has come to us


def _words(submission: Path, stage: int, writing: int, *, few: bool) -> Iterator[str]:
    yield "-q"
    yield "--assert=plain"
    # Checks often wait, so two more at once than there are cores pay; of a few, none is decided before they have begun.
    if find_spec("xdist") and not few:
        yield from ("-n", str(len(os.sched_getaffinity(0)) + 2))
    yield from (str(HARNESS), f"--submission={submission}", "--stage", str(stage))
    yield from ("--containment=limits", f"--events={writing}")


def _end_of(said: IO[bytes]) -> list[str]:
    said.seek(0)
    lines = said.read().decode(errors="replace").rstrip().splitlines()
    return [visible(line) for line in lines[-_TROUBLE:] if line.strip()]


def _end(grader: "subprocess.Popen[bytes]") -> None:
    """SIGTERM is its Ctrl-C: it ends the programs that it has started. Nobody waits for ever for that."""
    if grader.poll() is not None:
        return
    grader.terminate()
    try:
        grader.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        grader.kill()
        grader.wait()
