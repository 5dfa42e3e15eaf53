"""The smallest things, on which all others rest: a server that listens, one small file, the end of its connection."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course.traits import traits
from bytetrain.judging.transfers import hand_over, read_to_the_last_byte, serves
from bytetrain.judging.verdicts import has_status, received, saved
from bytetrain.kernel.tcp import listening
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Client, Server
from bytetrain.programs.start import Starter, starting
from bytetrain.telling.story import expect, quietly
from bytetrain.wire.files import FileStore, Literal, Original, remember, write_data
from bytetrain.wire.peers import RawClient, RawServer, free_port

NAME, CONTENT = "hello.txt", b"hello, world\n"


@pytest.mark.check("server.ready_line")
def test_server_says_that_it_listens(folder: Path, start: Starter) -> None:
    server = start.server(write_data(folder / NAME, CONTENT), port=free_port())
    words = f"the server says that it listens on port {server.port}, and nobody does"
    expect(listening(server.port), words, expected=f"a socket that listens on port {server.port}")


def serving(folder: Path, start: Starter) -> Server:
    file = write_data(folder / NAME, CONTENT)
    file.chmod(0o444)  # who opens it to write as well is told so here
    return start.server(remember(file, len(CONTENT), Literal(CONTENT)))


@pytest.mark.check("server.first_file")
def test_server_sends_a_small_file(pair: Programs, folder: Path, start: Starter) -> None:
    server = serving(folder, start)
    with RawClient(server.port) as connection:
        read_to_the_last_byte(connection, pair.stage, folder / NAME)


@pytest.mark.check("server.closes")
def test_connection_ends_behind_the_file(pair: Programs, folder: Path, start: Starter) -> None:
    serves(serving(folder, start), pair.stage, folder / NAME)


def hand_a_file_over(stage: int, store: FileStore, server: RawServer, start: Starter) -> tuple[Client, Path]:
    """In the format of that stage."""
    original = store.in_memory(len(CONTENT), NAME, Literal(CONTENT))
    client = start.client(server.port)
    with server.accept() as connection:
        hand_over(connection, stage, NAME.encode(), Original(original).read())
    return client, original


@pytest.mark.check("client.first_file")
def test_client_saves_a_small_file(pair: Programs, store: FileStore, raw_server: RawServer, start: Starter) -> None:
    client, original = hand_a_file_over(pair.stage, store, raw_server, start)
    finished = client.wait()
    try:
        saved(client.directory, original)
        has_status(finished, 0)
    except Failure as failure:
        before = pair.stage - 1
        changed = before and traits(before).content is not traits(pair.stage).content
        if changed and speaks(before, pair, store, raw_server):
            failure.adds(
                f"The format has changed with stage {pair.stage:02d} (docs/en/wire.md), and this client still speaks "
                f"the one of stage {before:02d}: the same file in that format is saved."
            )
        raise


def speaks(stage: int, pair: Programs, store: FileStore, server: RawServer) -> bool:
    """Whether the client saves the file in the format of another stage. No part of the story."""
    with suppress(Failure, OSError), quietly(), starting(pair) as again:
        client, original = hand_a_file_over(stage, store, server, again)
        return client.wait().status == 0 and (client.directory / original.name).read_bytes() == CONTENT
    return False


@pytest.mark.check("client.received_line")
def test_client_says_what_it_has_received(
    pair: Programs, store: FileStore, raw_server: RawServer, start: Starter
) -> None:
    client, original = hand_a_file_over(pair.stage, store, raw_server, start)
    received(client.wait(), client.directory, original)
