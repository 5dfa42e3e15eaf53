"""For those who look after the kit: the grader graded by mutants, and by repetition; edits carried between stages."""
