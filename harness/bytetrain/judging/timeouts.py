"""Timeouts, as options of a server: it need not know them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .. import Failure
from ..course.traits import traits
from ..programs.build import Programs
from ..programs.program import Server
from ..programs.stuck import Stuck
from ..telling.story import quietly
from ..telling.waiting import watching
from .transfers import big_size


@dataclass(frozen=True)
class Timeouts:
    """timeouts("--drain-timeout=1") for a server that knows both; no option for others."""

    pair: Programs
    file: Path  # for a server to be tried with

    def __call__(self, *words: str) -> list[str]:
        return list(words) if traits(self.pair.stage).timeouts and knows_timeouts(self.pair.server, self.file) else []

    def patient(self, file: Path, options: Sequence[str]) -> list[str]:
        """More options for a server whose file is big: it would drop clients that don't read after 30 seconds, and a
        busy machine may take longer over a check."""
        told = any("--stall-timeout" in word for word in options)
        return [] if told or not file.exists() or file.stat().st_size < big_size() else self("--stall-timeout=3600")


@cache
def knows_timeouts(server: Path, file: Path) -> bool:
    """Whether a server listens although it was given both options. One that hangs may do so without them as well: then
    it is the check's own server whose story is told."""
    trial = Server(server, file, options=["--drain-timeout=3600", "--stall-timeout=3600"])
    with quietly(), watching(lambda: Stuck([trial]).look):
        try:
            with trial:
                return True
        except Failure:
            return False
