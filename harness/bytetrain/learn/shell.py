"""The shell in which every command of the pages can be typed as it stands.

    ./lab play                   a shell in build/play, with the six stages, our peers and some files to send
    ./lab play -c 'COMMAND'      one command there
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Optional

from .. import Failure
from ..course.languages import Bilingual, Language
from ..course.paths import PLAYGROUND, REPO
from ..docs.playground import is_laid, lay, play_environment
from ..kernel.processes import processes
from ..telling.ending import end_with
from ..telling.text import print_whatever_comes, visible
from .work import NoWork, find

_BUILDING = Bilingual("building the six stages; the first time takes a minute", "正在编译六个阶段；第一次大约要一分钟")
_BASH = Bilingual(
    "this shell is bash, not your {}: the pages use /dev/tcp, which only bash has",
    "这里打开的是 bash，不是你平时用的 {}：各页要用 /dev/tcp，只有 bash 才有",
)
_HERE = Bilingual(
    "you are in {}: 01/server ... 06/client, ./play, hello.txt, numbers.txt, received/. `exit` ends this shell",
    "现在在 {}：这里有 01/server 到 06/client、./play、hello.txt、numbers.txt、received/。输入 exit 退出这个 shell",
)
_STILL = Bilingual("still running, and ended by `kill {}`: {}", "还在运行，可用 `kill {}` 结束：{}")


def _say(text: str) -> None:
    print(f"lab: {visible(text)}", file=sys.stderr, flush=True)


def shell_of(environ: Mapping[str, str]) -> tuple[str, str]:
    """The bash to open, and the name of the user's own shell if that is another one."""
    own = environ.get("SHELL", "")
    name = os.path.basename(own)
    return (own, "") if name == "bash" and os.access(own, os.X_OK) else ("/bin/bash", name)


def servers_started_here() -> list[tuple[int, str]]:
    """The pid and the command line of each server of this clone that somebody has started in it by hand, without its
    workers. Those that the grader runs are at work in folders of its own."""
    found = {}
    for each in processes():
        with suppress(OSError):  # it has gone, or is another user's
            program = Path(os.readlink(f"/proc/{each.pid}/exe").removesuffix(" (deleted)"))
            folder = Path(os.readlink(f"/proc/{each.pid}/cwd"))
            if program.name == "server" and REPO in program.parents and REPO in (folder, *folder.parents):
                words = Path(f"/proc/{each.pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                found[each.pid] = (each.ppid, os.fsdecode(b" ".join(words)))
    return [(pid, line) for pid, (parent, line) in sorted(found.items()) if parent not in found]


def _language(named: Optional[str]) -> Language:
    with suppress(NoWork, OSError):
        return Language(named) if named else find().state.reads
    return Language.EN


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Opens the shell; returns its status."""
    parser = argparse.ArgumentParser(prog="./lab play", description=__doc__.partition("\n")[0])
    parser.add_argument("-c", dest="command", metavar="COMMAND", help="run this one command, instead of a shell")
    parser.add_argument("--lang", choices=[each.value for each in Language], help="en or zh")
    options = parser.parse_args(arguments)
    print_whatever_comes()
    language = _language(options.lang)
    if not is_laid(PLAYGROUND):
        _say(_BUILDING[language])
    lay(PLAYGROUND)
    bash, other = shell_of(os.environ)
    if options.command is None:
        if other:
            _say(_BASH[language].format(other))
        _say(_HERE[language].format(PLAYGROUND.relative_to(REPO)))
    words = [bash] if options.command is None else [bash, "-c", options.command]
    done = subprocess.run(words, cwd=PLAYGROUND, env={**os.environ, **play_environment(), "SHELL": bash})
    for pid, line in servers_started_here():
        _say(_STILL[language].format(pid, line))
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


if __name__ == "__main__":
    try:
        end_with(main)
    except Failure as failure:
        sys.exit(visible(f"lab: {failure}"))
