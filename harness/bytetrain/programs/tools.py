"""Small programs of ours in C++, built when they are needed, as a release build."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path


class ToolsDontBuild(Exception):
    """What CMake and the compiler have said of it."""


def build_tools(source: Path, folder: Path) -> None:
    """Builds what has changed of a folder with a CMakeLists.txt; two that want it take turns."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (
            ["cmake", "-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=Release"], ["cmake", "--build", folder],
        ):
            done = subprocess.run(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, errors="surrogateescape",
            )
            if done.returncode != 0:
                raise ToolsDontBuild(f"what lies in {source} can't be built:\n{done.stdout}")
