"""./lab watch for its tests, with a grader that decides at once: the file `word` of the stage names the check that
fails ("none": no check does), and behind it may stand that this takes for ever. The options it got are written down."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Optional

from bytetrain.course.catalogue import rubric
from bytetrain.learn import watch
from bytetrain.learn.grader import GraderEvent
from bytetrain.learn.runs import Begun
from bytetrain.telling.ending import end_with

OPTIONS = "options.txt"  # in the work folder: a line of JSON for each run


def grade(submission: Path, stage: int, *options: str, begun: Optional[Begun]) -> Iterator[GraderEvent]:
    with (submission / OPTIONS).open("a") as file:
        print(json.dumps(options), file=file)
    words = next(submission.glob(f"{stage:02d}_*/word")).read_text().split() or ["none"]
    hangs = "forever" in words
    with subprocess.Popen(["cat" if hangs else "true"], stdin=subprocess.PIPE) as grader:
        assert begun is not None
        begun(grader)
        checks = [each.id for each in rubric().of_stage(stage) if each.weight]
        chosen = options[1].split(",") if "--check" in options else checks
        yield {"event": "begin", "stage": stage, "checks": chosen}
        if hangs:
            grader.wait()
            yield {"event": "trouble", "lines": [["it was ended", ""]]}
            return
        yield from decide(chosen, words[0], first="--first" in options)


def decide(checks: list[str], failing: str, *, first: bool) -> Iterator[GraderEvent]:
    for each in checks:
        verdict = "fail" if each == failing else "pass"
        yield {"event": "verdict", "check": each, "verdict": verdict}
        if each == failing:
            lines = [[f"✗ {each}: the title", "bold red"], ["  expected  42 → 43", ""], ["  but was   41", "red"]]
            yield {"event": "story", "check": each, "lines": lines, "hints": each}
            if first:
                break
    outcome = "fail" if failing in checks else "pass"
    yield {"event": "end", "outcome": outcome, "points": 10.0 * (outcome == "pass"), "of": 10, "status": 0}


if __name__ == "__main__":
    end_with(lambda: watch.main(sys.argv[1:], grade))
