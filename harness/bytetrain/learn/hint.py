"""Hints of a check that has failed, or of the classic mistake that was found: a nudge, the mechanism, the cure.

    ./lab hint                         the next one of what failed last in your work folder
    ./lab hint client.head_split       the next one of this check: which have been shown is remembered there
    ./lab hint client.head_split 2     the second one; --lang zh: in Chinese
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Optional

from ..course.catalogue import mistakes, rubric
from ..course.languages import Bilingual, Language
from ..course.traits import stage_numbers
from ..grading.hints import Hinting, one_hint, unknown
from ..telling.text import end_with_the_reader, print_whatever_comes, visible
from .work import NoWork, Work, find

_PASSES = Bilingual("Stage {:02d} passes, and needs no hint: {}", "阶段 {:02d} 已经通过，不需要提示：{}")
_NOT_YET = Bilingual("Nothing has failed yet in stage {:02d}: {}", "阶段 {:02d} 还没有检查失败：{}")


def _work(folder: Optional[Path]) -> Optional[Work]:
    """None if there is none: hints can be read all the same."""
    try:
        return find(folder)
    except (NoWork, OSError):
        return None


def _failed_last(parser: argparse.ArgumentParser, work: Optional[Work], language: Language) -> str:
    """What its hints are called by. Ends the command if nothing has failed."""
    if work is None:
        parser.error("which one? Give the id that a story names, client.head_split perhaps; or ./lab start 1")
    try:
        stage = work.current
    except NoWork as error:
        parser.error(visible(str(error)))
    _, hints = work.state.failure(stage)
    if not hints:
        passed = work.state.passed(stage)
        last = stage == stage_numbers()[-1]
        following = ["check"] if not passed else ["list"] if last else ["start", str(stage + 1)]
        words = (_PASSES if passed else _NOT_YET)[language].format(stage, work.command(*following))
        print(visible(words))
        parser.exit(0 if passed else 1)
    return hints


def _next_number(work: Optional[Work], found: Hinting) -> int:
    return min(work.state.hint_level(found.id) + 1, len(found.hints)) if work else 1


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Prints one hint."""
    parser = argparse.ArgumentParser(prog="./lab hint", description=__doc__.partition("\n")[0])
    parser.add_argument("id", nargs="?", help="of a check, or of a mistake, as a story names it: client.head_split")
    parser.add_argument("number", nargs="?", type=int, choices=(1, 2, 3), help="which one (default: the next)")
    parser.add_argument("--in", dest="folder", metavar="DIR", type=Path, help="the work folder (default: work/)")
    parser.add_argument("--lang", choices=[each.value for each in Language], help="en or zh")
    options = parser.parse_args(arguments)
    print_whatever_comes()
    work = _work(options.folder)
    known: Mapping[str, Hinting] = {each.id: each for each in rubric().checks.values() if each.hints} | mistakes()
    language = Language(options.lang) if options.lang else work.state.reads if work else Language.EN
    name = options.id or _failed_last(parser, work, language)
    if name not in known:
        parser.error(visible(unknown(name, known)))
    number = options.number or _next_number(work, known[name])
    print(one_hint(known[name], number, language))
    if work:
        with suppress(OSError):  # a folder that can only be read is read
            work.state.remember_hint(name, number)


if __name__ == "__main__":
    end_with_the_reader()
    main()
