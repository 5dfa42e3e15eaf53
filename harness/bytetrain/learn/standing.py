"""How far a student is: the steps of a stage with what is known of their checks; ./lab list, ./lab next.

    ./lab list        all stages, and the steps of the one that you are at
    ./lab next        what to do now
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from rich.console import Console
from rich.text import Text

from ..course.catalogue import load_stage, rubric
from ..course.folders import stage_dir
from ..course.languages import Bilingual, Language
from ..course.paths import STAGES
from ..course.steps import steps_of
from ..course.traits import stage_numbers
from ..telling.ending import end_with
from ..telling.text import print_whatever_comes, visible
from .talk import at_work, options_of, put
from .work import Work

GOOD = ("pass", "not applicable")
BAD = ("fail", "harness error")
_BAR = 24  # characters
_EARLIER = Bilingual("What earlier stages have built still works", "前面各阶段做好的东西依然有效")
_UNCHECKED = Bilingual("no check", "没有检查项")


@dataclass(frozen=True)
class Part:
    """A step of a page, or what earlier pages have asked for."""

    number: int  # of the step; 0 for what belongs to earlier pages
    title: Bilingual
    checks: tuple[str, ...]

    def state(self, verdicts: Mapping[str, str]) -> str:
        """"done", "failing", "begun" or "" of what is known; "unchecked" where nothing ever is."""
        if not self.checks:
            return "unchecked"
        known = [verdicts.get(each, "") for each in self.checks]
        if any(each in BAD for each in known):
            return "failing"
        if all(each in GOOD for each in known):
            return "done"
        return "begun" if any(each in GOOD for each in known) else ""


@functools.lru_cache(maxsize=None)
def parts_of(stage: int) -> tuple[Part, ...]:
    """A stage as its page builds it: its steps, with checks or without; and, last, what counts since earlier pages."""
    counting = [each.id for each in rubric().of_stage(stage) if each.weight]
    found = [
        Part(step.number, step.title, tuple(each for each in (*step.checks, *step.again) if each in counting))
        for step in steps_of(stage, rubric().steps)
    ]
    named = {each for part in found for each in part.checks}
    rest = tuple(each for each in counting if each not in named)
    return (*found, Part(0, _EARLIER, rest)) if rest else tuple(found)


def part_of(stage: int, check: str) -> Optional[Part]:
    """The one that a check belongs to."""
    return next((part for part in parts_of(stage) if check in part.checks), None)


def first_failure(stage: int, verdicts: Mapping[str, str]) -> str:
    """The check that failed and is told first; "" if none is known to fail."""
    return next((each.id for each in rubric().of_stage(stage) if verdicts.get(each.id) in BAD), "")


def first_look(stage: int, verdicts: Mapping[str, str]) -> list[str]:
    """The options of a grading that is over in a second or two, in front of that of the whole stage: of what failed
    last, or, if nothing is known of the stage, of what its page asks first. [] if nothing is known to fail."""
    failed = first_failure(stage, verdicts)
    if verdicts and not failed:
        return []
    builds, first = [each.id for each in rubric().of_stage(stage) if each.weight][:2]
    return ["--check", ",".join(dict.fromkeys((builds, failed or first))), "--first"]


def points_of(stage: int, verdicts: Mapping[str, str]) -> tuple[float, float]:
    """What is known to be earned, and what there is to earn."""
    checks = [each for each in rubric().of_stage(stage) if each.weight]
    earned = sum(rubric().points(each, stage) for each in checks if verdicts.get(each.id) in GOOD)
    return float(earned), float(rubric().stage_points[stage])


def stage_title(stage: int) -> Bilingual:
    """What a stage is called."""
    folder = stage_dir(STAGES, stage)
    assert folder is not None, f"there is no stage {stage}"
    return load_stage(folder).title


# ./lab list


def picture(work: Work, language: Language) -> Text:
    """All stages, and the parts of the current one."""
    told = Text()
    for stage in stage_numbers():
        verdicts = work.state.verdicts(stage)
        earned, there = points_of(stage, verdicts)
        here = stage in work.stages()
        filled = round(_BAR * earned / there)
        told.append(f"{stage:02d} ", "bold" if here else "dim")
        told.append("█" * filled, "green")
        told.append("░" * (_BAR - filled), "dim")
        told.append(f" {earned:5.1f}/{there:<4g} ", "" if here else "dim")
        told.append(f"{stage_title(stage)[language]}", "bold" if stage == work.current else "" if here else "dim")
        if work.state.passed(stage):
            told.append(" ✓", "green")
        told.append("\n")
        if stage == work.current:
            for part in parts_of(stage):
                told.append_text(part_line(part, verdicts, language)).append("\n")
    return told


PART_MARKS = {"done": ("✓", "green"), "failing": ("✗", "bold red"), "begun": ("◐", "yellow"), "": ("·", "dim"),
              "unchecked": ("○", "dim")}


def part_line(part: Part, verdicts: Mapping[str, str], language: Language) -> Text:
    """Its mark, its number, its title, and how many of its checks pass."""
    mark, style = PART_MARKS[part.state(verdicts)]
    good = sum(verdicts.get(each) in GOOD for each in part.checks)
    number = f"{part.number}" if part.number else " "
    line = Text.assemble("   ", (mark, style), f" {number} ", part.title[language])
    failing = [each for each in part.checks if verdicts.get(each) in BAD]
    line.append(f"  {good}/{len(part.checks)}" if part.checks else f"  {_UNCHECKED[language]}", "dim")
    if failing:
        line.append(f"  {failing[0]}", "red")
    return line


# ./lab next


def what_now(work: Work, language: Language, at: Optional[int] = None) -> list[tuple[str, Bilingual]]:
    """Commands, the most useful first, each with what it does; `at` a stage, else at the current one."""
    stage, last = at or work.current, stage_numbers()[-1]
    verdicts = work.state.verdicts(stage)
    if work.state.passed(stage):
        found = [(f"./lab compare {stage}", Bilingual("how the reference does it", "看参考实现怎么做"))]
        if stage != last:
            title = stage_title(stage + 1)
            found.append((f"./lab start {stage + 1}", Bilingual(f"the next stage: {title.en}", f"下一阶段：{title.zh}")))
        else:
            grade = f"./lab test --submission {work.folder}"
            found.append((grade, Bilingual("all stages, with their points", "所有阶段和分数")))
        return found
    failing = first_failure(stage, verdicts)
    found = [(f"./lab check {stage}", Bilingual("build it, and see the first mistake", "编译，看第一个错误"))]
    if failing:
        told, hints = work.state.failure(stage)  # the story may have found a classic mistake: its hints help
        name = hints if told == failing else failing
        found.append((f"./lab hint {name}", Bilingual("the next hint", "下一条提示")))
    found.append((f"./lab watch {stage}", Bilingual("the same on every save", "每次保存都检查")))
    return found


def where(work: Work, language: Language) -> list[str]:
    """Where a student stands, in a sentence or two."""
    stage = work.current
    verdicts = work.state.verdicts(stage)
    title = stage_title(stage)
    if work.state.passed(stage):
        words = Bilingual(f"Stage {stage:02d}, {title.en}, passes.", f"阶段 {stage:02d}（{title.zh}）已通过。")
        return [words[language]]
    failing = first_failure(stage, verdicts)
    if failing == "stage.builds":  # which is no matter of a step
        words = Bilingual(
            f"Stage {stage:02d} does not build: {failing} fails.", f"阶段 {stage:02d} 编译不出来：{failing} 没有通过。"
        )
        return [words[language], rubric().checks[failing].title[language]]
    if failing and (part := part_of(stage, failing)):
        step = Bilingual(f"step {part.number}, {part.title.en}", f"第 {part.number} 步，{part.title.zh}")
        place = (step if part.number else part.title)[language]
        words = Bilingual(f"Stage {stage:02d}, {place}: {failing} fails.", f"阶段 {stage:02d}，{place}：{failing} 没有通过。")
        check = rubric().checks[failing]
        return [words[language], f"{check.title[language]}"]
    # Of a step without checks nothing is known: it is the next one only where nothing at all has been looked at yet.
    over = ("done", "unchecked") if verdicts else ("done",)
    todo = next((part for part in parts_of(stage) if part.state(verdicts) not in over), parts_of(stage)[0])
    words = Bilingual(
        f"Stage {stage:02d}, {title.en}. The next step: {todo.title.en}.",
        f"阶段 {stage:02d}，{title.zh}。下一步：{todo.title.zh}。",
    )
    page = language.docs / f"stage-{stage:02d}.md"
    read = Bilingual(f"It is described in docs/en/{page.name}.", f"说明在 docs/zh-CN/{page.name}。")
    return [words[language], read[language]]


def tell_next(console: Console, work: Work, language: Language, at: Optional[int] = None) -> None:
    """What to do now, as commands to type."""
    commands = what_now(work, language, at)
    width = max(len(command) for command, _ in commands)
    for command, why in commands:
        put(console, Text.assemble("  ", (f"{visible(command):{width}}", "cyan"), f"   {why[language]}"))


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """./lab list or ./lab next."""
    parser = argparse.ArgumentParser(prog="./lab", description="How far you are, and what to do now.")
    parser.add_argument("word", choices=("list", "next"))
    options_of(parser)
    options = parser.parse_args(arguments)
    print_whatever_comes()
    work, language, console = at_work(parser, options)
    if options.word == "list":
        put(console, picture(work, language))
    else:
        for line in where(work, language):
            put(console, Text(visible(line)))
    tell_next(console, work, language)
    return 0


if __name__ == "__main__":
    end_with(main)
