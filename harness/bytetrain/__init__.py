"""The Bytetrain harness: starts the programs of a stage, provokes their failures, and sees what they do.

Everything here runs on Linux and knows a stage only through its contract (docs/en/contract.md).
"""

from typing import NamedTuple, Optional


class Diagnosis(NamedTuple):
    """A classic mistake that the evidence names beyond doubt."""

    id: str  # of harness/diagnoses.toml, which has its title and hints
    words: str  # the evidence, in a sentence or two: numbers, descriptors, processes


class Failure(AssertionError):
    """What was found out about a program, in words for the person who wrote it.

    The grader shows the words alone, without a Python traceback: what happened, the data, why, what to do. `expected`
    and `actual` say it once more, side by side, where that can be said in a line or two. On its way up it learns more:
    `under` which headings it stands, what it `adds`, and perhaps its `diagnosis`.
    """

    def __init__(self, words: str = "", *, expected: str = "", actual: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.expected = expected
        self.actual = actual
        self.diagnosis: Optional[Diagnosis] = None
        self.check = ""  # the id of the check that asks for it, where that is not the one that has found it
        self.examined = False  # whether somebody has looked for one
        self.step: object = None  # of a story: the innermost one in which it has shown itself (telling/story.py)
        self._headings: list[str] = []  # the outermost first
        self._details: list[str] = []

    def under(self, heading: str) -> None:
        """Puts a heading above it, and above those that it has: what was done, and what should have come of it."""
        self._headings.insert(0, heading)

    def adds(self, details: str) -> None:
        """More that is known of it, for lines below its words."""
        self._details.append(details)

    def __str__(self) -> str:
        return "\n\n".join([*self._headings, "\n".join([super().__str__(), *self._details])])


class NotApplicable(Exception):
    """What a check asks can't be found out here; the message says why."""


class HarnessError(Exception):
    """The grader or the machine is at fault, and nothing has been found out about the program."""
