"""The Bytetrain harness: starts the programs of a stage, provokes their failures, and sees what they do.

Everything here runs on Linux and knows a stage only through its contract (docs/en/contract.md).
"""


class Failure(AssertionError):
    """What was found out about a program, in words for the person who wrote it.

    The grader shows the words alone, without a Python traceback: what happened, the data, why, what to do. `expected`
    and `actual` say it once more, side by side, where that can be said in a line or two.
    """

    def __init__(self, words: str = "", *, expected: str = "", actual: str = "") -> None:
        super().__init__(words)
        self.expected = expected
        self.actual = actual


class NotApplicable(Exception):
    """What a check asks can't be found out here; the message says why."""


class HarnessError(Exception):
    """The grader or the machine is at fault, and nothing has been found out about the program."""
