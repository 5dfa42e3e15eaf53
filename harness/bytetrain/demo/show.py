"""The demo from its title to its table."""

import time
from collections.abc import Sequence

from rich.text import Text

from ..course.catalogue import Lesson, Run, Stage
from .playing import Company, Performance, Result, Transfer
from .report import Report
from ..telling.text import visible
from .screen import Kind, Screen
from .texts import Texts

BODY = 4  # columns of indent under a lesson's title


class Show:
    """Plays stage after stage, and says on the screen what it sees."""

    def __init__(self, company: Company, report: Report, screen: Screen, texts: Texts) -> None:
        self._company = company
        self._report = report
        self._screen = screen
        self._texts = texts

    def stage(self, stage: Stage, lessons: Sequence[tuple[int, Lesson]], files: bool) -> None:
        """One stage: real files, and the lessons that it shows, with their numbers."""
        self._screen.chapter(self._texts("stage", number=stage.number, title=self._texts.of(stage.title)))
        if files:
            self._files(stage.number)
        for number, lesson in lessons:
            self._lesson(number, lesson)

    def _files(self, stage: int) -> None:
        self._screen.blank()
        self._screen.line(self._texts("files"), BODY)
        for each in self._company.transfers(stage):
            self._report.transfers.append(each)
            kind = Kind.LUCK if each.way == "luck" else Kind.GOOD if each.equal else Kind.BAD
            self._screen.point(self._transfer(each), BODY, kind)

    def _transfer(self, each: Transfer) -> str:
        texts = self._texts
        what = texts(each.file) if each.file in texts.table else each.file
        way = f" ({texts(each.way)})" if each.way else ""
        md5 = {"md5": each.md5_sent, "sent": each.md5_sent, "saved": each.md5_saved}
        verdict = texts("equal" if each.equal else "different" if each.md5_saved else "nothing_saved", **md5)
        said = "" if each.equal else f"; {each.client}"
        return f"{what}, {each.size} bytes{way}: {verdict}{said}"

    def _lesson(self, number: int, lesson: Lesson) -> None:
        screen, texts = self._screen, self._texts
        screen.blank()
        screen.line(texts.of(lesson.title), BODY, "bold", f"{number:>2}")
        screen.line(texts.of(lesson.look), BODY, "italic")
        shown = self._act(lesson.shown_by, lesson)
        cured = shown if lesson.in_calls else self._act(lesson.cured_by, lesson)
        self._report.results.append(Result(number, lesson, shown, cured))

    def _act(self, run: Run, lesson: Lesson) -> Performance:
        """Plays a lesson with one pair, and says what was done while it is done, then what was seen."""
        self._screen.blank()
        self._screen.line(self._texts("run", stage=run.stage), BODY, "bold")
        performance = self._company.play(lesson, run, self._step)
        for line in performance.evidence.lines if performance.evidence else []:
            self._screen.point(line, BODY + 2, Kind.PLAIN)
        for line in performance.problem.splitlines():
            self._screen.point(line, BODY + 2, Kind.BAD)
        if run == lesson.shown_by:
            self._verdict(performance.failure, "failure", "not_shown", Kind.BAD)
        if run == lesson.cured_by:
            self._verdict(performance.cure, "cure", "not_cured", Kind.GOOD)
        return performance

    def _verdict(self, brief: str, key: str, missing: str, kind: Kind) -> None:
        if brief:
            self._screen.point(self._texts(key, brief=brief), BODY + 2, kind)
        else:
            self._screen.line(self._texts(missing), BODY + 4, "bold red")

    def _step(self, step: str) -> None:
        kind = Kind.COMMAND if step.startswith("$ ") else Kind.STEP
        self._screen.point(step.removeprefix("$ "), BODY + 2, kind)

    def table(self) -> None:
        """Every lesson with the evidence that was seen, in the order in which they are taught."""
        texts = self._texts
        self._screen.chapter(texts("table"))
        heads = ["", texts("column_lesson"), texts("column_shown"), texts("column_cured")]
        in_order = sorted(self._report.results, key=lambda each: each.number)
        self._screen.table(heads, [self._row(each) for each in in_order])

    def _row(self, result: Result) -> list[Text]:
        shown = self._cell(result.shown, result.shows, result.shown.failure, "not_shown", "red")
        cured = self._cell(result.cured, result.cures, result.cured.cure, "not_cured", "green")
        return [Text(f"{result.number:>2}"), Text(self._texts.of(result.lesson.title)), shown, cured]

    def _cell(self, performance: Performance, seen: bool, brief: str, missing: str, style: str) -> Text:
        run = performance.run
        options = " ".join(dict.fromkeys([*run.server, *run.client]))
        pair = f"{run.stage:02d}{' ' + options if options else ''}: "
        return Text(pair) + (Text(visible(brief), style) if seen else Text(self._texts(missing), "bold red"))

    def verdict(self, start: float) -> bool:
        """The last words; whether everything was seen."""
        self._report.seconds = time.monotonic() - start
        missing = self._report.missing(self._texts)
        self._screen.blank()
        if missing:
            self._screen.line(self._texts("missing"), style="bold red")
            for each in missing:
                self._screen.point(each, 0, Kind.BAD)
        else:
            count, seconds = len(self._report.results), self._report.seconds
            self._screen.line(self._texts("well", count=count, seconds=seconds), style="bold green")
        return not missing
