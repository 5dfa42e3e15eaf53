"""Which classic mistake has made a check fail, where the evidence names one: looked for as soon as the failure shows
itself, while the programs live, with all that they hold.

A rule speaks only if what it sees has no other cause. Where one thing has come of another, the earliest that explains
the failure is the cause: a worker that has ended, and not the SIGPIPE of the parent that writes to it. What bytes say
by themselves is in wrong_bytes.py.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from typing import Callable, Optional

from .. import Diagnosis, Failure
from ..kernel.blocked import activity, blocked_in
from ..kernel.cpu import cpu_use
from ..kernel.descriptors import descriptors, holders, socket_name
from ..kernel.memory import found_in_memory
from ..kernel.processes import Moment, all_asleep, facts, started_after
from ..kernel.signals import killed_by_us
from ..kernel.tcp import LISTEN, TcpSocket, listener, tcp_sockets
from ..kernel.trace import Event, Trace, tracer_of, why_not_running
from ..programs.program import Program, Server
from ..programs.sessions import members
from ..programs.workplace import temporary_folder
from ..telling.sizes import KiB
from ..telling.story import Examiner
from ..telling.text import visible
from ..telling.waiting import NeverHappened, wait_until
from .bad_ends import ended_badly, not_reaped
from .telling_calls import of_spinning, sight

_SHOWN = 60  # bytes of a line
_LOOK = 0.05  # seconds of CPU, in which a process is seen to spin
_LET_GO = 2.0  # seconds, for the end of that
_WATCHED, _ENOUGH = 0.3, 64 * KiB  # seconds for which it is traced, or bytes of the trace


def examiner(programs: Sequence[Program]) -> Examiner:
    """What looks for the diagnosis of a failure of these programs, of which there may be more later on."""

    def examine(failure: Failure) -> None:
        found = (rule(program) for program in reversed(programs) for rule in _RULES)
        failure.diagnosis = next((each for each in found if each is not None), None)

    return examine


# A server that does not say that it listens


def _not_flushed(program: Program) -> Optional[Diagnosis]:
    """The ready line lies in the server's memory: it has been made, and the server waits for clients."""
    if not isinstance(program, Server) or not program.running or program.stdout or not all_asleep(program.pid):
        return None
    if _is_writing(program.pid):  # so it is on its way, and whoever should read is late
        return None
    for port in _listens_on(program.pid):
        line = found_in_memory(program.pid, re.compile(rb"listening on [!-~]{1,64}:%d(?!\d)" % port))
        if line is not None and line.decode() not in program.stderr:
            words = (f'The line "{line.decode()}" lies in the memory of the server (process {program.pid}), and not '
                     f"one byte of it has been written. The server listens on that port, and {_waits(program.pid)}.")
            return Diagnosis("not_flushed", words)
    return None


def _is_writing(pid: int) -> bool:
    """Whether it waits in a write to its standard output."""
    call = blocked_in(pid)
    return call is not None and call.name in ("write", "writev") and call.arguments[0] == 1


def _listens_on(pid: int) -> list[int]:
    """The ports on which processes of a server listen."""
    held = {what for each in members(pid) for what in descriptors(each.pid).values()}
    return [each.local_port for each in tcp_sockets() if each.state == LISTEN and socket_name(each.inode) in held]


def _waits(pid: int) -> str:
    return activity(pid).removeprefix("it ")


def _log_on_standard_output(program: Program) -> Optional[Diagnosis]:
    """A whole line stands where the ready line should: it says nothing of listening."""
    first, newline, _ = program.stdout.partition("\n")
    if not isinstance(program, Server) or not newline or "listen" in first.lower():
        return None
    later = [number for number, line in enumerate(program.stdout.splitlines(), 1) if line.startswith("listening on ")]
    words = f"The first line on the server's standard output is {_line(first)}"
    words += f", and the ready line is line {later[0]}." if later else "."
    return Diagnosis("log_on_standard_output", words)


def _ready_line_on_standard_error(program: Program) -> Optional[Diagnosis]:
    if not isinstance(program, Server) or program.stdout:
        return None
    found = re.search(r"^listening on \S+:\d+$", program.stderr, re.MULTILINE)
    if not found:
        return None
    return Diagnosis("result_on_standard_error", f"On the server's standard error is {_line(found[0])}, and on its "
                                                 "standard output is nothing.")


def _line(text: str) -> str:
    return f'"{visible(text[:_SHOWN])}{"..." if len(text) > _SHOWN else ""}"'


def _opened_for_writing(program: Program) -> Optional[Diagnosis]:
    """FILE can be read and not written to, and the server says of it that it may not."""
    if not isinstance(program, Server) or program.running or program.stdout:
        return None
    line = next((each for each in program.stderr.splitlines() if program.file.name in each), "")
    readable = os.access(program.file, os.R_OK) and not os.access(program.file, os.W_OK)
    if not readable or os.strerror(errno.EACCES).lower() not in line.lower():
        return None
    words = (f"FILE, {program.file.name}, can be read by the server, and not written to (mode "
             f"{stat.S_IMODE(program.file.stat().st_mode):04o}); the server says of it: {os.strerror(errno.EACCES)}.")
    return Diagnosis("opened_for_writing", words)


# A process that spins


def _spins(program: Program) -> Optional[Diagnosis]:
    """What it calls meanwhile: strace looks on for a moment. In a pool where somebody has ended by himself that came
    first, and a second run shows how."""
    if isinstance(program, Server) and _has_lost_a_worker(program):
        return None
    running = [each.pid for each in members(program.pid) if each.state == "R"] if program.running else []
    spinning = [pid for pid in running if cpu_use([pid], _LOOK)[pid].spins and not tracer_of(pid)]
    if not spinning or why_not_running() is not None:
        return None
    events = _calls_now(spinning[0])
    if events is None:
        return None
    seen = sight(events, isinstance(program, Server))
    return seen.diagnosis if seen is not None else of_spinning(spinning[0], events)


def _has_lost_a_worker(server: Server) -> bool:
    """One that we have not killed."""
    ours = list(killed_by_us.values()).count(server.pid)
    return server.running and len(server.workers) + ours < server.size


def _calls_now(pid: int) -> Optional[list[Event]]:
    """What a process calls while we look; None if that can't be seen."""
    with temporary_folder() as folder:
        tracing = Trace(folder / "now.strace")
        with suppress(Failure):  # it has just ended
            tracing.attach(pid)
            with suppress(NeverHappened):
                wait_until(lambda: tracing.file.stat().st_size > _ENOUGH, "it makes calls", _WATCHED)
            if tracing.detach_at_once(_LET_GO):
                return tracing.events
    return None


_RULES: Sequence[Callable[[Program], Optional[Diagnosis]]] = (
    ended_badly, _not_flushed, _log_on_standard_output, _ready_line_on_standard_error, _opened_for_writing, _spins,
    not_reaped,
)

# A connection that does not end


def of_open_connection(end: Optional[TcpSocket], connected: Moment) -> Optional[Diagnosis]:
    """All that should come has come, but not the end of the stream: who keeps the server's end of the connection, which
    was `connected` then."""
    if end is None or end.inode == 0:
        return None
    who = [each for each in holders(end.inode) if each.state != "Z"]
    told = [_holder(each.pid, end.inode, connected) for each in who]
    if not told:
        return None
    words = f"All has been sent, and the connection is still open in {'; and in '.join(told)}."
    if any(_is_parent(each.pid) for each in who):
        return Diagnosis("parent_keeps_connection", words)
    if all(_has_inherited(each.pid, connected) for each in who):
        return Diagnosis("connection_inherited", words)
    return Diagnosis("worker_keeps_connection", words)


def _has_inherited(pid: int, connected: Moment) -> bool:
    """Whether a worker was started when a connection was there already, and so has it since its fork."""
    return not _is_parent(pid) and started_after(pid, connected)


def of_open_listener(server: Server) -> Optional[Diagnosis]:
    """The server has been told to leave, and its port still takes connections: who keeps the listening socket. A parent
    that does, and of whose workers none has left, may not have begun to leave at all: that is another mistake."""
    found = listener(server.port)
    who = [each.pid for each in holders(found.inode) if each.state != "Z"] if found else []
    if found is None or not who or (any(map(_is_parent, who)) and len(server.workers) >= server.size):
        return None
    told = []
    for pid in who:
        number = next((number for number, what in descriptors(pid).items() if what == socket_name(found.inode)), "?")
        told.append(f"{'the parent' if _is_parent(pid) else 'a worker'} (process {pid}), as descriptor {number}")
    return Diagnosis("listener_left_open", f"The listening socket is still open in {'; and in '.join(told)}.")


def _is_parent(pid: int) -> bool:
    """Each program that we start leads its session."""
    known = facts(pid)
    return known is not None and known.session == pid


def _holder(pid: int, inode: int, connected: Moment) -> str:
    """A process that has a connection: which it is, as which descriptor, what it does, and from where it has it."""
    numbers = [str(number) for number, what in descriptors(pid).items() if what == socket_name(inode)]
    who = f"{'the parent' if _is_parent(pid) else 'a worker'} (process {pid}), as descriptor {' and '.join(numbers)}"
    inherited = _has_inherited(pid, connected)
    since = " (it was started after the connection was made, and has inherited it)" if inherited else ""
    return f"{who}{since}: it {_waits(pid)}"
