"""The sandbox around a whole grading run: bubblewrap, see bwrap(1).

A stranger's programs run in it, what builds them, and the part of the harness that grades them. The outer part only
makes room, waits, and takes the results out. Inside

- nothing can be written but the build folder of this submission, and /tmp: a new one, removed afterwards;
- /home, /root and /run are empty, but for this clone and the submission: no keys, no sockets of desktops or daemons;
- the network is a loopback of its own: no other machine, and no port of this one;
- there are no other processes, and when the run ends the kernel ends all of them: no daemon stays.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..kernel.processes import be_subreaper, children

INSIDE = "BYTETRAIN_CONTAINED"  # set in the environment of the run that is inside
SHARED = (Path("/tmp"), Path("/dev/shm"))  # where programs may write beside the folders that they are given
OURS = ("bytetrain-", "pytest-")  # how the names begin that the harness makes there
HIDDEN = ("/home", "/root", "/run", "/media", "/mnt", "/var/lib", "/var/tmp")
# The terminal, which bwrap shows as /dev/console, is not for programs; nor are the settings of the kernel, which the
# real root could change even without any capability.
_READ_ONLY = ("sys", "sysrq-trigger", "irq", "bus")  # below /proc
_ROOT = (
    "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--dev-bind", "/dev/null", "/dev/console", "--proc", "/proc",
    *(word for name in _READ_ONLY for word in ("--ro-bind-try", f"/proc/{name}", f"/proc/{name}")),
    "--cap-drop", "ALL", "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent",
)

SAID = {
    "bubblewrap": "bubblewrap: read-only file system, no network, own processes; and limits",
    "limits": "limits on processes, output and disk, but no sandbox",
    "off": "none",
}


def is_inside() -> bool:
    return INSIDE in os.environ


def _in_shared() -> set[Path]:
    if not is_inside():
        return set()
    return {path for folder in SHARED for path in folder.iterdir() if not path.name.startswith(OURS)}


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
    be_subreaper()
    done = subprocess.run([*_ROOT, "true"], stdin=subprocess.DEVNULL, capture_output=True, errors="surrogateescape")
    _reap_init()
    lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    return "" if done.returncode == 0 else f"bubblewrap doesn't work here: {lines[-1]}"


@dataclass(frozen=True)
class Sandbox:
    """Where a run may write, and what it shall leave outside."""

    builds: Path  # the folder where the submission is built
    shown: Sequence[Path]  # folders that can be read inside, wherever they lie
    outputs: Sequence[Path]  # files that the run writes and the caller wants to have: results.json, JUnit XML

    def run(self, command: Sequence[str]) -> int:
        """Runs a command inside, waits for it, takes the outputs out, and returns its status, as a shell would."""
        room = Path(tempfile.mkdtemp(prefix="bytetrain-sandbox-"))
        try:
            stand_ins = {output: self._stand_in(room, number) for number, output in enumerate(self.outputs)}
            status = _wait(self._bwrap(room, stand_ins, command))
            for output, stand_in in stand_ins.items():
                _take_out(stand_in, output)
            return status
        finally:
            _remove(room)

    def _stand_in(self, room: Path, number: int) -> Path:
        """An empty file for an output. The output itself must exist, to be covered by it."""
        self.outputs[number].parent.mkdir(parents=True, exist_ok=True)
        self.outputs[number].write_bytes(b"")  # what an earlier run has left is no result of this one
        stand_in = Path(_made(room / "outputs")) / str(number)
        stand_in.touch()
        return stand_in

    def _bwrap(self, room: Path, stand_ins: Mapping[Path, Path], command: Sequence[str]) -> list[str]:
        hidden = [folder for folder in HIDDEN if os.path.isdir(folder) and not os.path.islink(folder)]
        words = [*_ROOT, *(word for folder in hidden for word in ("--tmpfs", folder))]
        for shared in SHARED:
            words += ["--bind", _made(room / shared.name), str(shared)]
        for shown in (*self.shown, *_of_this_python()):
            words += ["--ro-bind", str(shown), str(shown)]
        words += ["--bind", _made(self.builds), str(self.builds)]
        words += [word for output, stand_in in stand_ins.items() for word in ("--bind", str(stand_in), str(output))]
        words += [word for folder in hidden for word in ("--remount-ro", folder)]
        return [*words, "--setenv", INSIDE, "1", "--dir", os.getcwd(), "--chdir", os.getcwd(), "--", *command]


def _take_out(stand_in: Path, output: Path) -> None:
    """Brings an output to where it was wanted; what was not written is not there."""
    if stand_in.stat().st_size == 0:
        output.unlink()
        return
    unfinished = output.with_name(f".{output.name}.new")
    shutil.copyfile(stand_in, unfinished)
    unfinished.replace(output)


def _wait(words: Sequence[str]) -> int:
    be_subreaper()
    with subprocess.Popen(words) as sandbox:
        while True:
            try:
                status = sandbox.wait()
                _reap_init()
                return status
            except KeyboardInterrupt:  # the run inside has got it as well, and tells what it has seen so far
                continue


def _reap_init() -> None:
    """bwrap ends a little earlier than its other half, the first process of the sandbox, with which all others end."""
    for each in children(os.getpid()):
        if each.name == "bwrap":
            os.waitpid(each.pid, 0)


def _made(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return str(folder)


def _of_this_python() -> set[str]:
    """Where this interpreter lives, in case that is hidden: a venv or pyenv in the home directory."""
    return {each for each in (sys.prefix, sys.base_prefix) if each.startswith(HIDDEN)}


def _remove(room: Path) -> None:
    """Removes a folder in which others have made what they wanted, folders closed to us included."""
    for folder, names, _ in os.walk(room):
        for name in names:
            path = os.path.join(folder, name)
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(room, ignore_errors=True)
