"""The tables of the docs, made from the data: stages/*/stage.toml, and what harness/ has of TOML and JSON."""

import json
import os
import re
import statistics
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Callable

from ..course.catalogue import Check, Run, lessons, rubric, stages
from ..course.languages import Language
from ..course.paths import FEEDBACK, HARNESS, REPO, TESTED_ON
from ..course.steps import steps, steps_of

EN, ZH = Language.EN, Language.ZH


def render(name: str, language: Language, page: Path) -> str:
    """The table called `name` ("stages", "lessons", "changes 3"), as Markdown, with links as they must be on `page`."""
    kind, *arguments = name.split()
    tables: dict[str, Callable[..., str]] = {
        "stages": _stages, "lessons": _lessons, "changes": _changes, "tested-on": _tested_on, "checks": _checks,
        "steps": _steps, "feedback": _feedback,
    }
    if kind not in tables:
        raise ValueError(f"{page}: there is no generated table {name!r}: there are {', '.join(tables)}")
    return tables[kind](language, page, *arguments)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _stage_link(number: int, language: Language, page: Path) -> str:
    return f"[{number:02d}]({os.path.relpath(language.docs / f'stage-{number:02d}.md', page.parent)})"


def _stages(language: Language, page: Path) -> str:
    heads = {
        EN: ["Stage", "What is new", "Goes wrong here, on purpose", "Is cured here"],
        ZH: ["阶段", "新内容", "这里会出的错（故意保留）", "这里解决的问题"],
    }
    rows = [
        [
            _stage_link(stage.number, language, page),
            *(text[language] for text in (stage.title, stage.shows, stage.cures)),
        ]
        for stage in stages()
    ]
    return _table(heads[language], rows)


def _lessons(language: Language, page: Path) -> str:
    def shown(run: Run) -> str:
        sides = {EN: ("server", "client"), ZH: ("服务器", "客户端")}[language]
        options = [f"{side} `{' '.join(given)}`" for side, given in zip(sides, (run.server, run.client)) if given]
        return " ".join(
            [_stage_link(run.stage, language, page), ("、" if language is ZH else ", ").join(options)]
        ).strip()

    heads = {EN: ["#", "Lesson", "Shown by", "Cured from"], ZH: ["#", "问题", "在哪里出现", "从哪里起解决"]}
    rows = [
        [str(number), lesson.title[language], shown(lesson.shown_by), _stage_link(lesson.cured_from, language, page)]
        for number, lesson in enumerate(lessons(), 1)
    ]
    return _table(heads[language], rows)


def _changes(language: Language, page: Path, number: str) -> str:
    """Which files differ from the stage before, and why."""
    stage = next(each for each in stages() if each.number == int(number))
    folder = REPO / "stages" / stage.name
    heads = {EN: ["File", "Why it differs from the stage before"], ZH: ["文件", "与上一阶段不同的原因"]}

    def link(file: str) -> str:  # a file that the stage has given up is a row of the table all the same
        return f"[{file}]({os.path.relpath(folder / file, page.parent)})" if (folder / file).exists() else file

    return _table(heads[language], [[link(file), why[language]] for file, why in stage.changes.items()])


def _steps(language: Language, page: Path, number: str) -> str:
    """Which checks belong to which step of a page."""
    heads = {EN: ["Step", "What", "Its checks"], ZH: ["步骤", "内容", "对应的检查项"]}
    nothing = {EN: "none: nothing of it can be seen from outside", ZH: "没有：从外面看不出来"}[language]
    rows = [
        [str(step.number), step.title[language], " · ".join(f"`{check}`" for check in step.checks) or nothing]
        for step in steps_of(int(number), steps())
    ]
    return _table(heads[language], rows)


def _feedback(language: Language, page: Path) -> str:
    heads = {
        EN: ["Mistake", "Stage", "First story after", "End after", "First story"],
        ZH: ["错误", "阶段", "第一段报告", "结束", "最先报告的检查项"],
    }
    seconds = {EN: "{:.1f} s", ZH: "{:.1f} 秒"}[language]
    data = json.loads(FEEDBACK.read_text(encoding="utf-8"))
    folder = os.path.relpath(HARNESS / "mutants", page.parent)
    rows = [
        [f"[{each['name']}]({folder}/{kind}/{each['name']}.patch)", f"{each['stage']:02d}",
         seconds.format(each["first"]), seconds.format(each["end"]), f"`{each['told']}`"]
        for kind in ("classics", "hanging")
        for each in data[kind]
    ]
    times = [each["first"] for each in data["classics"]]
    middle = {EN: "**median of the twelve, worst**", ZH: "**十二个的中位数，最差**"}[language]
    both = f"{seconds.format(statistics.median(times))}, {seconds.format(max(times))}"
    return _table(heads[language], [*rows, [middle, "", both, "", ""]])


def _tested_on(language: Language, page: Path) -> str:
    """What .ci/bare.py has seen, a row for each system."""
    heads = {
        EN: ["System", "With", "`./lab demo`", "`./lab test`", "When, on which kernel, commit"],
        ZH: ["系统", "工具", "`./lab demo`", "`./lab test`", "日期、内核、提交"],
    }
    tools = {"g++": "g++", "cmake": "CMake", "python": "Python", "pytest": "pytest", "gdb": "gdb", "strace": "strace"}
    comma = {EN: ", ", ZH: "，"}[language]

    def ended(command: dict[str, int]) -> str:
        passed = {EN: "passed", ZH: "通过"}[language]
        failed = {EN: "FAILED, status", ZH: "失败，状态码"}[language]
        how = passed if command["status"] == 0 else f"{failed} {command['status']}"
        return f"{how}{comma}{command['seconds']} s"

    seen: dict[str, Any] = json.loads(TESTED_ON.read_text(encoding="utf-8"))
    rows = [
        [
            each["system"], comma.join(f"{name} {each[key]}" for key, name in tools.items()), ended(each["demo"]),
            ended(each["test"]), comma.join([each["date"], f"Linux {each['kernel']}", f"`{each['commit']}`"]),
        ]
        for each in seen.values()
    ]
    return _table(heads[language], rows)


def _checks(language: Language, page: Path) -> str:
    """Which file has which check."""
    files = {pattern: path for path in sorted((HARNESS / "checks").glob("test_*.py")) for pattern in _marked(path)}
    heads = {EN: ["Check", "Stages", "What a correct program does"], ZH: ["检查", "阶段", "正确的程序怎么做"]}

    def row(check: Check) -> list[str]:
        file = next(path for pattern, path in files.items() if fnmatchcase(check.id, pattern))
        where = f"[`{check.id}`]({os.path.relpath(file, page.parent)})"
        stages = f"{check.first:02d}" if check.first == check.last else f"{check.first:02d}–{check.last:02d}"
        return [where, stages, check.title[language]]

    return _table(heads[language], [row(check) for check in rubric().checks.values()])


def _marked(path: Path) -> list[str]:
    """The ids of the checks in a file, or their beginnings: "lesson.*"."""
    return re.findall(r'^@pytest\.mark\.check\("([^"]+)"\)$', path.read_text(encoding="utf-8"), re.MULTILINE)
