"""Prepares clang-tidy's work, which is long: for each source it reads all of GoogleTest and the standard library.

- A source that is byte-identical to another one, as are all files of its stage that it includes, is looked at once.
- The unit tests of a stage are one source, as in their build. They stand in it one behind the other, not as #include:
  some checks, and the analyzer, look at functions of the main file only.

usage: tidy_database.py BUILD_FOLDER NEW_FOLDER  writes a compile_commands.json for clang-tidy, from that of a build
       tidy_database.py <LOG                     clang-tidy's words, with the places as the files of the tests have them
"""

import hashlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+([<"])([^">]+)[">].*$', re.MULTILINE)
BEGINS = "// clang-tidy reads here: "  # before the lines of a file
PLACE = re.compile(r"([^\s:]+_tests\.cpp):(\d+)")


def includes(path: Path) -> list[str]:
    """What is included by "name"."""
    return [name for sign, name in INCLUDE.findall(path.read_text(encoding="utf-8")) if sign == '"']


def with_includes(source: Path, stage: Path, seen: set[Path]) -> list[Path]:
    """The source and the headers of its stage that it includes, in the order in which they are reached."""
    source = source.resolve()
    if source in seen or not source.is_file():
        return []
    seen.add(source)
    found = [source]
    for name in includes(source):
        for folder in (source.parent, stage):
            found += with_includes(folder / name, stage, seen)
    return found


def stage_of(source: Path) -> Path:
    """The nearest folder above that builds by itself: the sources below name its headers from there."""
    return next(folder for folder in source.resolve().parents if (folder / "CMakeLists.txt").is_file())


def fingerprint(source: Path) -> str:
    stage, digest = stage_of(source), hashlib.sha256()
    for path in with_includes(source, stage, set()):
        digest.update(str(path.relative_to(stage)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def one_behind_the_other(sources: list[Path]) -> str:
    """The sources as one: first what they include, each header once, then the rest of each. What a source includes
    twice still stands in it, and is a finding."""
    headers: dict[str, str] = {}
    parts = []
    for source in sources:
        own: set[str] = set()

        def hoist(found: re.Match[str]) -> str:
            name = found[2]
            if name in own:
                return found[0]
            own.add(name)
            headers.setdefault(name, found[0].strip())
            return ""

        parts.append(f"{BEGINS}{source}\n" + INCLUDE.sub(hoist, source.read_text(encoding="utf-8")))
    return "\n".join([*headers.values(), *parts])


def thin_out(build: Path, thinned: Path) -> None:
    seen: set[str] = set()
    entries: list[dict[str, Any]] = []
    total = 0
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        source, words = Path(entry["file"]), shlex.split(entry["command"])
        written_by_cmake = build in source.parents  # it includes the unit tests of a stage
        files = [Path(name) for name in includes(source)] if written_by_cmake else [source]
        new = {mark: each for each in files if (mark := fingerprint(each)) not in seen}
        seen |= new.keys()
        total += len(files)
        if new and written_by_cmake:
            stage = stage_of(files[0])
            together = thinned / f"{stage.name}_tests.cpp"
            together.write_text(one_behind_the_other(list(new.values())), encoding="utf-8")
            words[words.index(str(source))] = str(together)
            words.insert(1, f"-I{stage}/tests")
            source = together
        if new:
            entries.append({"directory": entry["directory"], "file": str(source), "arguments": words})
    (thinned / "compile_commands.json").write_text(json.dumps(entries, indent=1), encoding="utf-8")
    print(f"{len(seen)} of {total} sources differ; clang-tidy runs {len(entries)} times")


def in_their_files(log: Iterator[str]) -> Iterator[str]:
    """The lines of a log with the places as the files have them."""

    def place(found: re.Match[str]) -> str:
        path, line = Path(found[1]), int(found[2])
        if not path.is_file():
            return found[0]
        before = path.read_text(encoding="utf-8").splitlines()[: line - 1]
        begins = [number for number, text in enumerate(before, 1) if text.startswith(BEGINS)]
        return f"{before[begins[-1] - 1][len(BEGINS):]}:{line - begins[-1]}" if begins else found[0]

    for text in log:
        yield PLACE.sub(place, text)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.stdout.writelines(in_their_files(sys.stdin))
    else:
        Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
        thin_out(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
