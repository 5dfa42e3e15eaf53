"""A seventh stage needs its folder, its rows of data and its pages, and no other edit: a copy gets one and grades it.

It is stage 06 over again, but for one word in its log when the server leaves: that is its lesson.
"""

from __future__ import annotations

import difflib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bytetrain.course.paths import REPO
from bytetrain.grading.command import command_of, grading_command

LAST, NEW = "06_graceful_exit", "07_again"
SERVE, GOODBYE = "    pool.serve();\n", '    log("server: goodbye");\n'

STAGE = """
title = "The same again, with a goodbye"
title_zh = "再来一遍，多一声告别"
shows = "nothing any more"
shows_zh = "没有了"
cures = "a server that leaves without a word"
cures_zh = "一声不响就离开的服务器"

[changes."server.cpp"]
en = "says goodbye"
zh = "离开时告别"
"""

LESSON = """
[[lesson]]
id = "silent_exit"
title = "A server leaves, and its log tells nothing of it"
title_zh = "服务器离开了，日志里却没有记录"
look = "Look at the last line of the log."
look_zh = "看日志的最后一行。"
shown_by = { stage = 6 }
cured_from = 7
"""

SCENARIO = '''
"""A server leaves. Does its log tell?"""

import signal

from .evidence import Evidence, when
from .scene import Scene


def play(scene: Scene) -> Evidence:
    server = scene.server(scene.store.seeded(1000))
    server.signal(signal.SIGTERM)
    finished = server.wait()
    told = "goodbye" in finished.stderr
    return Evidence(
        failure=when(finished.status == 0 and not told, "status 0, and not a word"),
        cure=when(finished.status == 0 and told, "status 0, and a goodbye"),
        lines=[f"the log: {finished.stderr!r}"],
    )
'''

CHECKS = """
[[check]]
id = "server.goodbye"
from = 7
weight = 20
page = "stage-07.md"
contract = "says goodbye in its log"
lesson = "silent_exit"
title = "The server says goodbye"
title_zh = "服务器会告别"
hints = ["A nudge", "The mechanism", "write(2)"]
hints_zh = ["提示", "原理", "write(2)"]

[[check]]
id = "lesson.silent_exit"
from = 7
weight = 2
page = "stage-07.md"
contract = "says goodbye in its log"
lesson = "silent_exit"
title = "An exit is told in the log"
title_zh = "日志里有退出的记录"
hints = ["A nudge", "The mechanism", "write(2)"]
hints_zh = ["提示", "原理", "write(2)"]

[[check]]
id = "reference.shows_silent_exit"
from = 6
to = 6
weight = 0
lesson = "silent_exit"
title = "The pair of stage 06 leaves without a word"
title_zh = "阶段 06 的程序一声不响地离开"
"""

CHECK = '''
"""What a server says when it leaves."""

import signal

import pytest

from bytetrain.telling.story import expect, told


@pytest.mark.check("server.goodbye")
def test_server_says_goodbye(pair, store, start):
    server = start.server(store.seeded(1000))
    with told("SIGTERM came"):
        server.signal(signal.SIGTERM)
        log = server.wait().stderr
        expect("goodbye" in log, f"its log is {log!r}", expected="a goodbye", actual=repr(log))
'''

MUTANT = """\
Mistake: {mistake}.
Stage: 7
From: 7
Killed-by: server.goodbye lesson.silent_exit

"""
MISTAKES = {"silent": ("The server leaves without a word", ""), "curt": ("It says too little", '    log("server");\n')}

PROMISE = {
    "en": "From stage 07 on, a server that leaves says goodbye in its log.\n",
    "zh-CN": "从阶段 07 起，服务器离开时在日志里告别。\n",
}
PAGES = {
    "en": "English | [简体中文](../zh-CN/stage-07.md)\n\n# Stage 07: the same again\n\nThe server says goodbye.\n",
    "zh-CN": "[English](../en/stage-07.md) | 简体中文\n\n# 阶段 07：再来一遍\n\n服务器会告别。\n",
}

GRADED = (
    "stage.builds", "server.goodbye", "lesson.silent_exit", "server.sizes", "client.older_untouched", "pool.size",
    "progress.one_line", "exit.drain",
)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path}: {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def add_stage(repo: Path) -> None:
    """The folder, the rows of data, and the pages: all that a new stage needs."""
    harness, folder = repo / "harness", repo / "stages" / NEW
    shutil.copytree(repo / "stages" / LAST, folder)
    replace(folder / "server.cpp", SERVE, SERVE + GOODBYE)
    (folder / "stage.toml").write_text(STAGE, encoding="utf-8")
    replace(harness / "stages.toml", "points = 28", "points = 22")
    append(harness / "stages.toml", "\n[07]\npoints = 6\n")
    append(harness / "lessons.toml", LESSON)
    (harness / "bytetrain" / "lessons" / "silent_exit.py").write_text(SCENARIO.lstrip(), encoding="utf-8")
    append(harness / "checks.toml", CHECKS)
    (harness / "checks" / "test_goodbye.py").write_text(CHECK.lstrip(), encoding="utf-8")
    right = (folder / "server.cpp").read_text(encoding="utf-8")
    for name, (mistake, line) in MISTAKES.items():
        wrong = right.replace(GOODBYE, line)
        patch = difflib.unified_diff(right.splitlines(True), wrong.splitlines(True), "a/server.cpp", "b/server.cpp")
        text = MUTANT.format(mistake=mistake) + "".join(patch)
        (harness / "mutants" / f"07-{name}.patch").write_text(text, encoding="utf-8")
    for language, page in PAGES.items():
        (repo / "docs" / language / "stage-07.md").write_text(page, encoding="utf-8")
        contract = repo / "docs" / language / "contract.md"
        promises, heading, silent = contract.read_text(encoding="utf-8").rpartition("\n## ")
        contract.write_text(f"{promises}\n{PROMISE[language]}{heading}{silent}", encoding="utf-8")


def run(repo: Path, *command: object) -> str:
    """What a command prints that must succeed; `python` is this one, and finds the harness of the copy."""
    done = subprocess.run(
        [str(word) for word in command], cwd=repo, env={**os.environ, "PYTHONPATH": str(repo / "harness")},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with seven stages."""
    copy = tmp_path_factory.mktemp("seven") / "bytetrain"
    made = shutil.ignore_patterns("build", ".git", ".cache", "__pycache__", "node_modules")
    shutil.copytree(REPO, copy, ignore=made, symlinks=True)
    add_stage(copy)
    for table in ("stages", "lessons", "checks"):
        run(copy, sys.executable, "-m", "bytetrain.docs", "--record", table)
    return copy


def test_the_tree_the_data_and_the_pages_hang_together(repo: Path) -> None:
    files = [f"harness/tests/test_{name}.py" for name in ("tree", "catalogue", "docs", "wire", "mutants")]
    others = "not builds_alone and not session_goes and not mended and not applies"  # they take long
    run(repo, *command_of("pytest", "-q", *files, "-k", f"{others} or 07-", harness=repo / "harness"))


def test_the_stage_is_graded(repo: Path, tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    options = ["--stage=7", "--preset=dev", f"--check={','.join(GRADED)}"]
    run(repo, *grading_command(repo / "stages", results, *options, harness=repo / "harness"))
    data = json.loads(results.read_text(encoding="utf-8"))
    verdicts = {each["id"]: each["verdict"] for each in data["checks"] if each["verdict"] != "not run"}
    assert verdicts == dict.fromkeys(GRADED, "pass")
    assert data["of"] == 100 and data["stages"][6]["of"] == 6


def test_its_mutant_is_killed(repo: Path) -> None:
    assert "✓ killed  07-silent  by server.goodbye, lesson.silent_exit" in run(
        repo, sys.executable, "-m", "bytetrain.upkeep.mutants", "07-silent"
    )


def test_the_demo_has_its_lesson(repo: Path) -> None:
    ask = "from bytetrain.demo.__main__ import programme; print([(n, each.id) for n, each in programme([7])[0]])"
    assert run(repo, sys.executable, "-c", ask) == "[(15, 'silent_exit')]\n"
