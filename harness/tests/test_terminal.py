"""A client whose standard error is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain.programs.build import Programs
from bytetrain.programs.program import Conditions, Server
from bytetrain.programs.terminal import TerminalClient
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore


def test_what_is_written_on_the_terminal_is_seen(
    standin: Callable[[int], Programs], store: FileStore, folder: Path
) -> None:
    with Server(standin(4).server, store.seeded(10_000)) as server:
        with TerminalClient(standin(4).client, server.port, folder) as client:
            finished = client.wait()
    assert finished.status == 0 and finished.stderr.endswith("\r100 %\n"), finished
    assert client.redraws == [f"{number} %" for number in range(10, 101, 10)]
    assert client.stderr == finished.stderr


def test_what_was_written_before_a_sync_is_there_after_it(folder: Path) -> None:
    script = (
        "import os, time; [os.write(2, b'%d\\r' % i) for i in range(300)]; print('x', flush=True); time.sleep(1000)"
    )
    with TerminalClient(Path("ignored"), 1, folder, under=Conditions(prefix=[sys.executable, "-c", script])) as client:
        wait_until(lambda: client.stdout, "all is written")
        client.sync()
        assert client.redraws == [str(number) for number in range(300)]


@pytest.mark.parametrize(("lines", "at_once"), [(1, True), (30, False), (0, False)])
def test_a_buffer_that_was_full_is_not_taken_for_lines_that_come_at_once(
    lines: int, at_once: bool, folder: Path
) -> None:
    script = f"import os, time; os.write(2, b'{'x' * 50}\\r' * {lines}); print('x', flush=True); time.sleep(1000)"
    with TerminalClient(Path("ignored"), 1, folder, under=Conditions(prefix=[sys.executable, "-c", script])) as client:
        wait_until(lambda: client.stdout, "all is written")
        assert client.has_drawn_at_once() == at_once
        assert not client.has_drawn_at_once()  # nothing is new


def test_more_than_a_terminal_holds_is_drained(folder: Path) -> None:
    script = "import sys; sys.stderr.write('x' * 100000); print(sys.stderr.isatty(), sys.stdout.isatty())"
    under = Conditions(prefix=[sys.executable, "-c", script])
    with TerminalClient(Path(sys.executable), 1, folder, under=under) as client:
        finished = client.wait()
    assert (len(finished.stderr), finished.stdout) == (100000, "True False\n")
