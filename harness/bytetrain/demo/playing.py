"""What the demo plays: each lesson with the pair that shows it and the one that has cured it, and plain transfers."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from .. import Failure
from ..course.catalogue import Lesson, Run
from ..course.traits import traits
from ..lessons import not_cured, not_shown, play
from ..lessons.evidence import Evidence
from ..lessons.scene import Scene, outcome, saved_md5
from ..programs.build import Programs
from ..programs.start import starting
from ..telling import story
from ..telling.sizes import MiB
from ..telling.story import Step
from ..wire.faults import WholeTrains
from ..wire.files import FileStore

BIG = 100 * MiB


@dataclass
class Performance:
    """A lesson played with one pair."""

    run: Run
    steps: list[str]  # what was done
    evidence: Optional[Evidence]  # None if it couldn't be played to the end
    problem: str = ""  # why not
    seconds: float = 0.0

    @property
    def failure(self) -> str:
        return self.evidence.failure if self.evidence else ""

    @property
    def cure(self) -> str:
        return self.evidence.cure if self.evidence else ""


@dataclass
class Result:
    """A lesson, and both of its performances; one and the same where a single run shows failure and cure."""

    number: int  # of the lesson, in the order in which they are taught
    lesson: Lesson
    shown: Performance
    cured: Performance

    @property
    def shows(self) -> bool:
        evidence = self.shown.evidence
        return evidence is not None and not not_shown(self.lesson, evidence)

    @property
    def cures(self) -> bool:
        evidence = self.cured.evidence
        return evidence is not None and not not_cured(self.lesson, evidence)


@dataclass
class Transfer:
    """A file that a server has sent and a client has saved."""

    stage: int
    file: str  # what it is: a key of the texts, or a path
    size: int
    way: str  # how it went: "", or a key of the texts: "whole_trains" or "luck"
    status: int
    client: str  # how the client ended
    md5_sent: str
    md5_saved: str

    @property
    def equal(self) -> bool:
        return self.status == 0 and self.md5_saved == self.md5_sent


class Company:
    """The programs of all stages, and what they play with."""

    def __init__(self, programs: Mapping[int, Programs], store: FileStore, traced: bool) -> None:
        self._programs = programs
        self._store = store
        self._traced = traced

    def play(self, lesson: Lesson, run: Run, listen: Callable[[str], object]) -> Performance:
        """Plays a lesson. `listen` hears what is done while it is done: commands ("$ ..."), and the lesson's words."""
        start = time.monotonic()
        performance = Performance(run, [], None)

        def hear(step: Step) -> None:
            if step.kind == "told" or step.words.startswith("$ "):
                performance.steps.append(step.words)
                listen(step.words)

        story.begin(run.stage, hear)
        try:
            with self._scene(run) as scene:
                performance.evidence = play(lesson, scene)
        except (Failure, OSError) as error:
            performance.problem = str(error)
        performance.seconds = time.monotonic() - start
        return performance

    def transfers(self, stage: int) -> Iterator[Transfer]:
        """Real files. The naive pair gets the large ones over plain loopback, and whether they arrive is luck."""
        large, small = ("luck", "whole_trains") if traits(stage).whole_trains_only else ("", "")
        program = Path("/usr/bin/python3" if Path("/usr/bin/python3").exists() else sys.executable).resolve()
        yield self._transfer(stage, str(program), program, small)
        yield self._transfer(stage, "empty", self._store.seeded(0), small)
        yield self._transfer(stage, "seeded", self._store.seeded(BIG), large)
        yield self._transfer(stage, "zeros", self._store.sparse(BIG), large)

    def _transfer(self, stage: int, what: str, file: Path, way: str) -> Transfer:
        story.begin(stage)
        with self._scene(Run(stage)) as scene:
            server = scene.server(file, workers=1)
            port = scene.proxy(server.port, WholeTrains()).port if way == "whole_trains" else server.port
            client = scene.client(port)
            said = outcome(client)
            md5_sent, md5_saved = self._store.md5(file), saved_md5(client, file.name)
            return Transfer(stage, what, file.stat().st_size, way, client.wait().status, said, md5_sent, md5_saved)

    @contextmanager
    def _scene(self, run: Run) -> Iterator[Scene]:
        with starting(self._programs[run.stage]) as start:
            with Scene(start, run, self._store, big=BIG, traced=self._traced) as scene:
                yield scene
