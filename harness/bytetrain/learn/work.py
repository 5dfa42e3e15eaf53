"""The work folder: where it is, which stages lie in it, and what ./lab knows of them.

It is a submission: work/01_small_file, work/02_big_file. What ./lab knows is one text file in it, made for people to
read and edit. A line is a key and its value, # begins a comment, and a line that we don't know is kept as it is:

    language c++
    stage 2                          what check and watch take if they are given no number
    verdict 02 client.sizes fail     the last one of each check: pass, fail, not-applicable, not-reached...
    passed 01 4f2a9c0d11d0f6a2       the whole stage has passed, and the fingerprint of its sources then
    hint client.sizes 2              the highest that was shown
    failed 02 client.sizes short_recv   what was told last, and whose hints help: the check's, or a classic mistake's
    reads zh                         in Chinese
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..course.folders import stage_dir, stages_of
from ..course.languages import Language
from ..course.paths import REPO, WORK_FOLDER
from ..telling.sizes import MiB
from ..telling.text import shell_word

STATE_FILE = "bytetrain.txt"
NEW_STATE = f".{STATE_FILE}.new"  # while it is written
_HEAD = f"# {STATE_FILE}: what ./lab knows of this folder. Read it, edit it; what is unknown here stays as it is."
_NO_SOURCES = ("build", "__pycache__", "compile_commands.json")  # and whatever begins with a dot


class NoWork(Exception):
    """There is no work folder; the message says how to make one."""


@dataclass(frozen=True)
class Work:
    """A work folder that is there, or will be."""

    folder: Path  # absolute

    @property
    def state(self) -> State:
        return State(self.folder)

    def stage_dir(self, stage: int) -> Optional[Path]:
        """None if it has not been laid out; ValueError if there is no such stage."""
        return stage_dir(self.folder, stage)

    def stages(self) -> list[int]:
        """Those that lie here, in order."""
        return stages_of(self.folder)

    @property
    def current(self) -> int:
        """The one that the student is at: as the state says, else the highest; NoWork if none lies here."""
        here, said = self.stages(), self.state.stage
        if not here:
            raise NoWork(f"no stage lies in {shell_word(str(self.folder))} yet: ./lab start 1")
        return said if said in here else here[-1]

    def command(self, *words: str) -> str:
        """How ./lab is told something about this folder, to be typed where we are: "./lab check 1"."""
        lab = "./lab" if os.path.realpath("lab") == str(REPO / "lab") else place(REPO / "lab")
        here: tuple[str, ...] = ("--in", place(self.folder))
        with contextlib.suppress(NoWork):
            if find() == self:
                here = ()
        return " ".join([lab, *words, *here])


def place(path: Path) -> str:
    """A path as one types it where we are, as a word for a shell: from here, unless that leads far up."""
    with contextlib.suppress(FileNotFoundError):  # the current folder has been removed
        from_here = os.path.relpath(path)
        if not from_here.startswith("../../../"):
            return shell_word(f"./{from_here}" if from_here.startswith("-") else from_here)
    return shell_word(str(path))


def find(start: Optional[Path] = None) -> Work:
    """The folder that was named; else the one that the current folder lies in; else work/ of the clone. NoWork if there
    is none."""
    if start is not None:
        named = absolute(start)
        if not is_work(named):
            raise NoWork(f"no stage lies in {place(named)}: ./lab start 1 --in {place(named)}")
        return Work(named)
    with contextlib.suppress(FileNotFoundError):  # the current folder has been removed
        here = Path.cwd()
        for folder in (here, *here.parents):
            if os.path.isfile(folder / STATE_FILE):
                return Work(folder)
    if not is_work(WORK_FOLDER):
        raise NoWork("nothing is laid out yet: ./lab start 1")
    return Work(WORK_FOLDER)


def absolute(named: Path) -> Path:
    """A folder that was named. A shell leaves the ~ of --in=~/work alone."""
    return Path(os.path.abspath(os.path.expanduser(named)))


def is_work(folder: Path) -> bool:
    """Whether it has a state, or stages: a state may have been lost."""
    return os.path.isfile(folder / STATE_FILE) or (os.path.isdir(folder) and bool(stages_of(folder)))


@dataclass(frozen=True)
class State:
    """What the text file says now: it is read whenever something is asked, as somebody may be editing it. What changes
    it raises OSError where the folder can't be written to."""

    folder: Path

    @property
    def language(self) -> str:
        """"c++", "c" or "python"."""
        return next((words[0] for words in self._values("language") if words), "c++")

    @property
    def reads(self) -> Language:
        """The language of what is said."""
        said = next((words[0] for words in self._values("reads") if words), "")
        return Language.ZH if said == Language.ZH.value else Language.EN

    @property
    def stage(self) -> int:
        """0 if it isn't said."""
        return next((int(words[0]) for words in self._values("stage") if words and words[0].isdecimal()), 0)

    def verdicts(self, stage: int) -> dict[str, str]:
        """The last known verdict of each check: {"client.sizes": "fail", "pair.at_once": "not reached"}."""
        values = self._values("verdict", f"{stage:02d}")
        return {words[0]: words[1].replace("-", " ") for words in values if len(words) == 2}

    def failure(self, stage: int) -> tuple[str, str]:
        """The check whose failure was told last, and what its hints are called by; two "" if none was."""
        known = [words for words in self._values("failed", f"{stage:02d}") if len(words) == 2]
        return (known[0][0], known[0][1]) if known else ("", "")

    def hint_level(self, check: str) -> int:
        """0 if no hint of it has been shown."""
        return next((int(words[0]) for words in self._values("hint", check) if words and words[0].isdecimal()), 0)

    def passed(self, stage: int) -> bool:
        """Whether the whole stage has passed as it is now."""
        folder = stage_dir(self.folder, stage)
        return folder is not None and [fingerprint(folder)] in self._values("passed", f"{stage:02d}")

    def begin(self, stage: int, language: str) -> None:
        """A stage has just been laid out: nothing is known of it."""
        with self._changing() as lines:
            gone = [(key, f"{stage:02d}") for key in ("verdict", "passed", "failed")]
            lines[:] = [each for each in lines if tuple(each.split()[:2]) not in gone]
            _put(lines, ("language",), language)
            _put(lines, ("stage",), str(stage))

    def read_in(self, language: Language) -> None:
        """What is said, from now on."""
        with self._changing() as lines:
            _put(lines, ("reads",), language.value)

    def at(self, stage: int) -> None:
        """The student is at this one now."""
        if stage != self.stage:
            with self._changing() as lines:
                _put(lines, ("stage",), str(stage))

    def record(self, stage: int, verdicts: Mapping[str, str]) -> None:
        """Of the checks that are given; what is known of others stays."""
        with self._changing() as lines:
            for check, verdict in verdicts.items():
                _put(lines, ("verdict", f"{stage:02d}", check), verdict.replace(" ", "-"))

    def failed(self, stage: int, check: str, hints: str) -> None:
        """A failure has been told."""
        with self._changing() as lines:
            _put(lines, ("failed", f"{stage:02d}"), f"{check} {hints}")

    def mark_passed(self, stage: int, sources: Optional[str] = None) -> None:
        """`sources`: the fingerprint of what was graded, as files may have been saved since."""
        folder = stage_dir(self.folder, stage)
        assert folder is not None, f"stage {stage} has not been laid out"
        with self._changing() as lines:
            _put(lines, ("passed", f"{stage:02d}"), sources or fingerprint(folder))
            lines[:] = [each for each in lines if each.split()[:2] != ["failed", f"{stage:02d}"]]

    def remember_hint(self, check: str, number: int) -> None:
        """That this one was shown."""
        if number > self.hint_level(check):
            with self._changing() as lines:
                _put(lines, ("hint", check), str(number))

    def _values(self, *key: str) -> list[list[str]]:
        """What stands behind a key, word by word, of each line that has it."""
        found = (line.partition("#")[0].split() for line in self._lines())
        return [words[len(key) :] for words in found if words[: len(key)] == [*key]]

    def _lines(self) -> list[str]:
        try:
            content = (self.folder / STATE_FILE).read_bytes()
        except FileNotFoundError:
            return [_HEAD]
        return content.decode("utf-8-sig", "surrogateescape").rstrip("\n").split("\n")

    @contextlib.contextmanager
    def _changing(self) -> Iterator[list[str]]:
        """The lines, to be edited; then they are written in one step: who reads meanwhile has the old or the new."""
        with _alone_in(self.folder):
            lines = self._lines()
            yield lines
            new = self.folder / NEW_STATE
            try:
                with new.open("w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                    file.write("\n".join(lines) + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                new.replace(self.folder / STATE_FILE)
            finally:
                new.unlink(missing_ok=True)


def _put(lines: list[str], key: tuple[str, ...], value: str) -> None:
    """The line that begins with these words, or a new one behind its like."""
    line = " ".join((*key, value))
    places = [number for number, each in enumerate(lines) if each.split()[: len(key)] == [*key]]
    if places:
        lines[places[0]] = line
        for number in reversed(places[1:]):
            del lines[number]
        return
    like = [number for number, each in enumerate(lines) if each.split()[:1] == [key[0]]]
    lines.insert(like[-1] + 1 if like else len(lines), line)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """check and watch may write at once: they take turns, where the file system has locks. See flock(2)."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def fingerprint(stage_folder: Path) -> str:
    """Of the sources of a stage, and of common/ beside it: the same as long as no file has another name or content. Of
    files above 1 MiB, which are none, only the size counts."""
    digest = hashlib.sha256()
    for file in source_files(stage_folder):
        with contextlib.suppress(OSError):  # it has just been removed, or is closed to us
            size = os.stat(file).st_size
            content = file.read_bytes() if size <= MiB else b""
            digest.update(os.fsencode(file.relative_to(stage_folder.parent)) + f"\0{size}\0".encode() + content)
    return digest.hexdigest()[:16]


def source_files(stage_folder: Path) -> list[Path]:
    """Of a stage, and of common/ beside it, sorted."""
    return [*sorted(_files(stage_folder)), *sorted(_files(stage_folder.with_name("common")))]


def _files(folder: Path) -> Iterator[Path]:
    """The regular files below it, but for what tools and editors make."""
    for where, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not is_made(each)]
        paths = (Path(where, each) for each in names if not is_made(each))
        yield from (each for each in paths if os.path.isfile(each))


def is_made(name: str) -> bool:
    """Whether a file or folder of that name comes from a tool or an editor: it is no source."""
    return name in _NO_SOURCES or name.startswith((".", "#", "cmake-build-")) or name.endswith(("~", ".pyc"))
