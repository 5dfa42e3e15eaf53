"""A grading in a thread of its own, for a loop that listens to keys and files as well."""

from __future__ import annotations

import functools
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Callable, Optional, Protocol

from .grader import PATIENCE, GraderEvent

Post = Callable[[Callable[[], None]], None]  # puts something to be done into the loop; from any thread
Begun = Callable[["subprocess.Popen[bytes]"], None]


class Grade(Protocol):
    """grading_of, or what takes its place."""

    def __call__(
        self, submission: Path, stage: int, *options: str, begun: Optional[Begun]
    ) -> Iterator[GraderEvent]: ...


class GraderThread:
    """One that runs. Each of its events, and that it is over, is posted; of one that was ended no event is."""

    def __init__(
        self, grade: Callable[[Begun], Iterator[GraderEvent]], post: Post, told: Callable[[GraderEvent], None],
        over: Callable[[], None],
    ) -> None:
        self._grade = grade
        self._post = post
        self._told = told
        self._over = over
        self._lock = threading.Lock()
        self._grader: Optional["subprocess.Popen[bytes]"] = None
        self.was_ended = False  # before its time
        self._last_resort: Optional[threading.Timer] = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> None:
        """It won't be long; `over` is posted then."""
        with self._lock:
            self.was_ended = True
            if self._grader is not None and self._last_resort is None:
                self._grader.terminate()
                self._last_resort = threading.Timer(PATIENCE, self._grader.kill)
                self._last_resort.start()

    def join(self) -> None:
        """Until all that it has started has gone."""
        self._thread.join()

    def _began(self, grader: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            self._grader = grader
        if self.was_ended:
            self.end()

    def _run(self) -> None:
        try:
            for event in self._grade(self._began):
                self._post(functools.partial(self._tell, event))
        finally:
            with self._lock:
                self._grader = None
                if self._last_resort is not None:
                    self._last_resort.cancel()
            self._post(self._over)

    def _tell(self, event: GraderEvent) -> None:
        if not self.was_ended:
            self._told(event)
