"""Where things are in the repository."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[3]
STAGES = REPO / "stages"
HARNESS = REPO / "harness"
STARTS = HARNESS / "starts"  # what ./lab start lays out
TRAITS = HARNESS / "stages.toml"
LESSONS = HARNESS / "lessons.toml"
CHECKS = HARNESS / "checks.toml"
DIAGNOSES = HARNESS / "diagnoses.toml"
STEPS = HARNESS / "steps.toml"
FEEDBACK = HARNESS / "feedback.json"  # written by ./lab bench --only feedback --record
TESTED_ON = HARNESS / "tested_on.json"  # written by .ci/bare.py
SESSIONS = REPO / "docs" / "sessions"  # what the pages quote is recorded by these
WORK_FOLDER = REPO / "work"  # of a student, who may have chosen another folder; git-ignored
PLAYGROUND = REPO / "build" / "play"  # of a reader who types what the pages have
BUILD = REPO / "build" / "harness"  # everything that the harness builds; never inside a submission
