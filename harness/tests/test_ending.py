"""How commands of ours end: with their status; and Ctrl-C is 130 in all of them, without a traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bytetrain.course.paths import REPO
from bytetrain.telling.ending import end_with


def interrupted() -> int:
    raise KeyboardInterrupt


@pytest.mark.parametrize("main, status", [(lambda: 0, 0), (lambda: 3, 3), (interrupted, 130)])
def test_the_status_is_that_of_the_command(main: object, status: int) -> None:
    with pytest.raises(SystemExit) as ended:
        end_with(main)  # type: ignore[arg-type]
    assert ended.value.code == status


# adapters, hint and picture are over in a moment; play ends by SIGTERM, or with the peer that it plays.
BRIEF = ("adapters.py", "hint.py", "picture.py", "play.py")


def test_every_command_that_takes_long_ends_like_that() -> None:
    programs = [
        path for path in sorted((REPO / "harness" / "bytetrain").rglob("*.py"))
        if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8") and path.name not in BRIEF
    ]
    assert len(programs) >= 6
    said: dict[Path, bool] = {
        path: bool(re.search(r"end_with\(main\)|except KeyboardInterrupt", path.read_text(encoding="utf-8")))
        for path in programs
    }
    assert [path.name for path, ends_well in said.items() if not ends_well] == []
