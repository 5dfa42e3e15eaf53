"""What a run decides, as it decides it, for whoever shows it in another way: a line of JSON each.

    {"event": "begin", "stage": 1, "checks": ["stage.builds", ...]}             those of a stage, as they are told
    {"event": "verdict", "stage": 1, "check": "stage.builds", "verdict": "pass"}
    {"event": "story", "stage": 1, "check": ..., "hints": ..., "hinted": ..., "lines": [[text, style], ...]}
    {"event": "calls", "stage": 1, "check": ..., "hints": ..., "hinted": ..., "lines": [...]}  around that failure
    {"event": "warnings", "stage": 1, "lines": ...}                             of the build
    {"event": "stray", "lines": ...}                                            an error outside of any check
    {"event": "end", "outcome": "pass", "points": 12.0, "of": 12}               points and their most: of these stages

Verdicts are those of results.json. `hints` is what ./lab hint knows: the check, or the classic mistake that was found
by then; `hinted`: the first of these hints is among the lines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Optional

from ..telling.text import visible
from .words import Line


class Events:
    """Writes them to a descriptor, if there is one."""

    def __init__(self, descriptor: Optional[int]) -> None:
        """OSError if it isn't open. It is ours alone: no program that is graded says what was decided."""
        if descriptor is not None:
            os.set_inheritable(descriptor, False)
        self._file = None if descriptor is None else os.fdopen(descriptor, "w", encoding="utf-8")

    def tell(self, event: str, lines: Iterable[Line] = (), **more: object) -> None:
        """One event; `lines` as they stand on a terminal. If nobody reads any more, the run ends as with Ctrl-C."""
        if self._file is None:
            return
        told = [[visible(text), style] for text, style in lines]
        try:
            data: dict[str, object] = {"event": event, **more, **({"lines": told} if told else {})}
            print(json.dumps(data), file=self._file, flush=True)
        except BrokenPipeError:
            self._file = None
            raise KeyboardInterrupt from None
