"""The bench's own programs, in harness/bench_tools: built when they are needed, as a release build."""

from __future__ import annotations

import fcntl
import subprocess

from .contestants import BUILT_TOOLS, SOURCES
from .meters import BenchError


def build_tools() -> None:
    """Builds what has changed; two benches take turns."""
    BUILT_TOOLS.mkdir(parents=True, exist_ok=True)
    with (BUILT_TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _build()


def _build() -> None:
    for command in (
        ["cmake", "-S", SOURCES, "-B", BUILT_TOOLS, "-DCMAKE_BUILD_TYPE=Release"], ["cmake", "--build", BUILT_TOOLS],
    ):
        done = subprocess.run(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape"
        )
        if done.returncode != 0:
            raise BenchError(f"the tools of the bench can't be built:\n{done.stdout}")
