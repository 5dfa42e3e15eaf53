"""The reference's clients save a file without the right to read DIRECTORY, and without /proc: open(2) on O_PATH and
O_TMPFILE.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bytetrain.course.paths import STAGES
from bytetrain.course.traits import stage_numbers
from bytetrain.programs.build import Programs, build
from bytetrain.programs.program import Client, Conditions, Server, environment
from bytetrain.wire.files import write_file

@pytest.fixture(scope="module", params=stage_numbers())
def pair(request: pytest.FixtureRequest, preset: str) -> Programs:
    return build(STAGES, int(request.param), preset)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_file(tmp_path / "file.bin", 900)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def saves(pair: Programs, port: int, file: Path, target: Path, under: Conditions) -> None:
    with Client(pair.client, port, target, under=under) as client:
        done = client.wait()
        assert done.status == 0, done
    assert [each.name for each in target.iterdir()] == [file.name]
    assert (target / file.name).read_bytes() == file.read_bytes()


def like_anybody() -> list[str]:
    """Root, who may do everything, gives that up: capabilities(7)."""
    if os.geteuid() != 0:
        return []
    without = "-dac_override,-dac_read_search"
    prefix = [shutil.which("setpriv") or "", f"--bounding-set={without}", f"--inh-caps={without}"]
    if not prefix[0] or subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("root can read every folder, and can't give that up here (setpriv)")
    return prefix


def test_directory_that_can_not_be_read(pair: Programs, file: Path, target: Path) -> None:
    prefix = like_anybody()
    target.chmod(0o300)
    with Server(pair.server, file, workers=1) as server, Client(
        pair.client, server.port, target, under=Conditions(prefix=prefix)
    ) as client:
        done = client.wait()
    target.chmod(0o700)
    assert done.status == 0, done
    assert (target / file.name).read_bytes() == file.read_bytes()


# Sanitizers read their options in /proc/self/environ: nothing else is left there.
HIDE_PROC = """
cp /proc/self/environ "$0" && mount -t tmpfs none /proc && mkdir /proc/self && cp "$0" /proc/self/environ && exec "$@"
"""


def without_proc(folder: Path) -> list[str]:
    """In namespaces of its own, with a folder where /proc was: mount_namespaces(7)."""
    prefix = ["unshare", "-Urm", "sh", "-c", HIDE_PROC, str(folder / "environ")]
    if subprocess.run([*prefix, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no namespaces here (unshare)")
    return prefix


@pytest.mark.parametrize("older", [False, True], ids=["new", "older-file"])
def test_without_proc(pair: Programs, file: Path, target: Path, tmp_path: Path, older: bool) -> None:
    if older:
        (target / file.name).write_text("older")
    leaks_off = {"ASAN_OPTIONS": environment(traced=True)["ASAN_OPTIONS"]}  # LeakSanitizer can't do without /proc
    with Server(pair.server, file, workers=1) as server:
        saves(pair, server.port, file, target, Conditions(prefix=without_proc(tmp_path), env=leaks_off))
