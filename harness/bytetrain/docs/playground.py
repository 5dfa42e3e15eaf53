"""The folder in which the pages' commands are typed: build/play of a reader, a scratch folder of a recorded session.

01/server ... 06/client are the reference stages, built without optimisation and with debug information; ./play is our
peers; stages leads to the sources.
"""

import functools
import os
from collections.abc import Iterable
from pathlib import Path

from ..course.paths import HARNESS, SESSIONS, STAGES
from ..course.traits import stage_numbers
from ..programs.build import build
from ..telling.text import shell_word

_LINKS = {"stages": STAGES, **{path.name: path for path in SESSIONS.glob("*.cpp")}}
_LIMIT = 3600  # seconds that a peer waits for the other side: somebody types there
_PEERS = (
    f'#!/bin/sh\nexport BYTETRAIN_LIMIT="${{BYTETRAIN_LIMIT:-{_LIMIT}}}"\n'
    f'exec /usr/bin/python3 -I {shell_word(str(HARNESS / "run.py"))} bytetrain.play "$@"\n'
)
_FILES = {"hello.txt": "hello, world\n", "numbers.txt": "".join(f"{each}\n" for each in range(1, 2_000_001))}


def lay(folder: Path, numbers: Iterable[int] = tuple(stage_numbers())) -> Path:
    """Makes the folder, or what is missing in it: what a reader has changed stays. Builds the stages `numbers`."""
    (folder / "received").mkdir(parents=True, exist_ok=True)
    for name, target in _LINKS.items():
        _link(folder / name, target)
    for number in numbers:
        _link(folder / f"{number:02d}", _programs(number))
    _write(folder / "play", _PEERS)
    (folder / "play").chmod(0o755)
    for name, text in _FILES.items():
        if not (folder / name).exists():
            _write(folder / name, text)
    return folder


def is_laid(folder: Path) -> bool:
    """Whether all stages have been built there before."""
    return all((folder / f"{number:02d}" / "server").exists() for number in stage_numbers())


def play_environment() -> dict[str, str]:
    """What the pages' commands count on, in a session and in a reader's shell alike: the system's own tools."""
    return {"PATH": f"/usr/bin:{os.environ.get('PATH', '/bin')}"}


@functools.lru_cache(maxsize=None)
def _programs(number: int) -> Path:
    return build(STAGES, number, "dev").server.parent


def _link(path: Path, target: Path) -> None:
    """Anew if it leads elsewhere: a clone may have been moved."""
    if path.is_symlink() and os.readlink(path) != str(target):
        path.unlink()
    if not path.is_symlink():
        path.symlink_to(target)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
