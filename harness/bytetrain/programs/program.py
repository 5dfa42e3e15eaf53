"""Starting the programs of a stage, seeing what they print, and ending whatever came of them.

Every program leads a session of its own, so that all its descendants are known by its pid, and ends with them. Their
output goes into files that have no name and vanish by themselves. Statuses are as in subprocess: the exit status,
or minus the number of the signal that ended the program.
"""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Optional, TypeVar, Union

from .. import Failure
from ..kernel.blocked import activity
from ..kernel.processes import ProcessFacts, facts, live_children
from ..kernel.trace import Trace
from ..telling.story import did, doing, expect, expecting, quietly
from ..telling.text import command_line, counted
from ..telling.waiting import LIMIT, AT_A_TIME, Look, Patience, wait_until
from .limits import Printed, be_first_to_die
from .output import Capture, Finished, quoted, status_in_words
from .sessions import end_session, members, reap_session
from .spinning import spins_on_the_end

Argument = Union[str, Path]
SelfProgram = TypeVar("SelfProgram", bound="Program")

SANITIZER_STATUS = 99  # so that a finding is never taken for the status 1 of a well-told failure
KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TERM", "LD_LIBRARY_PATH")  # environ(7)
_READY = re.compile(r"listening on (\S+):([0-9]{1,5})\n")
_LAST_PORT = 65535


def environment(extra: Optional[Mapping[str, str]] = None, *, traced: bool = False) -> dict[str, str]:
    """The environment of a program: English messages, and sanitizers that say so by their status.

    Of ours it gets what programs need. The rest, perhaps secrets of whoever grades, is not for them. LeakSanitizer
    can't work in a traced process, so it is off where `traced`.
    """
    # The library of the probe may stand in front of AddressSanitizer's: both pass on what they are asked.
    asan = f"exitcode={SANITIZER_STATUS}:detect_leaks={0 if traced else 1}:verify_asan_link_order=0"
    ours = {
        "LC_ALL": "C.UTF-8",
        "ASAN_OPTIONS": asan,
        "LSAN_OPTIONS": f"exitcode={SANITIZER_STATUS}",
        "UBSAN_OPTIONS": f"halt_on_error=1:print_stacktrace=1:exitcode={SANITIZER_STATUS}",
    }
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    return {**kept, **ours, **(extra or {})}


def _short(word: str) -> str:
    """A word of a command line, for a story: of a path only its end. (One with newlines or semicolons is a script.)"""
    return word if any(char in word for char in ";\n") else word.rpartition("/")[2] or word


@dataclass(frozen=True)
class Conditions:
    """What a program is run in, and under."""

    cwd: Optional[Path] = None  # its current directory; None: ours, or that of a client's files
    env: Mapping[str, str] = field(default_factory=dict)  # variables beside the usual ones
    prefix: Sequence[Argument] = ()  # the words of another program, which becomes this one, like prlimit(1)
    trace: Optional[Trace] = None  # what strace writes of it


class Program:
    """One program: started by `start`, and ended, with all that came of it, by `stop` or at the end of a `with`."""

    kind = "program"

    def __init__(self, command: Sequence[Argument], under: Conditions = Conditions()) -> None:
        self.command = [str(word) for word in (*under.prefix, *command)]
        self.pid = 0
        self._under = under
        self._out, self._err = Capture(), Capture()
        self._process: Optional[subprocess.Popen[bytes]] = None
        self.waited_in_vain = False  # for its end: it may have come later

    def start(self: SelfProgram) -> SelfProgram:
        """Starts the program: own session, SIGPIPE at its default, no standard input."""
        self._launch(self._err.file.fileno())
        return self

    def _launch(self, stderr: int) -> None:
        trace = self._under.trace
        try:
            self._process = subprocess.Popen(
                [*(trace.prefix() if trace else []), *self.command], stdin=subprocess.DEVNULL, stdout=self._out.file,
                stderr=stderr, cwd=self._under.cwd, env=environment(self._under.env, traced=trace is not None),
                start_new_session=True, restore_signals=True,
            )
        except OSError as error:
            raise Failure(f"{self.command[0]} can't be started: {error.strerror}") from None
        self.pid = self._process.pid
        be_first_to_die(self.pid)
        did(f"$ {command_line(map(_short, self.command))}", f"process {self.pid}")

    @property
    def stdout(self) -> str:
        return self._out.text

    @property
    def stderr(self) -> str:
        return self._err.text

    def printed(self) -> list[Printed]:
        """How much has been printed by now, for those who watch over it."""
        who = f"{self.kind} (process {self.pid})"
        return [Printed(who, each.size) for each in (self._out, self._err)]

    @property
    def status(self) -> Optional[int]:
        """None while it runs; asking reaps the program once it has ended."""
        return self._process.poll() if self._process is not None else None

    @property
    def running(self) -> bool:
        return self._process is not None and self.status is None

    def signal(self, number: int) -> None:
        """Sends a signal to the program alone."""
        if self.running:
            did(f"{signal.Signals(number).name} to the {self.kind} (process {self.pid})")
            os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """Sends a signal to its whole process group, as Ctrl-C in a terminal does with SIGINT."""
        if self.running:
            did(f"{signal.Signals(number).name} to the whole process group of the {self.kind}, as Ctrl-C does")
            os.killpg(self.pid, number)

    def wait(self, limit: float = LIMIT) -> Finished:
        """Waits for the end of the program (not of its children); Failure if it goes on for `limit` seconds."""
        __tracebackhide__ = True
        assert self._process is not None, "not started"
        with doing(f"the {self.kind} ends") as step:  # whether it should, and how, is judged by others
            patience = Patience(limit, self._hopeless())
            self.waited_in_vain = True  # until it has ended
            while (status := self._ended_within(AT_A_TIME)) is None:
                if patience.over():
                    state = activity(self.pid)
                    seen = f"{facts(self.pid)}; {state}\n{quoted(self.stdout, self.stderr)}"
                    words = f"the {self.kind} has not ended {patience.in_words}: {seen}\n{self.again()}"
                    raise Failure(words, expected=f"the {self.kind} ends", actual=f"the {self.kind}: {state}")
            step.result = status_in_words(status)
        self.waited_in_vain = False
        self._drained()
        return Finished(status, self.stdout, self.stderr)

    def _hopeless(self) -> Optional[Look]:
        """For who waits for its end: whether that will never come."""
        return None

    def _ended_within(self, seconds: float) -> Optional[int]:
        assert self._process is not None
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def _drained(self) -> None:
        """For those whose output does not go into a file."""

    def again(self) -> str:
        """The command that was run, to be typed again."""
        return f"it was run as: {command_line(self.command)}"

    def left_behind(self) -> list[ProcessFacts]:
        """Who of its descendants is still there, once the program itself has ended: orphans, zombies included."""
        return [each for each in members(self.pid) if each.pid != self.pid]

    def reap_left_behind(self, limit: float = LIMIT) -> dict[int, int]:
        """Waits until the orphans have ended by themselves, and reaps them: {pid: status}."""
        statuses: dict[int, int] = {}

        def all_gone() -> bool:
            statuses.update(reap_session(self.pid))
            return not self.left_behind()

        what = f"the orphans of {self.kind} {self.pid} have ended"
        wait_until(all_gone, what, limit, lambda: ", ".join(map(str, self.left_behind())))
        return statuses

    def stop(self) -> list[ProcessFacts]:
        """Ends the program and all its descendants, at once. Returns who was left behind, if it had ended before."""
        if self._process is None:
            self._close()
            return []
        left = [] if self.running else self.left_behind()
        end_session(self.pid, self._process)
        self._close()
        return left

    def _close(self) -> None:
        self._out.close()
        self._err.close()

    def __enter__(self: SelfProgram) -> SelfProgram:
        return self if self._process is not None else self.start()

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.stop()


class EndedAtStart(Failure):
    """A server that has ended before it said that it listens."""


class Server(Program):
    """`server [OPTIONS] HOST PORT WORKERS FILE`; `start` returns once it has said on which port it listens."""

    kind = "server"

    def __init__(
        self,
        executable: Path,
        file: Path,
        *,
        workers: int = 2,
        host: str = "127.0.0.1",
        port: int = 0,
        options: Sequence[str] = (),
        under: Conditions = Conditions(),
    ) -> None:
        super().__init__([executable, *options, host, str(port), str(workers), file], under)
        self.file = file
        self.host = host
        self.port = port
        self.size = workers  # of its pool, as it should be

    def start(self) -> "Server":
        """Starts it and waits for the line "listening on HOST:PORT"; Failure tells what came instead."""
        __tracebackhide__ = True
        super().start()
        try:
            self.port = self._wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def _wait_ready(self) -> int:
        __tracebackhide__ = True
        what = 'the server prints "listening on HOST:PORT", and a newline, on its standard output'

        def has_said_something() -> bool:
            return "\n" in self.stdout or not self.running

        with expecting(what) as step:
            with quietly():
                wait_until(has_said_something, what, seen=lambda: quoted(self.stdout, self.stderr))
            found = _READY.fullmatch(self.stdout)
            if found and int(found.group(2)) <= _LAST_PORT:
                step.result = self.stdout.strip()
                return int(found.group(2))
            said = quoted(self.stdout, self.stderr)
            ended = not self.running
            if ended:
                status = self.status
                assert status is not None
                said = f"it ended with {status_in_words(status)} before that\n{said}"
            words = f"waited for this, in vain: {what}\n{said}\n{self.again()}"
            raise (EndedAtStart if ended else Failure)(words, expected='a line "listening on HOST:PORT"', actual=said)

    @property
    def workers(self) -> list[int]:
        """The pids of its live children."""
        return live_children(self.pid)

    def worker(self, number: int = 0) -> int:
        """The pid of one of its workers; Failure if there are not so many."""
        workers = self.workers
        words = (
            f"the server (process {self.pid}) has {len(workers)} live children: worker number {number + 1} should be "
            "there"
        )
        expected, actual = f"{counted(number + 1, 'worker')} or more", counted(len(workers), "worker")
        expect(number < len(workers), words, expected=expected, actual=actual)
        return workers[number]


class Client(Program):
    """`client [OPTIONS] HOST PORT [DIRECTORY]`, run in `directory`, which must exist, unless `under` names another
    folder: then DIRECTORY is the way from there to `directory`."""

    kind = "client"

    def __init__(
        self,
        executable: Path,
        port: int,
        directory: Path,
        *,
        host: str = "127.0.0.1",
        options: Sequence[str] = (),
        name_directory: bool = True,  # False: DIRECTORY is left out, and the current one is meant
        under: Conditions = Conditions(),
    ) -> None:
        named = directory if under.cwd is None else Path(os.path.relpath(directory, under.cwd))
        command: list[Argument] = [executable, *options, host, str(port), *([named] if name_directory else [])]
        super().__init__(command, replace(under, cwd=under.cwd or directory))
        self.directory = directory

    def _hopeless(self) -> Optional[Look]:
        return spins_on_the_end(self.pid)

    def files(self) -> list[str]:
        """What is in its directory, hidden files included."""
        return sorted(os.listdir(self.directory))

    def run(self, limit: float = LIMIT) -> Finished:
        """Starts it and waits for its end."""
        __tracebackhide__ = True
        return self.start().wait(limit)
