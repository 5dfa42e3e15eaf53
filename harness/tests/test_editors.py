"""What an editor finds in the clone and in a work folder: tasks, launches, the flags of the compiler; and the container
that is described for it. There is no editor here: what it would run is run, and its files are read strictly."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bytetrain.course.paths import REPO, STAGES, STARTS
from bytetrain.learn import layout
from bytetrain.learn.work import Work

COMMON = STARTS / "common"
OF_WORK, OF_KIT = COMMON / ".vscode", REPO / ".vscode"
BOTH = pytest.mark.parametrize("folder", [OF_KIT, OF_WORK], ids=["the clone", "a work folder"])
REFERENCE = re.compile(r"\$\{(.*?)\}")


def strictly(text: str) -> Any:
    """JSON without a key that comes twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({key for key, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


def read(path: Path) -> Any:
    return strictly(path.read_text(encoding="utf-8"))


def references(value: object) -> set[str]:
    """What is to be put in: {"workspaceFolder", "input:stage"}."""
    return set(REFERENCE.findall(json.dumps(value)))


# The files of VS Code


@BOTH
def test_tasks_and_launches_need_only_what_is_there(folder: Path) -> None:
    tasks, launches = read(folder / "tasks.json"), read(folder / "launch.json")
    labels = [each["label"] for each in tasks["tasks"]]
    assert labels == ["build", "check", "watch", "run server", "run client"]
    needed = [each[key] for each in tasks["tasks"] for key in ("dependsOn",) if key in each]
    needed += [each["preLaunchTask"] for each in launches["configurations"]]
    assert set(needed) <= set(labels)
    for file in (tasks, launches):
        inputs = {f"input:{each['id']}" for each in file.get("inputs", [])}
        assert references(file) <= {"workspaceFolder"} | inputs
        for each in file.get("inputs", []):
            assert each["options"] == sorted(path.name for path in STAGES.iterdir())


def test_both_launch_the_same_programs_in_the_same_way() -> None:
    def launches(folder: Path, programs: str) -> list[dict[str, Any]]:
        text = (folder / "launch.json").read_text(encoding="utf-8").replace(programs, "PROGRAMS")
        return [each for each in strictly(text)["configurations"] if each["type"] == "cppdbg"]

    kit = launches(OF_KIT, "build/dev/stages/${input:stage}")
    assert kit == launches(OF_WORK, "build/current") and len(kit) == 3


@BOTH
def test_extensions_are_those_that_the_tasks_and_launches_need(folder: Path) -> None:
    recommended = read(folder / "extensions.json")["recommendations"]
    assert "ms-vscode.cpptools" in recommended  # cppdbg, $gcc, compileCommands
    types = {each["type"] for each in read(folder / "launch.json")["configurations"]}
    assert ("debugpy" in types) == ("ms-python.debugpy" in recommended)


def test_what_an_editor_shares_is_kept_and_the_rest_is_not() -> None:
    def ignored(*paths: str) -> list[str]:
        command = ["git", "-c", "safe.directory=*", "check-ignore", "--no-index", *paths]
        return subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, text=True).stdout.split()

    if shutil.which("git") is None or not (REPO / ".git").exists():
        pytest.skip("not a clone")
    shared = [f"{folder.relative_to(REPO)}/{file.name}" for folder in (OF_KIT, OF_WORK) for file in folder.iterdir()
              if file.suffix in (".json", ".sh")]
    assert len(shared) == 9 and ignored(*shared, ".clangd") == []
    own = [".vscode/ipch", ".vscode/c_cpp_properties.json", ".idea/workspace.xml", "work/01_small_file/x.cpp",
           "build/dev/compile_commands.json"]
    assert ignored(*own) == own


# The container


@pytest.fixture
def devcontainer(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """.ci/devcontainer.py, which runs what it reads, too: by hand."""
    monkeypatch.setattr(sys, "path", [str(REPO / ".ci"), *sys.path])
    return importlib.import_module("devcontainer")


def test_the_container_is_described_as_the_format_has_it(devcontainer: ModuleType) -> None:
    text = devcontainer.FILE.read_text(encoding="utf-8")
    container = devcontainer.read(text)
    assert container["init"] is True and devcontainer.system(container) == "debian-12"
    extensions = container["customizations"]["vscode"]["extensions"]
    assert set(extensions) == {each for folder in (OF_KIT, OF_WORK) for each in read(folder / "extensions.json")[
        "recommendations"]}
    lab = (REPO / "lab").read_text(encoding="utf-8")
    for word in re.findall(r"\./lab (\w+)", devcontainer.script(container)):
        assert re.search(rf"^  (.*\W)?{word}\b.*\)", lab, re.MULTILINE), word
    for wrong in (text.replace('"init"', '"Init"'), text.replace("true,", '"yes",'), text.replace('"image"', '"name"'),
                  text.replace('"./lab setup"', '["./lab setup",]')):
        with pytest.raises(ValueError):
            devcontainer.read(wrong)


# Building for the editor


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A work folder with a name of the worse kind, and two stages in C that say which they are."""
    folder = tmp_path / "a work 作业"
    shutil.copytree(COMMON, folder)
    for name in ("01_small_file", "02_big_file"):
        (folder / name).mkdir()
        for program in ("server", "client"):
            (folder / name / f"{program}.c").write_text(f'#include <stdio.h>\nint main(void) {{ puts("{name}"); }}\n')
        lines = ["cmake_minimum_required(VERSION 3.22)", "project(stage LANGUAGES C)"]
        lines += [f"add_executable({program} {program}.c)" for program in ("server", "client")]
        (folder / name / "CMakeLists.txt").write_text("\n".join(lines) + "\n")
    return folder


def built(work: Path) -> "subprocess.CompletedProcess[str]":
    command = read(work / ".vscode" / "tasks.json")["tasks"][0]["command"]
    return subprocess.run(command, shell=True, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def says(work: Path) -> str:
    """The program that a launch would debug."""
    program = read(work / ".vscode" / "launch.json")["configurations"][0]["program"]
    path = program.replace("${workspaceFolder}", str(work))
    return subprocess.run([path], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def test_the_stage_that_one_is_at_is_built(work: Path) -> None:
    done = built(work)
    assert done.returncode == 0, done.stdout
    assert says(work) == "02_big_file"  # the last one
    (work / "bytetrain.txt").write_text("# of ./lab\nlanguage c\nstage 1\nverdict 01 stage.builds pass\n")
    assert built(work).returncode == 0 and says(work) == "01_small_file"
    arguments = read(work / ".vscode" / "launch.json")["configurations"][0]["args"]
    assert (work / arguments[-1]).read_text() == "hello, world\n" and (work / "build" / "received").is_dir()
    made = {path.name for path in work.iterdir()} - {path.name for path in COMMON.iterdir()}
    assert made == {"01_small_file", "02_big_file", "build", "bytetrain.txt"}


def test_flags_of_the_compiler_are_found_by_editors(work: Path) -> None:
    assert built(work).returncode == 0
    setting = read(work / ".vscode" / "settings.json")["C_Cpp.default.compileCommands"]
    commands = read(Path(setting.replace("${workspaceFolder}", str(work))))
    assert {Path(each["file"]) for each in commands} == set((work / "02_big_file").glob("*.c"))
    # Where clangd looks: in each folder above a source, and in its build/.
    assert (work / "02_big_file" / "build" / "compile_commands.json").is_file()


def test_programs_that_lie_there_are_taken_as_they_are(work: Path) -> None:
    stage = work / "02_big_file"
    (stage / "CMakeLists.txt").unlink()
    (stage / "server").write_text("#!/bin/sh\necho a script\n")
    (stage / "server").chmod(0o755)
    assert built(work).returncode == 0 and says(work) == "a script"


def test_nothing_to_build_is_said(tmp_path: Path) -> None:
    shutil.copytree(COMMON, tmp_path / "work")
    done = built(tmp_path / "work")
    assert (done.returncode, done.stdout) == (1, "no stage lies here yet: ./lab start 1\n")


def test_what_does_not_compile_is_a_failure(work: Path) -> None:
    (work / "02_big_file" / "server.c").write_text("int main(void) { return 0 }\n")
    done = built(work)
    assert done.returncode != 0 and "server.c:1:" in done.stdout  # as $gcc reads it


# A work folder as it is laid out


def laid_out(folder: Path, language: str = "c++") -> Path:
    layout.lay_out(Work(folder), 1, layout.Origin.skeleton(language), git=False)
    return folder


@pytest.mark.timeout(300)
@pytest.mark.parametrize("language", layout.LANGUAGES)
def test_a_skeleton_is_built_for_the_debugger(tmp_path: Path, language: str) -> None:
    work = laid_out(tmp_path / "work", language)
    done = built(work)
    assert done.returncode == 0 and "warning" not in done.stdout, done.stdout
    programs = {each["program"] for each in read(work / ".vscode" / "launch.json")["configurations"]}
    for program in programs:
        ran = subprocess.run([program.replace("${workspaceFolder}", str(work))], stderr=subprocess.PIPE, text=True)
        assert ran.returncode == 2 and "usage: " in ran.stderr  # it was told nothing


def test_lab_is_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = laid_out(tmp_path / "work")
    commands = [each["command"] for each in read(work / ".vscode" / "tasks.json")["tasks"]]
    assert {each.split()[0] for each in commands if "lab" in each} == {"./lab"}
    assert Path(os.readlink(work / "lab")) == REPO / "lab"
    monkeypatch.chdir(work)
    assert Work(work).command("check") == "./lab check"
    monkeypatch.setattr(layout, "REPO", tmp_path / "clone")
    assert os.readlink(laid_out(tmp_path / "clone" / "work") / "lab") == "../lab"
