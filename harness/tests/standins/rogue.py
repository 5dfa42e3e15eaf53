"""A server that does harm, for the harness's own tests: rogue.py DEED HOST PORT WORKERS FILE

It listens, says so, does its deed, and waits for a signal. Everything it does is bounded, in case nobody stops it.
    forks     processes without end             prints    gigabytes
    fills     the disk                          files     many small files
    litters   fills the disk, in /tmp
    deaf      ignores every signal it can       daemon    leaves a process in a session of its own
    outside   writes beside its own folder      looks     for the harness's memory and environment
    kills     whoever runs it
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

LIFE = 300  # seconds, at most, of whatever comes of this
deed, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def fork_without_end() -> None:
    for _ in range(3000):
        if os.fork() == 0:
            time.sleep(LIFE)
            os._exit(0)


def leave_a_daemon() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(LIFE)
        os._exit(0)
    os.wait()


def look_around() -> None:
    """Tells what can be had of the process that started us."""
    for what in ("mem", "environ"):
        try:
            with open(f"/proc/{os.getppid()}/{what}", "rb"):
                print(f"{what} is open", file=sys.stderr)
        except OSError as error:
            print(f"{what}: {error.strerror}", file=sys.stderr)
    print("environment:", *sorted(os.environ), file=sys.stderr, flush=True)


def write_outside() -> None:
    for path in os.environ["TARGETS"].split(":"):
        try:
            Path(path).write_text("a rogue was here\n")
            print(f"{path} is written", file=sys.stderr, flush=True)
        except OSError as error:
            print(f"{path}: {error.strerror}", file=sys.stderr, flush=True)


listener = socket.create_server((host, port))
print("listening on {}:{}".format(*listener.getsockname()), flush=True)
if deed == "forks":
    fork_without_end()
elif deed == "prints":
    for _ in range(2000):
        os.write(2, b"x" * (1 << 20))
elif deed in ("fills", "litters"):
    with open("filler" if deed == "fills" else "/tmp/filler", "wb") as file:
        for _ in range(5000):
            file.write(b"x" * (1 << 20))
elif deed == "files":
    for number in range(40_000):
        Path(f"file-{number}").touch()
elif deed == "deaf":
    for number in range(1, signal.NSIG):
        if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
elif deed == "daemon":
    leave_a_daemon()
elif deed == "kills":
    os.kill(os.getppid(), signal.SIGKILL)
elif deed == "looks":
    look_around()
elif deed == "outside":
    write_outside()
print("done", file=sys.stderr, flush=True)
time.sleep(LIFE)
