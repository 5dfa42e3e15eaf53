"""Where things are in the repository, and in a submission."""

from pathlib import Path
from typing import Optional

REPO = Path(__file__).resolve().parents[3]
STAGES = REPO / "stages"
HARNESS = REPO / "harness"
LESSONS = HARNESS / "lessons.toml"
CHECKS = HARNESS / "checks.toml"
BUILD = REPO / "build" / "harness"  # everything that the harness builds; never inside a submission

STAGE_NUMBERS = (1, 2, 3, 4, 5, 6)


def stage_dir(submission: Path, number: int) -> Optional[Path]:
    """The folder of stage `number` (1 to 6) in a submission, or None if it is missing: "03_waitall".

    Only the number at the front of the name counts, so that a typing mistake in the rest is not a missing stage.
    """
    if number not in STAGE_NUMBERS:
        raise ValueError(f"there is no stage {number}: stages are numbered 1 to 6")
    if not submission.is_dir():
        return None
    found = sorted(path for path in submission.glob(f"{number:02d}_*") if path.is_dir())
    return found[0] if found else None


def stages_of(submission: Path) -> list[int]:
    """The numbers of the stages that a submission holds, in order."""
    return [number for number in STAGE_NUMBERS if stage_dir(submission, number) is not None]
