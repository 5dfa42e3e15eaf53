"""./lab demo: every lesson on real files, the failure and its cure, and the evidence for both.

    PYTHONPATH=harness /usr/bin/python3 -m bytetrain.demo [--stage N] [--json FILE] [--lang zh] [--no-color]

Its status is 0 if everything that should be seen was seen, 1 if not, 2 for a wrong command line, 130 after Ctrl-C.
What it writes as JSON is described in report.py.
"""
