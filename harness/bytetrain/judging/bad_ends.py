"""How a program has ended that was ended by a mistake of its own: by which signal, with what a sanitizer says of it, or
as a zombie that nobody waits for."""

from __future__ import annotations

import re
import signal
from typing import Optional

from .. import Diagnosis
from ..course.traits import traits
from ..kernel.blocked import activity
from ..kernel.processes import all_asleep, exit_code, zombies
from ..programs.output import status_in_words
from ..programs.program import Program, Server
from ..programs.sessions import members
from ..telling import story
from ..telling.waiting import settled

MISTAKE_OF = {  # the signals that nobody sends to a program but the kernel, or the program itself
    signal.SIGSEGV: "memory_error", signal.SIGBUS: "memory_error", signal.SIGILL: "memory_error",
    signal.SIGABRT: "aborted", signal.SIGFPE: "aborted", signal.SIGPIPE: "killed_by_sigpipe",
}
_REPORT = re.compile(
    r"ERROR: AddressSanitizer:? ((?:attempting )?[\w-]+)(?:.*?\n((?:READ|WRITE) of size \d+))?", re.DOTALL)
_FRAME = re.compile(r"^ *#\d+ 0x[0-9a-f]+ in (\S+).*? \S*?([^/\s]+:\d+)", re.MULTILINE)
_OF_OTHERS = ("__", "_start", "operator", "std::")  # functions of the sanitizer's, and of libraries


def ended_badly(program: Program) -> Optional[Diagnosis]:
    """The program itself: the client, or the server's parent."""
    report = of_report(program.stderr, program.kind)
    if report is not None or program.running or program.status is None or program.status >= 0:
        return report
    number = -program.status
    if number not in MISTAKE_OF:
        return None
    words = f"The {program.kind} (process {program.pid}) was ended by {status_in_words(program.status)}."
    first = _of_worker(program) if isinstance(program, Server) and number == signal.SIGPIPE else None
    if first is not None:
        return first._replace(words=f"{first.words} {words} It had written to a worker that was no longer there.")
    return Diagnosis(MISTAKE_OF[signal.Signals(number)], words)


def _of_worker(server: Server) -> Optional[Diagnosis]:
    """A worker that has ended by itself, and that nobody has waited for."""
    for each in members(server.pid):
        status = _status(each.pid) if each.state == "Z" and each.pid != server.pid else 0
        if status > 0:
            return Diagnosis("worker_leaves", f"Worker {each.pid} has ended with {status_in_words(status)}.")
        if -status in MISTAKE_OF:
            words = f"Worker {each.pid} was ended by {status_in_words(status)}."
            return Diagnosis(MISTAKE_OF[signal.Signals(-status)], words)
    return None


def of_report(text: str, who: str) -> Optional[Diagnosis]:
    """What AddressSanitizer has found: its head, and the first function of the program's own."""
    found = _REPORT.search(text)
    if found is None or found[1].startswith(("detected", "failed", "requested")):
        return None
    frames = _FRAME.findall(text[found.start() :])
    own = next(((name, line) for name, line in frames if not name.startswith(_OF_OTHERS)), None)
    what = f"{found[1]}{f', a {found[2]}' if found[2] else ''}"
    where = f", in {own[0]}, {own[1]}" if own else ""
    return Diagnosis("memory_error", f"AddressSanitizer says of the {who}: {what}{where}.")


def not_reaped(program: Program) -> Optional[Diagnosis]:
    """A worker has ended, and its parent sleeps on: where it should have woken."""
    if not isinstance(program, Server) or not program.running or not _should_heal() or not zombies(program.pid):
        return None

    def look() -> list[int]:
        return [each.pid for each in zombies(program.pid)] if all_asleep(program.pid) else []

    stay = settled(look, "its zombies")
    if not stay:
        return None
    first = _of_worker(program)
    if first is not None and first.id != "worker_leaves":
        return first._replace(words=f"{first.words} Its parent has not waited for it.")
    ends = ", ".join(f"{pid} ({status_in_words(_status(pid))})" for pid in stay[:3])
    more = f" and {len(stay) - 3} more" if len(stay) > 3 else ""
    words = (f"Worker {ends}{more} has ended and is a zombie: its parent, {program.pid}, has not waited for it, and "
             f"{activity(program.pid).removeprefix('it ')}.")
    return Diagnosis("not_reaped", words)


def _should_heal() -> bool:
    stage = story.current().stage
    return stage > 0 and traits(stage).heals


def _status(pid: int) -> int:
    """As in subprocess: proc(5) tells it as waitpid(2) does."""
    code = exit_code(pid)
    return -(code & 0x7F) if code & 0x7F else code >> 8
