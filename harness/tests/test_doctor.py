"""doctor's checks, on machines that exist only here."""

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

import pytest
from bytetrain import doctor
from bytetrain.doctor import Answer, Finding, Tool

MODULES_OF_22_04 = {name: "1.0" for name in doctor.MODULES}


class FakeMachine(doctor.Machine):
    """Answers from tables; what isn't in them doesn't exist."""

    def __init__(
        self,
        programs: Optional[Mapping[str, Answer]] = None,
        files: Optional[Mapping[str, str]] = None,
        environment: Optional[Mapping[str, str]] = None,
        repo: Path = Path("/nowhere"),
        closed: Sequence[Path] = (),
    ) -> None:
        self.programs = programs or {}
        self.files = files or {}
        self.environment = environment or {}
        self.repo = repo
        self.closed = closed
        self.no_sandbox = ""

    def run(self, *command: str) -> Optional[Answer]:
        return self.programs.get(command[0])

    def read(self, path: str) -> str:
        return self.files.get(path, "")

    def exists(self, path: str) -> bool:
        return path in self.files

    def why_no_sandbox(self) -> str:
        return self.no_sandbox

    def writable(self, path: str) -> bool:
        return Path(path) not in self.closed

    def which(self, name: str) -> Optional[str]:
        return next((path for path in self.programs if path.rpartition("/")[2] == name), None)

    def glob(self, pattern: str) -> List[str]:
        return [path for path in self.files if Path(path).match(pattern)]


def fine(text: str = "") -> Answer:
    return Answer(0, text)


@pytest.mark.parametrize(
    "line, version",
    [
        ("g++ (Debian 12.2.0-14+deb12u1) 12.2.0", "12.2.0"),
        ("Debian clang version 14.0.6", "14.0.6"),
        ("cmake version 3.22.1\n\nCMake suite maintained by Kitware", "3.22.1"),
        ("GNU gdb (Ubuntu 12.1-0ubuntu1~22.04) 12.1", "12.1"),
        ("no number here", ""),
    ],
)
def test_the_version_is_the_last_number_of_the_first_line(line: str, version: str) -> None:
    assert doctor.version_in(line) == version


def test_versions_are_compared_as_numbers() -> None:
    assert doctor.numbers("3.9") < doctor.numbers("3.22.1")


def test_a_tool_that_is_there_is_not_odd() -> None:
    machine = FakeMachine({"/usr/bin/cmake": fine("cmake version 3.25.1")})
    assert doctor.tool(machine, Tool("cmake", (3, 22))) == Finding("cmake", "3.25.1 (/usr/bin/cmake)")


def test_a_needed_tool_is_missing_when_absent_old_or_broken() -> None:
    wanted = Tool("g++", (11,))
    assert doctor.tool(FakeMachine(), wanted).mark == "MISSING"
    for answer in (fine("g++ 9.4.0"), Answer(1, "g++: fatal error: cannot execute cc1plus")):
        assert doctor.tool(FakeMachine({"/usr/bin/g++": answer}), wanted).mark == "MISSING"


def test_a_tool_for_maintainers_may_be_absent() -> None:
    assert doctor.tool(FakeMachine(), Tool("clang++", needed=False)).mark == ""


def test_a_compiler_from_conda_is_odd() -> None:
    machine = FakeMachine({"/opt/conda/bin/g++": fine("g++ (conda-forge) 13.2.0")})
    assert doctor.tool(machine, Tool("g++", (11,))).mark == "odd"


def test_missing_modules_are_named() -> None:
    versions: Dict[str, str] = {**MODULES_OF_22_04, "psutil": ""}
    finding = doctor.modules(FakeMachine({doctor.SYSTEM_PYTHON: fine(json.dumps(versions))}))
    assert finding.missing and "no psutil: run ./lab setup" == finding.advice


def test_a_python_of_ones_own_is_odd_but_does_no_harm() -> None:
    finding = doctor.python_in_path(FakeMachine({"/root/.pyenv/shims/python3": fine("Python 3.11.7")}))
    assert finding.mark == "odd" and "3.11.7" in finding.value


def test_an_old_system_python_is_missing() -> None:
    assert doctor.system_python(FakeMachine({doctor.SYSTEM_PYTHON: fine("Python 3.8.10")})).mark == "MISSING"


@pytest.mark.parametrize(
    "commands, mark, part",
    [
        (["/usr/bin/pytest", "/usr/bin/pytest-3"], "", ""),
        (["/usr/bin/pytest-3"], "odd", "say pytest-3 harness/"),
        (["/root/.pyenv/shims/pytest"], "odd", "another Python's"),
        ([], "odd", "./lab setup"),
    ],
)
def test_the_pytest_command(commands: List[str], mark: str, part: str) -> None:
    finding = doctor.pytest_command(FakeMachine({command: fine() for command in commands}))
    assert finding.mark == mark and part in finding.advice


def test_wsl_on_a_windows_drive_is_odd() -> None:
    kernel = {"/proc/version": "Linux version 5.15.90.1-microsoft-standard-WSL2"}
    assert doctor.wsl(FakeMachine(files=kernel, repo=Path("/home/me/bytetrain"))).mark == ""
    assert doctor.wsl(FakeMachine(files=kernel, repo=Path("/mnt/c/bytetrain"))).mark == "odd"


def test_denied_ptrace_says_what_the_container_needs() -> None:
    finding = doctor.ptrace(FakeMachine({sys.executable: Answer(1, "")}))
    assert finding.mark == "odd" and "SYS_PTRACE" in finding.advice


def test_an_strace_that_fails_is_quoted() -> None:
    strace = Answer(1, "strace: PTRACE_SEIZE: Operation not permitted\nmore")
    finding = doctor.ptrace(FakeMachine({sys.executable: fine(), "strace": strace}))
    assert "PTRACE_SEIZE: Operation not permitted" in finding.value and "more" not in finding.value


@pytest.mark.parametrize("scope, mark", [("", ""), ("0", ""), ("1", ""), ("2", "odd"), ("3", "odd")])
def test_yama(scope: str, mark: str) -> None:
    machine = FakeMachine({sys.executable: fine()}, {"/proc/sys/kernel/yama/ptrace_scope": scope})
    assert doctor.ptrace(machine).mark == mark


def test_ubuntus_restriction_of_user_namespaces_is_recognised() -> None:
    machine = FakeMachine(
        {"unshare": Answer(1, "unshare: write failed /proc/self/uid_map: Operation not permitted")},
        {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"},
    )
    assert "sysctl" in doctor.namespaces(machine).advice


def test_bubblewrap_is_tried_and_only_its_failure_is_odd() -> None:
    """In a container it is installed, and can't work."""
    machine = FakeMachine()
    assert doctor.bubblewrap(machine).mark == ""
    machine.programs = {"/usr/bin/bwrap": fine()}
    assert doctor.bubblewrap(machine) == Finding("bubblewrap", "works")
    machine.no_sandbox = "bwrap: Creating new namespace failed: Operation not permitted"
    finding = doctor.bubblewrap(machine)
    assert finding.mark == "odd" and "Operation not permitted" in finding.value and ".devcontainer/" in finding.advice


def test_a_build_folder_of_somebody_else_stops_everything(tmp_path: Path) -> None:
    me = tmp_path.owner()
    assert doctor.writable_build(FakeMachine(repo=tmp_path)).mark == ""
    finding = doctor.writable_build(FakeMachine(repo=tmp_path, closed=[tmp_path]))
    assert finding.mark == "MISSING" and f"belongs to {me}" in finding.value and "cp -r" in finding.advice
    (tmp_path / "build" / "release").mkdir(parents=True)
    assert doctor.writable_build(FakeMachine(repo=tmp_path, closed=[tmp_path])).mark == ""  # all is made in there
    finding = doctor.writable_build(FakeMachine(repo=tmp_path, closed=[tmp_path / "build" / "release"]))
    assert finding.mark == "MISSING" and "chown" in finding.advice
    words = doctor.obstacle([doctor.writable_build], FakeMachine(repo=tmp_path, closed=[tmp_path / "build"]))
    assert words.startswith("build folder: ") and "\n" not in words


def test_a_clone_that_git_refuses_is_odd(tmp_path: Path) -> None:
    told = Answer(128, "fatal: detected dubious ownership in repository at '/srv/bytetrain'\nTo add an exception ...")
    finding = doctor.clone(FakeMachine({"git": told}, repo=tmp_path))
    assert finding.mark == "odd" and "safe.directory" in finding.advice


def test_variables_are_named_and_their_values_kept_private() -> None:
    finding = doctor.variables(FakeMachine(environment={"CXXFLAGS": "-I/home/me/secret", "HOME": "/home/me"}))
    assert finding.mark == "odd" and "CXXFLAGS" in finding.value and "secret" not in str(finding)


def test_a_clock_behind_the_files_is_odd(tmp_path: Path) -> None:
    (tmp_path / "lab").touch()
    now = datetime.datetime.now(datetime.timezone.utc)
    assert doctor.clock(FakeMachine(repo=tmp_path), now).mark == ""
    assert doctor.clock(FakeMachine(repo=tmp_path), now - datetime.timedelta(days=1)).mark == "odd"


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on() -> None:
    def breaks(machine: doctor.Machine) -> Finding:
        raise RuntimeError("no such luck")

    first, second = doctor.examine(FakeMachine(), (breaks, doctor.wsl))
    assert first == Finding("breaks", "RuntimeError: no such luck", "doctor itself stumbled: please report this")
    assert second.name == "WSL"


def test_the_report_is_a_fenced_block_with_marks_and_advice() -> None:
    findings = [Finding("make", "4.3"), Finding("gdb", "not found", "run ./lab setup", missing=True)]
    assert doctor.report(findings).splitlines() == [
        "```text",
        "Bytetrain doctor",
        "        make  4.3",
        "MISSING gdb   not found",
        "              -> run ./lab setup",
        "",
        "1 missing, 0 odd",
        "```",
    ]


def test_this_machine_gets_a_report_from_a_bare_interpreter() -> None:
    """-S and -s: without any installed package, as on the machine of somebody who has just cloned the kit."""
    start = str(doctor.CLONE / "harness" / "run.py")
    command = [doctor.SYSTEM_PYTHON, "-S", "-I", "-B", start, "bytetrain.doctor"]
    done = subprocess.run(command, capture_output=True, errors="surrogateescape")
    assert done.stdout.startswith("```text\nBytetrain doctor\n") and "stumbled" not in done.stdout
    assert done.returncode in (0, 1) and done.stderr == ""


def test_what_runs_before_anything_is_installed_reads_no_toml() -> None:
    """Python 3.10 can't without a package: doctor, with all that it asks for, and export do without."""
    environment = {**os.environ, "PYTHONPATH": str(doctor.CLONE / "harness"), "PYTHONDONTWRITEBYTECODE": "1"}
    modules = "bytetrain.doctor, bytetrain.programs.containment, bytetrain.grading.adapters"
    script = f"import sys; sys.modules.update(tomllib=None, tomli=None); import {modules}"
    done = subprocess.run(
        [doctor.SYSTEM_PYTHON, "-S", "-s", "-c", script], env=environment, capture_output=True, errors="surrogateescape"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_arguments_are_refused() -> None:
    assert doctor.main(["--verbose"]) == 2
