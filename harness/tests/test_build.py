"""Building a submission."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bytetrain.programs import build as building
from bytetrain.programs.build import BuildFailed, NotGraded, build

CMAKE = """cmake_minimum_required(VERSION 3.22)
project(stage CXX)
add_compile_options(-Wall)
add_executable(the_server server.cpp)
set_target_properties(the_server PROPERTIES OUTPUT_NAME server)
add_executable(client server.cpp)
"""


@pytest.fixture
def submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A submission whose stage 02 has to be built; the build folder is a temporary one."""
    monkeypatch.setattr(building, "BUILD", tmp_path / "build")
    stage = tmp_path / "submission" / "02_mine"
    stage.mkdir(parents=True)
    (stage / "CMakeLists.txt").write_text(CMAKE)
    (stage / "server.cpp").write_text("int main() { int unused; }\n")
    yield tmp_path / "submission"
    shutil.rmtree(tmp_path)


def test_a_stage_is_built_outside_the_submission_and_again_only_if_it_changed(submission: Path) -> None:
    before = sorted(submission.rglob("*"))
    programs = build(submission, 2)
    assert os.access(programs.server, os.X_OK) and os.access(programs.client, os.X_OK)
    assert sorted(submission.rglob("*")) == before
    assert programs.warnings == ("02_mine/server.cpp:1:18: warning: unused variable ‘unused’ [-Wunused-variable]",)
    made = programs.server.stat().st_mtime_ns
    again = build(submission, 2)
    assert again.server.stat().st_mtime_ns == made and again.warnings == ()


def test_a_stage_that_does_not_compile_shows_the_end_of_the_log(submission: Path) -> None:
    (submission / "02_mine" / "server.cpp").write_text("int main() { return nonsense; }\n")
    with pytest.raises(BuildFailed, match=r"02_mine can't be built: `cmake --build(.|\n)*nonsense"):
        build(submission, 2)


def test_a_stage_that_makes_no_client_is_told_so(submission: Path) -> None:
    lists = submission / "02_mine" / "CMakeLists.txt"
    lists.write_text(CMAKE.replace("add_executable(client", "add_executable(klient"))
    with pytest.raises(BuildFailed, match="no executable client"):
        build(submission, 2)


def test_a_missing_stage_is_not_graded(submission: Path) -> None:
    with pytest.raises(NotGraded, match="stage 03 is not graded"):
        build(submission, 3)


def test_executables_are_taken_as_they_are(standins: Path) -> None:
    programs = build(standins, 3)
    assert programs.server == standins / "03_stand_in" / "server"
    programs.client.chmod(0o644)
    try:
        with pytest.raises(BuildFailed, match="no executable client"):
            build(standins, 3)
    finally:
        programs.client.chmod(0o755)


def test_presets_inherit(tmp_path: Path) -> None:
    presets = tmp_path / "CMakePresets.json"
    base = {"name": "base", "hidden": True, "cacheVariables": {"A": "1", "B": "1"}}
    dev = {"name": "dev", "inherits": "base", "cacheVariables": {"B": "2"}}
    presets.write_text(json.dumps({"configurePresets": [base, dev]}))
    assert building.preset_options("dev", presets) == ["-DA=1", "-DB=2"]
    for unknown in ("base", "fast"):
        with pytest.raises(ValueError, match="it has dev"):
            building.preset_options(unknown, presets)


def test_the_kit_has_the_three_presets() -> None:
    assert any("sanitize" in option for option in building.preset_options("asan"))
    assert building.preset_options("dev") != building.preset_options("release")
