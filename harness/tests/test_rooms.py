"""The rooms of the house: bytetrain/ is sorted into folders, and imports between folders go one way only.

Whoever opens a room need know nothing of the rooms above it. One name has one address: nothing is imported from a
module that has itself imported it.
"""

import ast
import functools
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "bytetrain"
# From the ground up. `play` and `doctor` are programs of one file, whose addresses users type.
ROOMS = (
    "telling", "kernel", "course", "wire", "programs", "probe", "doctor", "judging", "grading", "lessons", "demo",
    "docs", "learn", "upkeep", "bench", "play",
)
PROGRAMS = ("play", "doctor")
FILES = sorted(PACKAGE.rglob("*.py"))
CONFTESTS = sorted(PACKAGE.parent.rglob("conftest.py"))
USERS = sorted(each for each in PACKAGE.parent.rglob("*.py") if PACKAGE not in each.parents)


@functools.cache
def imports(file: Path) -> tuple[tuple[Path, str], ...]:
    """What a file imports from the package: the folder or module (without .py), and the name that is taken from it."""
    found = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        words = (node.module or "").split(".")
        if node.level:
            found += [(file.parents[node.level - 1].joinpath(*words), alias.name) for alias in node.names]
        elif words[0] == PACKAGE.name:
            found += [(PACKAGE.joinpath(*words[1:]), alias.name) for alias in node.names]
    return tuple(found)


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py") if path != PACKAGE else ""


def test_every_module_lies_in_a_room_that_is_listed() -> None:
    assert {room(file) for file in FILES} == {*ROOMS, "__init__"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_between_rooms_go_down_only(file: Path) -> None:
    if room(file) == "__init__":
        assert not imports(file)
        return
    targets = {
        room(base if base != PACKAGE else PACKAGE / name)
        for base, name in imports(file)
        if base != PACKAGE or (PACKAGE / name).exists()
    }
    above = [each for each in targets if ROOMS.index(each) > ROOMS.index(room(file))]
    assert above == [], f"{file.relative_to(PACKAGE)} imports from above: {', '.join(above)}"


@pytest.mark.parametrize("file", [*FILES, *USERS], ids=lambda file: str(file.relative_to(PACKAGE.parent)))
def test_a_name_has_one_address(file: Path) -> None:
    second = []
    for base, name in imports(file):
        module = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        is_module = (base / name).is_dir() or (base / f"{name}.py").exists()
        if not is_module and name in {taken for _, taken in imports(module)}:
            second.append(f"{name} from {module.relative_to(PACKAGE)}, which has it from elsewhere")
    assert second == []


@pytest.mark.parametrize("file", [*FILES, *USERS], ids=lambda file: str(file.relative_to(PACKAGE.parent)))
def test_a_private_name_is_used_at_home_only(file: Path) -> None:
    private = [(base, name) for base, name in imports(file) if name.startswith("_") and name != "__main__"]
    assert [f"{name} of {base.relative_to(PACKAGE)}" for base, name in private] == []


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_page_for_contributors_enters_every_room(language: str) -> None:
    page = (PACKAGE.parents[1] / "docs" / language / "house.md").read_text(encoding="utf-8")
    assert [each for each in ROOMS if f"`{each}`" not in page and f"`{each}.py`" not in page] == []


def public(file: Path) -> Iterator[str]:
    """The functions, classes and constants that a file defines for others."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = [node.name]
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]
        else:
            continue
        yield from (name for name in names if not name.startswith("_"))


def test_a_public_name_has_one_meaning() -> None:
    """But for `main` of each program, `play` of each lesson, pytest's hooks, and fixtures that take another's place."""
    homes: dict[str, set[str]] = defaultdict(set)
    for file in [*FILES, *CONFTESTS]:
        for name in public(file):
            if name == "main" or name.startswith("pytest_") or (name == "play" and room(file) == "lessons"):
                continue
            homes[name].add("a conftest.py" if file in CONFTESTS else str(file.relative_to(PACKAGE)))
    assert {name: sorted(files) for name, files in homes.items() if len(files) > 1} == {}


def test_a_module_s_name_stands_for_one_module() -> None:
    names = Counter(file.stem for file in FILES if not file.stem.startswith("__"))
    assert [name for name, count in names.items() if count > 1 or (name in ROOMS and name not in PROGRAMS)] == []
