"""What is known of a stage while it is checked again and again. It takes in what the grader tells, and display.py draws
it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ..course.catalogue import rubric, stages
from ..course.languages import Bilingual, Language
from ..grading.words import Line
from .standing import BAD, GOOD, Part, first_failure, parts_of, stage_title

_STAGE = Bilingual("Stage {:02d} · {}", "阶段 {:02d} · {}")
_CHECKING, _BEGINNING = Bilingual("checking {}", "正在检查 {}"), Bilingual("checking", "正在检查")
_FAILS, _FAIL = Bilingual("{} fails", "{} 没有通过"), Bilingual("{} checks fail", "{} 项检查没有通过")
_PASSES = Bilingual("passes: {:g} of {:g} points", "全部通过：{:g} 分，满分 {:g} 分")
_BROKEN = Bilingual("the grader could not work", "评分程序没能工作")


@dataclass
class FailureTold:
    """The story of one failure, as a run has told it."""

    check: str
    lines: list[Line]
    hints: str = ""  # whose hints help: the check's, or those of the classic mistake that was found
    round: int = 0  # in which it was told
    times: int = 1  # in how many rounds, one after the other


@dataclass
class Page:
    """Something to read that lies over the stories until a key takes it away, or a file is saved."""

    title: str
    lines: list[Line] = field(default_factory=list)
    offers: str = ""  # what its key does when it is pressed again


@dataclass
class Board:
    """One stage. `verdicts` are the last known ones; those of `decided` are of the files as they are now."""

    stage: int
    language: Language = Language.EN
    verdicts: dict[str, str] = field(default_factory=dict)
    decided: set[str] = field(default_factory=set)
    round: int = 0  # how often it was begun anew: with each save
    asked: list[str] = field(default_factory=list)  # the checks of the run that is under way, in order
    running: bool = False
    whole: bool = False  # the run under way, or the last one, is of the whole stage
    ended: dict[str, Any] = field(default_factory=dict)  # the last event of the last run
    stories: list[FailureTold] = field(default_factory=list)
    shown: int = 0  # which of the stories
    hint: list[Line] = field(default_factory=list)  # above the story
    page: Optional[Page] = None
    warnings: list[Line] = field(default_factory=list)
    trouble: list[Line] = field(default_factory=list)
    note: str = ""  # in the footer
    advice: str = ""  # there, too, if there is room beside all else
    offset: Optional[int] = None  # the first line that is seen of what is read; None: where it's best to begin
    seen_from: int = 0  # the line that was chosen then
    seen: int = 1  # how many lines of it were seen
    every: bool = False  # each round goes on after the first mistake

    @property
    def title(self) -> str:
        return _STAGE[self.language].format(self.stage, stage_title(self.stage)[self.language])

    @property
    def story(self) -> Optional[FailureTold]:
        return self.stories[min(self.shown, len(self.stories) - 1)] if self.stories else None

    @property
    def failing(self) -> str:
        """The check that failed and is told first, as far as that is known; "" if none has."""
        return first_failure(self.stage, self.verdicts)

    @property
    def esc_leads_back(self) -> bool:
        """Something lies over the story, or it isn't read from where it is best to begin."""
        return self.page is not None or self.offset is not None

    @property
    def passed(self) -> bool:
        """The whole stage has, as the files are now."""
        return self.whole and not self.running and self.ended.get("outcome") == "pass"

    def begin_round(self) -> None:
        """The files have changed, or all is to be looked at once more."""
        self.round += 1
        self.decided.clear()
        self.ended, self.page, self.warnings, self.trouble = {}, None, [], []

    def begin_run(self, *, whole: bool) -> None:
        self.running, self.whole, self.asked = True, whole, []

    def take(self, event: Mapping[str, Any]) -> None:
        """What the grader tells, as it comes."""
        what = event["event"]
        if what == "begin":
            self.asked = list(event["checks"])
        elif what == "verdict":
            self._decide(str(event["check"]), str(event["verdict"]))
        elif what == "story":
            self._tell(FailureTold(str(event["check"]), lines_of(event), str(event.get("hints", "")), self.round))
        elif what == "calls":
            for each in self.stories:
                if each.check == event["check"]:
                    each.lines += [("", ""), *lines_of(event)]
                    each.hints = str(event.get("hints", each.hints))  # they may have shown the cause
        elif what == "warnings":
            self.warnings = lines_of(event)
        elif what in ("trouble", "stray"):
            self.trouble += lines_of(event)
        elif what == "end":
            self.ended = dict(event)

    def end_run(self) -> None:
        """It tells nothing more. What it has not told again is over."""
        self.running = False
        self.stories = [each for each in self.stories if self.verdicts.get(each.check) not in GOOD]

    def _decide(self, check: str, verdict: str) -> None:
        """What else has failed beside the first mistake isn't looked at yet."""
        if not self.every and any(self.verdicts[each] in BAD for each in self.decided):
            return
        self.verdicts[check] = verdict
        self.decided.add(check)
        if verdict in GOOD and self.story is not None and self.story.check == check:
            self.hint, self.offset = [], None
        if verdict in GOOD:
            self.stories = [each for each in self.stories if each.check != check]

    def _tell(self, story: FailureTold) -> None:
        """In place of an older one of the same check; of an earlier round none is worth reading any more."""
        before = self.story
        same = next((each for each in self.stories if each.check == story.check), None)
        story.times = same.times + (same.round != story.round) if same else 1
        current = [each for each in self.stories if each.round == self.round and each.check != story.check]
        self.stories = [*current, story]
        if len(self.stories) == 1:
            self.shown = 0
            if before is None or before.check != story.check:
                self.hint, self.offset = [], None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The steps of this stage's page, and last what earlier pages have built."""
        return parts_of(self.stage)

    @property
    def current(self) -> Optional[Part]:
        """The one that the student is at: where it fails, or where the run is, or what has not been seen yet."""
        here = self.failing or self.waiting_for
        unknown = (part for part in self.parts if part.state(self.verdicts) not in ("done", "unchecked"))
        return next((part for part in self.parts if here in part.checks), next(unknown, None))

    @property
    def learnt(self) -> str:
        """What whoever has built this stage knows now."""
        return {each.number: each.learnt[self.language] for each in stages()}[self.stage]

    @property
    def waiting_for(self) -> str:
        """The check whose verdict comes next; "" if that isn't known yet."""
        return next((each for each in self.asked if each not in self.decided), "") if self.running else ""

    @property
    def says(self) -> str:
        """In a few words, how it stands."""
        language, check = self.language, self.waiting_for
        fails = [each for each in self._order if self.verdicts.get(each) in BAD and each in self.decided]
        if self.running and (self.every or not fails):
            return _CHECKING[language].format(check) if check else _BEGINNING[language]
        if self.trouble:
            return _BROKEN[language]
        if self.passed:
            return _PASSES[language].format(self.ended["points"], self.ended["of"])
        if len(fails) > 1:
            return _FAIL[language].format(len(fails))
        first = next(iter(fails), self.failing)
        return _FAILS[language].format(first) if first else ""

    @property
    def _order(self) -> list[str]:
        return [each.id for each in rubric().of_stage(self.stage)]


def lines_of(event: Mapping[str, Any]) -> list[Line]:
    """Of an event: pairs in JSON are lists."""
    return [(str(text), str(style)) for text, style in event.get("lines", ())]
