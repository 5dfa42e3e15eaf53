"""See bytetrain.demo."""

import argparse
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, Optional

from ..course.catalogue import Lesson, Stage, lessons, stages
from ..course.languages import Language
from ..course.paths import REPO, STAGES
from ..course.traits import numbered, stage_numbers, traits
from ..kernel import trace
from ..programs.build import BuildFailed, Programs, build, build_dir
from ..programs.sessions import end_left_over, left_over, prepare
from ..telling.text import visible
from ..wire.files import FileStore
from .playing import Company
from .report import Report
from .screen import Screen
from .show import Show
from .texts import Texts, texts

JSON = REPO / "build" / "demo.json"


def arguments(words: Optional[Sequence[str]] = None) -> argparse.Namespace:
    about = "See every lesson happen on this machine, and its cure."
    parser = argparse.ArgumentParser(prog="lab demo", description=about)
    add = parser.add_argument
    add("--stage", type=stage_number, action="append", metavar="N", help="this stage only; again for more of them")
    add("--json", type=Path, default=JSON, metavar="FILE", help="the result as data (default: build/demo.json)")
    add(
        "--lang", choices=[each.value for each in Language], default="en",
        help="language of titles and headings (default: en)",
    )
    add("--no-color", action="store_true", help="no colours, not on a terminal either")
    add("--preset", default="release", metavar="NAME", help="which build to use (default: release)")
    return parser.parse_args(words)


def stage_number(word: str) -> int:
    if not word.isdigit() or int(word) not in stage_numbers():
        raise argparse.ArgumentTypeError(f"{numbered()}, not {word!r}")
    return int(word)


def main() -> int:
    chosen = arguments()
    say = texts(Language(chosen.lang))
    screen = Screen(colour=not chosen.no_color)
    try:
        with left_as_found():
            return perform(chosen, screen, say)
    except (BuildFailed, ValueError) as error:
        print(visible(f"demo: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        screen.blank()
        screen.line(say("interrupted"))
        return 130
    except BrokenPipeError:  # whoever read our output has gone, like `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


@contextmanager
def left_as_found() -> Iterator[None]:
    """Ends every process and removes every file that was made inside, also after Ctrl-C, SIGTERM or a hang-up."""
    prepare()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    before = {each.pid for each in left_over()}
    with tempfile.TemporaryDirectory(prefix="bytetrain-demo-") as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            end_left_over(before)
            tempfile.tempdir = None


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def perform(chosen: argparse.Namespace, screen: Screen, say: Texts) -> int:
    """Builds, plays everything, tells it, writes it. The status."""
    counted = {"stages": len(stage_numbers()), "failures": len(lessons())}
    screen.title(say("title", **{what: say.number(number) for what, number in counted.items()}))
    why = trace.why_no_strace()
    seen = say("strace") if why is None else say("no_strace", why=why)
    kernel, cpus = platform.release(), len(os.sched_getaffinity(0))
    screen.line(say("machine", kernel=kernel, cpus=cpus, preset=chosen.preset, strace=seen))
    played, acts = programme(chosen.stage or stage_numbers())
    programs = build_all(needed(acts, played), chosen.preset, screen, say)
    report = Report({"kernel": kernel, "cpus": cpus, "preset": chosen.preset, "strace": why})
    show = Show(Company(programs, FileStore(), traced=why is None), report, screen, say)
    start = time.monotonic()
    for stage in acts:
        with_files = not traits(stage.number).one_train and stage.number in (chosen.stage or stage_numbers())
        show.stage(stage, [each for each in played if each[1].shown_by.stage == stage.number], with_files)
    show.table()
    complete = show.verdict(start)
    report.write(chosen.json, say)
    screen.line(say("json", path=chosen.json))
    screen.line(say("yourself"), style="bold")
    return 0 if complete else 1


def programme(chosen: Collection[int]) -> tuple[list[tuple[int, Lesson]], list[Stage]]:
    """The lessons, numbered, that one of the chosen stages shows or cures; and the stages to go through."""
    played = [
        (number, lesson)
        for number, lesson in enumerate(lessons(), 1)
        if not {lesson.shown_by.stage, lesson.cured_by.stage}.isdisjoint(chosen)
    ]
    through = {lesson.shown_by.stage for _, lesson in played}.union(chosen)
    return played, [stage for stage in stages() if stage.number in through]


def needed(acts: Sequence[Stage], played: Sequence[tuple[int, Lesson]]) -> list[int]:
    """The stages whose programs will be run."""
    cures = {lesson.cured_by.stage for _, lesson in played}
    return sorted(cures | {stage.number for stage in acts})


def build_all(numbers: Sequence[int], preset: str, screen: Screen, say: Texts) -> dict[int, Programs]:
    folders = {each.number: STAGES / each.name for each in stages()}
    if not all((build_dir(STAGES, folders[number], preset) / "server").exists() for number in numbers):
        screen.line(say("building"))
    return {number: build(STAGES, number, preset) for number in numbers}


if __name__ == "__main__":
    sys.exit(main())
