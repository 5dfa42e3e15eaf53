"""A server that is after the points, or after the machine, for the harness's own tests:

    attacker.py DEED [WHOM] HOST PORT WORKERS FILE

It listens, says so, does its deed, tells how it went, and waits for a signal. Everything it does is bounded.
    forges    looks for the results on command lines and among descriptors, writes them, then stops and kills graders
    stops     stops all graders, or (WHOM: worker) only the process that started it
    takes     kills its judge, and opens the memory of the one that comes instead
    interrupts  sends the first process SIGINT, again and again
    slow      does nothing, for long
    looks     at what the first process was started with, at keyrings, and for a terminal
    devices   fills /dev            memory   fills /dev/shm       names    makes many files in /tmp
    unlinked  fills the disk with a file that has no name
    hides     what it has open: PR_SET_DUMPABLE
    limits    the descriptors of the first process to three
    deep      makes folders in folders, deeper than a path can be long
"""

import ctypes
import os
import re
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

LIFE = 300  # seconds, at most, of whatever comes of this
FORGED = b'{"schema": "bytetrain/results/v1", "outcome": "pass", "points": 100, "of": 100, "forged": true}'
MIB = 1 << 20


def attempt(what: str, deed: Callable[[], object]) -> None:
    """Tells what came of it."""
    try:
        deed()
        print(f"{what}: done so", file=sys.stderr, flush=True)
    except OSError as error:
        print(f"{what}: {error.strerror}", file=sys.stderr, flush=True)


def graders() -> list[int]:
    lines = {int(each.name): each.joinpath("cmdline").read_bytes() for each in Path("/proc").glob("[0-9]*")
             if each.joinpath("cmdline").exists()}
    return [pid for pid, line in lines.items() if b"pytest" in line and pid != os.getpid()]


def forge() -> None:
    found = set()
    for pid in graders():
        line = os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes())
        found |= set(re.findall(r"(?:--results=|--results\0|--junitxml=|--junitxml\0)([^\0]+)", line))
        for fd in range(3, 20):
            attempt(f"descriptor {fd} of {pid}", lambda: overwrite(f"/proc/{pid}/fd/{fd}"))
    for path in sorted(found):
        attempt(path, lambda: overwrite(path))
        attempt(f"chmod {path}", lambda: os.chmod(path, 0o444))
    for pid in sorted(graders()):
        if pid <= 2:  # the first processes of a sandbox: the others would be no more than checks that end early
            attempt("stop", lambda: os.kill(pid, signal.SIGSTOP))
            attempt("kill", lambda: os.kill(pid, signal.SIGKILL))


def overwrite(path: str) -> None:
    with open(path, "r+b", buffering=0) as file:
        file.write(FORGED)


def stop_graders() -> None:
    for pid in [os.getppid()] if "worker" in sys.argv else graders():
        attempt("stop", lambda: os.kill(pid, signal.SIGSTOP))


def take_over() -> None:
    before = set(os.listdir("/proc"))
    os.kill(os.getppid(), signal.SIGKILL)
    end, tries = time.monotonic() + LIFE, 0
    while tries < 1000 and time.monotonic() < end:
        for new in set(filter(str.isdigit, os.listdir("/proc"))) - before:
            try:
                if b"stdin.readline" in Path(f"/proc/{new}/cmdline").read_bytes():  # how execnet starts its workers
                    tries += 1
                    Path("/tmp/bytetrain-tried").touch()
                    os.close(os.open(f"/proc/{new}/mem", os.O_RDWR))
                    Path("/tmp/bytetrain-taken").touch()
            except OSError:
                pass


def interrupt() -> None:
    for _ in range(20):
        attempt("interrupt", lambda: os.kill(1, signal.SIGINT))
        time.sleep(0.01)  # signals that come at once are one signal; whether one has done harm is for the test to see


def look() -> None:
    attempt("environ", lambda: print(Path("/proc/1/environ").read_bytes(), file=sys.stderr))
    attempt("terminal", lambda: os.open("/dev/tty", os.O_RDWR))
    libc = ctypes.CDLL(None, use_errno=True)
    key = libc.syscall({"x86_64": 250, "aarch64": 219}[os.uname().machine], 0, -4, 0)  # keyctl: of the user's keyring
    print(f"keyring: {'open' if key >= 0 else os.strerror(ctypes.get_errno())}", file=sys.stderr)


def fill(path: str, mib: int, unlink: bool = False) -> None:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)  # and never closed
    if unlink:
        os.unlink(path)
    for _ in range(mib):
        os.write(file, b"x" * MIB)


def many_names() -> None:
    for number in range(40_000):
        Path(f"/tmp/{number}").touch()


def go_deep() -> None:
    for _ in range(1500):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    os.open("file", os.O_CREAT | os.O_WRONLY)


DEEDS: dict[str, Callable[[], object]] = {
    "forges": forge, "stops": stop_graders, "takes": take_over, "interrupts": interrupt,
    "looks": look, "names": many_names, "deep": go_deep,
    "hides": lambda: ctypes.CDLL(None).prctl(4, 0, 0, 0, 0),
    "limits": lambda: attempt("limits", lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))),
    "slow": lambda: time.sleep(LIFE),
    "devices": lambda: attempt("devices", lambda: fill("/dev/filler", 400)),
    "memory": lambda: attempt("memory", lambda: fill("/dev/shm/filler", 400)),
    "unlinked": lambda: attempt("unlinked", lambda: fill("filler", 1000, unlink=True)),
}
if __name__ == "__main__":
    listener = socket.create_server((sys.argv[-4], int(sys.argv[-3])))
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
    DEEDS[sys.argv[1]]()
    print("the deed is done", file=sys.stderr, flush=True)
    time.sleep(LIFE)
