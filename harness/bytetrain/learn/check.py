"""./lab check: builds a stage and grades it in the order of its page, up to the first mistake; or what comes after it.
What failed last is looked at first: who has mended it, or not, knows that in seconds.

    ./lab check          the stage that you are at
    ./lab check 2 --all  stage 02, every check of it, whatever fails
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Callable, Optional

from rich.console import Console
from rich.text import Text

from ..course.catalogue import load_stage, rubric
from ..course.folders import stage_dir
from ..course.languages import Bilingual, Language
from ..course.paths import STAGES
from ..grading.results import ERROR, OUTCOMES
from ..programs.sessions import end_orderly_on_signals
from ..telling.ending import end_with
from ..telling.text import print_whatever_comes
from .grader import GraderEvent, grading_of
from .standing import BAD, GOOD, Part, first_look, part_line, parts_of, tell_next
from .talk import at_work, grading_options_of, in_language, of_root, put, stage_named
from .work import Work, fingerprint

_ALL_WELL = Bilingual("Stage {:02d} passes: {:g} of {:g} points.", "阶段 {:02d} 全部通过：{:g} 分，满分 {:g} 分。")
_LEARNT = Bilingual("You know now: ", "现在你知道了：")
_BROKEN = Bilingual("The grader could not do its work:", "评分程序没能工作：")
_CALLS = Bilingual("looking at its system calls; Ctrl-C: that's enough", "正在看它的系统调用；Ctrl-C：够了")
_CHECKING = Bilingual("checking {}", "正在检查 {}")
_BUILDING = Bilingual("building stage {:02d}", "正在编译阶段 {:02d}")
_BEGINNING = Bilingual("looking at stage {:02d}", "正在查看阶段 {:02d}")  # there is nothing to build in it
_SO_FAR = Bilingual(", for {:.0f} s so far", "，已经 {:.0f} 秒")
_IS_LONG = Bilingual("; it may take minutes: ", "；这项可能要几分钟：")
_QUIET = 20.0  # seconds without news, after which it is said what is waited for


class Waiting:
    """What is waited for, as the status line draws it again and again; when nothing has come for a while, since when,
    and what that check is about."""

    def __init__(self, language: Language, clock: Callable[[], float] = time.monotonic) -> None:
        self._language, self._clock = language, clock
        self.wait_for("")

    def wait_for(self, words: str, check: str = "") -> None:
        """From now on this: a check, if its id is given."""
        self._words, self._check, self._since = words, rubric().checks.get(check), self._clock()

    def __rich__(self) -> Text:
        seconds = self._clock() - self._since
        if seconds < _QUIET:
            return Text(self._words)
        about = ": " if self._check is None or not self._check.long else _IS_LONG[self._language]
        title = about + self._check.title[self._language] if self._check else ""
        return Text(self._words + _SO_FAR[self._language].format(seconds) + title)


class Checking:
    """One grading of a stage, told as it goes."""

    def __init__(
        self, console: Console, work: Work, stage: int, language: Language, *, every: bool = False, trust: bool = False
    ) -> None:
        self.verdicts: dict[str, str] = {}
        self._console, self._work, self._stage, self._language = console, work, stage, language
        self._every = every
        self._options = [*(["--trust"] if trust else []), *in_language(language)]
        self._whole = True  # whether this run of the grader is of the whole stage
        self._order: list[str] = []  # the checks of this run
        self._told: set[Part] = set()  # those whose line is on the screen
        self._failed = ""  # the check whose story was told first
        self._waiting = Waiting(language)

    def run(self) -> int:
        """The status: 0 if all of it passes, 1 if something fails, 2 if the grader could not do its work."""
        self._work.state.at(self._stage)
        sources = fingerprint(self._folder)
        if self._every:
            end = self._grade([])
        else:
            look = first_look(self._stage, self._work.state.verdicts(self._stage))
            end = self._grade(look) if look else {}
            if not look or (end.get("outcome") in GOOD and not self._failed):
                end = self._grade(["--first"])
        self._work.state.record(self._stage, self.verdicts)
        status = self._finish(end, sources)
        if advice := of_root(self._language):
            put(self._console, Text(f"\n  {advice}", "yellow"))
        return status

    def _grade(self, chosen: list[str]) -> GraderEvent:
        """One run of the grader, to its last event, or to the last that is wanted."""
        words = _BUILDING if (self._folder / "CMakeLists.txt").is_file() else _BEGINNING
        self._waiting.wait_for(words[self._language].format(self._stage))
        self._whole = "--check" not in chosen
        event: GraderEvent = {}
        grading = grading_of(self._work.folder, self._stage, *chosen, *self._options)
        with closing(grading) as events, self._console.status(self._waiting):
            for event in events:
                self._take(event)
                if self._is_enough(event):
                    break
        return event

    @property
    def _folder(self) -> Any:
        return self._work.stage_dir(self._stage)

    def _take(self, event: GraderEvent) -> None:
        kind = event["event"]
        if kind == "begin":
            self._order = event["checks"]
        elif kind == "verdict":
            self._verdict(event["check"], event["verdict"])
        elif kind in ("story", "calls", "warnings", "stray"):
            if kind == "story" and not self._failed:
                self._failed = event["check"]
                self._work.state.record(self._stage, self.verdicts)
            if kind in ("story", "calls") and event["check"] == self._failed:
                self._work.state.failed(self._stage, event["check"], event["hints"])
                if event.get("hinted"):  # the first is on the screen: ./lab hint goes on with the second
                    self._work.state.remember_hint(event["hints"], 1)
            self._lines(event["lines"])
            if kind == "story":
                self._waiting.wait_for(_CALLS[self._language])

    def _is_enough(self, event: GraderEvent) -> bool:
        """Whether nothing wanted comes after this: the first story, and what its program asked of the kernel."""
        if self._every or not self._failed:
            return False
        return bool(event["event"] == "calls" or self.verdicts.get("stage.builds") in BAD)

    def _verdict(self, check: str, verdict: str) -> None:
        if self._failed and not self._every:
            return
        self.verdicts[check] = verdict
        following = self._order[self._order.index(check) + 1 :] if check in self._order else []
        if following:
            self._waiting.wait_for(_CHECKING[self._language].format(following[0]), following[0])
        unchecked: list[Part] = []  # steps in front of one that is told: nobody asks whether they are done
        for part in parts_of(self._stage) if self._whole else ():
            wanted = [each for each in part.checks if each in self._order]
            if part in self._told:
                unchecked = []
            elif not part.checks:
                unchecked.append(part)
            elif wanted and all(each in self.verdicts for each in wanted):
                for each in (*unchecked, part):
                    self._told.add(each)
                    if each.state(self.verdicts) in ("done", "unchecked"):
                        put(self._console, part_line(each, self.verdicts, self._language))
                unchecked = []

    def _lines(self, lines: list[list[str]]) -> None:
        self._console.print()
        for text, style in lines:
            put(self._console, Text(text, style))
        self._console.print()

    def _finish(self, end: GraderEvent, sources: str) -> int:
        if end.get("event") == "trouble":
            put(self._console, Text(_BROKEN[self._language], "bold yellow"))
            self._lines(end["lines"])
            return 2
        if self._failed or end.get("outcome") != "pass":
            tell_next(self._console, self._work, self._language, self._stage)
            return 2 if end.get("outcome") == OUTCOMES[ERROR] else 1
        self._work.state.mark_passed(self._stage, sources)
        folder = stage_dir(STAGES, self._stage)
        assert folder is not None
        words = _ALL_WELL[self._language].format(self._stage, end["points"], end["of"])
        learnt = load_stage(folder).learnt[self._language]
        put(self._console, Text.assemble("\n", (f"✓ {words}", "bold green")))
        put(self._console, Text.assemble((_LEARNT[self._language], "bold"), f"{learnt}\n"))
        tell_next(self._console, self._work, self._language, self._stage)
        return 0


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """./lab check."""
    parser = argparse.ArgumentParser(prog="./lab check", description=__doc__.partition("\n")[0].partition(": ")[2])
    parser.add_argument("--all", action="store_true", help="every check, not only up to the first mistake")
    grading_options_of(parser)
    options = parser.parse_args(arguments)
    end_orderly_on_signals()
    print_whatever_comes()
    work, language, console = at_work(parser, options)
    stage = stage_named(parser, work, options.stage)
    return Checking(console, work, stage, language, every=options.all, trust=options.trust).run()


if __name__ == "__main__":
    end_with(main)
