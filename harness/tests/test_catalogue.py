"""The data files say what the contract says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bytetrain import catalogue, paths


def test_there_are_fourteen_lessons_with_titles_in_both_languages() -> None:
    lessons = catalogue.lessons()
    assert len({lesson.id for lesson in lessons}) == 14
    assert all(lesson.title and lesson.title_zh for lesson in lessons)


def test_a_lesson_is_cured_by_the_stage_it_names() -> None:
    for lesson in catalogue.lessons():
        assert lesson.cured_by.stage == lesson.cured_from >= lesson.shown_by.stage, lesson.id


def test_a_lesson_says_which_options_show_it() -> None:
    lesson = catalogue.lesson("waitall_returns_short")
    assert lesson.shown_by == catalogue.Run(3, client=("--receive=waitall",))
    assert lesson.cured_by == catalogue.Run(3, client=("--receive=exact",))
    assert catalogue.lesson("exit_leaves_mess").cured_by == catalogue.Run(6)


def test_a_stage_is_found_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "03_whatever").mkdir()
    (tmp_path / "04_a_file").touch()
    assert paths.stage_dir(tmp_path, 3) == tmp_path / "03_whatever"
    assert paths.stage_dir(tmp_path, 4) is None
    assert paths.stages_of(tmp_path) == [3]
    with pytest.raises(ValueError, match="no stage 7"):
        paths.stage_dir(tmp_path, 7)


def test_a_stage_tells_its_changes(tmp_path: Path) -> None:
    folder = tmp_path / "02_big_file"
    folder.mkdir()
    (folder / "stage.toml").write_text(
        'title = "Big"\ntitle_zh = "大"\n[changes."train.cpp"]\nen = "why"\nzh = "为什么"\n', encoding="utf-8"
    )
    assert catalogue.stages(tmp_path) == [
        catalogue.Stage(2, "02_big_file", "Big", "大", changes={"train.cpp": {"en": "why", "zh": "为什么"}})
    ]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "stage.toml").write_text("title = ")
    with pytest.raises(ValueError, match="stage.toml"):
        catalogue.load_toml(tmp_path / "stage.toml")
