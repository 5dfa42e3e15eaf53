#!/usr/bin/python3
"""./lab demo and ./lab test on every system that the README names, each as bare as debootstrap makes it.

    sudo .ci/bare.py                        all of them, one after the other: about an hour and a half on two cores
    sudo .ci/bare.py debian-12 --record     only one; and what was seen goes into the page "tested on"
    sudo .ci/bare.py debian-13 --run './lab test -k gdb'      another command in place of the two
    .ci/bare.py --list                      the systems

For hand or night, not for .ci/run: it installs 300 MB in each root. HEAD is tested, cloned by an ordinary user with
sudo into a folder with a blank and Chinese letters. Logs lie in build/bare/SYSTEM/. The roots are kept, with the
packages that apt has fetched, in build/bare/cache (--cache DIR), and never written to: each run has an overlay of its
own. It needs root, and a mirror that holds debian/ and ubuntu/ beside each other, as that of this machine's apt may do.
When it ends, however it ends, no mount, process or file of a run is left.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

REPO = Path(__file__).resolve().parents[1]
LOGS = REPO / "build" / "bare"
RECORD = REPO / "harness" / "tested_on.json"
CLONE = "网络 编程/bytetrain"  # below the home directory of the user
COMMANDS = {"demo": "./lab demo", "doctor": "./lab doctor", "test": "./lab test"}
GIT = ("git", "-c", "safe.directory=*", "-C", str(REPO))
PATIENCE = "90m"  # for one command: a hang must not last the night


@dataclass(frozen=True)
class System:
    """What debootstrap must know."""

    name: str
    distribution: str  # the folder on the mirror: debian, ubuntu
    suite: str
    script: str = ""  # of debootstrap; which doesn't know newer suites by name

    @property
    def options(self) -> list[str]:
        # Debian has no keyring of Ubuntu: this is trusted for the test alone. apt inside has Ubuntu's own keyring.
        return ["--no-check-gpg", "--components=main,universe"] if self.distribution == "ubuntu" else []


SYSTEMS = {
    each.name: each
    for each in (
        System("debian-12", "debian", "bookworm"), System("debian-13", "debian", "trixie", "sid"),
        System("debian-testing", "debian", "testing", "sid"), System("ubuntu-22.04", "ubuntu", "jammy", "gutsy"),
        System("ubuntu-24.04", "ubuntu", "noble", "gutsy"),
    )
}

# Arguments: the folder of the run, the name of the root, the folder of the logs, where the clone goes, NAME COMMAND...
# It runs as the first process of namespaces of its own: with it end all mounts and processes. A plain chroot would not
# do: in one, nobody can make a user namespace.
ENTER = r"""
set -eu
cd "$1"
mount -t overlay overlay -o "lowerdir=../$2,upperdir=upper,workdir=work" root
mount --bind "../$2.debs" root/var/cache/apt/archives
mkdir root/logs && mount --bind "$3" root/logs
cp clone.bundle root/
cp /etc/resolv.conf root/etc/
cd root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs dev
for each in null zero full random urandom tty; do touch "dev/$each" && mount --bind "/dev/$each" "dev/$each"; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for each in 0,stdin 1,stdout 2,stderr; do ln -s "/proc/self/fd/${each%,*}" "dev/${each#*,}"; done
hostname bare
printf '127.0.0.1 localhost bare\n' >etc/hosts
pivot_root . .
umount -l .
cd /
useradd --create-home --shell /bin/bash student
printf 'student ALL=(ALL) NOPASSWD: ALL\n' >/etc/sudoers.d/student
printf 'Acquire::Check-Valid-Until "false";\n' >/etc/apt/apt.conf.d/50bare
runuser -l student -c "git clone -q /clone.bundle '$4'"
clone=$4
shift 4
while (($#)); do
  began=$SECONDS status=0 command=$(printf '%q ' timeout --kill-after=20 "$PATIENCE" bash -c "$2")
  runuser -l student -c "cd '$clone' && $command" >"/logs/$1.txt" 2>&1 || status=$?
  printf '%s %s %s\n' "$1" "$status" $((SECONDS - began)) | tee -a /logs/facts
  shift 2
done
"""


def say(words: str) -> None:
    print(words, flush=True)


def mirror() -> str:
    """Where apt of this machine gets its packages: the folder that holds debian/ and ubuntu/."""
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    for uri in sorted(set(subprocess.run(targets, stdout=subprocess.PIPE, text=True, check=True).stdout.split())):
        if found := re.match(r"(.*/)(debian|ubuntu)/*$", uri):
            return found[1]
    sys.exit("bare: apt here uses no mirror whose address ends with debian/ or ubuntu/: name one with --mirror")


def in_namespaces(*command: str) -> list[str]:
    """The command as the first process of its own namespaces, which end with this program, however it ends."""
    own = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child"]
    return ["setpriv", "--pdeathsig", "KILL", "unshare", *own, *command]


def run(command: Sequence[str], log: Path, **more: Any) -> int:
    """Runs it to its end, which comes at once if this program is told to end. Its output goes to the log's end."""
    with log.open("ab") as output:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **more)
        try:
            return child.wait()
        finally:
            child.kill()
            reap_all()


def reap_all() -> None:
    """Waits for the first process of the namespaces, too; it has an end when nobody is left in them."""
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def make_root(system: System, cache: Path, base: str, log: Path) -> None:
    """A bare root in the cache, if it isn't there yet."""
    root, unfinished = cache / system.name, cache / f"{system.name}.unfinished"
    if root.exists():
        return
    shutil.rmtree(unfinished, ignore_errors=True)
    command = ["debootstrap", "--variant=minbase", "--include=ca-certificates,git,sudo", *system.options]
    command += [system.suite, str(unfinished), f"{base}{system.distribution}/"]
    command += [f"/usr/share/debootstrap/scripts/{system.script}"] if system.script else []
    try:
        if status := run(in_namespaces("--mount-proc", *command), log):
            sys.exit(f"bare: debootstrap ended with status {status}: see {log}")
        unfinished.rename(root)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


@contextmanager
def scratch(cache: Path) -> Iterator[Path]:
    """A folder for one run, locked as long as it is in use. What runs that were killed have left is removed first."""
    folder = cache / f"run-{os.getpid()}"
    with ExitStack() as in_use:
        with locked(cache):  # nobody takes the new folder for an old one
            for old in cache.glob("run-*"):
                try:
                    with locked(old, fcntl.LOCK_NB):
                        shutil.rmtree(old)
                except BlockingIOError:
                    pass
            folder.mkdir()
            in_use.enter_context(locked(folder))
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


@contextmanager
def locked(folder: Path, how: int = 0) -> Iterator[None]:
    """flock(2) on a folder; BlockingIOError with LOCK_NB if another process has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(descriptor)


def try_out(system: System, cache: Path, logs: Path, commands: dict[str, str]) -> dict[str, tuple[int, int]]:
    """Runs the commands in a root, one after the other: the status and the seconds of each."""
    (cache / f"{system.name}.debs").mkdir(exist_ok=True)
    facts = logs / "facts"
    facts.unlink(missing_ok=True)
    with scratch(cache) as folder:
        for each in ("upper", "work", "root"):
            (folder / each).mkdir()
        subprocess.run([*GIT, "bundle", "create", "-q", folder / "clone.bundle", "HEAD"], check=True)
        words = [word for pair in commands.items() for word in pair]
        command = in_namespaces("bash", "-c", ENTER, "bare", str(folder), system.name, str(logs), CLONE, *words)
        status = run(command, logs / "root.txt", env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PATIENCE": PATIENCE})
    if status != 0:
        sys.exit(f"bare: {system.name} can't be entered (status {status}): see {logs / 'root.txt'}")
    lines = [line.split() for line in facts.read_text().splitlines()]
    return {name: (int(status), int(seconds)) for name, status, seconds in lines}


def seen(doctor: str) -> dict[str, Any]:
    """What doctor tells of a machine: the system, its kernel, and the versions of the tools."""
    values = {name.strip(): value for name, value in re.findall(r"^.{8}(\S.*?)  +(\S.*)$", doctor, re.MULTILINE)}
    system, kernel = re.match(r"(.*), Linux (\S+),", values["system"]).groups()  # type: ignore[union-attr]
    tools = {name: values[name].split()[0] for name in ("g++", "cmake", "python", "gdb", "strace")}
    tools["pytest"] = re.findall(r"pytest (\S+),", values["its modules"])[0]
    return {"system": system, "kernel": kernel, **tools}


def record(name: str, entry: dict[str, Any]) -> None:
    """Puts what was seen into the data, and renders the page from it."""
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    known[name] = entry
    ordered = {each: known[each] for each in SYSTEMS if each in known}
    RECORD.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(REPO / "harness"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-m", "bytetrain.docs", "--record", "tested-on"], env=environment, check=True)


def commit() -> str:
    """The commit that is tested."""
    if subprocess.run([*GIT, "status", "--porcelain"], stdout=subprocess.PIPE, check=True).stdout:
        say("bare: what is not committed is not tested")
    told = subprocess.run([*GIT, "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE, text=True, check=True)
    return told.stdout.strip()


def one(system: System, options: argparse.Namespace) -> bool:
    """A root, and the commands in it; whether all of these ended well."""
    logs, began = LOGS / system.name, time.monotonic()
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "root.txt").unlink(missing_ok=True)
    make_root(system, options.cache, options.mirror or mirror(), logs / "root.txt")
    say(f"{system.name}: the root is there after {time.monotonic() - began:.0f} s")
    found = try_out(system, options.cache, logs, {"run": options.run} if options.run else COMMANDS)
    for name, (status, seconds) in found.items():
        say(f"{system.name}: {options.run or COMMANDS[name]}: status {status}, {seconds} s; see {logs / name}.txt")
    if options.record:
        ended = {name: {"status": status, "seconds": seconds} for name, (status, seconds) in found.items()}
        facts = seen((logs / "doctor.txt").read_text(encoding="utf-8"))
        today = {"date": f"{datetime.date.today()}", "commit": options.commit}
        record(system.name, {**facts, "demo": ended["demo"], "test": ended["test"], **today})
    return not any(status for status, _ in found.values())


def main(arguments: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog=".ci/bare.py", description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("systems", nargs="*", metavar="SYSTEM", help="which ones (default: all)")
    add("--list", action="store_true", help="say which there are")
    add("--cache", type=Path, default=LOGS / "cache", metavar="DIR", help="for roots (default: build/bare/cache)")
    add("--mirror", metavar="URI", help="the folder that holds debian/ and ubuntu/ (default: that of apt here)")
    add("--run", metavar="COMMAND", help="in place of demo and test")
    add("--record", action="store_true", help="write what was seen into the data and the page")
    options = parser.parse_args(arguments)
    if options.list:
        say("\n".join(SYSTEMS))
        return 0
    if unknown := set(options.systems) - set(SYSTEMS):
        parser.error(f"no system {', '.join(sorted(unknown))}: there are {', '.join(SYSTEMS)}")
    if options.record and options.run:
        parser.error("--record is for demo and test, not for --run")
    if os.geteuid() != 0:
        parser.error("mounting and debootstrap need root: sudo .ci/bare.py ...")
    if lost := [tool for tool in ("debootstrap", "unshare", "setpriv", "git") if shutil.which(tool) is None]:
        parser.error(f"not installed: {', '.join(lost)}")
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: what the end of a namespace leaves to reap comes here
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, frame: sys.exit(128 + number))
    options.cache = options.cache.resolve()
    options.cache.mkdir(parents=True, exist_ok=True)
    options.commit = commit()
    results = [one(SYSTEMS[name], options) for name in options.systems or SYSTEMS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
