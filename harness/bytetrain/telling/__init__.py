"""What a check tells: the story of its steps, and waiting for a state with a limit."""
