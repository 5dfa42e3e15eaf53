"""./lab itself: what it asks of a machine, and what it says when that is refused. The machine is played: commands that
come first in PATH, a clone of the one script and a few folders."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from bytetrain.course.paths import REPO
from bytetrain.programs.program import Conditions, Program
from bytetrain.telling.waiting import wait_until

HARNESS = REPO / "harness"


class Clone:
    """A clone with a lab of its own, and commands that say in a file how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "a clone 克隆"
        self.commands = folder / "bin"
        self.calls = folder / "calls"
        for each in (self.folder, self.commands):
            each.mkdir()
        self.calls.touch()
        shutil.copy(REPO / "lab", self.folder)
        (self.folder / "harness").mkdir()
        (self.folder / "harness" / "bytetrain").symlink_to(HARNESS / "bytetrain")
        shutil.copy(HARNESS / "run.py", self.folder / "harness")

    def command(self, name: str, script: str = "") -> None:
        path = self.commands / name
        path.write_text(f'#!/bin/bash\nprintf "%s\\n" "{name} $*" >>"{self.calls}"\n{script}\n')
        path.chmod(0o755)

    def as_user(self) -> None:
        """Root runs these tests too: the script then takes itself for an ordinary user's. (EUID can't be set.)"""
        script = self.folder / "lab"
        text = script.read_text(encoding="utf-8")
        assert "((EUID != 0))" in text
        script.write_text(text.replace("((EUID != 0))", "true"), encoding="utf-8")

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "CI"}  # who runs these tests may be CI
        return {**kept, "PATH": f"{self.commands}:/usr/bin:/bin"}

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """stderr is in stdout, as a terminal shows them."""
        return subprocess.run(
            [self.folder / "lab", *words], cwd="/", env={**self.environment, **environment}, errors="surrogateescape",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )

    def called(self, name: str) -> list[str]:
        return [line for line in self.calls.read_text().splitlines() if line.partition(" ")[0] == name]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """On a machine where everything is installed, and nothing can be."""
    machine = Clone(tmp_path)
    machine.command("dpkg-query", 'for each; do printf "%s installed\\n" "$each"; done')
    machine.command("apt-get", "exit 100")
    return machine


def without_packages(clone: Clone) -> None:
    clone.command("dpkg-query", "exit 1")


# Installing


def test_what_is_there_is_not_installed(clone: Clone) -> None:
    assert clone.run("setup").returncode == 0
    assert not clone.called("apt-get")


def test_sudo_is_asked_once_for_all_of_it(clone: Clone) -> None:
    without_packages(clone)
    clone.as_user()
    clone.command("sudo", 'exec "$@"')
    clone.command("apt-get")
    done = clone.run("setup")
    assert done.returncode == 0, done.stdout
    assert len(clone.called("sudo")) == 1
    assert [" install " in line for line in clone.called("apt-get")[:2]] == [False, True]  # the first one is update


def test_in_ci_sudo_asks_for_no_password(clone: Clone) -> None:
    without_packages(clone)
    clone.as_user()
    clone.command("sudo", '[[ $1 == --non-interactive ]] && shift && exec "$@"')
    clone.command("apt-get")
    assert clone.run("setup", CI="true").returncode == 0 and len(clone.called("sudo")) == 1
    assert clone.run("setup").returncode == 1


def test_a_sudo_that_is_refused_is_said_in_a_line(clone: Clone) -> None:
    without_packages(clone)
    clone.as_user()
    clone.command("sudo", 'echo "student is not in the sudoers file." >&2; exit 1')
    done = clone.run("setup")
    assert done.returncode == 1 and len(clone.called("sudo")) == 1 and not clone.called("apt-get")
    what, why, advice = done.stdout.splitlines()
    assert "installing" in what and "sudoers" in why
    assert "sudo was refused" in advice and "ask your administrator" in advice


def test_a_failing_apt_is_no_refused_sudo(clone: Clone) -> None:
    without_packages(clone)
    clone.as_user()
    clone.command("sudo", 'exec "$@"')
    done = clone.run("setup")
    assert done.returncode == 1 and "apt-get could not install" in done.stdout and "refused" not in done.stdout


def test_results_are_exported_without_installing_anything(clone: Clone, tmp_path: Path) -> None:
    without_packages(clone)
    done = clone.run("export", "autolab", str(tmp_path / "none.json"))
    assert "grade something first" in done.stdout and "Traceback" not in done.stdout
    assert not clone.called("dpkg-query") and not clone.called("apt-get")


@pytest.mark.parametrize(
    "release, refused",
    [
        ('ID=debian\nVERSION_ID="11"\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"', True),
        ('ID=debian\nVERSION_ID="12"', False),
        ("ID=debian", False),  # testing
        ('ID=ubuntu\nVERSION_ID="20.04"\nPRETTY_NAME="Ubuntu 20.04.6 LTS"', True),
        ('ID=ubuntu\nVERSION_ID="22.04"', False),
        ('ID=linuxmint\nVERSION_ID="21"', False),  # of Ubuntu 22.04
    ],
)
def test_a_release_that_is_too_old_is_told_first(clone: Clone, release: str, refused: bool) -> None:
    told = clone.folder / "os-release"
    told.write_text(release)
    script = clone.folder / "lab"
    script.write_text(script.read_text(encoding="utf-8").replace("/etc/os-release", f"'{told}'"), encoding="utf-8")
    done = clone.run("setup")
    assert (done.returncode != 0) == refused
    assert not refused or ("is too old" in done.stdout and done.stdout.count("\n") == 1)


# Before anything begins


@pytest.mark.parametrize("words", [("demo",), ("test",), ("test", "--submission", "mine"), ("bench",), ("flake",)])
def test_what_stands_in_the_way_is_told_in_a_line(clone: Clone, words: tuple[str, ...]) -> None:
    """Here a doctor that finds the loopback down; test_doctor.py has the real one."""
    package = clone.folder / "harness" / "bytetrain"
    package.unlink()
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "doctor.py").write_text('import sys\nsys.exit("lab: loopback: down")\n')
    done = clone.run(*words)
    assert (done.returncode, done.stdout) == (1, "lab: loopback: down\n")
    assert not (clone.folder / "build").exists()


# Testing


def played_pytest(clone: Clone) -> None:
    """In place of the harness: a doctor that is content, and a pytest that says what it was asked for."""
    package = clone.folder / "harness" / "bytetrain"
    package.unlink()
    package.mkdir()
    for name in ("__init__.py", "doctor.py", "grading.py"):
        (package / name).touch()
    (clone.folder / "harness" / "pytest.ini").write_text("[pytest]\n")
    (clone.folder / "harness" / "conftest.py").write_text(
        "import sys\n"
        "def pytest_addoption(parser):\n"
        "    for name in ('--preset', '--submission', '--stage', '--results'): parser.addoption(name)\n"
        "def pytest_configure(config):\n"
        f"    with open({str(clone.calls)!r}, 'a') as calls:\n"
        "        print('pytest', *map(str, config.invocation_params.args), file=calls)\n"
    )
    (clone.folder / "harness" / "tests").mkdir()
    for name in ("test_checks.py", "tests/test_own.py"):
        (clone.folder / "harness" / name).write_text("def test_it(): pass\n")
    clone.command("cmake")
    clone.command("ctest")


def test_all_of_it_is_unit_tests_checks_and_the_harness(clone: Clone) -> None:
    played_pytest(clone)
    done = clone.run("test", "-n0")
    assert done.returncode == 0, done.stdout
    assert len(clone.called("cmake")) == 2 and len(clone.called("ctest")) == 1 and len(clone.called("pytest")) == 2


@pytest.mark.parametrize("option", [["--submission", "of mine"], ["--submission=of mine"]])
def test_a_submission_is_graded_and_nothing_else(clone: Clone, option: list[str]) -> None:
    played_pytest(clone)
    done = clone.run("test", "-n0", *option, "--stage", "1")
    assert done.returncode == 0, done.stdout
    assert len(clone.called("pytest")) == 1 and "/harness/ " in clone.called("pytest")[0]
    assert not clone.called("cmake") and not clone.called("ctest")


def test_a_submission_without_a_folder_is_told_before_anything_is_built(clone: Clone) -> None:
    done = clone.run("test", "--stage", "1", "--submission")
    assert done.returncode == 2 and done.stdout.count("\n") == 1 and "--submission wants a folder" in done.stdout
    assert not clone.called("cmake")


def test_the_harness_has_results_of_its_own(clone: Clone) -> None:
    """Whatever becomes of its own tests, what the student has in build/results.json is of the checks."""
    played_pytest(clone)
    clone.run("test", "-n0")
    checks, own = clone.called("pytest")
    assert "--results " not in checks and f"--results {clone.folder}/build/harness-tests.json" in own


@pytest.mark.parametrize("status", [2, 130])
def test_ctrl_c_in_a_build_is_no_failed_build(clone: Clone, status: int) -> None:
    """make ends with a status of its own after SIGINT, not by the signal."""
    played_pytest(clone)
    busy = f'trap "exit {status}" INT; echo >"{clone.calls}.building"; while :; do read -rt 1 <> <(:); done'
    clone.command("cmake", busy)
    with Program([str(clone.folder / "lab"), "test"], Conditions(env=clone.environment)) as lab:
        wait_until(lambda: Path(f"{clone.calls}.building").exists(), "cmake runs")
        lab.signal_group(signal.SIGINT)
        done = lab.wait()
    assert done.status == 130
    assert done.stderr.splitlines()[1:] == ["lab: interrupted"]


# The site


def with_docs(clone: Clone) -> Path:
    """What the site is built with is not installed yet; npm does it, and says nothing of what it builds."""
    docs = clone.folder / "docs"
    docs.mkdir()
    (docs / "package-lock.json").touch()
    clone.command("node")
    installs = 'mkdir -p "$3/node_modules" && touch "$3/node_modules/.package-lock.json"'
    clone.command("npm", f"[[ $1 != ci ]] || {{ {installs}; }}")
    return docs


def test_what_builds_the_site_is_installed_once_and_again_when_another_is_asked_for(clone: Clone) -> None:
    docs = with_docs(clone)
    assert clone.run("site").returncode == 0 and clone.run("site").returncode == 0
    assert [line.split()[1] for line in clone.called("npm")] == ["ci", "run", "run"]
    os.utime(docs / "package-lock.json", (4_000_000_000, 4_000_000_000))
    assert clone.run("site", "--serve").returncode == 0
    assert [line.split()[-1] for line in clone.called("npm")][-2:] == ["build", "serve"]
    assert len([line for line in clone.called("npm") if line.split()[1] == "ci"]) == 2


def test_without_a_way_to_the_registry_the_site_says_so(clone: Clone) -> None:
    with_docs(clone)
    clone.command("npm", "[[ $1 == config ]] && echo https://registry.test || { echo ECONNREFUSED >&2; exit 1; }")
    done = clone.run("site")
    assert done.returncode == 1 and "docs/zh-CN" in done.stdout
    assert all(word in done.stdout for word in ("ECONNREFUSED", "npm could not install", "https://registry.test"))
    assert not [line for line in clone.called("npm") if " run " in line]


def test_a_node_that_is_too_old_for_the_site_is_told_in_a_line(clone: Clone) -> None:
    with_docs(clone)
    clone.command("node", '[[ $1 == --version ]] && echo v12.22.9 || exit 1')
    done = clone.run("site")
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert "this is v12.22.9" in done.stdout and "docs/en" in done.stdout and not clone.called("npm")


def test_a_site_that_can_not_be_built_is_a_failure(clone: Clone) -> None:
    (with_docs(clone) / "node_modules").mkdir()
    clone.command("npm", '[[ $1 == ci ]]')
    done = clone.run("site")
    assert done.returncode == 1 and "could not be built" in done.stdout and "is in build/site" not in done.stdout
