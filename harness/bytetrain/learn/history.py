"""The history of a work folder: a git repository of its own, with one commit of what was laid out. The rest is the
student's: nothing else here ever asks git for anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .work import place

# What git takes from the environment for the place of a repository (git rev-parse --local-env-vars), as in a hook.
_ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX",
              "GIT_NAMESPACE", "GIT_ALTERNATE_OBJECT_DIRECTORIES")
_NOBODY = {"user.name": "student", "user.email": "student@localhost", "init.defaultBranch": "main"}
_QUIETLY = ("-c", "commit.gpgSign=false", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0")


class NoHistory(Exception):
    """Why there is no repository; that is no failure."""


def make(folder: Path, tree: Path, scratch: Path) -> Path:
    """A repository for a work folder, with one commit of a tree that will be moved there. NoHistory if there can be
    none, or should be none. Returns where it is made, in `scratch`."""
    if shutil.which("git") is None:
        raise NoHistory("git is not installed")
    around = _git(folder, "rev-parse", "--show-toplevel")
    if around.returncode == 0 and _git(folder, "check-ignore", "-q", str(folder)).returncode != 0:
        raise NoHistory(f"it lies in a repository already, {place(Path(around.stdout.strip()))}")
    settings = [f"{name}={value}" for name, value in _NOBODY.items() if not _git(folder, "config", name).stdout.strip()]
    words = [*_QUIETLY, *(word for each in settings for word in ("-c", each))]
    inside = [*words, f"--git-dir={scratch / 'history' / '.git'}", f"--work-tree={tree}"]
    for command in (
        [*words, "init", "-q", str(scratch / "history")],
        [*inside, "add", "--all"],
        [*inside, "commit", "-q", "--no-verify", "-m", "As ./lab start laid it out"],
    ):
        done = _git(tree, *command)
        if done.returncode != 0:
            raise NoHistory(f"git says: {(done.stderr.strip().splitlines() or ['nothing'])[-1]}")
    return scratch / "history" / ".git"


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return subprocess.run(
        ["git", *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors="surrogateescape",
    )
