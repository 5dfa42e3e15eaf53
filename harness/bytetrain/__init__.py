"""The Bytetrain harness: starts the programs of a stage, provokes their failures, and sees what they do.

Everything here runs on Linux and knows a stage only through its contract (docs/en/contract.md).
"""


class Failure(AssertionError):
    """What was found out about a program, in words for the person who wrote it.

    The grader shows the words alone, without a Python traceback: what happened, the data, why, what to do.
    """
