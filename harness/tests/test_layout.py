"""./lab start and ./lab reset: what they lay out, what they refuse, and that no byte is ever lost."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bytetrain.course.paths import HARNESS, REPO, STAGES, STARTS
from bytetrain.course.traits import stage_numbers
from bytetrain.judging.machine import like_anybody
from bytetrain.learn import begin
from bytetrain.learn.layout import LANGUAGES
from bytetrain.learn.work import Work, find

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
FIRST = "01_small_file"
BEGIN = [sys.executable, "-I", str(HARNESS / "run.py"), "bytetrain.learn.begin"]


class Lab:
    """./lab, told something about one work folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.work, self._capsys = Work(folder), capsys
        self.said = ""

    def __call__(self, *words: str, status: int = 0) -> str:
        found = begin.main([*words, f"--in={self.work.folder}"])
        captured = self._capsys.readouterr()
        assert found == status, captured
        self.said = captured.err if status else captured.out
        return self.said

    def __getitem__(self, name: str) -> Path:
        return self.work.folder / name


@pytest.fixture
def lab(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Lab:
    """In a folder that isn't there yet, with a git that nobody has told who they are."""
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Lab(tmp_path / "my work", capsys)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()


# What is laid out


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_stage_is_a_skeleton_of_that_language(lab: Lab, language: str) -> None:
    said = lab("start", "1", "--language", language)
    assert lab.work.stages() == [1] and lab.work.state.language == language
    assert tree(lab[FIRST]) == tree(STARTS / LANGUAGES[language][0])
    assert (lab["CMakeLists.txt"].exists(), lab[".gitignore"].exists()) == (language != "python", True)
    assert lab["lab"].resolve() == REPO / "lab"
    assert f"'my work/{FIRST}'" in said and "1/7 A server and a client without a pool" in said
    assert "check --in 'my work'" in said
    for script in (each for each in lab[FIRST].iterdir() if each.is_file() and each.read_bytes()[:2] == b"#!"):
        assert os.access(script, os.X_OK)


@pytest.mark.parametrize("stage", stage_numbers()[1:])
def test_a_later_stage_begins_as_the_reference_before_it(lab: Lab, stage: int) -> None:
    lab("start", str(stage), "--from", "reference", "--no-git")
    [folder] = lab.work.folder.glob("0*")
    [before], [here] = STAGES.glob(f"{stage - 1:02d}_*"), STAGES.glob(f"{stage:02d}_*")
    theirs = {name: content for name, content in tree(before).items() if not name.startswith(("tests/", "stage.toml"))}
    assert folder.name == here.name
    both = "send_file.cpp receive_file.cpp"  # the other side has to speak the new format, too
    begins = {2: "send_file.cpp", 3: "train.cpp", 4: both, 5: both, 6: "pool.cpp"}[stage].split()
    opened = next(line for line in lab.said.splitlines() if line.startswith("  open "))
    assert re.findall(r"/(\w+\.cpp)'", opened) == begins
    assert {**theirs, "CMakeLists.txt": (STARTS / "cpp" / "CMakeLists.txt").read_bytes()} == tree(folder)


@pytest.mark.parametrize("stage", stage_numbers())
def test_the_skeleton_s_build_takes_every_source_that_the_reference_names(stage: int) -> None:
    [folder] = STAGES.glob(f"{stage:02d}_*")
    library = (folder / "CMakeLists.txt").read_text().partition("add_library(")[2].partition(")")[0]
    found = {str(each.relative_to(folder)) for place in (folder, folder / "plumbing") for each in place.glob("*.cpp")}
    assert set(re.findall(r"[\w/]+\.cpp", library)) == found - {"server.cpp", "client.cpp"}


def test_what_no_lesson_touches_is_the_reference_s() -> None:
    name = "plumbing/system.hpp"
    assert (STARTS / "cpp" / name).read_bytes() == (STAGES / FIRST / name).read_bytes()


def test_a_later_stage_goes_on_from_one_s_own_once_that_passes(lab: Lab) -> None:
    lab("start", "1")
    mine = lab[FIRST]
    (mine / "train.cpp").write_text("// mine")
    (mine / "build").mkdir()
    (mine / "build" / "CMakeCache.txt").touch()
    (mine / "link").symlink_to("train.cpp")
    os.mkfifo(mine / "fifo")
    assert "has not passed" in lab("start", "2", status=1) and "--from reference" in lab.said
    assert lab.work.stages() == [1]
    lab.work.state.mark_passed(1)
    assert "a copy of your stage 01" in lab("start", "2") and "02_big_file/server.cpp'\n" in lab.said
    (mine / "fifo").unlink()
    shutil.rmtree(mine / "build")
    assert tree(lab["02_big_file"]) == tree(mine) and (lab["02_big_file"] / "link").is_symlink()
    assert (lab.work.current, lab.work.state.passed(2)) == (2, False)
    (mine / "train.cpp").write_text("// changed since")
    assert "has not passed as it is now" in lab("reset", "2", status=1)
    lab("reset", "2", "--from", "mine")
    assert (lab["02_big_file"] / "train.cpp").read_text() == "// changed since"


def test_without_the_stage_before_the_reference_s_is_offered(lab: Lab) -> None:
    said = lab("start", "3", status=1)
    assert "no stage 02 of yours" in said and "start 3 --from reference" in said and not lab.work.folder.exists()


def test_who_reads_chinese_is_told_so_from_then_on(lab: Lab) -> None:
    assert "铺好了" in lab("start", "1", "--lang", "zh")
    assert "铺好了" in lab("start", "2", "--from", "mine") and "docs/zh-CN/stage-02.md" in lab.said


# Nothing is lost


def test_what_is_there_stays(lab: Lab) -> None:
    lab.work.folder.mkdir()
    for name in (".gitignore", "CMakeLists.txt", "notes.txt"):
        lab[name].write_text("mine")
    lab("start", "1")
    assert {lab[name].read_text() for name in (".gitignore", "CMakeLists.txt", "notes.txt")} == {"mine"}
    assert not lab[".git"].exists()  # there is more in it than what was laid out
    (lab[FIRST] / "server.cpp").write_text("mine")
    assert "is there already" in lab("start", "1", status=1)
    assert (lab[FIRST] / "server.cpp").read_text() == "mine"


def test_what_is_no_folder_is_not_replaced(lab: Lab) -> None:
    lab.work.folder.mkdir()
    lab[FIRST].write_text("mine")
    assert "was not laid out" in lab("start", "1", status=1)
    assert lab[FIRST].read_text() == "mine" and not list(lab.work.folder.glob(".laying*"))


def test_reset_keeps_what_was_there(lab: Lab) -> None:
    lab("start", "1", "--language", "c")
    for text in ("first", "second"):
        (lab[FIRST] / "server.c").write_text(text)
        lab.work.state.record(1, {"client.sizes": "pass"})
        assert "kept" in lab("reset", "1")
        assert lab.work.state.verdicts(1) == {} and tree(lab[FIRST]) == tree(STARTS / "c")
    kept = sorted(lab["kept"].iterdir())
    assert sorted((each / "server.c").read_text() for each in kept) == ["first", "second"]
    shutil.rmtree(lab[FIRST])
    assert "to begin anew" in lab("reset", "1", status=1)


def test_who_stands_in_a_stage_is_told_where_to_go(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab("start", "1")
    monkeypatch.chdir(lab[FIRST])
    assert f"you are there  cd ../../{FIRST}\n" in lab("reset", "1")


# Runs begin.main in a child of its own, which is killed when it has come to the n-th step: for n = 1, 2, 3...
KILLED = """
import os, shutil, signal, sys
from bytetrain.learn import begin

template, folder, *words = sys.argv[1:]
steps = {"os.rename", "os.mkdir", "os.rmdir", "shutil.copyfile", "subprocess.Popen"}

def run(last, folder):
    taken = 0
    def step(event, _):
        nonlocal taken
        if event in steps:
            taken += 1
            if taken == last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(step)
    os._exit(begin.main([*words, f"--in={folder}"]))

for number in range(1, 1000):
    copy = f"{folder}/{number}"
    shutil.copytree(template, copy)
    child = os.fork()
    if child == 0:
        run(number, copy)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(os.WEXITSTATUS(status) or (number < 15 and 3))
"""


def killed_everywhere(tmp_path: Path, template: Path, *words: str) -> list[Path]:
    """Copies of a work folder, in each of which ./lab was killed one step later than in the one before."""
    (tmp_path / "killed").mkdir()
    command = [sys.executable, "-c", KILLED, str(template), str(tmp_path / "killed"), *words]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(HARNESS)}, stdout=subprocess.DEVNULL)
    assert done.returncode == 0
    return list((tmp_path / "killed").iterdir())


@pytest.mark.parametrize("git_too", [pytest.param(True, marks=needs_git), False])
def test_start_killed_in_the_middle_lays_nothing_out_by_halves(
    git_too: bool, tmp_path: Path, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    for folder in killed_everywhere(
        tmp_path, tmp_path / "empty", "start", "1", "--language=c", *([] if git_too else ["--no-git"])
    ):
        if (folder / FIRST).exists():
            assert tree(folder / FIRST) == tree(STARTS / "c")
        else:
            Lab(folder, capsys)("start", "1", "--language=c")
            assert not list(folder.glob(".laying*"))
        assert tree(folder / FIRST) == tree(STARTS / "c")
        if git_too:
            assert git(folder, "status", "--porcelain") == "" and git(folder, "fsck", "--strict") == ""


def test_reset_killed_in_the_middle_loses_nothing(
    tmp_path: Path, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    lab("start", "1", "--language=c", "--no-git")
    (lab[FIRST] / "train.c").write_text("mine")
    for folder in killed_everywhere(tmp_path, lab.work.folder, "reset", "1"):
        [mine] = folder.rglob("train.c")
        assert mine.read_text() == "mine" and tree(mine.parent) == tree(lab[FIRST])
        if not (folder / FIRST).exists():
            Lab(folder, capsys)("start", "1")
        assert mine.parent.name == FIRST or tree(folder / FIRST) == tree(STARTS / "c")
        assert mine.read_text() == "mine"


@pytest.mark.parametrize("call", ["shutil.copyfile", "os.fsync"])
def test_a_full_disk_leaves_all_as_it_was(call: str, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab("start", "1")
    before = tree(lab.work.folder)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(call, full)
    assert "No space left on device" in lab("reset", "1", status=1)
    assert tree(lab.work.folder) == before and not lab["kept"].exists()


# Places, names, git


def test_a_place_that_can_t_be_written_to_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed").chmod(0o555)
    for folder in (tmp_path / "closed", tmp_path / "closed" / "new"):
        command = [*like_anybody(), *BEGIN, "start", "1"]
        done = subprocess.run([*command, f"--in={folder}"], stderr=subprocess.PIPE, text=True)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert f"{folder.name}: Permission denied; stage 01 was not laid out" in done.stderr
    assert list((tmp_path / "closed").iterdir()) == []


ODD_NAMES = ["a b", "it's", "-x", "new\nline", "\x1b[31m", os.fsdecode(b"\xff\xfe"), "工作", "$HOME"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_may_be_called_anything(name: str, tmp_path: Path) -> None:
    command = [*BEGIN, "start", "1", "--no-git", f"--in={name}"]
    said = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout
    assert b"\x1b" not in said and said.count(b"\n") == 7
    [then] = [line.partition(b" then ")[2] for line in said.splitlines() if b" then " in line]
    script = b'eval "set -- $1" && printf "%s\\0" "$@"'
    words = subprocess.run([b"bash", b"-c", script, b"-", then], cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    _, check, option, folder = words.stdout.split(b"\0")[:-1]
    assert (check, option) == (b"check", b"--in") and (tmp_path / os.fsdecode(folder) / FIRST).is_dir()


def test_the_kit_s_own_folders_are_no_work_folders(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (REPO, STAGES, REPO / "harness" / "x"):
        assert "belongs to the kit" in Lab(folder, capsys)("start", "1", status=1)


@needs_git
def test_the_first_commit_is_made_even_by_nobody(lab: Lab) -> None:
    lab("start", "1")
    assert git(lab.work.folder, "log", "--format=%an %s") == "student As ./lab start laid it out"
    assert git(lab.work.folder, "status", "--porcelain") == ""
    lab("start", "2", "--from", "mine")
    assert git(lab.work.folder, "status", "--porcelain") == "?? 02_big_file/"  # the rest is the student's
    assert git(lab.work.folder, "config", "--local", "--list").count("user.") == 0


@needs_git
def test_who_has_a_name_is_the_author(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[user]\nname = Ada\nemail = ada@example.org\n[commit]\ngpgSign = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "of a hook"))
    lab("start", "1")
    monkeypatch.delenv("GIT_DIR")
    assert git(lab.work.folder, "log", "--format=%an <%ae>") == "Ada <ada@example.org>"


@needs_git
def test_in_a_repository_none_is_made(lab: Lab, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert "lies in a repository already" in lab("start", "1")
    assert not lab[".git"].exists()


def test_without_git_there_is_no_history_and_all_else(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in lab("start", "1") and lab.work.stages() == [1]


def test_what_is_laid_out_can_be_edited_whatever_the_kit_s_files_are(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shutil.copytree(STARTS, tmp_path / "starts")
    for each in (tmp_path / "starts").rglob("*"):
        each.chmod(0o555 if each.is_dir() else 0o444)
    monkeypatch.setattr("bytetrain.learn.layout.STARTS", tmp_path / "starts")
    lab("start", "1", "--language", "python", "--no-git")
    for each in (lab[FIRST], *lab[FIRST].rglob("*"), lab[".gitignore"]):
        assert each.stat().st_mode & stat.S_IWUSR
    assert os.access(lab[FIRST] / "server", os.X_OK)
    for each in (tmp_path / "starts").rglob("*"):
        each.chmod(0o755)


def test_another_language_may_be_begun_with(lab: Lab) -> None:
    lab("start", "1", "--no-git")
    lab("reset", "1", "--language", "python")
    assert lab.work.state.language == "python" and tree(lab[FIRST]) == tree(STARTS / "python")
    shutil.rmtree(lab[FIRST])
    assert "in Python" in lab("start", "1")


def test_a_tilde_that_the_shell_has_left_is_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert begin.main(["start", "1", "--no-git", "--in=~/my work"]) == 0
    assert find(Path("~/my work")).folder == tmp_path / "my work"
