"""What can be read beside a story while a stage is watched: what to do now, the hints of a failure."""

from __future__ import annotations

import io

from rich.console import Console

from ..course.catalogue import rubric
from ..course.languages import Bilingual, Language
from ..course.traits import stage_numbers
from ..grading.hints import Hinting
from ..grading.words import Line
from .begin import Wish, origin_of, what_was_done
from .board import Board, Page
from .compare import comparison
from .layout import lay_out
from .standing import BAD, GOOD, what_now, where
from .work import Work

_NOT_YET = Bilingual("How the reference does it can be read once this stage passes.", "本阶段通过之后才能看参考实现。")
_AGAIN = Bilingual("n again: lay out stage {:02d}, and watch it", "再按 n：铺好阶段 {:02d}，接着监视它")
_IN_A_PAGER = Bilingual("./lab compare {} shows it in a pager, in colours.", "./lab compare {} 用分页器显示，带颜色。")
_COMPARED = Bilingual("Stage {:02d}: yours, and the reference", "阶段 {:02d}：你的和参考实现")
_HINT = Bilingual("hint {} of {}", "第 {} 条提示（共 {} 条）")
_STYLES = {"+": "green", "-": "red", "@": "cyan", "─": "bold"}  # of a line of a difference, by its first character
_READ, _STEP = Bilingual("read", "阅读"), Bilingual(", step {}", "，第 {} 步")


def to_do(work: Work, board: Board) -> Page:
    """Where the student is, and what belongs to that step; or, once the stage has passed, what there is to say."""
    language = board.language
    title, *more = where(work, language)
    lines: list[Line] = [(each, "") for each in more]
    if work.state.passed(board.stage):
        following = _AGAIN[language].format(board.stage + 1) if board.stage + 1 in stage_numbers() else ""
        return Page(title, [*lines, ("", ""), *_commands(work, language)], following)
    if board.current is not None and not board.failing:  # what is noted down comes later than what is on the screen
        title, lines = board.current.title[language], []
    if board.current is not None:
        here = f"docs/{language.docs.name}/stage-{board.stage:02d}.md"
        here += _STEP[language].format(board.current.number) if board.current.number else ""
        lines += [(f"  {_READ[language]}  {here}", "cyan"), ("", "")]
        lines += [_check(board, each) for each in board.current.checks]
    return Page(title, lines)


def _check(board: Board, name: str) -> Line:
    verdict = board.verdicts.get(name, "")
    mark, style = ("✓", "green") if verdict in GOOD else ("✗", "red") if verdict in BAD else ("·", "")
    return f"  {mark} {name}  {rubric().checks[name].title[board.language]}", style


def _commands(work: Work, language: Language) -> list[Line]:
    commands = what_now(work, language)
    widest = max(len(command) for command, _ in commands)
    return [(f"  {command:{widest}}   {why[language]}", "cyan") for command, why in commands]


def hints_up_to(number: int, helps: Hinting, language: Language) -> list[Line]:
    """The first hints of a check, or of a classic mistake."""
    head = _HINT[language]
    return [(f"  {head.format(each, len(helps.hints))}  {helps.hints[each - 1][language]}", "cyan")
            for each in range(1, number + 1)]


def compared(work: Work, board: Board, width: int) -> Page:
    """What the reference did: only when there is nothing to be found out any more."""
    stage, language = board.stage, board.language
    own, before = work.stage_dir(stage), work.stage_dir(stage - 1) if stage - 1 in work.stages() else None
    if own is None or not work.state.passed(stage):
        return Page(_NOT_YET[language])
    out = Console(file=io.StringIO(), width=width, highlight=False, markup=False, emoji=False)
    with out.capture() as capture:
        out.print(comparison(own, before, stage, language, width, work.state.language))
    lines = [(line.rstrip(), _STYLES.get(line[:1], "")) for line in capture.get().splitlines()]
    return Page(_COMPARED[language].format(stage), [(_IN_A_PAGER[language].format(stage), "dim"), *lines])


def lay_out_next(work: Work, board: Board) -> Page:
    """The stage after one that has passed, if it isn't there yet, and what was done. Refused or OSError if it can't
    be."""
    stage, language = board.stage + 1, board.language
    if stage in work.stages():
        return Page("")
    wish = Wish("start", stage, None, None, work.folder)
    origin = origin_of(wish, work)
    laid = lay_out(work, stage, origin, git=(work.folder / ".git").exists())
    title, *lines = what_was_done(wish, work, origin, laid, language)
    return Page(title, [(each, "") for each in lines])
