"""./lab start, ./lab reset: a stage is laid out in your work folder, to be built there.

    ./lab start 1                    a skeleton in C++, in work/ (--language c or python; --in DIR: somewhere else)
    ./lab start 2                    a copy of your stage 01, once all of it passes
    ./lab start 2 --from reference   a copy of the reference's stage 01, which still fails as stage 02 cures it
    ./lab reset 2                    the same anew; what was there is kept in work/kept/

Nothing is ever written over.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from rich.cells import cell_len

from ..course.languages import Bilingual, Language
from ..course.paths import REPO, WORK_FOLDER
from ..course.steps import PageStep, steps, steps_of
from ..course.traits import numbered, stage_numbers
from ..telling.ending import end_with
from ..telling.text import print_whatever_comes, visible
from .layout import LANGUAGES, SCRATCH, Laid, Origin, lay_out
from .standing import stage_title
from .work import NoWork, Work, absolute, find, place

_LABEL = 13  # columns


class Refused(Exception):
    """Nothing is laid out; the message says why, and what to do instead."""


@dataclass(frozen=True)
class Wish:
    """What the command line says."""

    word: str  # start or reset
    stage: int
    language: Optional[str]
    source: Optional[str]  # "mine", "reference"
    folder: Optional[Path]

    @property
    def is_first(self) -> bool:
        return self.stage == stage_numbers()[0]


def place_of_work(named: Optional[Path]) -> Work:
    """Where stages are laid out: a folder that may have to be made yet."""
    if named is not None:
        folder = absolute(named)
        ours = [REPO / each for each in ("stages", "harness", "docs", "build", ".git")]
        if folder == REPO or any(each in (folder, *folder.parents) for each in ours):
            raise Refused(f"{place(folder)} belongs to the kit: take another folder")
        return Work(folder)
    try:
        return find()
    except NoWork:
        return Work(WORK_FOLDER)


def may_be_laid_out(wish: Wish, work: Work) -> None:
    """Refused if start would write over something, or reset has nothing to begin anew."""
    there = work.stage_dir(wish.stage)
    start, anew, check = (work.command(word, str(wish.stage)) for word in ("start", "reset", "check"))
    if wish.word == "start" and there is not None:
        raise Refused(f"{place(there)} is there already, and stays as it is. Go on with {check}, or anew: {anew}")
    if wish.word == "reset" and there is None:
        raise Refused(f"there is no stage {wish.stage:02d} in {place(work.folder)} to begin anew: {start}")


def origin_of(wish: Wish, work: Work) -> Origin:
    """What the stage begins as a copy of; Refused if that isn't there, or isn't ready."""
    if wish.is_first:
        if wish.source is not None:
            raise Refused(f"stage {wish.stage:02d} begins with a skeleton: --from is for later ones")
        language = wish.language or work.state.language
        return Origin.skeleton(language if language in LANGUAGES else "c++")
    if wish.language is not None:
        raise Refused("--language is for the first stage: later ones go on in the language that is there")
    before = wish.stage - 1
    if wish.source == "reference":
        return Origin.reference(before)
    mine = work.stage_dir(before)
    again = [wish.word, str(wish.stage)]
    reference = f"or begin from the reference's: {work.command(*again, '--from', 'reference')}"
    if mine is None:
        first = work.command("start", str(before))
        raise Refused(f"there is no stage {before:02d} of yours to go on from: {first}\n{reference}")
    if wish.source != "mine" and not work.state.passed(before):
        raise Refused(f"your stage {before:02d} has not passed as it is now: {work.command('check', str(before))}\n"
                      f"{reference}\nor from yours all the same: {work.command(*again, '--from', 'mine')}")
    return Origin.own(work, before, mine)


def where_it_begins(stage_folder: Path, step: PageStep) -> list[Path]:
    """The files that a step is written in: as the reference has them, as far as one's own stage has such files."""
    found: list[Path] = []
    for names in step.open or (("server",),):
        paths = (stage_folder / f"{name}{suffix}" for name in names for suffix in (".cpp", ".c", ".py", ""))
        found += [each for each in paths if each.is_file()][:1]
    return [*dict.fromkeys(found)] or [stage_folder]


def what_was_done(wish: Wish, work: Work, origin: Origin, laid: Laid, language: Language) -> list[str]:
    """What was laid out, the first step, what to open, and the next command."""
    title, on_page = stage_title(wish.stage), steps_of(wish.stage, steps())
    page = language.docs / f"stage-{wish.stage:02d}.md"
    step = on_page[0]  # with checks or without
    opened = " ".join(map(place, where_it_begins(laid.stage, step)))
    opened += f" (TODO step {step.number})" if wish.is_first else ""
    rows = [
        (Bilingual("laid out", "铺好了"), f"{place(laid.stage)}: {origin.words[language]}"),
        (Bilingual("read", "读"), place(page)),
        (Bilingual("first step", "第一步"), f"{step.number}/{len(on_page)} {step.title[language]}"),
        (Bilingual("open", "打开"), opened),
        (Bilingual("then", "然后"), work.command("check")),
        (Bilingual("on every save", "每次保存"), work.command("watch")),
    ]
    if laid.kept is not None:
        rows.insert(1, (Bilingual("kept", "保留了"), place(laid.kept)))
        if laid.kept.resolve() in (Path.cwd(), *Path.cwd().parents):  # where you are was moved
            rows[1:2] = [(rows[1][0], str(laid.kept)), (Bilingual("you are there", "你在那里"), f"cd {place(laid.stage)}")]
    if laid.no_history:
        rows.append((Bilingual("no git", "没有 git"), visible(laid.no_history)))
    return [
        Bilingual(f"Stage {wish.stage:02d}: {title.en}", f"阶段 {wish.stage:02d}：{title.zh}")[language],
        *(f"  {label[language]}{' ' * (_LABEL - cell_len(label[language]))}  {what}" for label, what in rows),
    ]


def _parser(word: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"./lab {word}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("stage", metavar="N", type=int, help=f"the number of a stage: {numbered()}")
    parser.add_argument("--language", choices=LANGUAGES, help="to write the first stage in (default: c++)")
    parser.add_argument("--from", dest="source", choices=("mine", "reference"), help="what a later stage goes on from")
    parser.add_argument("--in", dest="folder", metavar="DIR", type=Path, help="another work folder than work/")
    parser.add_argument("--no-git", dest="git", action="store_false", help="without a git repository in the folder")
    parser.add_argument("--lang", choices=[each.value for each in Language], help="en or zh, from now on")
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """start N, reset N."""
    print_whatever_comes()
    word, *others = sys.argv[1:] if arguments is None else arguments
    parser = _parser(word)
    options = parser.parse_args(others)
    if options.stage not in stage_numbers():
        parser.error(f"there is no stage {options.stage}: {numbered()}")
    wish = Wish(word, options.stage, options.language, options.source, options.folder)
    try:
        work = place_of_work(wish.folder)
        may_be_laid_out(wish, work)
        origin = origin_of(wish, work)
        laid = lay_out(work, wish.stage, origin, git=options.git)
        if options.lang:
            work.state.read_in(Language(options.lang))
        print("\n".join(what_was_done(wish, work, origin, laid, work.state.reads)))
    except Refused as why:
        print("lab:", str(why).replace("\n", "\n     "), file=sys.stderr)
        return 1
    except (OSError, shutil.Error) as error:
        print(f"lab: {visible(_in_words(error))}; stage {wish.stage:02d} was not laid out", file=sys.stderr)
        return 1
    return 0


def _in_words(error: Exception) -> str:
    if isinstance(error, shutil.Error):  # of a copy: (from, to, why) for each file
        name, _, why = error.args[0][0]
        return f"{name}: {why}"
    name, why = getattr(error, "filename", None), getattr(error, "strerror", None) or str(error)
    if name is None:
        return str(why)
    path = Path(os.fsdecode(name))
    return f"{place(path.parent if path.name.startswith(SCRATCH) else path)}: {why}"


if __name__ == "__main__":
    end_with(main)
