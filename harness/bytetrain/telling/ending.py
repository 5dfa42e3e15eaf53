"""The end of a command of ours."""

import sys
from typing import Callable, NoReturn


def end_with(main: Callable[[], int]) -> NoReturn:
    """Runs a command: its status becomes the process's. Ctrl-C ends it with 130, as in shells, without a traceback."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
