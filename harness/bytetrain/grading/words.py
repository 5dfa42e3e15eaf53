"""What the grader says on a terminal: the story of a failure, and the summary of a run. Lines, each with its colour."""

from __future__ import annotations

import re
import textwrap
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Optional

from ..course.catalogue import Check, mistakes
from ..course.folders import instead_of
from ..course.languages import Bilingual, Language
from ..programs.output import shown
from ..telling.text import counted
from .records import Record, Verdict, hints_of
from .results import Results
from .schema import OUR_FAULT

Line = tuple[str, str]  # the text, and its style: "", "bold", "red", "green", "yellow", "cyan"

_WIDTH = 110
FIRST, LAST = 4, 14  # steps of a long story that are told: from its beginning, and up to its end
OUTPUTS = 2  # programs whose output is shown: the last ones
OUTPUT_LINES = 12  # of each stream of a program
WARNINGS = 3  # of a build that are shown
ACTUAL_LINES = 6  # of what was found
STEP_LINES = 16  # of one step: what a program has printed is shown below as well
# Labels, each as wide as its like: a Chinese character takes two columns.
_EXPECTED, _BUT_WAS = Bilingual("  expected  ", "  期望      "), Bilingual("  but was   ", "  实际      ")
_CAUSE = Bilingual("  cause     ", "  原因      ")
_HINT, _MORE = Bilingual("  hint   ", "  提示   "), Bilingual("  more   ", "  更多   ")
_AGAIN = Bilingual("  again  ", "  重看   ")
_NO_CALLS = Bilingual(
    "  calls  none: it takes long, and is not run a second time for them; the line above shows them all",
    "  调用   没有：这项检查要很久，不为此再运行一次；上面那条命令会显示全部调用",
)
_STAGE, _CASE = Bilingual("stage {:02d}", "阶段 {:02d}"), Bilingual("case {}", "情形 {}")
_LESSON = Bilingual("lesson {}", "课题 {}")
_NOT_BUILT = Bilingual("the stage can't be built", "这个阶段编译不了")
_OURS = Bilingual("an error of the harness", "评分程序自己的错误")
_CALLS = Bilingual(
    "What {} asked of the kernel around its failure (strace, in a second run of the same):",
    "{} 失败前后向内核请求了什么（在 strace 下把同样的事再运行一次）：",
)
_WIDE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
_IN_VAIN = "waited for this, in vain"
_STUCK = re.compile(r";? and nobody can move any more: [^\n]*")
_NAME = re.compile(r"[^\s/]{80,}")  # a name, of a file, say, that is too long to be read again and again
_KEPT_OF_A_NAME = 24  # characters, at each of its ends
MARKS = {Verdict.FAIL: "✗", Verdict.HARNESS_ERROR: "!",
         Verdict.NOT_REACHED: "○", Verdict.NOT_GRADED: "○", Verdict.NOT_APPLICABLE: "○", Verdict.PASS: "✓"}


def story(
    record: Record, check: Optional[Check], *, whole: bool = False, language: Language = Language.EN
) -> Iterator[Line]:
    """A failure from its beginning to the command that shows it again; `whole` leaves nothing out. What was done and
    seen is told in English, whoever reads it."""
    yield from _told(record if whole else _readable(record), check, whole, language)
    yield "", ""
    if not record.calls_follow:
        yield from _hint(record, check, language)
    yield f"{_AGAIN[language]}{record.again}", "cyan"
    if check is not None and check.long and not whole:
        yield _NO_CALLS[language], ""


def has_hint(record: Record, check: Optional[Check]) -> bool:
    """Whether its story ends with the first hint, or what is told of its calls does."""
    return bool(hints_of(record, check)) and record.verdict is Verdict.FAIL


def _hint(record: Record, check: Optional[Check], language: Language) -> Iterator[Line]:
    if has_hint(record, check):
        yield from _wrapped(_HINT[language], hints_of(record, check)[0][language], "cyan")
        yield f"{_MORE[language]}./lab hint {hints_named(record)} 2", "cyan"


def hints_named(record: Record) -> str:
    """What ./lab hint knows the hints of a failure by: the classic mistake that was found, or the check."""
    return record.diagnosis["id"] if record.diagnosis else record.check


def shortened(text: str) -> str:
    """With the middle of each very long name left out."""
    return _NAME.sub(_ends_of_a_name, text)


def _ends_of_a_name(found: re.Match[str]) -> str:
    name = found[0]
    left_out = len(name) - 2 * _KEPT_OF_A_NAME
    return f"{name[:_KEPT_OF_A_NAME]}[...{left_out} more...]{name[-_KEPT_OF_A_NAME:]}"


def _readable(record: Record) -> Record:
    steps = [{**step, "words": shortened(step["words"]), "result": shortened(step["result"])} for step in record.steps]
    output = [{key: shortened(value) for key, value in program.items()} for program in record.output]
    message, expected, actual = map(shortened, (record.message, record.expected, record.actual))
    return replace(record, message=message, expected=expected, actual=actual, steps=steps, output=output)


def _told(record: Record, check: Optional[Check], whole: bool, language: Language) -> Iterator[Line]:
    """What was seen."""
    colour = "red" if record.verdict is Verdict.FAIL else "yellow"
    title = (_NOT_BUILT if record.build_failed else _OURS)[language]
    name, title = (check.id, check.title[language]) if check else (record.check, title)
    yield f"{MARKS[record.verdict]} {name}: {title}", f"bold {colour}"
    yield "  " + " · ".join(_where(record, check, language)), ""
    if record.verdict is Verdict.HARNESS_ERROR:
        yield f"  {OUR_FAULT} Nothing was found out about it.", "yellow"
    yield "", ""
    yield from _steps(record.steps, whole) if not (whole and record.calls) else _timeline(record)
    yield from _expected(record, whole, language)
    if record.expected and record.diagnosis:
        yield "", ""
    yield from _cause(record, language)
    message = record.message if whole else _not_told_yet(record)
    if (record.expected or record.diagnosis) and message:
        yield "", ""
    yield from _indented(message)
    yield from _outputs(record.output, whole)


def _not_told_yet(record: Record) -> str:
    """The message without those of its paragraphs that are a step's words."""
    steps = {record.steps[number - 1]["words"] for number in _shown_steps(record.steps)}
    message = "\n\n".join(part for part in record.message.split("\n\n") if part not in steps)
    if not (record.expected and record.actual):
        return message
    message = message.replace(f": {record.expected}; instead: {record.actual}", "")  # by whoever waited in vain
    for clause in _STUCK.findall(message):  # who waits in which call
        if clause.lstrip(";") in record.actual:
            message = message.replace(clause, "")
    return "\n".join(line for line in message.split("\n") if line != f"{_IN_VAIN}: {record.expected}")


def _cause(record: Record, language: Language) -> Iterator[Line]:
    if not record.diagnosis:
        return
    yield from _wrapped(_CAUSE[language], mistakes()[record.diagnosis["id"]].title[language], "bold yellow")
    yield from _wrapped("            ", record.diagnosis["words"], "yellow")


def ended_worker(record: Record, how: str) -> str:
    """What is known of a worker of the grader that was ended; `how` as status_in_words, or ""."""
    at = f"while it ran {record.check}" if record.check else "between two checks"
    at += f" in stage {record.stage:02d}" if record.stage else ""
    by = f" ({how})" if how else ""
    return (f"The grader's worker was ended{by} {at}: nothing was found out there, and a program that stops or kills "
            "its judge earns nothing.")


def stray(record: Record) -> Iterator[Line]:
    """An error outside of any check."""
    yield f"{MARKS[record.verdict]} {record.check or 'no check'}: the grader was ended", "bold yellow"
    yield "", ""
    yield from _wrapped("  ", record.message, "yellow")
    if record.check and record.stage:
        yield "", ""
        yield f"  again  {record.again}", "cyan"


def warnings_told(stage: int, warnings: list[str]) -> Iterator[Line]:
    """The first of what the compiler had to say of a stage that can be built."""
    many = "a warning" if len(warnings) == 1 else f"{len(warnings)} warnings"
    rest = f"; all of them are in the results, as `warnings` of stage {stage:02d}" if len(warnings) > WARNINGS else ""
    yield f"The build of stage {stage:02d} has {many}{rest}:", "bold yellow"
    for each in warnings[:WARNINGS]:
        yield from _wrapped("  ", shortened(each), "yellow")


def calls_told(
    record: Record, check: Optional[Check] = None, *, concludes: bool = False, language: Language = Language.EN
) -> Iterator[Line]:
    """The system calls around a failure whose story has been told, if there are any. If its hint has waited for them,
    that `concludes` it: with the cause that they have shown, if they have."""
    if record.calls:
        where = " · ".join(_where(record, None, language))
        yield "  " + _CALLS[language].format(f"{record.check} ({where})"), "bold"
        for call in record.calls:
            yield f"    {shortened(call)}", _call_style(call)
    if concludes:
        yield from [("", "")] if record.calls else []
        yield from _cause(record, language)
        yield from _hint(record, check, language)


def _where(record: Record, check: Optional[Check], language: Language) -> list[str]:
    parts = [_STAGE[language].format(record.stage)] if record.stage else []
    parts += [_CASE[language].format(record.case)] if record.case else []
    if check and check.lesson:
        parts.append(_LESSON[language].format(check.lesson))
    if check and check.page:
        parts.append(f"docs/{language.docs.name}/{check.page}")
    return parts


def _steps(steps: list[dict[str, Any]], whole: bool) -> Iterator[Line]:
    last = 0
    for number in range(1, len(steps) + 1) if whole else _shown_steps(steps):
        if number > last + 1:
            yield f"        [... {counted(number - last - 1, 'step')} ...]", ""
        step = steps[number - 1]
        yield from step_lines(number, step if whole else {**step, "words": _first_lines(step["words"], STEP_LINES)})
        last = number
    if steps:
        yield "", ""


def _shown_steps(steps: list[dict[str, Any]]) -> list[int]:
    """The numbers of those that a story tells: from its beginning, up to its end, and where it failed."""
    numbered = range(1, len(steps) + 1)
    return [number for number in numbered
            if number <= FIRST or number > len(steps) - LAST or steps[number - 1]["failing"]]


def _timeline(record: Record) -> Iterator[Line]:
    """Steps and system calls together, in the order in which they happened."""
    timed: list[tuple[float, list[Line]]] = [
        (step["at"], list(step_lines(number, step))) for number, step in enumerate(record.steps, 1)
    ]
    timed += [(float(call.split()[0]), [(f"{'':<20}{call.strip()}", _call_style(call))]) for call in record.calls]
    for _, lines in sorted(timed, key=lambda pair: pair[0]):
        yield from lines
    yield "", ""


def _call_style(call: str) -> str:
    return "red" if any(sign in call for sign in (" = -1 ", "+++ killed", "--- SIG")) else ""


def step_lines(number: int, step: dict[str, Any]) -> Iterator[Line]:
    """One step: its number, its time, what it was, how it ended."""
    result = f": {step['result']}" if step["result"] else ""
    style = {"met": "", "failed": "red"}.get(step["outcome"], "bold" if step["kind"] == "told" else "")
    pointer = "►" if step["failing"] else " "
    start = f" {pointer}{number:>3} {step['at']:>8.3f} s {mark(step['kind'], step['outcome'])} "
    yield from _wrapped(start, step["words"] + result, f"bold {style}" if step["failing"] else style)


def mark(kind: str, outcome: str) -> str:
    """How a step has ended, in front of its words: "✓" or "✗"; "·" is for a heading."""
    return {"met": "✓", "failed": "✗"}.get(outcome, "·" if kind == "told" else " ")


def _expected(record: Record, whole: bool, language: Language) -> Iterator[Line]:
    if record.expected:
        actual = record.actual if whole else _first_lines(record.actual, ACTUAL_LINES)
        yield from _wrapped(_EXPECTED[language], record.expected, "")
        yield from _wrapped(_BUT_WAS[language], actual, "red")


def _first_lines(text: str, most: int) -> str:
    lines = text.splitlines()
    more = len(lines) - most
    return "\n".join([*lines[:most], f"[... {counted(more, 'more line')} ...]"] if more > 0 else lines)


def _indented(text: str) -> Iterator[Line]:
    for line in shown(text, 6000).splitlines():
        yield f"  {line}", ""


def _outputs(outputs: list[dict[str, Any]], whole: bool) -> Iterator[Line]:
    for program in outputs if whole else outputs[-OUTPUTS:]:
        printed = [(name, program[name]) for name in ("stdout", "stderr") if program[name].strip()]
        yield "", ""
        yield f"  $ {program['command']}   ({program['fate']}{'' if printed else '; it printed nothing'})", "bold"
        for name, text in printed:
            lines = text.splitlines()
            hidden = 0 if whole else max(0, len(lines) - OUTPUT_LINES)
            if hidden:
                yield f"    {name} | [... {counted(hidden, 'line')} ...]", ""
            for line in lines[hidden:]:
                yield f"    {name} | {line}", ""


def _wrapped(start: str, text: str, style: str) -> Iterator[Line]:
    indent = sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in start)
    room = (_WIDTH - indent) // (1 if text.isascii() or not _WIDE.search(text) else 2)  # characters
    lines: list[str] = []
    for part in text.splitlines() or [""]:
        lines += textwrap.wrap(part, room, replace_whitespace=False, break_on_hyphens=False) or [""]
    for number, line in enumerate(lines):
        yield (start if number == 0 else " " * indent) + line, style


# The end of a run


def points(value: Fraction) -> str:
    """12.5, 3, 0.25"""
    return f"{float(value):.2f}".rstrip("0").rstrip(".")


def summary(results: Results) -> Iterator[Line]:
    """Points stage by stage, and what there is to be done."""
    for stage in results.rubric.stage_points:
        if stage in results.stages:
            yield _stage_line(results, stage)
    yield from _not_handed_in(results)
    if len(results.stages) > 1:
        of = sum(results.rubric.stage_points.values())
        yield f"{'':<12}{points(results.points):>6} of {of} points", "bold"
    if not results.complete:
        yield "Only some checks were run: what was not run has earned no points here.", "yellow"
    for verdict, words, colour in (
        (Verdict.FAIL, "failed", "red"),
        (Verdict.HARNESS_ERROR, "harness error: not your program's fault", "yellow"),
        (Verdict.NOT_APPLICABLE, "not applicable on this machine", ""),
    ):
        yield from _listed(results, verdict, words, colour)
    yield from _shared_causes(results)
    yield from _not_reached(results)
    yield from _broken_off(results)
    for each in results.strays:
        yield "", ""
        yield from _wrapped("", each.message, "yellow")


def _shared_causes(results: Results) -> Iterator[Line]:
    """Failures of which the evidence names the same mistake: one story stands for all."""
    shared: dict[tuple[int, str], list[str]] = {}
    for stage in results.stages:
        for check in results.rubric.of_stage(stage):
            told = results.first_failure(check.id, stage)
            if told is not None and told.cause and results.verdict(check.id, stage) is Verdict.FAIL:
                shared.setdefault((stage, told.cause), []).append(check.id)
    for (stage, cause), checks in shared.items():
        if len(checks) > 1:
            yield "", ""
            yield from _wrapped("", f"one cause ({stage:02d}): {mistakes()[cause].title.en}", "yellow")
            yield from _wrapped("  ", ", ".join(checks), "")


def _not_reached(results: Results) -> Iterator[Line]:
    """One line for all that the same check has kept from being judged."""
    kept: dict[tuple[int, str], list[str]] = {}
    for stage in results.stages:
        for check in results.rubric.of_stage(stage):
            if check.weight and results.handed_in(stage) and (missing := results.missing_need(check.id, stage)):
                kept.setdefault((stage, missing), []).append(check.id)
    for (stage, missing), checks in kept.items():
        rest = "1 check rests" if len(checks) == 1 else f"{len(checks)} checks rest"
        words = f"not reached: {missing} ({stage:02d}) fails, and {rest} on it (--all-checks runs what is left out)"
        yield "", ""
        yield from _wrapped("", words, "yellow")


def _broken_off(results: Results) -> Iterator[Line]:
    """Checks that have no verdict, though some of their cases have."""
    begun = [
        f"{check.id} ({stage:02d}): {some}"
        for stage in results.stages
        for check in results.rubric.of_stage(stage)
        if results.verdict(check.id, stage) is None and (some := results.cases_run(check.id, stage))
    ]
    if begun:
        yield "", ""
        yield "no verdict, because they were broken off:", "bold yellow"
        for each in begun:
            yield f"  {each}", ""


def _stage_line(results: Results, stage: int) -> Line:
    found = f"stage {stage:02d}    {points(results.stage_points(stage)):>6} of {results.rubric.stage_points[stage]:<3}"
    if not results.handed_in(stage):
        return f"{found} not handed in", ""
    failure = results.build_failure(stage)
    if failure:
        return f"{found} it could not be built", "red"
    verdicts = [results.verdict(check.id, stage) for check in results.rubric.of_stage(stage)]
    counts = [f"{verdicts.count(verdict)} {_said(verdict)}" for verdict in Verdict if verdict in verdicts]
    bad = Verdict.FAIL in verdicts
    return f"{found} checks: {', '.join(reversed(counts))}", "red" if bad else "green"


def _not_handed_in(results: Results) -> Iterator[Line]:
    """What lies there instead, so that nobody waits for points of a folder with another name."""
    missing = [stage for stage in results.stages if not results.handed_in(stage)]
    advice = dict.fromkeys(instead_of(results.submission, stage) for stage in missing)
    if missing == results.stages and not any(advice):
        looked_for = ", ".join(f"{stage:02d}_..." for stage in missing)
        advice = dict.fromkeys([f"{results.submission} has no stage: the folders looked for are {looked_for}"])
    for each in filter(None, advice):
        yield from _wrapped("", each, "yellow")


def cases_told(results: Results) -> str:
    """How many cases of checks there were, and how long they took."""
    verdicts = results.all_verdicts()
    counts = [f"{verdicts.count(each)} {_said(each)}" for each in reversed(list(Verdict)) if each in verdicts]
    return f"cases: {', '.join(counts)}, in {time.time() - results.began:.1f} s"


def _said(verdict: Verdict) -> str:
    return {Verdict.PASS: "passed", Verdict.FAIL: "failed"}.get(verdict, verdict.value)


def _listed(results: Results, verdict: Verdict, words: str, colour: str) -> Iterator[Line]:
    stages: dict[str, list[int]] = {}
    why: dict[str, str] = {}
    for stage in results.stages:
        for check in results.rubric.of_stage(stage):
            if check.weight and results.verdict(check.id, stage) is verdict and results.handed_in(stage):
                stages.setdefault(check.id, []).append(stage)
                told = results.first_failure(check.id, stage)
                why[check.id] = told.message.splitlines()[0] if told and told.message else ""
    if stages:
        yield "", ""
        yield f"{words}:", f"bold {colour}".strip()
    for each, numbers in stages.items():
        told_stages = ", ".join(f"{number:02d}" for number in numbers)
        more = why[each] if verdict is Verdict.NOT_APPLICABLE else results.rubric.checks[each].title.en
        yield from _wrapped(f"  {each} ({told_stages})  ", more, "")
