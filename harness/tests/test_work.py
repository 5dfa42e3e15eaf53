"""The work folder of a student: how it is found, and what its text file says, whoever has edited it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bytetrain.learn import work
from bytetrain.learn.work import STATE_FILE, NoWork, State, Work, find, fingerprint


@pytest.fixture
def mine(tmp_path: Path) -> Work:
    """A work folder with stages 01 and 02; there is none in the clone."""
    for name in ("01_small_file", "02_big_file"):
        (tmp_path / "my work" / name).mkdir(parents=True)
        (tmp_path / "my work" / name / "server.cpp").write_text(name)
    return Work(tmp_path / "my work")


def text(mine: Work) -> str:
    return (mine.folder / STATE_FILE).read_text()


def test_it_is_the_one_that_was_named(mine: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mine.folder.parent)
    assert find(Path("my work")) == mine
    with pytest.raises(NoWork, match=r"\./lab start 1 --in 'no such'"):
        find(Path("no such"))


def test_it_is_the_one_around_us_else_the_clone_s(mine: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(mine.folder / "01_small_file")
    with pytest.raises(NoWork, match=r"\./lab start 1$"):
        find()
    mine.state.begin(1, "c")
    assert find() == mine
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, "WORK_FOLDER", mine.folder)
    assert find() == mine
    (mine.folder / STATE_FILE).unlink()
    assert find() == mine and mine.current == 2


def test_a_current_folder_that_is_gone_is_no_trouble(
    mine: Work, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(work, "WORK_FOLDER", mine.folder)
    assert find() == mine


def test_the_current_stage_is_the_one_begun_last_if_it_is_there(mine: Work) -> None:
    assert mine.current == 2
    mine.state.begin(1, "c++")
    assert (mine.stages(), mine.current) == ([1, 2], 1)
    mine.state.begin(3, "c++")
    assert mine.current == 2
    with pytest.raises(NoWork):
        assert Work(mine.folder.parent).current


def test_what_is_known_is_kept_in_a_readable_text(mine: Work) -> None:
    state = mine.state
    state.begin(2, "python")
    state.record(2, {"client.sizes": "fail", "pair.sizes": "not reached"})
    state.record(2, {"client.sizes": "pass"})
    state.remember_hint("client.sizes", 2)
    state.remember_hint("client.sizes", 1)
    state.mark_passed(1, "4f2a9c")
    assert text(mine).splitlines()[1:] == [
        "language python", "stage 2", "verdict 02 client.sizes pass", "verdict 02 pair.sizes not-reached",
        "hint client.sizes 2", "passed 01 4f2a9c",
    ]
    assert (state.language, state.stage) == ("python", 2)
    assert state.verdicts(2) == {"client.sizes": "pass", "pair.sizes": "not reached"} and state.verdicts(1) == {}
    assert state.hint_level("client.sizes") == 2 and state.hint_level("client") == 0
    assert [each.name for each in mine.folder.iterdir() if each.name.startswith(".")] == []


def test_an_edited_text_is_understood_and_the_rest_of_it_kept(mine: Work) -> None:
    ours = "\ufeffstage  2  # where I am\r\n\r\nmood \udcff good\nhint x many\nstage 1\nverdict 02\nlanguage"
    (mine.folder / STATE_FILE).write_bytes(ours.encode("utf-8", "surrogateescape"))
    state = mine.state
    assert (state.stage, state.language, state.hint_level("x"), state.verdicts(2)) == (2, "c++", 0, {})
    state.begin(1, "c")
    kept = (mine.folder / STATE_FILE).read_bytes().decode("utf-8", "surrogateescape").split("\n")
    assert kept == ["stage 1", "\r", "mood \udcff good", "hint x many", "verdict 02", "language c", ""]


def test_a_stage_begun_anew_has_neither_verdicts_nor_passed(mine: Work) -> None:
    for stage in (1, 2):
        mine.state.record(stage, {"client.sizes": "pass"})
        mine.state.mark_passed(stage)
    mine.state.begin(1, "c++")
    assert mine.state.verdicts(1) == {} and not mine.state.passed(1)
    assert mine.state.verdicts(2) == {"client.sizes": "pass"} and mine.state.passed(2)


def test_a_stage_has_passed_as_long_as_its_sources_are_the_same(mine: Work) -> None:
    folder = mine.folder / "01_small_file"
    before = fingerprint(folder)
    mine.state.mark_passed(1, before)
    for made in ("build/x", "__pycache__/x.pyc", ".server.cpp.swp", "server.cpp~", "#server.cpp#", ".cache/clangd/x"):
        (folder / made).parent.mkdir(parents=True, exist_ok=True)
        (folder / made).write_text("made")
    assert mine.state.passed(1)
    changes = [folder / "server.cpp", folder / "plumbing/new.hpp", folder.with_name("common") / "wire.hpp"]
    for change in changes:
        change.parent.mkdir(exist_ok=True)
        old = change.read_bytes() if change.exists() else None
        change.write_text("changed")
        assert not mine.state.passed(1), change
        if old is None:
            change.unlink()
        else:
            change.write_bytes(old)
        assert mine.state.passed(1)
    (folder / "server.cpp").rename(folder / "server.cc")
    assert fingerprint(folder) != before


def test_two_who_write_at_once_lose_nothing(mine: Work) -> None:
    def write(name: str) -> None:
        for number in range(20):
            State(mine.folder).record(1, {f"{name}.{number}": "pass"})

    writers = [threading.Thread(target=write, args=(name,)) for name in ("client", "server")]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert len(mine.state.verdicts(1)) == 40


def test_where_nothing_can_be_written_the_old_text_stays(mine: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    mine.state.begin(1, "c")
    before = text(mine)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        mine.state.begin(2, "c")
    assert text(mine) == before
