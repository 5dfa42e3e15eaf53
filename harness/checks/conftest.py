"""What only checks need: a server of our own, a file that no connection's buffers can hold, options for timeouts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Callable

import pytest

from bytetrain.course.paths import STAGES
from bytetrain.course.traits import traits
from bytetrain.judging.acts import big_size
from bytetrain.programs.build import Programs
from bytetrain.programs.program import EndedAtStart, Server
from bytetrain.telling.story import quietly
from bytetrain.wire.files import FileStore
from bytetrain.wire.peers import RawServer


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    """A server of our own, for the client to talk to."""
    with RawServer() as server:
        yield server


@pytest.fixture
def big(store: FileStore) -> Path:
    """A file so big that a server blocks in sending it, if the client doesn't read."""
    return store.seeded(big_size())


@pytest.fixture
def reference(submission: Path) -> bool:
    """Whether the reference pairs are graded: they have options, which other submissions may lack."""
    return submission == STAGES


@pytest.fixture
def target(folder: Path) -> Path:
    """An empty directory for a client to save in."""
    path = folder / "target"
    path.mkdir()
    return path


@pytest.fixture
def options(pair: Programs, store: FileStore) -> Callable[..., list[str]]:
    """options("--drain-timeout=1") for a server that knows both timeouts; no option for others."""

    def known(*words: str) -> list[str]:
        return list(words) if traits(pair.stage).timeouts and knows_timeouts(pair.server, store.seeded(1000)) else []

    return known


@cache
def knows_timeouts(server: Path, file: Path) -> bool:
    """Whether a server listens although it was given both options; it need not."""
    with quietly():
        try:
            with Server(server, file, options=["--drain-timeout=3600", "--stall-timeout=3600"]):
                return True
        except EndedAtStart:
            return False


@pytest.fixture
def start_server(
    start_server: Callable[..., Server], options: Callable[..., list[str]]
) -> Callable[..., Server]:
    """As everywhere; but a server with timeouts and a big file is told to be patient with clients that don't read: it
    would drop them after 30 seconds, and a busy machine may take longer over a check."""

    def start(pair: Programs, file: Path, **more: Any) -> Server:
        __tracebackhide__ = True
        given = list(more.pop("options", []))
        if file.exists() and file.stat().st_size >= big_size() and not any("--stall-timeout" in word for word in given):
            given += options("--stall-timeout=3600")
        return start_server(pair, file, options=given, **more)

    return start
