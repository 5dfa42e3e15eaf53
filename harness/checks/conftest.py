"""What only checks need: a server of our own, and a file that no connection's buffers can hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bytetrain.files import FileStore
from bytetrain.paths import STAGES
from bytetrain.peers import RawServer
from bytetrain.stories import big_size


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
