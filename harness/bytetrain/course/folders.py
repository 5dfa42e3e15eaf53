"""The folders of a submission: which stages it holds."""

import os
import re
from pathlib import Path
from typing import Optional

from .paths import STAGES
from .traits import stage_numbers, traits


def is_readable(folder: Path) -> bool:
    """Whether we may see what is in it, and what that is."""
    return os.access(folder, os.R_OK | os.X_OK)


def stage_dir(submission: Path, number: int) -> Optional[Path]:
    """The folder of a stage in a submission ("03_whatever"), or None if it is missing; ValueError if there can be none.

    Only the number at the front of the name counts, so that a typing mistake in the rest is not a missing stage.
    """
    traits(number)
    if not submission.is_dir():
        return None
    found = sorted(path for path in submission.glob(f"{number:02d}_*") if path.is_dir() or path.is_symlink())
    return found[0] if found else None


def handed_in(submission: Path) -> dict[int, Path]:
    """The folders of all stages that a submission holds now. Whoever grades asks once, before any program of it runs:
    a folder that comes later was not handed in. Of one that is closed to us we can't know, so whoever builds a stage
    of it says why that can't be graded."""
    if os.path.isdir(submission) and not is_readable(submission):
        return {number: submission for number in stage_numbers()}
    found = ((number, stage_dir(submission, number)) for number in stage_numbers())
    return {number: folder for number, folder in found if folder is not None}


def instead_of(submission: Path, number: int) -> str:
    """What lies in a submission in place of a stage's folder, and what is to be done; "" if nothing is like it."""
    right = stage_dir(STAGES, number)
    if right is None or not submission.is_dir() or not is_readable(submission):
        return ""
    is_a_stage = any((submission / each).is_file() for each in ("CMakeLists.txt", "server", "client"))
    if is_a_stage and not stages_of(submission):  # a work folder has a CMakeLists.txt too, for all its stages
        return f"{submission.name} is a stage's folder itself: --submission names the folder in which that lies"
    for each in sorted(entry.name for entry in submission.iterdir() if entry.is_dir()):
        if {int(digits) for digits in re.findall(r"\d+", each)} == {number} or right.name[3:] in each.lower():
            return f"no folder is called {number:02d}_...; you have {each}: call it {right.name}"
    return ""


def stages_of(submission: Path) -> list[int]:
    """The numbers of the stages that a submission holds, in order."""
    return list(handed_in(submission))
