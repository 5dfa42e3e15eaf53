"""The demo's result as JSON, for other programs: version 1.

    format, version     "bytetrain demo", 1; the version changes when a key changes its meaning or is gone
    machine             kernel, cpus, preset; strace: null, or why it can't be used
    complete            whether everything was seen that should have been
    missing             what was not, in words
    seconds             how long it has taken
    lessons             for each: number, id, title, title_zh, and `shown` and `cured`, each with
        stage, server, client   the pair that played, and its options
        seen, brief             whether it was seen, and what, in a few words
        steps, lines            what was done, and the evidence in words
        facts                   the evidence as data: keys of the lesson's own, listed by its scenario in lessons/
        problem                 why it couldn't be played to the end; "" if it could
        seconds
    transfers           for each: stage, file, bytes, way ("", "whole_trains", or "luck": not counted), status, client,
                        md5_sent, md5_saved, equal
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..telling.text import as_json
from .playing import Performance, Result, Transfer
from .texts import Texts

VERSION = 1


@dataclass
class Report:
    """Everything that was seen."""

    machine: dict[str, Any]
    results: list[Result] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    seconds: float = 0.0

    def missing(self, texts: Texts) -> list[str]:
        """What should have been seen and was not, in words."""
        words = []
        for result in self.results:
            if not result.shows:
                words.append(_lacking(result, texts("not_shown"), result.shown))
            if not result.cures:
                words.append(_lacking(result, texts("not_cured"), result.cured))
        broken = [each for each in self.transfers if not each.equal and each.way != "luck"]
        for each in broken:
            words.append(texts("transfer_failed", stage=each.stage, file=each.file, said=each.client))
        return words

    def write(self, path: Path, texts: Texts) -> None:
        """Writes it in one step: a reader never sees half of it."""
        missing = self.missing(texts)
        table = {
            "format": "bytetrain demo",
            "version": VERSION,
            "machine": self.machine,
            "complete": not missing,
            "missing": missing,
            "seconds": round(self.seconds, 1),
            "lessons": [_lesson(result) for result in self.results],
            "transfers": [_transfer(each) for each in self.transfers],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.write_text(as_json(table, indent=2), encoding="utf-8")
        unfinished.rename(path)


def _lacking(result: Result, what: str, performance: Performance) -> str:
    return f"{result.number} {result.lesson.id}: {what}. {'; '.join(performance.problem.splitlines())}".rstrip()


def _lesson(result: Result) -> dict[str, Any]:
    lesson = result.lesson
    return {
        "number": result.number,
        "id": lesson.id,
        "title": lesson.title.en,
        "title_zh": lesson.title.zh,
        "shown": _performance(result.shown, result.shows, result.shown.failure),
        "cured": _performance(result.cured, result.cures, result.cured.cure),
    }


def _performance(performance: Performance, seen: bool, brief: str) -> dict[str, Any]:
    evidence = performance.evidence
    return {
        "stage": performance.run.stage,
        "server": list(performance.run.server),
        "client": list(performance.run.client),
        "seen": seen,
        "brief": brief,
        "steps": performance.steps,
        "lines": evidence.lines if evidence else [],
        "facts": dict(evidence.facts) if evidence else {},
        "problem": performance.problem,
        "seconds": round(performance.seconds, 2),
    }


def _transfer(each: Transfer) -> dict[str, Any]:
    return {"stage": each.stage, "file": each.file, "bytes": each.size, "way": each.way, "status": each.status,
            "client": each.client, "md5_sent": each.md5_sent, "md5_saved": each.md5_saved,
            "equal": each.equal}
