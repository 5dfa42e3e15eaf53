"""Starts pytest with all that a grading needs, or another module of the harness, whatever folder it is called from:

    python3 -I harness/run.py pytest harness/ --submission DIR
    python3 -I harness/run.py bytetrain.demo

`python3 -m` imports from the current folder first, and pytest looks for its settings in all folders that it is told of:
either may be somebody's submission. A script imports from its own folder (and -I: from no folder of the environment's),
and pytest is told here what its settings are.
"""

import runpy
import signal
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
OF_A_GRADING = [
    "-c", str(HERE / "pytest.ini"), "--rootdir", str(HERE), "--confcutdir", str(HERE), "-p", "no:cacheprovider",
    "-p", "bytetrain.grading",  # before pytest takes the value of an option that it doesn't know for a folder of tests
]

if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} MODULE [ARGUMENT...]")
    module = sys.argv.pop(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it stays so in whatever we start: bwrap waits for ever
    sys.path[:] = [str(HERE), *(each for each in sys.path if each not in ("", str(HERE)))]
    if module == "pytest":
        sys.argv[1:1] = OF_A_GRADING
    runpy.run_module(module, run_name="__main__", alter_sys=True)
