"""The command line that starts a grading, in a process of its own."""

import sys
from pathlib import Path

from ..course.paths import HARNESS


def command_of_pytest(*arguments: object) -> list[str]:
    """This python's pytest, which leaves no cache behind."""
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)]


def grading_command(submission: Path, results: Path, *options: str, harness: Path = HARNESS) -> list[str]:
    """Grades a submission, says little, and writes `results` (results.json)."""
    return command_of_pytest("-q", harness, f"--submission={submission}", f"--results={results}", *options)
