"""What is known of one case of a check: its verdict, and the story of its failure. Plain data, fit for JSON."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, Optional

from .. import Diagnosis, Failure, NotApplicable
from ..course.catalogue import Check, mistakes
from ..course.languages import Bilingual
from ..programs.build import BuildFailed, NotGraded
from ..programs.output import shown, status_in_words
from ..programs.program import Program
from ..programs.sanitizers import without_legend
from ..telling.story import Story, look_for_diagnosis
from ..telling.text import command_line, shell_word, visible


class Verdict(str, Enum):
    """What was found out. Of several, the worst counts: they stand in that order."""

    FAIL = "fail"
    HARNESS_ERROR = "harness error"  # ours or the machine's: never the student's
    NOT_REACHED = "not reached"  # one that it needs has failed: no points
    NOT_GRADED = "not graded"  # nothing was handed in for it: no points
    NOT_APPLICABLE = "not applicable"  # and why; only what a submission can't bring about, for it pays
    PASS = "pass"

    @staticmethod
    def worst(verdicts: Sequence["Verdict"]) -> "Verdict":
        order = list(Verdict)
        return min(verdicts, key=order.index)


@dataclass
class Output:
    """A program that took part: its command line, what it printed, how it ended."""

    command: str
    fate: str  # "status 1", "signal 13 (SIGPIPE)", "still running", "it ended later: status 0"
    stdout: str
    stderr: str

    @classmethod
    def of(cls, program: Program) -> "Output":
        status = program.status
        fate = "still running" if status is None else status_in_words(status)
        if status is not None and program.waited_in_vain:  # else it would say that it has ended, and has not
            fate = f"it ended later: {fate}"
        printed = (visible(shown(without_legend(text))) for text in (program.stdout, program.stderr))
        return cls(command_line(program.command), fate, *printed)


@dataclass
class Record:
    """One phase of one case of a check (pytest: setup, call, teardown), or all of them, merged."""

    check: str
    stage: int  # 0: of none
    case: str  # "" where a check has one case only
    verdict: Verdict
    seconds: float = 0.0
    message: str = ""  # what went wrong, or why it is not applicable
    expected: str = ""
    actual: str = ""
    diagnosis: dict[str, str] = field(default_factory=dict)  # {}, or `id` and `words` of a Diagnosis
    build_failed: bool = False
    cases: int = 0  # how many this check has in this stage, of those that this run was to run; 0: unknown
    steps: list[dict[str, Any]] = field(default_factory=list)  # see story.Story.as_data
    output: list[dict[str, Any]] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)  # system calls of the guilty program around the failing step
    calls_follow: bool = False  # they come later, and may tell the cause: until then no hint is given
    warnings: list[str] = field(default_factory=list)  # of the build of its stage, on the first record that has them
    replay: list[str] = field(default_factory=list)  # options of the command that shows it again
    shown_by: list[str] = field(default_factory=list)  # the check and the case that have found it, if it is not its own
    elsewhere: dict[str, Any] = field(default_factory=dict)  # the data of a record: what it has found for another check

    def as_data(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict.value}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> "Record":
        known: dict[str, Any] = {**data, "verdict": Verdict(data["verdict"])}
        return cls(**known)

    def takes_in(self, later: "Record") -> None:
        """Adds a later phase of the same case: the worse verdict and its story stay."""
        self.seconds += later.seconds
        self.calls = self.calls or later.calls
        self.calls_follow = False
        self.diagnosis = self.diagnosis or later.diagnosis
        if later.verdict != self.verdict and Verdict.worst([self.verdict, later.verdict]) is later.verdict:
            kept = {"seconds": self.seconds, "calls": self.calls}
            self.__dict__.update({**later.__dict__, **kept})

    @property
    def cause(self) -> str:
        """The mistake behind it, if those who share it have one cause; else ""."""
        known = mistakes().get(self.diagnosis.get("id", ""))
        return known.id if known is not None and known.one_cause else ""

    @property
    def again(self) -> str:
        """The command that shows it again."""
        check, case = self.shown_by or (self.check, self.case)
        words = ["./lab", "replay", check, *(["--stage", str(self.stage)] if self.stage else [])]
        words += ["--case", shell_word(case)] if case else []
        return " ".join([*words, *map(shell_word, self.replay)])


def hints_of(record: Optional[Record], check: Optional[Check]) -> tuple[Bilingual, ...]:
    """Where the cause of a failure is known, they are about that."""
    if record is not None and record.diagnosis:
        return mistakes()[record.diagnosis["id"]].hints
    return check.hints if check else ()


def in_data(diagnosis: Optional[Diagnosis]) -> dict[str, str]:
    """Fit for JSON."""
    return {key: visible(value) for key, value in diagnosis._asdict().items()} if diagnosis else {}


def fill_in(record: Record, error: BaseException, story: Story, programs: list[Program]) -> None:
    """Puts into a record what is known of an exception, and whose it is."""
    if isinstance(error, Failure):
        record.verdict = Verdict.FAIL
        record.message = str(error)
        record.expected, record.actual = error.expected, error.actual
        look_for_diagnosis(error)
        record.diagnosis = in_data(error.diagnosis)
        record.build_failed = isinstance(error, BuildFailed)
    elif isinstance(error, NotGraded):
        record.verdict, record.message = Verdict.NOT_GRADED, str(error)
    elif isinstance(error, NotApplicable):
        record.verdict, record.message = Verdict.NOT_APPLICABLE, str(error)
    else:
        record.verdict = Verdict.HARNESS_ERROR
        record.message = _in_words(error)
    record.message, record.expected, record.actual = map(visible, (record.message, record.expected, record.actual))
    record.steps = [
        {key: visible(value) if isinstance(value, str) else value for key, value in step.items()}
        for step in story.as_data()
    ]
    record.replay = list(story.replay)
    record.output = [asdict(Output.of(program)) for program in programs]


def _in_words(error: BaseException, frames: int = 4) -> str:
    """An error of our own: what it was, and where in the harness."""
    told = traceback.format_exception_only(type(error), error)[-1].strip()
    where = [
        f"  {frame.filename.rpartition('/harness/')[2] or frame.filename}:{frame.lineno}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if "/harness/" in frame.filename
    ][-frames:]
    return "\n".join([told, *where])
