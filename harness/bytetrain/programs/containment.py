"""The sandbox around a whole grading run: bubblewrap, see bwrap(1).

A stranger's programs run in it, what builds them, and the part of the harness that grades them. The outer part only
makes room, waits, and takes the results out. Inside

- nothing can be written but /tmp, /dev/shm and build/, which are new, in memory and of a fixed size, and one folder on
  the disk for the files of the checks; all of it is gone with the run;
- of the file system there is the system itself, this clone without any solutions, and the submission: no keys, no
  papers, no sockets of desktops or daemons;
- the environment is a short list of variables, and the kernel's keyrings are closed;
- the network is a loopback of its own: no other machine, and no port of this one;
- there is no terminal, and there are no other processes: the grader is process 1 of its own world, which can be neither
  killed nor stopped from within, and when it ends the kernel ends all of them: no daemon stays;
- results leave through descriptors that were opened before, which only the grader has.
"""

from __future__ import annotations

import json
import os
import platform
import select
import shutil
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Optional

from .. import HarnessError
from ..course.paths import BUILD, HARNESS, REPO, STAGES
from ..kernel.processes import be_subreaper, children, close_to_others
from ..telling.sizes import GiB, KiB, MiB
from .program import KEPT
from .workplace import place_of_a_run

INSIDE = "BYTETRAIN_CONTAINED"  # set in the environment of the run that is inside
_OUTPUTS = "BYTETRAIN_OUTPUTS"  # there too, until it has been read: {name: descriptor}
_WORK = "bytetrain-work"  # below /tmp: the folder on the disk
SHARED = (Path("/tmp"), Path("/dev/shm"))  # where programs may write beside the folders that they are given
SMALL = Path("/tmp/bytetrain-small")  # a file system of a few pages, for checks that want a full one
ROOM = {str(SMALL): 64 * KiB, "/tmp": 256 * MiB, "/dev/shm": 128 * MiB, str(BUILD.parent): GiB}
OURS = ("bytetrain-", "pytest-")  # how the names begin that the harness makes in its own
# What programs and compilers live in, if it is there; nothing else of the root is.
SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "opt", "nix", "gnu", "snap", "sys")
# Folders of this clone that hold working stages, or tell what is tried: nobody can build another's.
_COVERED = (STAGES, REPO / ".git", REPO / "docs", *(HARNESS / each for each in ("mutants", "submissions", "tests")))
MOST = 64 * MiB  # of an output
GRACE = 20.0  # seconds that a run has to end by itself, once it has been asked to
# What else comes in of the environment: how to show things, what to build with, options of pytest and our own.
_VARIABLES = (
    *KEPT, "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LANGUAGE", "COLUMNS", "LINES", "COLORTERM", "NO_COLOR", "FORCE_COLOR",
    "PY_COLORS", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE", "PYTHONNOUSERSITE", "PYTHONSAFEPATH", "PYTHONPATH", "CC",
    "CXX", "CFLAGS", "CPPFLAGS", "CXXFLAGS", "LDFLAGS",
)
# The settings of the kernel, which the real root could change even without any capability.
_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus")  # below /proc

SAID = {
    "bubblewrap": "bubblewrap: read-only file system, no network, own processes; and limits",
    "limits": "limits on processes, output and disk, but no sandbox: what you can read and write, programs can as well",
    "off": "none: what you can do, programs can as well, without end",
}
OF_ROOT = " (and you are root: grade as an ordinary user)"


def is_inside() -> bool:
    return INSIDE in os.environ


def _take_outputs() -> dict[str, int]:
    """At the very start: the descriptors become ours alone, neither inherited nor to be had through /proc."""
    found: dict[str, int] = json.loads(os.environ.pop(_OUTPUTS, "{}"))
    for descriptor in found.values():
        os.set_inheritable(descriptor, False)
    if is_inside():
        close_to_others()
    if "asked" in found:
        signal.signal(signal.SIGINT, lambda number, frame: _interrupt(found["asked"]))
    return found


def _interrupt(asked: int) -> None:
    """SIGINT has come to the first process of a sandbox. Programs can send it as well: only the outer part can write
    into this pipe, and does so before."""
    if select.select([asked], [], [], 0)[0]:
        raise KeyboardInterrupt


_outputs = _take_outputs()


def output(name: str) -> Optional[int]:
    """The descriptor that an output of this run goes to ("results", "junit"), if it is inside and has one."""
    return _outputs.get(name)


def say(word: str) -> None:
    """Tells the outer part, if there is one: "begun", when results of earlier runs are none any more, or "ended"."""
    if "word" in _outputs:
        os.write(_outputs["word"], f"{word}\n".encode())


def _in_shared() -> set[Path]:
    if not is_inside():
        return set()
    found = {path for folder in SHARED for path in folder.iterdir()}
    return found | {path for path in (SHARED[0] / _WORK).iterdir() if not path.name.startswith(OURS)}


@cache
def there_before() -> frozenset[Path]:
    """What is bound into the shared folders: the clone and the submission, if they lie there. Asked for at the start,
    before any program has run; later answers are that one."""
    return frozenset(_in_shared())


def strays() -> list[Path]:
    """What programs have put into the shared folders of a sandbox, where nobody else could have."""
    return sorted(_in_shared() - there_before())


@cache
def why_no_sandbox() -> str:
    """"" if bubblewrap works here, or why not, in a line."""
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed (./lab setup --teacher)"
    done = subprocess.run([*_root(), "true"], stdin=subprocess.DEVNULL, capture_output=True, errors="surrogateescape")
    lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    return "" if done.returncode == 0 else f"bubblewrap doesn't work here: {lines[-1]}{_who_forbids_it()}"


# Switches of some kernels for namespaces of ordinary users: user_namespaces(7), and Debian's and Ubuntu's own.
_SWITCHES = {
    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": ("1", "AppArmor forbids it"),
    "/proc/sys/kernel/unprivileged_userns_clone": ("0", "kernel.unprivileged_userns_clone forbids it"),
    "/proc/sys/user/max_user_namespaces": ("0", "user.max_user_namespaces forbids it"),
}


def _who_forbids_it() -> str:
    for path, (value, words) in _SWITCHES.items():
        with suppress(OSError):
            if Path(path).read_text().strip() == value:
                return f" ({words}: docs/en/protection.md tells your administrator how to allow it)"
    return ""


def _root() -> list[str]:
    """The world that every sandbox has; what is bound into it follows, and then _SEALED."""
    system = [word for name in SYSTEM for word in _of_the_system(f"/{name}")]
    read_only = (word for name in _READ_ONLY for word in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}"))
    return ["bwrap", *system, "--dev", "/dev", "--dev-bind", "/dev/null", "/dev/console",
            *_memory("/dev/shm"), "--proc", "/proc", *read_only, "--cap-drop", "ALL", *_of_graders(),
            "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session",
            "--as-pid-1"]


def _of_graders() -> list[str]:
    """A capability in there that graders have and programs have not: see keep_capability. A bwrap that is set-user-ID
    gives none."""
    mode = os.stat(shutil.which("bwrap") or "/").st_mode
    return ["--cap-add", "CAP_SETPCAP"] if not mode & stat.S_ISUID else []


def _of_the_system(path: str) -> list[str]:
    if os.path.islink(path):
        return ["--symlink", os.readlink(path), path]
    return ["--ro-bind", path, path] if os.path.isdir(path) else []


_SEALED = ("--remount-ro", "/dev", "--remount-ro", "/")


def _memory(folder: str) -> list[str]:
    """A new folder in memory. Before bubblewrap 0.7 its size can't be set, and is half of the memory."""
    return [*(["--size", str(ROOM[folder])] if "--size" in _help() else []), "--tmpfs", folder]


@cache
def _help() -> str:
    return subprocess.run(["bwrap", "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout


@dataclass(frozen=True)
class Sandbox:
    """What a run may see, and what it shall leave outside."""

    shown: Sequence[Path]  # folders that can be read inside, wherever they lie
    outputs: Mapping[str, Path]  # what the run writes and the caller wants to have: "results", "junit"
    patience: float = float("inf")  # seconds
    kept_build: Optional[Path] = None  # an empty folder for what is built; None: that lies in memory, and goes

    def run(self, command: Sequence[str]) -> int:
        """Runs a command inside, waits for it, takes the outputs out, and returns its status, as a shell would.

        HarnessError if the run has not come to its end, or never began.
        """
        with place_of_a_run() as place:
            (place / _WORK).mkdir()
            kept = {name: os.memfd_create(name) for name in self.outputs}
            try:
                return self._run(place, kept, command)
            finally:
                for descriptor in kept.values():
                    os.close(descriptor)

    def _run(self, place: Path, kept: Mapping[str, int], command: Sequence[str]) -> int:
        words, word = os.pipe()
        seccomp = os.memfd_create("seccomp")
        os.write(seccomp, _filter())
        os.lseek(seccomp, 0, os.SEEK_SET)
        asked, ask = os.pipe()
        handed = {**kept, "word": word, "asked": asked}
        environment = {name: value for name, value in os.environ.items()
                       if name in _VARIABLES or name.startswith("BYTETRAIN_")}
        environment.update({INSIDE: "1", _OUTPUTS: json.dumps(handed), "TMPDIR": str(SHARED[0] / _WORK)})
        before = {each.pid for each in children(os.getpid())}
        be_subreaper()
        with os.fdopen(words, "rb", buffering=0) as heard, subprocess.Popen(
            self._bwrap(place, seccomp, command), env=environment, pass_fds=[*handed.values(), seccomp],
            start_new_session=True,  # no terminal: what Ctrl-C means is decided here
        ) as sandbox:
            for descriptor in (word, asked, seccomp):
                os.close(descriptor)
            run = _Run(sandbox, heard.fileno(), ask, list(self.outputs.values()), self.patience)
            try:
                run.wait()
            finally:
                run.kill()
                status = sandbox.wait()
                os.close(ask)
                _reap(before)
        if not run.ended:
            for path in self.outputs.values():  # what an earlier run has left is no result of this one
                path.unlink(missing_ok=True)
            raise HarnessError(run.what_happened(status))
        for name, path in self.outputs.items():
            _take_out(kept[name], path)
        return status

    def _bwrap(self, place: Path, seccomp: int, command: Sequence[str]) -> list[str]:
        shown = sorted({REPO, *self.shown, *_of_this_python()}, key=lambda path: len(path.parts))
        covered = [folder for folder in _COVERED if folder.is_dir()]
        words = [*_root(), *_memory("/tmp"), *_shown(shown)]
        words += [word for folder in covered for word in ("--tmpfs", str(folder))]
        words += _shown(sorted(STAGES.glob("*/stage.toml")))  # what a stage is called
        # Nobody sees what others have built, nor their results.
        build = BUILD.parent
        words += ["--bind", str(self.kept_build), str(build)] if self.kept_build else _memory(str(build))
        words += _shown([path for path in shown if not {path, *path.parents}.isdisjoint([*covered, build])])
        words += [word for folder in covered if folder not in shown for word in ("--remount-ro", str(folder))]
        words += ["--bind", str(place / _WORK), str(SHARED[0] / _WORK), *_memory(str(SMALL))]
        words += [*_SEALED, "--seccomp", str(seccomp), "--dir", os.getcwd(), "--chdir", os.getcwd()]
        return [*words, "--", *command]


class _Run:
    """The run inside, from outside."""

    def __init__(
        self, sandbox: "subprocess.Popen[bytes]", heard: int, ask: int, old: Sequence[Path], patience: float
    ) -> None:
        self.sandbox = sandbox
        self.begun = self.ended = self.late = False
        self._over = False
        self._heard = heard
        self._ask = ask  # a pipe: what is in it tells the first process that a SIGINT is ours
        self._old = old  # outputs of earlier runs
        self._deadline = time.monotonic() + patience

    def wait(self) -> None:
        """Until it ends, or is to be ended."""
        while True:
            try:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    if self.late:
                        return
                    self.late = True
                    print("the run has taken all the time it has, and is to end now", file=sys.stderr)
                    self._ask_to_end()
                elif select.select([self._heard], [], [], min(left, 3600))[0] and not self._hear():
                    return
            except KeyboardInterrupt:  # the run inside tells what it has seen so far
                if self.late:
                    return
                self.late = True
                self._ask_to_end()

    def _hear(self) -> bool:
        """False at the end of the pipe: nobody is there any more who could say a word."""
        said = os.read(self._heard, 1000).split()
        self._over = not said
        if b"begun" in said:
            self.begun = True
            for path in self._old:
                path.unlink(missing_ok=True)
        self.ended = self.ended or b"ended" in said
        return bool(said)

    def _first(self) -> Optional[int]:
        """The first process of the sandbox."""
        return next((each.pid for each in children(self.sandbox.pid)), None)

    def _ask_to_end(self) -> None:
        """As Ctrl-C does in a terminal: the grader and its workers get it, and programs don't, which lead sessions."""
        self._deadline = time.monotonic() + GRACE
        first = self._first()
        with suppress(BrokenPipeError):
            os.write(self._ask, b"end")
        try:
            os.killpg(first or self.sandbox.pid, signal.SIGINT)
        except ProcessLookupError:  # it leads no group yet
            self.kill()

    def kill(self) -> None:
        """Ends it, if it is still there."""
        if not self._over and self.sandbox.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self._first() or self.sandbox.pid, signal.SIGKILL)

    def what_happened(self, status: int) -> str:
        if self.late:
            return "the run inside the sandbox did not listen, and was ended"
        if self.begun or status >= 128 or status < 0:
            return f"the run inside the sandbox has not come to its end (status {status}): something has killed it"
        return f"the sandbox could not be started (status {status}): bubblewrap's own words are above"


def _take_out(descriptor: int, path: Path) -> None:
    """Brings an output to where it was wanted; if nothing was written, what is there stays. Nobody but the grader could
    write it, and yet it is not believed to be small."""
    found = os.fstat(descriptor)
    if found.st_size == 0:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST or found.st_blocks * 512 < found.st_size:
        raise HarnessError(f"{path.name}: {found.st_size} bytes, of which {found.st_blocks * 512} are there: not taken")
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_bytes(os.pread(descriptor, found.st_size, 0))
    unfinished.replace(path)


def _reap(before: set[int]) -> None:
    """If bwrap was killed, its other half, the first process of the sandbox, has come to us."""
    for each in children(os.getpid()):
        if each.pid not in before:
            os.waitpid(each.pid, 0)


def _shown(paths: Sequence[Path]) -> list[str]:
    return [word for path in paths for word in ("--ro-bind", str(path), str(path))]


def _of_this_python() -> set[Path]:
    """Where this interpreter lives, if that is no part of the system: a venv or pyenv in the home directory."""
    folders = {Path(each) for each in (sys.prefix, sys.base_prefix)}
    return {each for each in folders if each.parts[1:2] and each.parts[1] not in SYSTEM}


# Keyrings are the user's, in a sandbox as well: keyrings(7). So the calls are refused: seccomp(2), and the numbers of
# the calls in asm/unistd.h: add_key, request_key, keyctl.
_KEY_CALLS = {"x86_64": (0xC000003E, (248, 249, 250)), "aarch64": (0xC00000B7, (217, 218, 219))}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_ALLOW, _ERRNO, _EPERM, _ENOSYS = 0x7FFF0000, 0x00050000, 1, 38


def _filter() -> bytes:
    """A program of struct sock_filter: code, jump if true, jump if false, operand."""
    lines: list[tuple[int, int, int, int]] = []
    if platform.machine() in _KEY_CALLS:
        machine, calls = _KEY_CALLS[platform.machine()]
        refuse = (_RETURN, 0, 0, _ERRNO | _ENOSYS)
        lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, machine), refuse, (_LOAD, 0, 0, 0)]  # seccomp_data: nr, arch
        lines += [(_AT_LEAST, 0, 1, 0x40000000), refuse]  # the x32 calls
        for call in calls:
            lines += [(_EQUAL, 0, 1, call), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    return b"".join(struct.pack("=HBBI", *line) for line in [*lines, (_RETURN, 0, 0, _ALLOW)])
