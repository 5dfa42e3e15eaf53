"""What can't be tried on this machine pays, so no submission may bring that about."""

from __future__ import annotations

import ast
import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from bytetrain.course.paths import HARNESS
from bytetrain.grading.adapters import load_results
from bytetrain.grading.command import grading_command
from bytetrain.programs import containment
from bytetrain.telling.text import has_bytes

from .conftest import make_submission
from .trial import Trial

# Where it is said, how often, and why no submission decides it.
SAID = {
    "bytetrain/judging/machine.py": 6,  # asked before any program runs
    "bytetrain/programs/external.py": 1,  # --external-port: whoever grades has chosen that
    "bytetrain/programs/start.py": 1,  # the same
    "checks/test_lessons.py": 1,  # the same
    "checks/test_healing.py": 1,  # the preset: whoever grades has chosen it
    "checks/test_leaving.py": 1,  # one of two cases: the other one always has its verdict, which counts
    "checks/test_transfers.py": 1,  # EILSEQ, which a file system gives for a name, and nobody else
    "checks/test_kills.py": 1,  # of reference.*, which is for our own stages
}


def test_all_that_is_said_to_be_not_applicable_is_known() -> None:
    found: Counter[str] = Counter()
    for file in [*(HARNESS / "checks").glob("*.py"), *(HARNESS / "bytetrain").rglob("*.py")]:
        if "grading" in file.parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(node, "func", None)
            words = ast.unparse(name) if name is not None else ""
            found[str(file.relative_to(HARNESS))] += words in ("NotApplicable", "pytest.skip", "pytest.importorskip")
    assert +found == SAID


def test_the_machine_is_asked_before_a_program_runs() -> None:
    """Whatever raises there looks at what was found out when the module was imported."""
    tree = ast.parse((HARNESS / "bytetrain" / "judging" / "machine.py").read_text(encoding="utf-8"))
    at_first = {each.targets[0].id for each in tree.body
                if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name)}
    for function in (each for each in tree.body if isinstance(each, ast.FunctionDef)):
        for test in (each for each in ast.walk(function) if isinstance(each, ast.If)):
            if any("NotApplicable" in ast.unparse(each) for each in test.body):
                names = {each.id for each in ast.walk(test.test) if isinstance(each, ast.Name)}
                assert names & at_first, function.name


ELSEWHERE = 'mount --bind "$1" /etc/hosts && hostname only-this-one && shift && exec "$@"'


@pytest.mark.parametrize(("hosts", "verdict"), [("127.0.0.1 only-this-one", "pass"), ("", "not applicable")])
def test_a_hosts_file_without_localhost_fails_nobody(hosts: str, verdict: str, tmp_path: Path, standins: Path) -> None:
    """Another name does as well; what getaddrinfo says to the grader decides."""
    file, results = tmp_path / "hosts", tmp_path / "results.json"
    file.write_text(f"{hosts}\n")
    own = ["unshare", *(["--user", "--map-root-user"] if os.getuid() else []), "--mount", "--uts"]
    prefix = [*own, "sh", "-c", ELSEWHERE, "elsewhere", str(file)]
    probe = subprocess.run([*prefix, "getent", "ahosts", "localhost"], capture_output=True)
    if probe.returncode != 2:  # getent(1): not found
        pytest.skip("there is no such namespace here, or localhost comes from elsewhere too")
    command = grading_command(standins, results, "--check=pair.host_name", "--stage=6", "-n0", "--no-calls")
    done = subprocess.run([*prefix, *command, "--containment=limits"], stdout=subprocess.PIPE, text=True)
    found = {each["id"]: each["verdict"] for each in load_results(results)["checks"]}
    assert found["pair.host_name"] == verdict, done.stdout


@pytest.mark.skipif(bool(containment.why_no_sandbox()), reason=containment.why_no_sandbox() or "it works")
def test_a_full_disk_is_judged_in_the_sandbox_as_well(tmp_path: Path, standins: Path) -> None:
    """Root has no user namespace there. Of each case: a client that does well, and one that keeps half of the file."""
    help = subprocess.run(["bwrap", "--help"], stdout=subprocess.PIPE, text=True).stdout
    if os.getuid() == 0 and "--size" not in help:
        pytest.skip("before bubblewrap 0.7 there is no small disk for root")
    for submission, verdict in ((HARNESS / "submissions" / "python_fds", "pass"), (standins, "fail")):
        results = tmp_path / f"{verdict}.json"
        one = ("--check=client.disk_full", "--all-cases", "--stage=6", "-n0", "--no-calls")
        command = grading_command(submission, results, *one)
        done = subprocess.run([*command, "--containment=bubblewrap"], stdout=subprocess.PIPE, text=True)
        check = next(each for each in load_results(results)["checks"] if each["id"] == "client.disk_full")
        cases = {each["case"]: each["verdict"] for each in check["cases"]}
        assert cases == {"RLIMIT_FSIZE": verdict, "tmpfs": verdict}, done.stdout


LATE = """
import os
import pytest
from bytetrain import NotApplicable

@pytest.mark.check("client.first")
def test_first(stage):
    os.kill(os.getpid(), 9)  # as a program might

@pytest.mark.check("client.second")
def test_second(stage):
    raise NotApplicable("there is nothing of it here")
"""


@pytest.mark.parametrize("first", [True, False])
def test_a_worker_that_comes_late_knows_nothing_of_the_machine(first: bool, tmp_path: Path) -> None:
    if has_bytes(str(tmp_path)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    ranges = {"client.first": (6, 6), "client.second": (6, 6)}
    trial = Trial.of(tmp_path, make_submission(tmp_path / "submission"), LATE, ranges)
    graded = trial.grade("-n1", "--containment=limits", only="client.first,client.second" if first else "client.second")
    assert graded.verdicts()["client.second 6"] == ("harness error" if first else "not applicable"), graded.output
    assert graded.data["points"] == (0 if first else 12)
