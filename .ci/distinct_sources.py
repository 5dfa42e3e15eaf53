"""Thins out a compilation database: one entry for each source that differs, in text or in what it includes.

Most files of a stage are byte-identical to those of the stage before, and clang-tidy takes seconds for each. A source
is left out only if the source itself and every header of its stage that it includes, directly or not, have been seen
before.

usage: distinct_sources.py BUILD_FOLDER NEW_FOLDER
"""

import hashlib
import json
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def with_includes(source: Path, seen: set[Path]) -> list[Path]:
    """The source and the headers of its stage that it includes, in the order in which they are reached."""
    if source in seen or not source.is_file():
        return []
    seen.add(source)
    found = [source]
    for name in INCLUDE.findall(source.read_text(encoding="utf-8")):
        # From stages/NN_name on, also in its tests/ and plumbing/; a test includes what lies beside it as well.
        for folder in (source.parent, source.parent.parent):
            found += with_includes(folder / name, seen)
    return found


def fingerprint(source: Path) -> str:
    digest = hashlib.sha256()
    for path in with_includes(source, set()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def main() -> None:
    build, thinned = Path(sys.argv[1]), Path(sys.argv[2])
    entries = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    distinct: dict[str, object] = {}
    for entry in sorted(entries, key=lambda each: str(each["file"])):
        distinct.setdefault(fingerprint(Path(entry["file"])), entry)
    thinned.mkdir(parents=True, exist_ok=True)
    (thinned / "compile_commands.json").write_text(json.dumps(list(distinct.values()), indent=1), encoding="utf-8")
    print(f"{len(distinct)} of {len(entries)} sources differ")


if __name__ == "__main__":
    main()
