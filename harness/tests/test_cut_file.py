"""The reference's servers, when a file is cut within its last page while it is sent, and standard error may be closed:
what a client gets is the beginning of the file, in every way of sending; neither zeros nor a line of the log follow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bytetrain.course.paths import STAGES
from bytetrain.course.traits import stage_numbers
from bytetrain.judging.pools import stalled
from bytetrain.judging.transfers import big_size
from bytetrain.programs.build import Programs, build
from bytetrain.programs.program import Conditions, Server
from bytetrain.wire.files import write_file
from bytetrain.wire.framing import Parser

TRAINS, BARE = 4, 5  # the first stage that announces the size, and the first with ways to choose from
CASES = [(TRAINS, "")] + [
    (stage, send) for stage in stage_numbers() if stage >= BARE for send in ("copy", "mmap", "sendfile", "splice")
]


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1] or 'trains'}")
def server_of(request: pytest.FixtureRequest, preset: str) -> Iterator[tuple[Programs, list[str]]]:
    stage, send = request.param
    yield build(STAGES, stage, preset), [f"--send={send}"] if send else []


@pytest.mark.parametrize("closed", ["2>&2", "2>&-", "0<&- 2>&-"])
def test_nothing_fills_up_a_file_that_was_cut(
    server_of: tuple[Programs, list[str]], closed: str, tmp_path: Path
) -> None:
    pair, options = server_of
    file = write_file(tmp_path / "file.bin", big_size())
    content = file.read_bytes()
    came = Parser(pair.stage)
    under = Conditions(prefix=("bash", "-c", f'exec {closed}; exec "$@"', "sh"))
    server = Server(pair.server, file, workers=1, options=options, under=under)
    try:
        server.start()
        with stalled(server)[0] as connection:
            os.truncate(file, len(content) - 60)
            came.feed(connection.read_to_end())
        assert came.size == len(content)
        assert bytes(came.content) == content[:-60]
    finally:
        server.stop()
