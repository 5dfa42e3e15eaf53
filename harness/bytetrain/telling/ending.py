"""The end of a command of ours."""

import os
import signal
import sys
from typing import Callable, NoReturn


def end_with(main: Callable[[], int]) -> NoReturn:
    """Runs a command: its status becomes the process's. Ctrl-C ends it with 130, and a reader that has gone (`| head`)
    with 141, as in shells, without a traceback; what it has begun it can end before that."""
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # for what Python writes there at its very end
        sys.exit(128 + signal.SIGPIPE)
