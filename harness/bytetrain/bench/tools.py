"""The bench's own programs, in harness/bench_tools: built when they are needed, as a release build."""

from __future__ import annotations

import subprocess

from .contestants import BUILT_TOOLS, SOURCES
from .meters import BenchError


def build_tools() -> None:
    """Builds what has changed."""
    for command in (
        ["cmake", "-S", SOURCES, "-B", BUILT_TOOLS, "-DCMAKE_BUILD_TYPE=Release"], ["cmake", "--build", BUILT_TOOLS],
    ):
        done = subprocess.run(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape"
        )
        if done.returncode != 0:
            raise BenchError(f"the tools of the bench can't be built:\n{done.stdout}")
