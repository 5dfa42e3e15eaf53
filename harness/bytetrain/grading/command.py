"""The command lines that start a grading, or another module of the harness, in a process of its own: see run.py."""

import sys
from pathlib import Path

from ..course.paths import HARNESS


def command_of(module: str, *arguments: object, harness: Path = HARNESS) -> list[str]:
    """A module of the harness, or pytest, on this python."""
    isolated = ["-I"] if sys.flags.isolated else []
    return [sys.executable, *isolated, str(harness / "run.py"), module, *map(str, arguments)]


def grading_command(submission: Path, results: Path, *options: str, harness: Path = HARNESS) -> list[str]:
    """Grades a submission, wherever it lies, says little, and writes `results` (results.json)."""
    words = ("-q", harness, f"--submission={submission}", f"--results={results}", "--trust", *options)
    return command_of("pytest", *words, harness=harness)
