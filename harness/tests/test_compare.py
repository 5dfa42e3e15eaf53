"""./lab compare: what is shown of two sides, and in what room."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Optional

import pytest
from rich.cells import cell_len
from rich.console import Console

from bytetrain.course.languages import Language
from bytetrain.course.paths import STAGES, STARTS
from bytetrain.learn import compare
from bytetrain.learn.work import Work


def shown(own: Path, before: Optional[Path], stage: int, written_in: str, width: int = 80) -> str:
    screen = io.StringIO()
    Console(file=screen, width=width).print(compare.comparison(own, before, stage, Language.EN, width, written_in))
    assert all(cell_len(line) <= width for line in screen.getvalue().splitlines())
    return screen.getvalue()


def test_what_was_laid_out_and_is_as_it_was_is_not_compared(tmp_path: Path) -> None:
    mine = shutil.copytree(STARTS / "cpp", tmp_path / "01_small_file")
    (mine / "train.cpp").write_text("int trains_of_mine;\n")
    said = shown(mine, None, 1, "c++")
    yours, _, reference = said.partition("the reference")
    assert "trains_of_mine" in yours and "network.cpp" not in yours and "CMakeLists.txt" not in said
    assert "\npool.cpp\n" in reference and "\nplumbing/system.hpp\n" not in reference
    second = shutil.copytree(STAGES / "01_small_file", tmp_path / "02_big_file")
    shutil.copy(STARTS / "cpp" / "CMakeLists.txt", second)
    (second / "send_file.cpp").write_text("int many_trains;\n")
    yours, _, reference = shown(second, None, 2, "c++").partition("the reference")
    assert "+int many_trains;" in yours and "send_file.cpp" in reference
    assert "receive_file.cpp" not in yours and "pool.cpp" not in yours
    strange = tmp_path / "elsewhere" / "02_big_file"
    strange.mkdir(parents=True)
    (strange / "all_mine.py").write_text("print()\n")
    assert "-" * 2 not in shown(strange, None, 2, "python").partition("the reference")[0].replace("─", "")


def test_where_it_is_narrow_compare_says_how_to_see_two_sides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(tmp_path)
    shutil.copytree(STARTS / "python", tmp_path / "01_small_file")
    work.state.begin(1, "python")
    work.state.mark_passed(1)
    monkeypatch.setenv("COLUMNS", "80")
    compare.main(["1", "--in", str(work.folder)])
    said = " ".join(capsys.readouterr().out.split())  # the command is as long as the folder's name
    assert "COLUMNS=150 " in said and said.endswith(" | less -S")
    monkeypatch.delenv("COLUMNS")
    line = f"x = {list(range(60))}"
    (tmp_path / "01_small_file" / "long.py").write_text(f"{line}\n")
    work.state.mark_passed(1)
    compare.main(["1", "--in", str(work.folder)])
    assert f"\n{line}" in capsys.readouterr().out  # in a pipe, lines are as long as they are
    monkeypatch.setenv("COLUMNS", "150")
    compare.main(["1", "--in", str(work.folder)])
    said = capsys.readouterr().out
    assert "COLUMNS" not in said and any("yours" in line and "the reference" in line for line in said.splitlines())
