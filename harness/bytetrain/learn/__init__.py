"""What a student says to ./lab while building the stages: start, check, watch, hint, next, list, reset, compare.

    grader.py     the grader at work on one stage: what it decides, as it decides it
    work.py       the folder in which the stages are built, and what is known of it
    begin.py      lays a stage out, or lays it out anew: layout.py; history.py makes the git repository around it
    check.py      the first mistake, or what was learnt and what comes next
    watch.py      the same on every save: a loop that hears of runs.py, saves.py and keys.py, and shows a board.py by
                  views.py and display.py; now.py is what can be read there beside stories
    standing.py   how far it is, and what to do now
    compare.py    what the reference did, once the stage has passed
"""
