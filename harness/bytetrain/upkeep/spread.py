"""Carries an edit of a stage's file to every later stage that had the same bytes, and refreshes what quotes them.

    ./lab spread stages/02_big_file/pool.cpp     edited, new or deleted since the last commit
    ./lab spread --since HEAD~2 FILE...          since an earlier one: the edit is committed already

A later stage counts if its file, at that commit, had the bytes that the edited one had, even where a stage between
them had others (what a stage has given up may look as it did before); for a new file, if it had none either. A file
that has been edited there as well is left alone, and so is one whose bytes were others: what it did, and what it left
alone and why, is said. Then the docs' tables, and the sessions that quote sources, are recorded anew; mutants that no
longer apply, and a stage.toml that is no longer true, are named. Status 0: nothing is left to do; 1: something is; 2:
the command line is no use.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Optional

from .. import Failure
from ..course.catalogue import load_stage
from ..course.paths import REPO
from ..docs.pages import blocks, check, pages
from ..docs.reruns import script_of
from ..programs.sessions import prepare
from ..telling.ending import end_with
from .mutants import Unusable, load_all

PATCHED = re.compile(r"^--- a/(\S+)", re.MULTILINE)


class NotSpread(Exception):
    """Nothing can be carried, and nothing was: the thing, the cause, what to do, in one line."""


@dataclass(frozen=True)
class Edit:
    """What has happened to one file of a stage."""

    stage: str  # the folder's name: "02_big_file"
    name: str  # of the file in it: "plumbing/network.cpp"
    before: Optional[bytes]  # at the commit; None: there was none
    now: Optional[bytes]  # None: it is gone

    @property
    def kind(self) -> str:
        return "new" if self.before is None else "deleted" if self.now is None else "edited"


class Tree:
    """The stages of a clone, as they are and as they were at one of its commits."""

    def __init__(self, root: Path, since: str = "HEAD") -> None:
        self.root = root.resolve()
        self.since = since
        self.stages = sorted(path.name for path in self.root.glob("stages/[0-9][0-9]_*") if path.is_dir())
        self._carried = self.root / "build" / "spread.json"  # what was put where, by which stage: see `_mark`
        if self._git("rev-parse", "--verify", "--quiet", f"{since}^{{commit}}") is None:
            raise NotSpread(
                f"{since}: no commit in {self.root}: what a file was before the edit is read from git; work in a "
                "clone, and name a commit that it has"
            )

    def _git(self, *words: str) -> Optional[bytes]:
        """What git prints; None if it fails."""
        try:
            done = subprocess.run(["git", "-C", str(self.root), *words], stdin=subprocess.DEVNULL, capture_output=True)
        except FileNotFoundError:
            raise NotSpread("git: not found: what a file was before the edit is read from it; install git") from None
        return done.stdout if done.returncode == 0 else None

    def path(self, stage: str, name: str) -> Path:
        return self.root / "stages" / stage / name

    def before(self, stage: str, name: str) -> Optional[bytes]:
        return self._git("show", f"{self.since}:./stages/{stage}/{name}")

    def now(self, stage: str, name: str) -> Optional[bytes]:
        path = self.path(stage, name)
        return path.read_bytes() if path.is_file() else None

    def edit(self, file: Path) -> Edit:
        """What has happened to `file`; NotSpread if it is no edited file of a stage."""
        path = file.parent.resolve() / file.name
        parts = path.relative_to(self.root).parts if self.root in path.parents else ()
        if len(parts) < 3 or parts[0] != "stages" or parts[1] not in self.stages:
            raise NotSpread(f"{file}: not in the folder of a stage: name it as stages/02_big_file/pool.cpp")
        stage, name = parts[1], "/".join(parts[2:])
        if name == "stage.toml":
            raise NotSpread(f"{file}: says what its own stage changes, and is never carried to another: edit each")
        if path.is_dir():
            raise NotSpread(f"{file}: a folder: name the files in it that are to be carried")
        found = Edit(stage, name, self.before(stage, name), self.now(stage, name))
        if found.before is None and found.now is None:
            raise NotSpread(f"{file}: there is no such file, and there was none in {self.since}: look at the name")
        if found.before == found.now:
            raise NotSpread(
                f"{file}: is as it was in {self.since}: edit it first, or say with --since which commit to compare with"
            )
        return found

    def carry(self, edit: Edit) -> Iterator[tuple[str, str]]:
        """Brings the edit to the later stages, and tells of each: (its name, what was done or why not)."""
        for stage in self.stages[self.stages.index(edit.stage) + 1 :]:
            before, now = self.before(stage, edit.name), self.now(stage, edit.name)
            if before != edit.before:
                yield stage, f"left alone: in {self.since} it had {'none' if before is None else 'other bytes'}"
            elif now == edit.now:
                yield stage, "has it already"
            elif now != before and not self._is_ours(stage, edit, now):
                yield stage, "left alone: it has been edited here as well; carry it by hand, or take that edit back"
            else:
                self._put(stage, edit)
                yield stage, "carried" if edit.now is not None else "deleted as well"

    def _put(self, stage: str, edit: Edit) -> None:
        path = self.path(stage, edit.name)
        if edit.now is None:
            path.unlink(missing_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(edit.now)
            path.chmod(self.path(edit.stage, edit.name).stat().st_mode & 0o777)
        self._carried.parent.mkdir(exist_ok=True)
        known = {**self._known(), self._key(stage, edit.name): _mark(edit.stage, edit.now)}
        self._carried.write_text(json.dumps(known, indent=1))

    def _is_ours(self, stage: str, edit: Edit, content: Optional[bytes]) -> bool:
        """Whether an earlier run brought it from the same stage: whoever edits on spreads again."""
        return self._known().get(self._key(stage, edit.name)) == _mark(edit.stage, content)

    def _known(self) -> dict[str, str]:
        known: dict[str, str] = json.loads(self._carried.read_text()) if self._carried.is_file() else {}
        return known

    def _key(self, stage: str, name: str) -> str:
        return f"stages/{stage}/{name}"

    def untrue(self, name: str) -> Iterator[str]:
        """What the stages' stage.toml say of a file, and shouldn't; or don't say, and should."""
        for before, after in pairwise(self.stages):
            differs = self.now(before, name) != self.now(after, name)
            told = name in load_stage(self.root / "stages" / after).changes
            if differs and not told:
                yield f"stages/{after}/stage.toml: say under [changes] why {name} differs from {before}; spread again"
            if told and not differs:
                yield f"stages/{after}/stage.toml: {name} is as in {before}: take it out of [changes]; spread again"

    def misfits(self, names: Collection[str]) -> Iterator[str]:
        """The mutants of one of these files that no longer apply."""
        try:
            mutants = load_all(folder=self.root / "harness" / "mutants")
        except Unusable as why:
            yield f"harness/mutants/{why}"
            return
        for mutant in mutants:
            stage = next((each for each in self.stages if int(each[:2]) == mutant.stage), None)
            if stage is None or not set(PATCHED.findall(mutant.path.read_text(encoding="utf-8"))) & set(names):
                continue
            command = ["patch", "-p1", "--fuzz=0", "--force", "--dry-run", "-d", str(self.root / "stages" / stage)]
            done = subprocess.run([*command, "-i", str(mutant.path)], stdin=subprocess.DEVNULL, capture_output=True)
            if done.returncode != 0:
                yield f"harness/mutants/{mutant.path.name}: no longer applies to {stage}: harness/mutants/README.md"


def _mark(stage: str, content: Optional[bytes]) -> str:
    """What was carried: from which stage, and its hash."""
    return f"{stage} {hashlib.sha256(content).hexdigest() if content is not None else 'none'}"


def quoting(names: Collection[str]) -> list[str]:
    """The docs' tables, the sessions that read the sources of stages, and those that quote a line of one of these
    files."""
    files = {name.rpartition("/")[2] for name in names}
    found = set()
    for block in (each for _, page in pages() for each in blocks(page)):
        if block.kind == "generated":
            found.add(block.name)
            continue
        reads_sources = "stages/" in script_of(block.session).read_text(encoding="utf-8")
        if reads_sources or any(each in block.text for each in files):
            found.add(block.session)
    return sorted(found)


def record(names: Collection[str]) -> Iterator[str]:
    """Makes these sessions and tables anew, on all pages that quote them; tells which could not be."""
    for name in names:
        try:
            result = check(name, record=True)
        except Failure as why:
            yield f"docs, {name}: {why}"
            continue
        if result.skipped:
            yield f"docs, {name}: not looked at: {result.skipped}"
        elif result.differences:
            print(f"docs, {name}: recorded anew; look at the words around it", flush=True)


def main(arguments: Optional[Sequence[str]] = None, root: Path = REPO) -> int:
    """Understands the command line, and gives the status."""
    parser = argparse.ArgumentParser(prog="./lab spread", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="an edited, new or deleted file of a stage")
    parser.add_argument("--since", default="HEAD", metavar="COMMIT", help="what it was before the edit (default: HEAD)")
    options = parser.parse_args(arguments)
    try:
        tree = Tree(root, options.since)
        edits = [tree.edit(file) for file in options.files]
    except NotSpread as why:
        print(f"spread: {why}", file=sys.stderr)
        return 2
    for edit in edits:
        print(f"{edit.name}, {edit.kind} in {edit.stage}:")
        for stage, what in tree.carry(edit):
            print(f"  {stage:<16}  {what}")
    names = {edit.name for edit in edits}
    left = [each for name in sorted(names) for each in tree.untrue(name)]
    left += [*tree.misfits(names), *record(quoting(names))]
    if left:
        print("\nleft to do by hand:")
        print("\n".join(f"  {each}" for each in left))
    return 1 if left else 0


if __name__ == "__main__":
    prepare()
    end_with(main)
