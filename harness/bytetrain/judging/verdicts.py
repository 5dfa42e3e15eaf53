"""What is expected of a program that has ended, in words for the person who wrote it: each function raises Failure,
with everything that is wrong at once, or finds nothing to say.
"""

import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Optional

from .. import Failure
from ..kernel.processes import ProcessFacts
from ..programs.output import Finished, status_in_words
from ..programs.program import Server
from ..telling import story
from ..telling.sizes import GiB
from ..telling.story import Problem, expect, judge, told
from ..telling.text import counted, in_quotes
from ..wire.files import Original, difference, md5_of, size_of
from ..wire.framing import place_of
from .client_words import of_client, of_older
from .wrong_bytes import of_content

Snapshot = Mapping[str, str]

# What perror(3) says where no call has failed, as at the end of a stream: errno is 0 there.
_SUCCESS = re.compile(r"(?<!no )(?<!without )\bsuccess\b", re.IGNORECASE)
_NAME_ALONE = re.compile(r"(\S*/)?(client|server)(\.\w+)?[\s:.!-]*", re.IGNORECASE)


def has_status(finished: Finished, status: int) -> None:
    """It has ended with that status."""
    __tracebackhide__ = True
    actual = status_in_words(finished.status)
    expect(finished.status == status, str(finished), expected=f"status {status}", actual=actual)


def has_left(finished: Finished, left: Sequence[ProcessFacts]) -> None:
    """A server has ended as it should: status 0, and nobody left behind. (What it has printed is looked at after each
    check: `prints_nothing_else`.)"""
    __tracebackhide__ = True
    problems = _status(finished, 0)
    if left:
        who = f"{len(left)} left: {', '.join(map(str, left))}"
        problems.append(Problem(f"processes were left behind, {who}", "nobody left behind", who))
    judge("the server ends with status 0, and nobody is left behind", problems)


PRINTED = "server.nothing_else_printed"


def prints_nothing_else(server: Server) -> None:
    """At the end of a check: whatever there has been, on standard output is the one line, or less; else it is a failure
    of PRINTED."""
    __tracebackhide__ = True
    ready, _, more = server.stdout.partition("\n")
    if not more:
        return
    with told("all is over, as far as this check goes: the server has printed nothing else"):
        words = f"standard output has {in_quotes(server.stdout)}, not the one line alone"
        failure = Failure(words, expected=in_quotes(f"{ready}\n"), actual=in_quotes(server.stdout))
        failure.check = PRINTED
        raise failure


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
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        return f"neither a file nor a directory, mode {found.st_mode:06o}"
    what = closed_to_its_owner(path) or _md5(path)
    return f"{counted(found.st_size, 'byte')}, {what}"


def _md5(path: Path) -> str:
    """In words. A file of holes can be larger than anybody could read: no client is sent so much."""
    return f"md5 {md5_of(path)}" if path.stat().st_size <= GiB else "too large for an md5"


def closed_to_its_owner(path: Path) -> str:
    """Why nobody but root can read what a client has saved; "" if its owner can."""
    mode = path.stat().st_mode
    if mode & stat.S_IRUSR:
        return ""
    return f"with the mode {stat.S_IMODE(mode):04o}: its owner can't read it (a call that makes a file takes its mode)"


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """What has happened to a directory, one line for each thing."""
    lines = [f"{in_quotes(name)} has appeared: {after[name]}" for name in sorted(after) if name not in before]
    lines += [f"{in_quotes(name)} is gone: it was {before[name]}" for name in sorted(before) if name not in after]
    both = sorted(name for name in before if after.get(name, before[name]) != before[name])
    return lines + [f"{in_quotes(name)} is not what it was: {before[name]}, and now {after[name]}" for name in both]


def received(
    finished: Finished, directory: Path, original: Path, name: Optional[str] = None, older: Optional[bytes] = None
) -> None:
    """The client has saved the whole file, under its name and nothing beside it, and has said so. `older`: what was
    there before."""
    __tracebackhide__ = True
    name = original.name if name is None else name
    problems = _status(finished, 0)
    said = f"received {name}, {size_of(original)} bytes\n"
    if finished.stdout != said:
        words = f"on its standard output {in_quotes(finished.stdout)} was found, and {in_quotes(said)} expected"
        problems.append(Problem(words, f"{in_quotes(said)} on standard output", in_quotes(finished.stdout)))
    problems += _saved(directory, original, name)
    if problems:
        diagnosis = of_older(older, directory / name, Original(original), finished) if older is not None else None
        diagnosis = diagnosis or of_client(finished, said, Original(original), name) or problems[0].diagnosis
        problems[0] = replace(problems[0], diagnosis=diagnosis)
    judge(f"the client has saved {in_quotes(name)}, whole and alone, and says so", problems)


def saved(directory: Path, original: Path) -> None:
    """The client has saved the whole file, under its name and nothing beside it, whatever it says."""
    __tracebackhide__ = True
    problems = _saved(directory, original, original.name)
    judge(f"the client has saved {in_quotes(original.name)}, whole and alone", problems)


def _saved(directory: Path, original: Path, name: str) -> list[Problem]:
    target = directory / name
    beside = [other for other in os.listdir(directory) if other != name]
    problems = [
        Problem(f"{in_quotes(other)} is in its directory, beside the file", "nothing beside the file", in_quotes(other))
        for other in beside
    ]
    if not target.is_file() or target.is_symlink():
        words = f"there is no file {in_quotes(name)} in its directory"
        return [*problems, Problem(words, f"a file {in_quotes(name)}", "no such file")]
    closed = closed_to_its_owner(target)
    if closed:
        words = f"the file {in_quotes(name)} has come {closed}"
        return [*problems, Problem(words, "a file that its owner can read", closed.partition(":")[0])]
    differs = difference(original, target)
    if differs is not None:
        md5s = f"{_md5(target)}, and {Original(original).md5} expected"
        where = place_of(story.current().stage, len(os.fsencode(name)), differs.offset, size_of(original))
        words = f"the file is not what was sent: {md5s}\n{differs}" + (f"\n  {where}" if where else "")
        expected = f"{counted(differs.expected_size, 'byte')}, those of the original"
        problems.append(Problem(words, expected, differs.in_short, of_content(Original(original), differs)))
    return problems


def refused(finished: Finished, directory: Path, before: Snapshot) -> None:
    """The client has failed as it should: status 1, one line on standard error, and its directory as it was."""
    __tracebackhide__ = True
    problems = _status(finished, 1) + _silent(finished) + _one_cause(finished) + untouched(directory, before)
    judge("the client reports a failure, and its directory is as it was", problems)


def untouched(directory: Path, before: Snapshot) -> list[Problem]:
    """What is wrong with a directory that should be as it was."""
    found = changes(before, snapshot(directory))
    return [Problem(f"its directory has changed: {change}", "a directory as it was", change) for change in found]


def start_refused(finished: Finished, thing: str, causes: str = "", *, log: bool = False) -> None:
    """A server or client that can't begin: status 1, and one line on standard error that names the thing and the cause.
    A server has a `log` there, which may have begun: its line is the last one.

    `causes` holds words, separated by "|", of which one must be in the line: "no such file|not found". A line in
    another alphabet is not judged by its words.
    """
    __tracebackhide__ = True
    lines = [line for line in finished.stderr.splitlines() if line.strip()]
    if log and lines:
        finished = replace(finished, stderr=lines[-1])
    problems = _status(finished, 1) + _silent(finished) + _one_cause(finished)
    line = finished.stderr
    if thing not in line:
        words = f"the line on standard error doesn't name {in_quotes(thing)}"
        problems.append(Problem(words, f"{in_quotes(thing)} in the line on standard error", in_quotes(line.strip())))
    rest = line.replace(thing, "").lower()
    if rest.isascii() and not any(cause in rest for cause in causes.split("|")):
        words = f"the line on standard error doesn't tell the cause (none of: {causes.replace('|', ', ')})"
        problems.append(Problem(words, "the cause on standard error", in_quotes(line.strip())))
    judge(f"it ends with status 1, and one line that names {in_quotes(thing)} and the cause", problems)


def bad_command_line(finished: Finished) -> None:
    """Status 2, a message and the usage on standard error, nothing on standard output."""
    __tracebackhide__ = True
    problems = _status(finished, 2) + _silent(finished)
    if "usage" not in finished.stderr.lower():
        words = 'the usage line ("usage: ...") is not on standard error'
        problems.append(Problem(words, 'a line "usage: ..." on standard error', "no such line"))
    elif len(finished.stderr.splitlines()) < 2:
        words = "only the usage is on standard error: a message should tell what is wrong"
        problems.append(Problem(words, "a message and the usage", "the usage alone"))
    judge("it ends with status 2, a message and the usage", problems)


def _status(finished: Finished, expected: int) -> list[Problem]:
    if finished.status == expected:
        return []
    found = status_in_words(finished.status)
    return [Problem(f"it ended with {found}, and status {expected} was expected", f"status {expected}", found)]


def _silent(finished: Finished) -> list[Problem]:
    if not finished.stdout:
        return []
    words = "it wrote something on its standard output, where nothing was expected"
    return [Problem(words, "nothing on standard output", in_quotes(finished.stdout[:100]))]


def _one_cause(finished: Finished) -> list[Problem]:
    """One line on standard error, and it may be the cause of a failure."""
    lines = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
    if len(lines) != 1:
        words = f"there are {len(lines)} lines on its standard error: one, which names the cause, was expected"
        return [Problem(words, "one line on standard error", counted(len(lines), "line"))]
    if _SUCCESS.search(lines[0]):
        words = (
            "success is no cause of a failure (errno is 0 where no call has failed); on standard error is "
            f"{in_quotes(lines[0])}"
        )
    elif _NAME_ALONE.fullmatch(lines[0]):
        words = f"the line on standard error is {in_quotes(lines[0])}, and names no cause"
    else:
        return []
    return [Problem(words, "the cause on standard error", in_quotes(lines[0]))]
