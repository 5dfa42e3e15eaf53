"""A client whose standard error is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from bytetrain.build import Programs
from bytetrain.files import FileStore
from bytetrain.programs import Server
from bytetrain.terminal import TerminalClient


def test_what_is_written_on_the_terminal_is_seen(
    standin: Callable[[int], Programs], store: FileStore, folder: Path
) -> None:
    with Server(standin(4).server, store.seeded(10_000)) as server:
        with TerminalClient(standin(4).client, server.port, folder) as client:
            finished = client.wait()
    assert finished.status == 0 and finished.stderr.endswith("\r100 %\n"), finished
    assert client.redraws == [f"{number} %" for number in range(10, 101, 10)]
    assert b"".join(data for _, data in client.arrivals).decode() == finished.stderr


def test_more_than_a_terminal_holds_is_drained(folder: Path) -> None:
    script = "import sys; sys.stderr.write('x' * 100000); print(sys.stderr.isatty(), sys.stdout.isatty())"
    with TerminalClient(Path(sys.executable), 1, folder, prefix=[sys.executable, "-c", script]) as client:
        finished = client.wait()
    assert (len(finished.stderr), finished.stdout) == (100000, "True False\n")
