"""./lab doctor: what this machine has, what is missing, what is odd, as a block of text to paste into an issue.

Runs on any python3 and needs nothing that has to be installed. Each check asks a Machine and answers with a Finding;
the tests hand it a Machine that answers what they want.
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import platform
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .telling.sizes import GiB, KiB
from .telling.text import end_with_the_reader, print_whatever_comes, visible

CLONE = Path(__file__).resolve().parents[2]
SYSTEM_PYTHON = "/usr/bin/python3"
SETUP = "run ./lab setup"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    value: str
    advice: str = ""  # what to do; empty where all is well
    missing: bool = False  # the kit can't work without it

    @property
    def mark(self) -> str:
        return "MISSING" if self.missing else "odd" if self.advice else ""


class Answer(NamedTuple):
    """How a command ended, and what it printed on both outputs."""

    status: int
    text: str


class Machine:
    """What the checks may ask. Nothing here raises: no answer is an answer."""

    environment: Mapping[str, str] = os.environ
    repo = CLONE

    def run(self, *command: str) -> Optional[Answer]:
        """None if there is no such program, or if it doesn't end."""
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return Answer(done.returncode, done.stdout.decode(errors="replace").strip())

    def read(self, path: str) -> str:
        """The text of a file; empty if it can't be read."""
        try:
            return Path(path).read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        return os.path.exists(path)

    def writable(self, path: str) -> bool:
        """Whether files can be made in that folder; false if there is none."""
        return os.access(path, os.W_OK | os.X_OK)

    def why_no_sandbox(self) -> str:
        """"" if the grader's sandbox works here, or why not."""
        from .programs.containment import why_no_sandbox

        return why_no_sandbox()

    def which(self, name: str) -> Optional[str]:
        return shutil.which(name)

    def glob(self, pattern: str) -> List[str]:
        return [str(path) for path in Path("/").glob(pattern.lstrip("/"))]


# ---- Tools and modules, as data


@dataclass(frozen=True)
class Tool:
    """A program, the oldest version that will do, and how bad it is to be without."""

    name: str
    oldest: Tuple[int, ...] = ()
    needed: bool = True


WANTED = (
    Tool("g++", (11,)),
    Tool("clang++", (14,), needed=False),
    Tool("make"),
    Tool("cmake", (3, 22)),
    Tool("gdb"),
    Tool("strace"),
    Tool("git", needed=False),
)
# Distributions, as importlib.metadata knows them; Debian's package is python3-NAME.
MODULES = ("pytest", "psutil", "pytest-timeout", "pytest-xdist", "hypothesis", "jinja2", "rich", "watchdog")
GTEST = [f"/{prefix}/cmake/GTest/GTestConfig.cmake" for prefix in ("usr/lib*", "usr/lib/*", "usr/local/lib*")]

_VERSION = re.compile(r"\d+(?:\.\d+)+")


def version_in(text: str) -> str:
    """The last version number in the first line: "g++ (Debian 12.2.0-14) 12.2.0" is 12.2.0."""
    found = _VERSION.findall(text.partition("\n")[0])
    return str(found[-1]) if found else ""


def numbers(version: str) -> Tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def tool(machine: Machine, wanted: Tool) -> Finding:
    path = machine.which(wanted.name)
    answer = machine.run(path, "--version") if path else None
    if path is None or answer is None:
        advice = SETUP if wanted.needed else ""
        return Finding(wanted.name, "not found", advice, missing=wanted.needed)
    version = version_in(answer.text)
    value = f"{version or 'no version'} ({path})"
    oldest = ".".join(map(str, wanted.oldest))
    if answer.status != 0:
        return Finding(wanted.name, f"{path} ends with status {answer.status}", SETUP, missing=wanted.needed)
    if numbers(version) < wanted.oldest:
        return Finding(wanted.name, value, f"{oldest} or newer is wanted", missing=wanted.needed)
    if not path.startswith(("/usr/bin/", "/bin/")):
        return Finding(wanted.name, value, "not the system's: if the build fails, put /usr/bin first in PATH")
    return Finding(wanted.name, value)


def gtest(machine: Machine) -> Finding:
    found = [path for pattern in GTEST for path in machine.glob(pattern)]
    if not found:
        return Finding("GoogleTest", "no GTestConfig.cmake", SETUP, missing=True)
    config_version = machine.read(str(Path(found[0]).with_name("GTestConfigVersion.cmake")))
    return Finding("GoogleTest", version_in(config_version.replace("\n", " ")) or found[0])


LIST_MODULES = """
import importlib.metadata, json, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
print(json.dumps({name: version(name) for name in sys.argv[1:]}))
"""


def modules(machine: Machine) -> Finding:
    answer = machine.run(SYSTEM_PYTHON, "-I", "-c", LIST_MODULES, *MODULES)
    if answer is None or answer.status != 0:
        return Finding("its modules", f"{SYSTEM_PYTHON} can't list them", SETUP, missing=True)
    versions: Dict[str, str] = json.loads(answer.text)
    value = ", ".join(f"{name} {version or '-'}" for name, version in versions.items())
    lost = [name for name, version in versions.items() if not version]
    return Finding("its modules", value, f"no {', '.join(lost)}: {SETUP}" if lost else "", missing=bool(lost))


# ---- Python


def system_python(machine: Machine) -> Finding:
    answer = machine.run(SYSTEM_PYTHON, "--version")
    if answer is None:
        return Finding("python", f"there is no {SYSTEM_PYTHON}", SETUP, missing=True)
    version = version_in(answer.text)
    if numbers(version) < (3, 10):
        return Finding("python", version, "3.10 or newer is wanted: Ubuntu 22.04, Debian 12, or newer", missing=True)
    return Finding("python", f"{version} ({SYSTEM_PYTHON})")


def python_in_path(machine: Machine) -> Finding:
    first = machine.which("python3")
    if first is None or os.path.realpath(first) == os.path.realpath(SYSTEM_PYTHON):
        return Finding("python3 in PATH", first or "none")
    answer = machine.run(first, "--version")
    value = f"{first} ({version_in(answer.text) if answer else 'does not run'})"
    return Finding("python3 in PATH", value, f"not the system's: say {SYSTEM_PYTHON} -m pytest, or use ./lab test")


def pytest_command(machine: Machine) -> Finding:
    found = {name: machine.which(name) for name in ("pytest", "pytest-3")}
    if found["pytest"] is None and found["pytest-3"] is not None:
        advice = f"say pytest-3 harness/, or {SYSTEM_PYTHON} -m pytest harness/"
        return Finding("pytest command", "only pytest-3", advice)
    if found["pytest"] is None:
        return Finding("pytest command", "none", f"{SETUP}, or say {SYSTEM_PYTHON} -m pytest harness/")
    if not found["pytest"].startswith(("/usr/bin/", "/bin/")):
        advice = f"another Python's: say {SYSTEM_PYTHON} -m pytest harness/, or use ./lab test"
        return Finding("pytest command", found["pytest"], advice)
    return Finding("pytest command", found["pytest"])


# ---- The machine


def system(machine: Machine) -> Finding:
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', machine.read("/etc/os-release"), re.MULTILINE))
    value = f"{release.get('PRETTY_NAME', 'unknown distribution')}, Linux {platform.release()}, {platform.machine()}"
    if machine.which("apt-get") is None:
        return Finding("system", value, "no apt: ./lab setup can't install here; use .devcontainer/")
    return Finding("system", value)


def wsl(machine: Machine) -> Finding:
    version = machine.read("/proc/version").lower()
    if "microsoft" not in version:
        return Finding("WSL", "no")
    if "wsl2" not in version and "microsoft-standard" not in version:
        return Finding("WSL", "1", "WSL 1 is not a Linux kernel: wsl --set-version DISTRIBUTION 2")
    if str(machine.repo).startswith("/mnt/"):
        advice = "the clone is on a Windows drive, slow and without Linux's file semantics: clone into your home"
        return Finding("WSL", f"2, clone in {machine.repo}", advice)
    return Finding("WSL", "2")


def container(machine: Machine) -> Finding:
    signs = [path for path in ("/.dockerenv", "/run/.containerenv") if machine.exists(path)]
    signs += [f"${name}" for name in ("container", "CODESPACES") if name in machine.environment]
    pid_1 = machine.read("/proc/1/comm") or "unknown"
    return Finding("container", f"{', '.join(signs) or 'no'}; pid 1 is {pid_1}")


def size(machine: Machine) -> Finding:
    memory = {key: int(kib) for key, kib in re.findall(r"^(\w+):\s+(\d+) kB", machine.read("/proc/meminfo"), re.M)}
    total, available = (memory.get(key, 0) * KiB / GiB for key in ("MemTotal", "MemAvailable"))
    load = machine.read("/proc/loadavg").split(" ")[0]
    value = f"{len(os.sched_getaffinity(0))} cores (load {load}), {total:.1f} GiB memory, {available:.1f} available"
    return Finding("size", value, "little memory: close something before building" if available < 1 else "")


def disk(machine: Machine) -> Finding:
    free = {place: shutil.disk_usage(place).free / GiB for place in (str(machine.repo), tempfile.gettempdir())}
    value = ", ".join(f"{gib:.1f} GiB free at {place}" for place, gib in free.items())
    short = [place for place, gib in free.items() if gib < 2]
    return Finding("disk", value, f"make room at {' and '.join(short)}: 2 GiB are wanted" if short else "")


def limits(machine: Machine) -> Finding:
    """A pool of 512 workers needs a channel for each."""
    files, processes = (resource.getrlimit(which)[0] for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC))
    words = ["unlimited" if each == resource.RLIM_INFINITY else str(each) for each in (files, processes)]
    value = f"{words[0]} open files, {words[1]} processes"
    return Finding("limits", value, "ulimit -n 1024 before ./lab" if 0 <= files < 1024 else "")


# ---- The kernel's permissions

TRACE_ME = "import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace(0, 0, 0, 0) != 0)"  # PTRACE_TRACEME


def ptrace(machine: Machine) -> Finding:
    """Really tries: a seccomp filter or a security module shows in no file."""
    scope = machine.read("/proc/sys/kernel/yama/ptrace_scope")
    answer = machine.run(sys.executable, "-I", "-c", TRACE_ME)
    denied = "gdb and strace can't work here; in a container: --cap-add=SYS_PTRACE --security-opt seccomp=unconfined"
    if answer is None or answer.status != 0:
        return Finding("ptrace", "PTRACE_TRACEME is denied", denied)
    if machine.which("strace"):
        traced = machine.run("strace", "-f", "-o", "/dev/null", "true")
        if traced is None or traced.status != 0:
            words = traced.text.partition("\n")[0] if traced else "no answer"
            return Finding("ptrace", f"strace of true fails: {words}", denied)
    if scope in ("2", "3"):
        return Finding("ptrace", f"permitted, yama's ptrace_scope is {scope}", "gdb -p and strace -p need root here")
    return Finding("ptrace", f"permitted, yama's ptrace_scope is {scope or 'absent'}")


def namespaces(machine: Machine) -> Finding:
    answer = machine.run("unshare", "--user", "--map-root-user", "true")
    if answer is not None and answer.status == 0:
        return Finding("user namespaces", "permitted")
    words = answer.text.partition("\n")[0] if answer else "unshare does not run"
    restricted = machine.read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
    advice = "no slow links or full disks without root; demo and test don't need them"
    if restricted:
        advice += "; to permit: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    return Finding("user namespaces", words, advice)


# ---- Network, clock, environment


def loopback(machine: Machine) -> Finding:
    try:
        with socket.socket() as listener:
            listener.settimeout(10)
            listener.bind(("127.0.0.1", 0))
            listener.listen(1)
            with socket.create_connection(listener.getsockname(), timeout=10) as client, listener.accept()[0] as server:
                server.sendall(b"train")
                client.recv(5)
    except OSError as error:
        return Finding("loopback", str(error), "no TCP over 127.0.0.1: sudo ip link set lo up", missing=True)
    control = machine.read("/proc/sys/net/ipv4/tcp_congestion_control") or "unknown congestion control"
    buffers = machine.read("/proc/sys/net/ipv4/tcp_wmem").replace("\t", " ")
    return Finding("loopback", f"works, {control}, tcp_wmem {buffers or 'unknown'}")


def clock(machine: Machine, now: Optional[datetime.datetime] = None) -> Finding:
    now = now or datetime.datetime.now(datetime.timezone.utc)
    source = machine.read("/sys/devices/system/clocksource/clocksource0/current_clocksource") or "unknown source"
    value = f"{now:%Y-%m-%d %H:%M:%S} UTC, {source}"
    newest = max((path.stat().st_mtime for path in machine.repo.glob("*")), default=0.0)
    if newest > now.timestamp() + 60:
        return Finding("clock", value, "files of the clone are from the future, make gets confused: set the clock")
    return Finding("clock", value)


BENDING = (
    "CC CXX CFLAGS CXXFLAGS CPPFLAGS LDFLAGS LD_PRELOAD LD_LIBRARY_PATH MAKEFLAGS CMAKE_GENERATOR ASAN_OPTIONS "
    "CONDA_PREFIX VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTEST_ADDOPTS"
).split()


def variables(machine: Machine) -> Finding:
    """Variables that change what is built or run. Their values stay at home: they may be private."""
    names = [name for name in BENDING if machine.environment.get(name)]
    if names:
        listed = " ".join(names)
        return Finding("environment", f"set: {listed}", f"if something fails, try again after: unset {listed}")
    return Finding("environment", "nothing that bends a build")


def bubblewrap(machine: Machine) -> Finding:
    """Really tries, like ptrace: that it is installed says nothing in a container. Only others' code needs it."""
    if machine.which("bwrap") is None:
        return Finding("bubblewrap", "not installed: only for others' code (./lab setup --teacher)")
    if not (words := machine.why_no_sandbox()):
        return Finding("bubblewrap", "works")
    advice = "others' code runs without a sandbox; in a container: .devcontainer/devcontainer.json says what to allow"
    return Finding("bubblewrap", words, advice)


def writable_build(machine: Machine) -> Finding:
    """Everything is built in build/, which may belong to root after a sudo ./lab test."""
    build = machine.repo / "build"
    places = [build, *sorted(path for path in build.glob("*") if path.is_dir())] if build.is_dir() else [machine.repo]
    closed = next((place for place in places if not machine.writable(str(place))), None)
    if closed is None:
        return Finding("build folder", f"{build} can be written")
    value = f"{closed} can't be written; it belongs to {owner_of(closed)}"
    advice = "sudo chown -R $(id -un) build"
    if not machine.writable(str(machine.repo)):
        advice = "copy the clone to where you may write: cp -r"
    return Finding("build folder", value, advice, missing=True)


def owner_of(path: Path) -> str:
    try:
        return path.owner()
    except (KeyError, OSError):
        return "nobody known"


def clone(machine: Machine) -> Finding:
    answer = machine.run("git", "-C", str(machine.repo), "describe", "--always", "--dirty")
    version = answer.text if answer and answer.status == 0 else "no commit known"
    if answer and "dubious ownership" in answer.text:
        advice = f"git refuses: git config --global --add safe.directory {machine.repo}"
        return Finding("clone", f"files of {owner_of(machine.repo)}", advice)
    try:
        os.close(os.open(str(machine.repo), os.O_TMPFILE | os.O_RDWR, 0o600))
    except OSError as error:
        advice = "no O_TMPFILE on this file system: the clients fall back to a named temporary file"
        return Finding("clone", f"{version}; {error.strerror}", advice)
    return Finding("clone", version)


Examination = Callable[[Machine], Finding]


EXAMINATIONS: Tuple[Examination, ...] = (
    system, wsl, container, size, disk, limits, clone, writable_build,
    *(functools.partial(tool, wanted=each) for each in WANTED), gtest,
    system_python, modules, python_in_path, pytest_command,
    ptrace, namespaces, bubblewrap, loopback, clock, variables,
)

NEEDED: Tuple[Examination, ...] = (writable_build, loopback)  # by whatever runs programs
NEEDED_TO_BUILD: Tuple[Examination, ...] = (
    *(functools.partial(tool, wanted=each) for each in WANTED if each.name in ("g++", "make", "cmake")),
    system_python, *NEEDED,
)


def obstacle(checks: Sequence[Examination] = NEEDED, machine: Optional[Machine] = None) -> str:
    """The first thing without which nothing can work here, why, and what to do, in a line; "" if there is none."""
    findings = examine(machine or Machine(), checks)
    return next((f"{each.name}: {each.value}: {each.advice}" for each in findings if each.missing), "")


# ---- The report


def examine(machine: Machine, checks: Sequence[Examination] = EXAMINATIONS) -> List[Finding]:
    """All findings. A check that breaks is itself an odd thing, never the end of the report."""
    findings = []
    for check in checks:
        try:
            findings.append(check(machine))
        except Exception as error:  # whatever this machine does to a check, the others go on
            name = getattr(check, "__name__", "a check")
            what = f"{type(error).__name__}: {error}"
            findings.append(Finding(name, what, "doctor itself stumbled: please report this"))
    return findings


def report(findings: Sequence[Finding]) -> str:
    """The findings as a fenced block, which an issue shows as it is."""
    width = max((len(finding.name) for finding in findings), default=0)
    lines = ["```text", "Bytetrain doctor"]
    for finding in findings:
        lines.append(f"{finding.mark:<8}{finding.name:<{width}}  {finding.value}")
        if finding.advice:
            lines.append(f"{'':<8}{'':<{width}}  -> {finding.advice}")
    missing, odd = (sum(finding.mark == mark for finding in findings) for mark in ("MISSING", "odd"))
    lines += ["", f"{missing} missing, {odd} odd" if missing or odd else "nothing missing, nothing odd", "```"]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    print_whatever_comes()
    if list(arguments) == ["--first"]:  # ./lab, before it does anything
        found = obstacle(NEEDED_TO_BUILD)
        if found:
            print(visible(f"lab: {found}"), file=sys.stderr)
        return 1 if found else 0
    if arguments:
        print(visible(f"doctor: takes no arguments, but got '{' '.join(arguments)}'"), file=sys.stderr)
        return 2
    findings = examine(Machine())
    print(visible(report(findings)))
    return 1 if any(finding.missing for finding in findings) else 0


if __name__ == "__main__":
    end_with_the_reader()
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
