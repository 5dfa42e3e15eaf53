"""The grader: from the checks that pytest runs to verdicts, points, stories and results.json.

    selection.py  which checks run, in which stages
    entry.py      what pytest may run, and from where: the kit's own settings and folders, and nothing of others
    protection.py what keeps a submission from doing harm: in the sandbox all of it is run once more
    plugin.py     pytest's hooks: options, the items of a run, and the record that each phase of an item leaves
    events.py     what is decided, for whoever shows it in another way
    order.py      what runs and is told first, and what need not run any more; schedule.py is that for pytest-xdist
    teller.py     takes records in where pytest has its terminal: stories at once, points at the end
    closing.py    what pytest says at the end of a run, in our words
    attached.py   what is kept on pytest's own objects meanwhile; hooks.py has its markers, with types
    records.py    what is known of one case, and how a Failure becomes one
    results.py    verdicts and points of a whole run, as data: docs/en/results.md
    words.py      the same for a terminal
    hints.py      what helps who fails, one hint after the other
    adapters.py   results.json for Gradescope, Autolab, Classroom 50
    calls.py      the system calls around a failure
    command.py    the command line that starts a grading, by ../../run.py
    schema.py     the name of that data's version
"""

# For pytest, to which this package is a plugin: `-p bytetrain.grading`.
pytest_plugins = [f"{__name__}.{module}" for module in ("entry", "protection", "plugin", "closing")]
