"""What only checks need: a server of our own, a file that no connection's buffers can hold, options for timeouts; and a
last look at each server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

import pytest

from bytetrain.course.paths import STAGES
from bytetrain.grading.attached import on_item
from bytetrain.grading.hooks import last
from bytetrain.grading.selection import check_of
from bytetrain.judging.meeting import NAME, OLDER, Meet, Meeting
from bytetrain.judging.pools import is_idle_again
from bytetrain.judging.transfers import big_size
from bytetrain.judging.timeouts import Timeouts
from bytetrain.judging.verdicts import prints_nothing_else
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Conditions, Server
from bytetrain.programs.start import Starter
from bytetrain.wire.files import FileStore
from bytetrain.wire.framing import fitting
from bytetrain.wire.peers import RawServer


@last
def pytest_runtest_call(item: pytest.Item) -> None:
    """A check that has passed: idle is idle after every history, and one line is one line. (A lesson has ended its
    servers by now.)"""
    start, check = on_item(item).start, check_of(item)
    if start is None or check is None or check.startswith("reference."):
        return
    servers = [each for each in start.programs if isinstance(each, Server)]
    for server in servers:
        if server.running:
            is_idle_again(server)
    for server in servers:
        prints_nothing_else(server)


@pytest.fixture
def raw_server() -> Iterator[RawServer]:
    """A server of our own, for the client to talk to."""
    with RawServer() as server:
        yield server


@pytest.fixture
def small(store: FileStore, pair: Programs) -> Path:
    """A file that every stage can send; large enough for a few trains from stage 02 on."""
    return store.seeded(fitting(pair.stage, 100_000))


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
def options(pair: Programs, store: FileStore) -> Timeouts:
    """options("--drain-timeout=1") for a server that knows both timeouts; no option for others."""
    return Timeouts(pair, store.seeded(1000))


@pytest.fixture
def start(start: Starter, options: Timeouts) -> Starter:
    """As everywhere; but a server with timeouts and a big file is told to be patient with clients that don't read."""
    start.more_options = options.patient
    return start


@pytest.fixture
def meet(pair: Programs, target: Path, raw_server: RawServer, start: Starter) -> Iterator[Meet]:
    """meet() starts a client, with an older file in its directory unless older=False."""
    open_connections = []

    def met(older: bool = True, prefix: Sequence[str] = (), directory: Optional[Path] = None) -> Meeting:
        if older:
            (target / NAME.decode()).write_bytes(OLDER)
        client = start.client(raw_server.port, directory or target, under=Conditions(prefix=prefix))
        open_connections.append(raw_server.accept())
        return Meeting(pair.stage, client, open_connections[-1], target.parent)

    yield met
    for connection in open_connections:
        connection.close()
