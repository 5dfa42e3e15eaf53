"""What results.json is called, and how it says that no program is at fault: also for those who run before anything is
installed."""

SCHEMA = "bytetrain/results/v1"  # of results.json: docs/en/results.md
OUR_FAULT = "The grader or this machine is at fault here, not your program."
