"""What is expected of programs: acts that checks and lessons have in common, and verdicts on what came of them."""
