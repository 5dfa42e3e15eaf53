"""The folders of a submission: which stages it holds."""

from pathlib import Path
from typing import Optional

from .traits import stage_numbers, traits


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
    a folder that comes later was not handed in."""
    found = ((number, stage_dir(submission, number)) for number in stage_numbers())
    return {number: folder for number, folder in found if folder is not None}


def stages_of(submission: Path) -> list[int]:
    """The numbers of the stages that a submission holds, in order."""
    return list(handed_in(submission))
