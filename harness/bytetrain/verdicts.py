"""What is expected of a program that has ended, in words for the person who wrote it: each function raises Failure,
with everything that is wrong at once, or finds nothing to say.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from . import Failure
from .files import difference, md5_of
from .output import Finished, status_in_words

Snapshot = Mapping[str, str]


@contextmanager
def told(story: str) -> Iterator[None]:
    """Puts what was done, and what should come of it, in front of a Failure."""
    __tracebackhide__ = True
    try:
        yield
    except Failure as failure:
        raise Failure(f"{story}\n\n{failure}") from None


def expect(fact: bool, words: str) -> None:
    """Failure, with these words, unless it is a fact."""
    __tracebackhide__ = True
    if not fact:
        raise Failure(words)


def snapshot(directory: Path) -> Snapshot:
    """Everything in a directory and below, hidden files included, and what each is."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(directory)):
        for name in folders + files:
            path = os.path.join(folder, name)
            found[os.fsdecode(os.path.relpath(path, os.fsencode(directory)))] = _describe(Path(os.fsdecode(path)))
    return found


def _describe(path: Path) -> str:
    if path.is_symlink():
        return f"a symbolic link to {os.readlink(path)}"
    if path.is_dir():
        return "a directory"
    return f"{path.stat().st_size} bytes, md5 {md5_of(path)}"


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """What has happened to a directory, one line for each thing."""
    lines = [f"{name!r} has appeared: {after[name]}" for name in sorted(after) if name not in before]
    lines += [f"{name!r} is gone: it was {before[name]}" for name in sorted(before) if name not in after]
    both = sorted(name for name in before if after.get(name, before[name]) != before[name])
    return lines + [f"{name!r} is not what it was: {before[name]}, and now {after[name]}" for name in both]


def raise_if(problems: list[str], finished: Finished) -> None:
    """Failure with a list of what is wrong, and what the program printed."""
    __tracebackhide__ = True
    if problems:
        raise Failure("\n".join([f"- {problem}" for problem in problems] + ["", str(finished)]))


def received(finished: Finished, directory: Path, original: Path, name: Optional[str] = None) -> None:
    """The client has saved the whole file, under its name and nothing beside it, and has said so."""
    __tracebackhide__ = True
    name = original.name if name is None else name
    problems = _status(finished, 0)
    said = f"received {name}, {original.stat().st_size} bytes\n"
    if finished.stdout != said:
        problems.append(f"on its standard output {finished.stdout!r} was found, and {said!r} expected")
    problems += _saved(directory, original, name)
    raise_if(problems, finished)


def _saved(directory: Path, original: Path, name: str) -> list[str]:
    target = directory / name
    problems = [f"{other!r} is in its directory, beside the file" for other in os.listdir(directory) if other != name]
    if not target.is_file() or target.is_symlink():
        return [*problems, f"there is no file {name!r} in its directory"]
    differs = difference(original, target)
    if differs:
        md5s = f"md5 {md5_of(target)}, and {md5_of(original)} expected"
        problems.append(f"the file is not what was sent: {md5s}\n{differs}")
    return problems


def refused(finished: Finished, directory: Path, before: Snapshot) -> None:
    """The client has failed as it should: status 1, one line on standard error, and its directory as it was."""
    __tracebackhide__ = True
    raise_if(_status(finished, 1) + _silent(finished) + _one_line(finished) + untouched(directory, before), finished)


def untouched(directory: Path, before: Snapshot) -> list[str]:
    """What is wrong with a directory that should be as it was."""
    return [f"its directory has changed: {change}" for change in changes(before, snapshot(directory))]


def start_refused(finished: Finished, thing: str, causes: str = "") -> None:
    """A server or client that can't begin: status 1, and one line on standard error that names the thing and the cause.

    `causes` holds words, separated by "|", of which one must be in the line: "no such file|not found". A line in
    another alphabet is not judged by its words.
    """
    __tracebackhide__ = True
    problems = _status(finished, 1) + _silent(finished) + _one_line(finished)
    line = finished.stderr
    if thing not in line:
        problems.append(f"the line on standard error doesn't name {thing!r}")
    rest = line.replace(thing, "").lower()
    if rest.isascii() and not any(cause in rest for cause in causes.split("|")):
        problems.append(f"the line on standard error doesn't tell the cause (none of: {causes.replace('|', ', ')})")
    raise_if(problems, finished)


def bad_command_line(finished: Finished) -> None:
    """Status 2, a message and the usage on standard error, nothing on standard output."""
    __tracebackhide__ = True
    problems = _status(finished, 2) + _silent(finished)
    if "usage" not in finished.stderr.lower():
        problems.append('the usage line ("usage: ...") is not on standard error')
    elif len(finished.stderr.splitlines()) < 2:
        problems.append("only the usage is on standard error: a message should tell what is wrong")
    raise_if(problems, finished)


def _status(finished: Finished, expected: int) -> list[str]:
    if finished.status == expected:
        return []
    return [f"it ended with {status_in_words(finished.status)}, and status {expected} was expected"]


def _silent(finished: Finished) -> list[str]:
    return ["it wrote something on its standard output, where nothing was expected"] if finished.stdout else []


def _one_line(finished: Finished) -> list[str]:
    lines = [line for line in finished.stderr.splitlines() if line.strip()]
    if len(lines) == 1:
        return []
    return [f"there are {len(lines)} lines on its standard error: one, which names the cause, was expected"]
