"""./lab spread: an edit of one stage's file reaches the later stages that had the same bytes, and no others."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from bytetrain.course.languages import Language
from bytetrain.course.paths import SESSIONS
from bytetrain.docs import pages as docs, reruns
from bytetrain.upkeep import spread

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
STAGES = ("01_small_file", "02_big_file", "03_waitall", "04_progress")
TOML = 'title = "A title"\ntitle_zh = "题目"\n'
PATCH = """\
Mistake: It says yes.
Stage: 3
From: 3
Killed-by: client.sizes

--- a/shared.cpp
+++ b/shared.cpp
@@ -1 +1 @@
-no
+yes
"""


class Clone:
    """A clone with four stages; shared.cpp is the same in all of them, odd.cpp differs in the third alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for stage in STAGES:
            self.write(stage, "stage.toml", TOML)
            self.write(stage, "shared.cpp", "no\n")
            self.write(stage, "plumbing/odd.cpp", "odd\n" if stage == "03_waitall" else "even\n")
        for stage in STAGES[2:]:
            self.explain(stage, "plumbing/odd.cpp")
        (root / "harness" / "mutants").mkdir(parents=True)
        self.git("init", "-q")
        self.commit()

    def git(self, *words: str) -> None:
        # Newer versions of git begin to tidy up in the background after a commit: nobody is to be left behind.
        identity = ("-c", "user.name=Nobody", "-c", "user.email=nobody@nowhere.invalid", "-c", "maintenance.auto=false")
        subprocess.run(["git", "-C", str(self.root), *identity, *words], check=True, capture_output=True)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "as it is")

    def path(self, stage: str, name: str) -> Path:
        return self.root / "stages" / stage / name

    def write(self, stage: str, name: str, text: str) -> None:
        self.path(stage, name).parent.mkdir(parents=True, exist_ok=True)
        self.path(stage, name).write_text(text, encoding="utf-8")

    def explain(self, stage: str, name: str) -> None:
        told = self.path(stage, "stage.toml").read_text(encoding="utf-8")
        self.write(stage, "stage.toml", f'{told}[changes."{name}"]\nen = "because"\nzh = "因为"\n')

    def texts(self, name: str) -> list[str]:
        """What each stage has under that name; "-" for nothing."""
        paths = [self.path(stage, name) for stage in STAGES]
        return [path.read_text().strip() if path.exists() else "-" for path in paths]

    def spread(self, *words: str | Path) -> int:
        return spread.main([str(word) for word in words], self.root)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """Its pages quote one session; nothing of this repository is touched."""
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "lib.sh").symlink_to(SESSIONS / "lib.sh")
    (pages / "sources.sh").write_text('source "$SESSIONS/lib.sh"\nrun "echo stages/"\n')
    (pages / "page.md").write_text("<!-- session: sources -->\n```console\n$ echo stages/\nstages/\n```\n")
    monkeypatch.setattr(reruns, "SESSIONS", pages)
    monkeypatch.setattr(docs, "REPO", pages)
    monkeypatch.setattr(docs, "FOLDERS", {Language.EN: pages})
    monkeypatch.setattr(docs, "READMES", {Language.EN: pages / "README.md"})
    return Clone(tmp_path / "a clone 克隆")


def told(capsys: pytest.CaptureFixture[str]) -> str:
    captured = capsys.readouterr()
    return captured.out + captured.err


# What is carried


def test_an_edit_reaches_every_later_stage_that_had_the_same_bytes(clone: Clone) -> None:
    clone.write("02_big_file", "shared.cpp", "edited\n")
    clone.explain("02_big_file", "shared.cpp")
    assert clone.spread(clone.path("02_big_file", "shared.cpp")) == 0
    assert clone.texts("shared.cpp") == ["no", "edited", "edited", "edited"]


def test_a_stage_with_other_bytes_is_passed_over(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    clone.write("01_small_file", "plumbing/odd.cpp", "edited\n")
    assert clone.spread(clone.path("01_small_file", "plumbing/odd.cpp")) == 0
    assert clone.texts("plumbing/odd.cpp") == ["edited", "edited", "odd", "edited"]
    assert "  03_waitall        left alone: in HEAD it had other bytes\n" in told(capsys)


def test_a_new_file_and_a_deleted_one(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    clone.write("01_small_file", "plumbing/deep/new.hpp", "new\n")
    clone.path("01_small_file", "shared.cpp").unlink()
    files = ("plumbing/deep/new.hpp", "shared.cpp")
    assert clone.spread(*(clone.path("01_small_file", name) for name in files)) == 0
    assert clone.texts("plumbing/deep/new.hpp") == ["new"] * 4
    assert clone.texts("shared.cpp") == ["-"] * 4
    assert "shared.cpp, deleted in 01_small_file:" in told(capsys)


def test_a_new_file_takes_the_place_of_no_other(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    clone.write("04_progress", "new.hpp", "its own\n")
    clone.explain("04_progress", "new.hpp")
    clone.commit()
    clone.write("01_small_file", "new.hpp", "new\n")
    assert clone.spread(clone.path("01_small_file", "new.hpp")) == 0
    assert clone.texts("new.hpp") == ["new", "new", "new", "its own"]


def test_what_somebody_has_edited_there_as_well_is_kept(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    clone.write("01_small_file", "shared.cpp", "edited\n")
    clone.write("03_waitall", "shared.cpp", "otherwise\n")
    assert clone.spread(clone.path("01_small_file", "shared.cpp")) == 1
    assert clone.texts("shared.cpp") == ["edited", "edited", "otherwise", "edited"]
    words = told(capsys)
    assert "  03_waitall        left alone: it has been edited here as well" in words
    assert "stages/03_waitall/stage.toml: say under [changes] why shared.cpp differs from 02_big_file" in words


def test_who_edits_on_spreads_again(clone: Clone) -> None:
    for text in ("edited", "edited again", "no"):
        clone.write("01_small_file", "shared.cpp", f"{text}\n")
        if text != "no":
            assert clone.spread(clone.path("01_small_file", "shared.cpp")) == 0
            assert clone.texts("shared.cpp") == [text] * 4


def test_what_was_carried_from_a_later_stage_is_kept(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    clone.write("02_big_file", "shared.cpp", "its lesson\n")
    clone.spread(clone.path("02_big_file", "shared.cpp"))
    clone.write("01_small_file", "shared.cpp", "edited\n")
    assert clone.spread(clone.path("01_small_file", "shared.cpp")) == 1
    assert clone.texts("shared.cpp") == ["edited", "its lesson", "its lesson", "its lesson"]


def test_an_edit_that_is_committed_already(clone: Clone) -> None:
    clone.write("01_small_file", "shared.cpp", "edited\n")
    clone.commit()
    assert clone.spread("--since", "HEAD~1", clone.path("01_small_file", "shared.cpp")) == 0
    assert clone.texts("shared.cpp") == ["edited"] * 4


def test_a_file_may_be_run_and_stays_so(clone: Clone) -> None:
    clone.write("01_small_file", "shared.cpp", "#!/bin/sh\n")
    clone.path("01_small_file", "shared.cpp").chmod(0o755)
    clone.spread(clone.path("01_small_file", "shared.cpp"))
    assert clone.path("04_progress", "shared.cpp").stat().st_mode & 0o111


# What quotes it


def test_mutants_that_no_longer_apply_are_named(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    (clone.root / "harness" / "mutants" / "03-says-yes.patch").write_text(PATCH)
    clone.write("01_small_file", "shared.cpp", "edited\n")
    clone.spread(clone.path("01_small_file", "shared.cpp"))
    assert "harness/mutants/03-says-yes.patch: no longer applies to 03_waitall" in told(capsys)


def test_a_mutant_without_its_header_is_named(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    (clone.root / "harness" / "mutants" / "03-new.patch").write_text("--- a/shared.cpp\n+++ b/shared.cpp\n")
    clone.write("01_small_file", "shared.cpp", "edited\n")
    assert clone.spread(clone.path("01_small_file", "shared.cpp")) == 1
    assert "harness/mutants/03-new.patch: its header has no line" in told(capsys)


def test_a_mutant_that_applies_is_not(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    (clone.root / "harness" / "mutants" / "03-says-yes.patch").write_text(PATCH.replace("shared", "other"))
    clone.write("01_small_file", "shared.cpp", "edited\n")
    assert clone.spread(clone.path("01_small_file", "shared.cpp")) == 0
    assert "mutants" not in told(capsys)


def test_a_stage_toml_that_is_no_longer_true_is_named(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    clone.write("03_waitall", "plumbing/odd.cpp", "even\n")
    assert clone.spread(clone.path("03_waitall", "plumbing/odd.cpp")) == 1
    words = told(capsys)
    for stage, before in (("03_waitall", "02_big_file"), ("04_progress", "03_waitall")):
        assert f"stages/{stage}/stage.toml: plumbing/odd.cpp is as in {before}: take it out of [changes]" in words


def test_pages_are_recorded_anew(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    page = docs.FOLDERS[Language.EN] / "page.md"
    right = page.read_text()
    page.write_text(right.replace("\nstages/\n", "\nsomething else\n"))
    clone.write("01_small_file", "shared.cpp", "edited\n")
    assert clone.spread(clone.path("01_small_file", "shared.cpp")) == 0
    assert page.read_text() == right
    assert "docs, sources: recorded anew" in told(capsys)


def test_sessions_that_quote_a_line_of_the_file_are_found() -> None:
    found = spread.quoting(["plumbing/send_file.cpp"])
    assert {"gdb-sigpipe", "cure-01", "code-05", "changes 2", "stages"} <= set(found)
    assert not {"stage-01-raw", "gdb-sigpipe"} & set(spread.quoting(["no_such_file.cpp"]))


# Bad input


@pytest.mark.parametrize(
    "words, why",
    [
        (["stages/01_small_file/shared.cpp"], "is as it was in HEAD: edit it first"),
        (["stages/01_small_file/shred.cpp"], "there is no such file, and there was none in HEAD"),
        (["stages/01_small_file/stage.toml"], "says what its own stage changes"),
        (["stages/01_small_file/plumbing"], "a folder: name the files in it"),
        (["stages/01_small_file"], "not in the folder of a stage"),
        (["stages/09_later/shared.cpp"], "not in the folder of a stage"),
        (["/etc/passwd"], "not in the folder of a stage"),
        (["--since", "no-such-commit", "stages/01_small_file/shared.cpp"], "no-such-commit: no commit in"),
    ],
)
def test_bad_input_gets_one_line(
    clone: Clone, words: Sequence[str], why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone.root)
    assert clone.spread(*words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("spread: ") and why in captured.err and captured.err.count("\n") == 1


def test_without_git_it_says_so(
    clone: Clone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert clone.spread(clone.path("01_small_file", "shared.cpp")) == 2
    assert "git: not found" in told(capsys)


def test_an_unpacked_archive_is_no_clone(clone: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    (clone.root / ".git").rename(clone.root / "no-git")
    assert clone.spread(clone.path("01_small_file", "shared.cpp")) == 2
    assert told(capsys).startswith(f"spread: HEAD: no commit in {clone.root}")


def test_nothing_is_carried_if_one_of_the_files_is_no_use(clone: Clone) -> None:
    clone.write("01_small_file", "shared.cpp", "edited\n")
    assert clone.spread(clone.path("01_small_file", "shared.cpp"), clone.path("01_small_file", "shred.cpp")) == 2
    assert clone.texts("shared.cpp") == ["edited", "no", "no", "no"]
