"""What .ci/bare.py takes from doctor for the page "tested on". What it does with roots is tried by running it."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from bytetrain import doctor
from bytetrain.course.paths import REPO
from bytetrain.doctor import Finding


@pytest.fixture(scope="module")
def bare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bare", REPO / ".ci" / "bare.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bare"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_the_versions_are_those_that_doctor_tells(bare: ModuleType) -> None:
    tools = {"g++": "12.2.0", "cmake": "3.25.1", "gdb": "13.1", "strace": "6.1", "python": "3.11.2"}
    findings = [
        Finding("system", "Debian GNU/Linux 12 (bookworm), Linux 6.18.1, x86_64"),
        *(Finding(name, f"{version} (/usr/bin/{name})") for name, version in tools.items()),
        Finding("its modules", "pytest 7.2.1, psutil 5.9.4"),
        Finding("pytest command", "only pytest-3", "say pytest-3 harness/"),
    ]
    seen = bare.seen(doctor.report(findings))
    assert seen == {"system": "Debian GNU/Linux 12 (bookworm)", "kernel": "6.18.1", **tools, "pytest": "7.2.1"}


def test_doctor_has_lines_for_all_of_them(bare: ModuleType) -> None:
    """On this machine, whatever it has."""
    assert set(bare.seen(doctor.report(doctor.examine(doctor.Machine())))) >= {"system", "kernel", "g++", "pytest"}


def test_a_system_that_it_does_not_know_is_refused(bare: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        bare.main(["debian-1"])
    assert "there are debian-12" in capsys.readouterr().err
