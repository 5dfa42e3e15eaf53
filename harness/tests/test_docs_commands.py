"""Every command that the pages print for copying runs as printed, from a fresh shell.

In a copy of the clone the grader only collects its checks: whether it knows what it is asked for, in seconds.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from bytetrain.course.data import load_toml
from bytetrain.course.languages import Language
from bytetrain.course.paths import REPO
from bytetrain.docs import pages as docs
from bytetrain.docs.playground import lay, play_environment
from bytetrain.docs.reruns import stages_named
from bytetrain.programs.program import Conditions, Program

BLOCK = re.compile(r"^( *)```sh\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
IN_THE_CLONE = re.compile(r"\s*(?:\./lab|cmake|pytest|PYTHONPATH=harness|sudo)\b")
LEFT_OUT = load_toml(REPO / "docs" / "commands.toml")["left_out"]
NOT_AS_PRINTED = re.compile(
    r"command not found|: No such file or directory|syntax error|Traceback|unrecognized arg|no such option"
    r"|invalid choice|no command '"
)
ONLY_COLLECTED = "The grader could not do its work"  # what ./lab check makes of that
PAGES = [page for language, page in docs.pages() if language is Language.EN and BLOCK.search(page.read_text("utf-8"))]
COLLECT = (
    "import os, sys\n"
    "if sys.argv[1] == 'pytest': sys.argv[2:2] = ['--collect-only', '-q']\n"
    "os.execv(sys.executable, [sys.executable, '-I', {real!r}, *sys.argv[1:]])\n"
)


def blocks(page: Path) -> list[str]:
    return [re.sub(f"^{indent}", "", text, flags=re.M) for indent, text in BLOCK.findall(page.read_text("utf-8"))]


def runnable(block: str) -> str:
    """What is left of a block, with what a reader is to put in put in."""
    lines, end = [], ""
    for line in block.splitlines():
        if end:
            end = "" if line == end else end
            continue
        entry = next((each for each in LEFT_OUT if fnmatchcase(line.strip(), each["line"])), None)
        here = re.search(r"<<'?(\w+)'?$", line) if entry else None
        end = here[1] if here else ""
        lines += [entry["instead"]] if entry and "instead" in entry else [] if entry else [line]
    script = re.sub(r"\b(?:DIR|mine)\b", "work", "\n".join(lines)).strip()
    return f"[[ -e work ]] || ./lab start 1\n{script}" if script != "\n".join(lines).strip() else script


def run(script: str, folder: Path, environment: dict[str, str]) -> str:
    """What it printed, if something wasn't as printed."""
    with Program(["bash", "-c", script], Conditions(cwd=folder, env=environment)) as shell:
        finished = shell.wait(120)
        shell.reap_left_behind(10) if shell.left_behind() else None
    text = f"{finished.stdout}\n{finished.stderr}"
    failed = finished.status in (2, 126, 127) and ONLY_COLLECTED not in text
    return text if failed or NOT_AS_PRINTED.search(text) else ""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("a fresh") / "clone"
    left = shutil.ignore_patterns(".git", "build", "work", "node_modules", "__pycache__")
    shutil.copytree(REPO, folder, symlinks=True, ignore=left)
    harness = folder / "harness"
    (harness / "run.py").rename(harness / "run_as_it_is.py")
    (harness / "run.py").write_text(COLLECT.format(real=str(harness / "run_as_it_is.py")))
    tools = folder / "build" / "tools"
    tools.mkdir(parents=True)
    collects = "/usr/bin/python3 -m pytest -p no:cacheprovider --collect-only -q"
    (tools / "pytest").write_text(f'#!/bin/sh\nexec {collects} "$@"\n')
    (tools / "pytest").chmod(0o755)
    yield folder
    shutil.rmtree(folder.parent)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_its_commands_run_as_printed(page: Path, clone: Path, tmp_path: Path) -> None:
    """One after the other, each block in a shell of its own: for both languages, whose code is the same."""
    shutil.rmtree(clone / "work", ignore_errors=True)
    in_the_clone = {"PATH": f"{clone / 'build' / 'tools'}:/usr/bin:{os.environ['PATH']}", "HOME": str(tmp_path)}
    for block in blocks(page):
        script = runnable(block)
        if not script:
            continue
        if IN_THE_CLONE.match(block):
            wrong = run(script, clone, in_the_clone)
        else:
            wrong = run(script, lay(tmp_path / "play", stages_named(block)), play_environment())
        assert not wrong, f"{block}\n{wrong}"


def test_what_is_left_out_is_on_a_page_and_says_why() -> None:
    lines = [line.strip() for page in PAGES for block in blocks(page) for line in block.splitlines()]
    for entry in LEFT_OUT:
        assert entry["why"], entry
        assert [line for line in lines if fnmatchcase(line, entry["line"])], f"no page has {entry['line']}"


@pytest.mark.parametrize(
    "script", ["no_such_command", "cat no_such_file", "exit 2", "if", "/usr/bin/python3 -c 'no_such_name'"]
)
def test_a_command_that_does_not_run_is_noticed(script: str, tmp_path: Path) -> None:
    assert run(script, tmp_path, {})
    assert not run("false; exit 1", tmp_path, {})
