"""Lays a stage out in a work folder, or lays it out anew, and never loses a byte: what is laid out is made in a folder
beside its place and moved there when it is complete; what is there is not written over, or is moved to kept/ before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..course.folders import stage_dir
from ..course.languages import Bilingual
from ..course.paths import REPO, STAGES, STARTS
from ..programs.workplace import remove
from . import history
from .work import NEW_STATE, STATE_FILE, Work

LANGUAGES = {"c++": ("cpp", "C++"), "c": ("c", "C"), "python": ("python", "Python")}  # their folder, their name
SCRATCH = ".laying-out-"  # how the names of those folders begin
_NOT_COPIED = ("build", "__pycache__", ".git", ".cache", "compile_commands.json")
_OF_THE_REFERENCE = ("tests", "stage.toml", "CMakeLists.txt")  # the last one is the skeleton's, which has no tests


@dataclass(frozen=True)
class Origin:
    """What a stage begins as a copy of."""

    folder: Path
    words: Bilingual
    language: str
    is_reference: bool = False

    @classmethod
    def skeleton(cls, language: str) -> Origin:
        """Of the first stage."""
        folder, name = LANGUAGES[language]
        return cls(STARTS / folder, Bilingual(f"a skeleton in {name}", f"{name} 写的骨架"), language)

    @classmethod
    def reference(cls, stage: int) -> Origin:
        """As it is read in stages/, without its tests."""
        words = Bilingual(f"a copy of the reference's stage {stage:02d}", f"参考实现的阶段 {stage:02d} 的副本")
        return cls(_folder_of_reference(stage), words, "c++", is_reference=True)

    @classmethod
    def own(cls, work: Work, stage: int, folder: Path) -> Origin:
        """What the student has built."""
        words = Bilingual(f"a copy of your stage {stage:02d}", f"你的阶段 {stage:02d} 的副本")
        return cls(folder, words, work.state.language)

    def leaves_out(self, where: str, names: list[str]) -> list[str]:
        """For shutil.copytree: what tools have made, and what is neither file nor folder."""
        made = [each for each in names if each in _NOT_COPIED or each.startswith("cmake-build-")]
        special = [each for each in names if not any(
            kind(os.path.join(where, each)) for kind in (os.path.isfile, os.path.isdir, os.path.islink))]
        at_the_top = self.is_reference and Path(where) == self.folder
        return [*made, *special, *(_OF_THE_REFERENCE if at_the_top else ())]


def _folder_of_reference(stage: int) -> Path:
    folder = stage_dir(STAGES, stage)
    assert folder is not None, f"the reference has no stage {stage}"
    return folder


@dataclass(frozen=True)
class Laid:
    """What has come of it."""

    stage: Path
    kept: Optional[Path]  # where that is which was there before
    no_history: str  # why the folder has no repository; "" if it has one, or need have none


def lay_out(work: Work, stage: int, origin: Origin, *, git: bool) -> Laid:
    """Puts a stage in its place; what is there is moved aside. OSError if it can't be done: nothing is lost then."""
    work.folder.mkdir(parents=True, exist_ok=True)
    old = work.stage_dir(stage)
    with _scratch(work.folder) as scratch:
        tree, target = scratch / "tree", old or work.folder / _folder_of_reference(stage).name
        _copy(origin, tree / target.name)
        _copy_common(tree, origin.language)
        _link_lab(tree, work.folder)
        no_history = _add_history(work.folder, tree, scratch) if git else ""
        work.state.begin(stage, origin.language)
        kept = _move_aside(work.folder, old) if old is not None else None
        for each in sorted(os.listdir(tree), key=lambda name: name == target.name):  # the stage last: then all is there
            if each == target.name or not os.path.lexists(work.folder / each):
                os.rename(tree / each, work.folder / each)  # fails if somebody has put a stage there meanwhile
    return Laid(target, kept, no_history)


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder beside the stages, which goes at the end; and so do those of runs that were killed, whose lock nobody
    holds any more: flock(2)."""
    for left in folder.glob(f"{SCRATCH}*"):
        with contextlib.suppress(OSError), _locked(left):
            remove(left)
    scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=folder))
    try:
        with _locked(scratch):
            yield scratch
    finally:
        remove(scratch)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """OSError if somebody else has it."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(lock)


def _copy(origin: Origin, target: Path) -> None:
    shutil.copytree(origin.folder, target, symlinks=True, ignore=origin.leaves_out)
    if origin.is_reference:
        shutil.copy(STARTS / "cpp" / "CMakeLists.txt", target)
    _make_writable(target)


def _copy_common(tree: Path, language: str) -> None:
    """What lies beside the stages."""
    for source in [STARTS / "common"] + ([] if language == "python" else [STARTS / "cmake"]):
        shutil.copytree(source, tree, dirs_exist_ok=True)
        _make_writable(tree)


def _link_lab(tree: Path, folder: Path) -> None:
    """So that ./lab is said in there as in the clone, by an editor's tasks too; where a file system has links."""
    inside = REPO in Path(os.path.realpath(folder)).parents  # then it stays right when the clone is moved
    with contextlib.suppress(OSError):
        (tree / "lab").symlink_to(os.path.relpath(REPO / "lab", os.path.realpath(folder)) if inside else REPO / "lab")


def _make_writable(folder: Path) -> None:
    """The kit may be read-only; its copy is the student's. And scripts are executable, wherever they come from."""
    for where, _, names in os.walk(folder):
        os.chmod(where, os.stat(where).st_mode | 0o700)
        for path in (Path(where, each) for each in names):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o600)
                with path.open("rb") as file:
                    if file.read(2) == b"#!":
                        path.chmod(path.stat().st_mode | 0o111)


def _add_history(folder: Path, tree: Path, scratch: Path) -> str:
    """Puts a repository beside what is laid out first, in a folder where nothing else is. Returns why there is none."""
    if not {STATE_FILE, NEW_STATE, scratch.name, *os.listdir(tree)}.issuperset(os.listdir(folder)):
        return ""
    try:
        os.rename(history.make(folder, tree, scratch), tree / ".git")
        return ""
    except history.NoHistory as why:
        return str(why)


def _move_aside(folder: Path, old: Path) -> Path:
    """To kept/01_small_file-20261130-163005."""
    name = f"{old.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    kept, count = folder / "kept" / name, 1
    kept.parent.mkdir(exist_ok=True)
    while os.path.lexists(kept):
        count += 1
        kept = kept.with_name(f"{name}-{count}")
    os.rename(old, kept)
    return kept
