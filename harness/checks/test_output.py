"""What a server says while it serves."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from bytetrain.course.traits import traits
from bytetrain.judging.pools import comes_to_rest, lets_go, replace_workers, stalled
from bytetrain.judging.transfers import serves
from bytetrain.judging.timeouts import Timeouts
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Conditions, Server
from bytetrain.programs.start import Starter
from bytetrain.programs.terminal import TerminalServer
from bytetrain.telling.story import expect, told
from bytetrain.telling.text import in_quotes
from bytetrain.wire.files import FileStore
from bytetrain.wire.framing import fitting


@pytest.mark.check("server.nothing_else_printed")
def test_one_line_on_standard_output(pair: Programs, store: FileStore, start: Starter) -> None:
    file = store.seeded(fitting(pair.stage, 100_000))
    server = start.server(file)
    for _ in range(3):
        serves(server, pair.stage, file)
    said = f"listening on 127.0.0.1:{server.port}\n"
    says_no_more_than(said, server, "after three transfers")
    if traits(pair.stage).timeouts:  # so it leaves in its own way, and could have a word to say
        server.signal(signal.SIGTERM)
        server.wait()
        says_no_more_than(said, server, "after SIGTERM, and its end,")


def says_no_more_than(said: str, server: Server, when: str) -> None:
    __tracebackhide__ = True
    words = f"{when} standard output has {in_quotes(server.stdout)}, not {in_quotes(said)} alone"
    expect(server.stdout == said, words, expected=in_quotes(said), actual=in_quotes(server.stdout))


@pytest.mark.check("server.nothing_else_printed")
@pytest.mark.parametrize("output", ["terminal"])
def test_one_line_on_a_terminal(
    pair: Programs, output: str, store: FileStore, big: Path, options: Timeouts, start: Starter
) -> None:
    # What is left in a buffer of stdio is never seen in a file. For a terminal every line is written at once:
    # setbuf(3).
    file = big if traits(pair.stage).heals else store.seeded(1000)
    known, under = options("--stall-timeout=3600"), Conditions(cwd=start.folder)
    server = start.program(TerminalServer(pair.server, file, options=known, under=under))
    with told("standard output is a terminal; three clients came"):
        for _ in range(3):
            serves(server, pair.stage, file)
        says_no_more(server)
    if traits(pair.stage).heals:
        with told("then one came that reset its connection in mid-transfer"):
            connection, worker = stalled(server)
            end = connection.other_end()
            connection.reset()
            lets_go(worker, end)
            says_no_more(server)
        with told("then all workers were killed, and replaced"):
            replace_workers(server)
            says_no_more(server)


def says_no_more(server: TerminalServer) -> None:
    """There is the one line on standard output, once everybody has come to rest."""
    __tracebackhide__ = True
    comes_to_rest(server)
    server.sync()
    said = f"listening on 127.0.0.1:{server.port}\n"
    words = f"standard output has {in_quotes(server.stdout)}, not {in_quotes(said)} alone"
    expect(server.stdout == said, words, expected=in_quotes(said), actual=in_quotes(server.stdout))
