"""Reruns every session that the docs quote, renders their tables, and says what differs from the pages.

    PYTHONPATH=harness /usr/bin/python3 -m bytetrain.docs             check all; status 1 if a page is out of date
    PYTHONPATH=harness /usr/bin/python3 -m bytetrain.docs gdb-sigpipe  only this session (or table)
    PYTHONPATH=harness /usr/bin/python3 -m bytetrain.docs --record     write what was seen into the pages
    PYTHONPATH=harness /usr/bin/python3 -m bytetrain.docs --record glossary   link the words of the glossary
"""

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import Optional

from .. import Failure, doctor
from ..programs.sessions import prepare
from ..telling.ending import end_with
from .pages import check, names


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The command; returns its status."""
    parser = argparse.ArgumentParser(prog="python3 -m bytetrain.docs", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="sessions and tables (default: all)")
    parser.add_argument("--record", action="store_true", help="write what was seen into the pages")
    options = parser.parse_args(arguments)
    prepare()
    if missing := doctor.obstacle():
        raise Failure(missing)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # not without ending what was started
    outdated = 0
    for name in options.names or names():
        result = check(name, options.record)
        state = "skipped" if result.skipped else "differs" if result.differences else "as quoted"
        print(
            f"{name}: {'recorded' if options.record and not result.skipped else state} {result.skipped}".rstrip(),
            flush=True,
        )
        if not options.record:
            print("".join(f"{each}\n" for each in result.differences), end="")
        outdated += bool(result.differences) and not options.record
    return 1 if outdated else 0


if __name__ == "__main__":
    try:
        end_with(main)
    except Failure as failure:
        sys.exit(f"docs: {failure}")
