"""System calls of a program, seen by strace: which, with what result, how many for each MiB; signals and exits too.

    trace = Trace(folder / "client.strace", calls="network,desc")
    finished = Client(..., under=Conditions(trace=trace)).run()
    trace.wait_written().count("recvfrom")

strace changes the timing and needs ptrace: ask `why_no_strace()` first, and skip politely. To end a traced program,
signal the program: strace itself ignores SIGTERM.
"""

import functools
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from .. import Failure
from ..telling.sizes import MiB
from ..telling.waiting import LIMIT, wait_until
from .blocked import blocked_in, can_tell
from .processes import ProcessFacts, children, facts, sleeping, state

_YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")
_PROBE = ["strace", "-qq", "-e", "trace=none", "-o", "/dev/null", "true"]


@functools.lru_cache(maxsize=None)
def why_no_strace() -> Optional[str]:
    """Why strace can't be used here, or None if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed (./lab setup)"
    done = subprocess.run(_PROBE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip() or f"status {done.returncode}"
        return f"ptrace is not permitted here: {reason}"
    return None


def why_not_running() -> Optional[str]:
    """Why strace can't be attached to a process that runs already and is not its own child; None if it can.

    Yama's scope 1, Ubuntu's default, keeps that for root: Documentation/admin-guide/LSM/Yama.rst of the kernel.
    """
    scope = _YAMA.read_text().strip() if _YAMA.exists() else "0"
    if why_no_strace() is None and scope != "0" and os.geteuid() != 0:
        return f"strace may not attach to running processes (kernel.yama.ptrace_scope is {scope})"
    return why_no_strace()


def available() -> bool:
    """Whether strace can be used here."""
    return why_no_strace() is None


@dataclass(frozen=True)
class Event:
    """One line of the trace, or two that belong together: "call", "signal", "exit" or "killed"."""

    kind: str
    pid: int
    time: float  # when it began: seconds since 1970
    name: str  # of the call, or of the signal; "" for an exit
    arguments: str = ""  # as strace writes them, strings cut to 8 bytes
    result: Optional[int] = None  # of a call, -1 if it failed; the status of an exit; None for a call that never ended
    error: str = ""  # "EPIPE"; "ERESTARTSYS" where a signal came between
    duration: Optional[float] = None  # seconds

    @property
    def failed(self) -> bool:
        return self.error != ""


_LINE = re.compile(r"(?:(?P<pid>\d+) +)?(?P<time>\d+\.\d+) (?P<what>.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>,? ?(?P<rest>.*)", re.DOTALL)
_RESULT = re.compile(
    r"(?P<arguments>.*)\) += (?P<result>-?\d+|0x[0-9a-f]+|\?)(?P<target><.*>)?(?: (?P<error>E[A-Z0-9]+))?(?: [^<]*)?"
    r"(?: <(?P<duration>\d+\.\d+)>)?",
    re.DOTALL,
)
_UNFINISHED = " <unfinished ...>"


def parse_trace(text: str, pid: int = 0) -> list[Event]:
    """The events of a trace written with -ttt and -T. `pid` is for lines without one (strace without -f)."""
    pending: dict[int, tuple[float, str]] = {}
    events = []
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if not found:
            continue
        who, when, what = int(found["pid"] or pid), float(found["time"]), found["what"]
        resumed = _RESUMED.fullmatch(what)
        if resumed and who in pending:
            when, begun = pending.pop(who)
            what = begun + resumed["rest"]
        if what.endswith(_UNFINISHED):
            pending[who] = (when, what[: -len(_UNFINISHED)])
        else:
            events += _event(who, when, what)
    events += [_unended(who, when, what) for who, (when, what) in pending.items()]
    return sorted(events, key=lambda event: event.time)


def _unended(pid: int, when: float, what: str) -> Event:
    name, _, arguments = what.partition("(")
    return Event("call", pid, when, name, arguments)


def _event(pid: int, when: float, what: str) -> list[Event]:
    if found := re.match(r"\+\+\+ exited with (\d+) \+\+\+", what):
        return [Event("exit", pid, when, "", result=int(found[1]))]
    if found := re.match(r"\+\+\+ killed by (\w+)", what):
        return [Event("killed", pid, when, found[1])]
    if found := re.match(r"--- (SIG\w+)(.*) ---", what):
        return [Event("signal", pid, when, found[1], found[2].strip())]
    name, bracket, rest = what.partition("(")
    call = _RESULT.fullmatch(rest)
    if not bracket or not call:
        return [_unended(pid, when, what)] if bracket and name.isidentifier() else []
    result = None if call["result"] == "?" else int(call["result"], 0)
    duration = float(call["duration"]) if call["duration"] else None
    return [Event("call", pid, when, name, call["arguments"], result, call["error"] or "", duration)]


class Trace:
    """What strace writes into one file: of a program that is started under it, or of processes that run already."""

    def __init__(self, file: Path, calls: str = "", inject: Sequence[str] = ()) -> None:
        """`calls` is what strace's -e trace= takes ("" means all of them); `inject`, what its -e inject= takes."""
        self.file = file
        self._calls = calls
        self._inject = inject
        self._attached: Optional[subprocess.Popen[bytes]] = None
        self._pids: list[int] = []

    def _command(self) -> list[str]:
        chosen = [f"trace={self._calls}"] if self._calls else []
        chosen += [f"inject={what}" for what in self._inject]
        filters = [word for each in chosen for word in ("-e", each)]
        return ["strace", "-f", "-ttt", "-T", "-yy", "-x", "-s", "8", "-q", "-e", "signal=all", *filters,
                "-o", str(self.file)]

    def prefix(self) -> list[str]:
        """To be put in front of a command. The program keeps its pid and its parent: strace runs beside it (-DDD)."""
        return [*self._command(), "-DDD"]

    def attach(self, *pids: int) -> "Trace":
        """Begins to trace running processes (and the children that they will have), and waits until every call that
        they begin from then on will be seen."""
        command = [*self._command(), *(word for pid in pids for word in ("-p", str(pid)))]
        self._pids = list(pids)
        with open(f"{self.file}.log", "wb") as log:
            self._attached = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._is_attached, f"strace is attached to {self._pids}", seen=self._log)
        return self

    def _is_attached(self) -> bool:
        assert self._attached is not None
        if self._attached.poll() is not None:
            raise Failure(f"strace could not attach to {self._pids}: {self._log()}")
        if any(tracer_of(pid) != self._attached.pid for pid in self._pids):
            return False
        # A process has its tracer some time before that one halts it, and calls in between go unseen: PTRACE_SEIZE and
        # PTRACE_INTERRUPT of ptrace(2). strace waits for events once it has done both for all of them.
        if not can_tell():
            return sleeping(self._attached.pid)
        waits = blocked_in(self._attached.pid)
        return waits is not None and waits.name == "wait4"

    def _log(self) -> str:
        return Path(f"{self.file}.log").read_text(errors="replace").strip()

    def detach(self) -> "Trace":
        """Lets the processes go on untraced, and waits for the end of strace."""
        assert self._attached is not None
        if self._attached.poll() is None:
            self._attached.send_signal(signal.SIGINT)
        self._attached.wait(LIMIT)
        return self

    def detach_at_once(self, limit: float) -> bool:
        """As `detach`, and true; false if somebody is in a call that nothing interrupts, and was let go after `limit`
        seconds, half traced."""
        assert self._attached is not None
        self._attached.send_signal(signal.SIGINT)
        try:
            self._attached.wait(limit)
        except subprocess.TimeoutExpired:
            self._attached.kill()
            self._attached.wait()
            return False
        return True

    def wait_written(self) -> "Trace":
        """Waits until strace has ended, because all its programs have: then the file is complete."""
        if self._attached is not None:
            self._attached.wait(LIMIT)
            return self
        wait_until(self._reap_tracer, f"strace has written {self.file}", seen=lambda: self._tracers())
        return self

    def _tracers(self) -> list[ProcessFacts]:
        """strace itself, an orphan that has come to us."""
        return [each for each in children(os.getpid()) if each.name == "strace"]

    def _reap_tracer(self) -> bool:
        for each in self._tracers():
            words = _command_line(each.pid)
            if each.state == "Z":  # it has no command line any more; whichever it was, it wants to be reaped
                os.waitpid(each.pid, os.WNOHANG)
            elif str(self.file) in words:
                return False
        return self.file.exists()

    @property
    def events(self) -> list[Event]:
        """What the file holds now."""
        return parse_trace(self.file.read_text(errors="replace"))

    def calls(self, *names: str, pid: Optional[int] = None) -> list[Event]:
        """The calls of these names (all, if none is given), of one process or all of them."""
        return [
            event
            for event in self.events
            if event.kind == "call" and (not names or event.name in names) and pid in (None, event.pid)
        ]

    def count(self, *names: str, pid: Optional[int] = None) -> int:
        """How many of these calls there were."""
        return len(self.calls(*names, pid=pid))

    def per_mib(self, size: int, *names: str, pid: Optional[int] = None) -> float:
        """How many of these calls there were for each MiB of `size` bytes."""
        return self.count(*names, pid=pid) * MiB / size

    def signals(self, name: str = "") -> list[Event]:
        """The signals that came ("SIGPIPE": only these)."""
        return [event for event in self.events if event.kind == "signal" and name in ("", event.name)]


def tracer_of(pid: int) -> int:
    """The pid of the process that traces `pid`, or 0."""
    if facts(pid) is None or state(pid) == "Z":
        return 0
    try:
        text = Path(f"/proc/{pid}/status").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^TracerPid:\s+(\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
