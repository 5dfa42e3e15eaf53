"""./lab compare: what you did for a stage, and what the reference did: side by side, once the stage has passed.

    ./lab compare 1    your files, and the reference's, without what ./lab start has laid out and is as it was
    ./lab compare 2    what you changed of your stage 01, and what the reference changed of its own
"""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

from rich.cells import cell_len
from rich.console import Console, ConsoleRenderable, Group
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..course.folders import stage_dir
from ..course.languages import Bilingual, Language
from ..course.paths import STAGES, STARTS
from ..course.traits import stage_numbers
from ..telling.ending import end_with
from ..telling.sizes import KiB
from ..telling.text import print_whatever_comes, visible
from .layout import LANGUAGES
from .talk import at_work, options_of, stage_named
from .work import source_files

_LARGEST = 256 * KiB  # bytes of a file that is shown: source is smaller
_WIDE = 150  # columns in which two sides can be read
_CONTEXT = 2  # lines around a change
_MARGIN = 2  # columns beside a line: the sign of a difference
_NO_LESSON = ("tests", "stage.toml")  # of the reference: not what a student writes
_BUILD = "CMakeLists.txt"  # and this one is laid out
_SIDE_BY_SIDE = Bilingual("Side by side, in {} columns: {}", "并排显示，要 {} 列宽：{}")
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


def longest(own: Path, before: Optional[Path], stage: int) -> int:
    """Columns of the longest line that may be shown."""
    folders = (own, before, stage_dir(STAGES, stage), stage_dir(STAGES, stage - 1) if stage > 1 else None)
    files = (lines for folder in folders for lines in sources(folder).values())
    return max((cell_len(line.expandtabs()) for lines in files for line in lines), default=0)


def both(left: ConsoleRenderable, right: ConsoleRenderable, width: int) -> ConsoleRenderable:
    """Side by side, if that is wide enough; else one below the other."""
    if width < _WIDE:
        return Group(left, Text(), right)
    table = Table.grid(expand=True, padding=(0, 2))
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(left, right)
    return table


def laid_out(stage: int, written_in: str) -> Sources:
    """What a stage has begun with, if it didn't begin as a copy of one's own."""
    skeleton = sources(STARTS / LANGUAGES[written_in][0])
    if stage == stage_numbers()[0]:
        return skeleton
    return {**sources(stage_dir(STAGES, stage - 1)), _BUILD: sources(STARTS / "cpp")[_BUILD]}


def without(files: Sources, these: Sources) -> Sources:
    """Those that are not the same there."""
    return {name: lines for name, lines in files.items() if these.get(name) != lines}


def comparison(
    own: Path, own_before: Optional[Path], stage: int, language: Language, width: int, written_in: str = "c++"
) -> ConsoleRenderable:
    """Of a stage folder of one's own, and of the one before, with the reference's."""
    mine, begun_with, reference = sources(own), laid_out(stage, written_in), sources(stage_dir(STAGES, stage))
    reference.pop(_BUILD, None)
    yours, theirs = _YOURS[language], _REFERENCE[language]
    went_on = any(begun_with.get(name) == lines for name, lines in mine.items())  # from what was laid out
    if stage == 1 or (own_before is None and not went_on):
        files = without(mine, begun_with), without(reference, laid_out(1, "c++"))
        left, right = (side(title, [*each.items()], "") for title, each in zip((yours, theirs), files))
        return both(left, right, width)
    before = sources(stage_dir(STAGES, stage - 1))
    before.pop(_BUILD, None)
    titles = [_CHANGED[language].format(who, stage - 1, stage) for who in (yours, theirs)]
    mine_before = begun_with if own_before is None else sources(own_before)
    found = [list(differences(mine_before, mine)), list(differences(before, reference))]
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
    width = out.width
    if not out.is_terminal and "COLUMNS" not in os.environ:  # whoever reads it has lines as long as they are
        out.width = max(width, longest(own, before, stage) + _MARGIN)
    shown = comparison(own, before, stage, language, width, work.state.language)
    page = f"docs/{language.docs.name}/stage-{stage:02d}.md"
    last = Text(f"\n{_READ_ON[language].format(page)}", "cyan")
    if width < _WIDE:
        again = f"COLUMNS={_WIDE} {work.command('compare', str(stage))} | less -S"
        last.append(f"\n{_SIDE_BY_SIDE[language].format(_WIDE, again)}")
    if out.is_terminal:
        os.environ.setdefault("LESS", "-RFX")  # colours; and no pager for what fits
        with out.pager(styles=True):
            out.print(shown, last)
    else:
        out.print(shown, last)
    return 0


if __name__ == "__main__":
    end_with(main)
