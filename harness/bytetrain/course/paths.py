"""Where things are in the repository."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
STAGES = REPO / "stages"
HARNESS = REPO / "harness"
TRAITS = HARNESS / "stages.toml"
LESSONS = HARNESS / "lessons.toml"
CHECKS = HARNESS / "checks.toml"
BUILD = REPO / "build" / "harness"  # everything that the harness builds; never inside a submission
