"""The reference's programs do their work although each call of theirs that reaches a disk, or connects, is interrupted
once: EINTR, which a network drive or FUSE gives, and posix_fallocate(3) after SIGSTOP and SIGCONT. signal(7).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bytetrain.course.paths import STAGES
from bytetrain.course.traits import stage_numbers, traits
from bytetrain.kernel import trace
from bytetrain.kernel.trace import Event, Trace
from bytetrain.programs.build import Programs, build
from bytetrain.programs.program import Client, Conditions, Server
from bytetrain.wire.files import write_file
from bytetrain.wire.framing import stream
from bytetrain.wire.peers import RawClient

pytestmark = pytest.mark.skipif(not trace.available(), reason=str(trace.why_no_strace()))
# What a client connects, opens, makes room, writes and saves with. Not recv: in stages 01 and 02 an interrupted one is
# a lesson.
CALLS = ("connect", "openat", "fallocate", "write", "linkat", "renameat")


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
        if under.trace:
            under.trace.wait_written()
    assert [each.name for each in target.iterdir()] == [file.name]
    assert (target / file.name).read_bytes() == file.read_bytes()


def is_ours(call: Event, target: Path) -> bool:
    """Whether the program made it, and not the loader, which opens libraries."""
    return call.name != "openat" or str(target) in call.arguments or "O_TMPFILE" in call.arguments


@pytest.mark.parametrize("older", [False, True], ids=["new", "older-file"])
def test_each_call_of_a_client_is_interrupted_once(
    pair: Programs, file: Path, target: Path, tmp_path: Path, older: bool
) -> None:
    if older:
        shutil.copy(file, target / file.name)
    with Server(pair.server, file, workers=1) as server:
        seen = Trace(tmp_path / "seen", ",".join(CALLS))
        saves(pair, server.port, file, target, Conditions(trace=seen))
        tried = []
        for name in CALLS:
            for nth, call in enumerate(seen.calls(name), start=1):
                if not is_ours(call, target):
                    continue
                if not older:
                    (target / file.name).unlink()
                traced = Trace(tmp_path / f"{name}-{nth}", name, inject=[f"{name}:error=EINTR:when={nth}"])
                saves(pair, server.port, file, target, Conditions(trace=traced))
                assert [each.error for each in traced.calls(name)].count("EINTR") == 1
                tried.append(name)
    assert {"connect", "openat", "write", "linkat"} | ({"renameat"} if older else set()) <= set(tried)
    assert pair.stage < 5 or "fallocate" in tried


def reading(stage: int) -> list[tuple[str, str]]:
    """What a worker opens and reads FILE with, and the option that makes it."""
    if not traits(stage).ways:
        return [("", "openat"), ("", "read")]
    return [("", "openat"), ("--send=copy", "read"), ("--send=mmap", "read"), ("--send=splice", "splice")]


def test_each_call_of_a_worker_is_interrupted_once(pair: Programs, file: Path, tmp_path: Path) -> None:
    for option, name in reading(pair.stage):
        with Server(pair.server, file, workers=1, options=[option] if option else []) as server:
            traced = Trace(tmp_path / f"{name}{option}", name, inject=[f"{name}:error=EINTR:when=1"])
            traced.attach(server.worker())
            with RawClient(server.port) as client:
                got = client.read_to_end()
            traced.detach()
        assert got == stream(pair.stage, os.fsencode(file.name), file.read_bytes()), (option, name)
        assert [each.error for each in traced.calls(name)].count("EINTR") == 1
