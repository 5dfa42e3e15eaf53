"""What the words of a student have in common: options, the console, the language."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Optional

from rich.console import Console
from rich.text import Text

from ..course.languages import Bilingual, Language
from ..course.traits import numbered, stage_numbers
from ..telling.text import visible
from .work import NoWork, Work, find

_OF_ROOT = Bilingual("root: check as an ordinary user", "root：请用普通用户检查")
# What a terminal without these characters shows instead.
_PLAIN = {"✓": "+", "✗": "x", "►": ">", "·": "-", "░": ".", "█": "#", "◐": "~", "○": "o", "…": "..."}


def options_of(parser: argparse.ArgumentParser) -> None:
    """The options that each of them has."""
    parser.add_argument("--in", dest="folder", metavar="DIR", type=Path, help="the work folder (default: work/)")
    parser.add_argument(
        "--lang", choices=[each.value for each in Language], help="en or zh (default: what the work folder says)"
    )


def grading_options_of(parser: argparse.ArgumentParser) -> None:
    """And those of the words that grade a stage."""
    parser.add_argument("stage", nargs="?", type=int, help="which one (default: where you are)")
    parser.add_argument("--trust", action="store_true", help="the folder is mine, though it lies elsewhere")
    options_of(parser)


def at_work(parser: argparse.ArgumentParser, options: argparse.Namespace) -> tuple[Work, Language, Console]:
    """The work folder, how to talk, and where. Ends the command in one line if there is no work folder."""
    try:
        work = find(options.folder)
        work.current
    except (NoWork, OSError) as error:
        parser.exit(1, f"{parser.prog}: {visible(str(error))}\n")
    return work, Language(options.lang) if options.lang else work.state.reads, console()


def console() -> Console:
    """Standard output, as wide as it is, and never narrower than can be read."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def put(out: Console, text: Text) -> None:
    """Prints it, in characters that its terminal has."""
    out.print(text if _can_draw(out) else _plain(text))


def _can_draw(out: Console) -> bool:
    try:
        "".join(_PLAIN).encode(out.encoding)
        return True
    except (UnicodeEncodeError, LookupError):
        return False


def _plain(text: Text) -> Text:
    for character, instead in _PLAIN.items():
        pieces = text.split(character, allow_blank=True)
        text = Text(instead).join(pieces)
    return text


def of_root(language: Language) -> str:
    """What whoever is root should know; "" for everybody else."""
    return _OF_ROOT[language] if os.geteuid() == 0 else ""


def in_language(language: Language) -> list[str]:
    """The grader's option for that; it speaks English by itself."""
    return [] if language is Language.EN else ["--lang", language.value]


def stage_named(parser: argparse.ArgumentParser, work: Work, number: Optional[int]) -> int:
    """The stage that was named, or that the student is at; ends the command if it isn't laid out."""
    if number is None:
        return work.current
    if number not in stage_numbers():
        parser.exit(1, f"{parser.prog}: there is no stage {number}: {numbered()}\n")
    if number not in work.stages():
        there = ", ".join(f"{each:02d}" for each in work.stages())
        parser.exit(1, f"{parser.prog}: stage {number:02d} isn't laid out in {visible(str(work.folder))} "
                       f"(there is {there}): ./lab start {number}\n")
    return number


def flush() -> None:
    """What was said so far is on the screen, or in the pipe."""
    sys.stdout.flush()
