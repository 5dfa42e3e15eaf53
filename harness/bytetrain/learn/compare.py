"""./lab compare: what you did for a stage, and what the reference did: side by side, once the stage has passed.

    ./lab compare 1    your files, and the reference's
    ./lab compare 2    what you changed of your stage 01, and what the reference changed of its own
"""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

from rich.console import Console, ConsoleRenderable, Group
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..course.folders import stage_dir
from ..course.languages import Bilingual, Language
from ..course.paths import STAGES
from ..telling.ending import end_with
from ..telling.sizes import KiB
from ..telling.text import print_whatever_comes, visible
from .talk import at_work, options_of, stage_named
from .work import source_files

_LARGEST = 256 * KiB  # bytes of a file that is shown: source is smaller
_WIDE = 150  # columns in which two sides can be read
_CONTEXT = 2  # lines around a change
_NO_LESSON = ("tests", "stage.toml")  # of the reference: not what a student writes
_YOURS, _REFERENCE = Bilingual("yours", "你的"), Bilingual("the reference", "参考实现")
_CHANGED = Bilingual("{}: from stage {:02d} to {:02d}", "{}：从阶段 {:02d} 到 {:02d}")
_READ_ON = Bilingual("The page says why: {}", "页面里说明了原因：{}")
_NOT_YET = (
    "stage {stage:02d} has not passed as it is now: ./lab check {stage}. (How the reference does it is worth more once "
    "you have done it yourself.)"
)

Sources = dict[str, list[str]]  # the lines of each file, by its path in the stage


def sources(folder: Optional[Path]) -> Sources:
    """What somebody has written for a stage, comments and all; empty if there is no such folder."""
    found: Sources = {}
    if folder is None:
        return found
    for file in source_files(folder):
        name = file.relative_to(folder if folder in file.parents else folder.parent)
        if name.parts[0] in _NO_LESSON or file.stat().st_size > _LARGEST:
            continue
        text = file.read_bytes()
        if b"\0" not in text:
            found[visible(str(name))] = [visible(line) for line in text.decode(errors="replace").splitlines()]
    return found


def differences(before: Sources, after: Sources) -> Iterator[tuple[str, list[str]]]:
    """Each file that differs, and how: diff -u."""
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, []), after.get(name, [])
        if old != new:
            yield name, list(difflib.unified_diff(old, new, n=_CONTEXT, lineterm=""))[2:]


def side(title: str, files: Sequence[tuple[str, list[str]]], lexer: str) -> ConsoleRenderable:
    """One of the two: a title, and each file under its name. Without a `lexer` it is known by the file's name."""
    parts: list[ConsoleRenderable] = [Rule(title, style="bold")]
    for name, lines in files:
        parts.append(Text(f"\n{name}", "bold cyan"))
        text = "\n".join(lines)
        parts.append(Syntax(text, lexer or Syntax.guess_lexer(name, text), theme="ansi_dark", word_wrap=True))
    return Group(*parts)


def both(left: ConsoleRenderable, right: ConsoleRenderable, width: int) -> ConsoleRenderable:
    """Side by side, if that is wide enough; else one below the other."""
    if width < _WIDE:
        return Group(left, Text(), right)
    table = Table.grid(expand=True, padding=(0, 2))
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(left, right)
    return table


def comparison(own: Path, own_before: Optional[Path], stage: int, language: Language, width: int) -> ConsoleRenderable:
    """Of a stage folder of one's own, and of the one before, with the reference's."""
    reference = sources(stage_dir(STAGES, stage))
    yours, theirs = _YOURS[language], _REFERENCE[language]
    if stage == 1 or own_before is None:
        return both(side(yours, [*sources(own).items()], ""), side(theirs, [*reference.items()], ""), width)
    before = sources(stage_dir(STAGES, stage - 1))
    titles = [_CHANGED[language].format(who, stage - 1, stage) for who in (yours, theirs)]
    found = [list(differences(sources(own_before), sources(own))), list(differences(before, reference))]
    left, right = (side(title, files, "diff") for title, files in zip(titles, found))
    return both(left, right, width)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """./lab compare."""
    parser = argparse.ArgumentParser(prog="./lab compare", description=__doc__.partition("\n")[0].partition(": ")[2])
    parser.add_argument("stage", nargs="?", type=int, help="which one (default: where you are)")
    options_of(parser)
    options = parser.parse_args(arguments)
    print_whatever_comes()
    work, language, _ = at_work(parser, options)
    stage = stage_named(parser, work, options.stage)
    own = work.stage_dir(stage)
    if own is None or not work.state.passed(stage):
        parser.exit(1, f"{parser.prog}: {_NOT_YET.format(stage=stage)}\n")
    before = work.stage_dir(stage - 1) if stage - 1 in work.stages() else None
    out = Console(highlight=False, markup=False, emoji=False)
    shown = comparison(own, before, stage, language, out.width)
    page = f"docs/{language.docs.name}/stage-{stage:02d}.md"
    last = Text(f"\n{_READ_ON[language].format(page)}", "cyan")
    if out.is_terminal:
        os.environ.setdefault("LESS", "-RFX")  # colours; and no pager for what fits
        with out.pager(styles=True):
            out.print(shown, last)
    else:
        out.print(shown, last)
    return 0


if __name__ == "__main__":
    end_with(main)
