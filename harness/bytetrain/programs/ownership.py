"""Whose a submission is, as far as files tell."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..course.paths import REPO


def doubt(submission: Path) -> str:
    """"" if it seems to be the work of whoever runs this: its files are theirs (or of whoever has the clone, whose code
    runs already), and lie in their home, in the clone or beside it. Else why it does not, in half a sentence."""
    owners = {os.geteuid(), REPO.stat().st_uid}
    for path in _worth_a_look(submission):
        with suppress(FileNotFoundError):
            if path.lstat().st_uid not in owners:
                return f"{path} belongs to {_name(path.lstat().st_uid)}, not to you"
    homes = [REPO.parent, *map(_home, owners)]
    if not any(home in submission.parents for home in homes if home != Path("/")):
        return f"{submission} lies outside of {_home(os.geteuid())} and {REPO.parent}"
    return ""


def _worth_a_look(submission: Path) -> Iterator[Path]:
    """The folder, and all that lies in it: programs are made of what stages have in common as well."""
    yield submission
    for folder, folders, files in os.walk(submission):
        yield from (Path(folder, name) for name in (*folders, *files))


def _home(user: int) -> Path:
    try:
        return Path(pwd.getpwuid(user).pw_dir)
    except KeyError:  # a container may know the number only
        return Path(os.environ.get("HOME", "/"))


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
