"""The file comes as it is: of every size, under every name, from the server, to the client, one by one and at once."""

from __future__ import annotations

import errno
import itertools
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bytetrain import NotApplicable
from bytetrain.course.traits import traits
from bytetrain.judging.transfers import hand_over, hand_over_trains, read_whole, serves, way_to
from bytetrain.judging.verdicts import received, saved
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Client, Conditions
from bytetrain.programs.start import Starter
from bytetrain.telling.sizes import MiB
from bytetrain.telling.story import expect, expecting, told
from bytetrain.telling.text import counted, in_quotes
from bytetrain.wire.files import ON_DISK, FileStore, Literal, Original, content, replace_file, write_data, write_file
from bytetrain.wire.framing import Parser, encode_size, encode_train, fitting, pieces
from bytetrain.wire.peers import RawClient, RawServer
from bytetrain.wire.reading import Ended


SIZES = (0, 1, 999, 1000, 1001, 2000, 65536, 20_000_000)
NAMES = (
    "a", "n" * 255, "two words and  more.txt", "文件-é-😀.bin", "-rf", "--help", "~", "$HOME", "100%s%n.txt", ".hidden",
    "...", "a\\b", "new\nline",
    *map(os.fsdecode, (b"in\xff", b"caf\xe9.txt", b"\xff\xfe\x80", b"\xed\xa0\x80")),  # no text, as UTF-8 sees it
)
# Every byte value, NUL among them, and every two of them side by side: nothing that strlen or printf leaves whole.
BINARY = bytes(range(256)) + bytes(reversed(range(256))) + b"\0\0%s\r\n\x1a\xff\0"


def sizes(stage: int) -> tuple[int, ...]:
    """What the format of the stage can carry."""
    return tuple(size for size in SIZES if size == fitting(stage, size))


def receive(pair: Programs, raw: RawServer, start: Starter, name: bytes, content: bytes) -> Client:
    """Starts a client and hands it a whole stream."""
    client = start.client(raw.port)
    with raw.accept() as connection:
        hand_over(connection, pair.stage, name, content)
    return client


@pytest.mark.check("server.sizes")
def test_server_sends_every_size(pair: Programs, store: FileStore, start: Starter) -> None:
    for size in sizes(pair.stage):
        server = start.server(store.seeded(size))
        with told(f"our client reads a file of {counted(size, 'byte')} from the server"):
            serves(server, pair.stage, store.seeded(size))
        server.stop()


@pytest.mark.check("client.sizes")
def test_client_saves_every_size(pair: Programs, store: FileStore, raw_server: RawServer, start: Starter) -> None:
    for size in sizes(pair.stage):
        original = store.in_memory(size)
        client = receive(pair, raw_server, start, original.name.encode(), Original(original).read())
        with told(f"our server hands a file of {counted(size, 'byte')} to the client"):
            received(client.wait(), client.directory, original)


@pytest.mark.check("pair.sizes")
def test_pair_transfers_every_size(pair: Programs, store: FileStore, start: Starter) -> None:
    for size in sizes(pair.stage):
        server = start.server(store.seeded(size))
        words = f"the client gets a file of {counted(size, 'byte')} from the server"
        with told(words), way_to(server, pair.stage) as port:
            client = start.client(port)
            received(client.wait(), client.directory, store.seeded(size))
        server.stop()


@pytest.mark.check("pair.sparse")
def test_pair_transfers_a_sparse_file(pair: Programs, store: FileStore, start: Starter) -> None:
    hole = store.sparse(3 * MiB)  # truncate -s 3M: zeros everywhere, which read as lengths if a byte is lost
    server = start.server(hole)
    with told("the client gets a sparse file of 3 MiB from the server"), way_to(server, pair.stage) as port:
        client = start.client(port)
        received(client.wait(), client.directory, hole)


@pytest.mark.check("client.short_trains")
def test_trains_may_be_shorter_than_they_could_be(
    pair: Programs, store: FileStore, raw_server: RawServer, start: Starter
) -> None:
    sizes = (1, 1000, 999, 3, 500)  # "at most 1000 bytes": a short train is no end
    original = store.in_memory(sum(sizes), "short")
    data, client = Original(original).read(), start.client(raw_server.port)
    bodies = [data[end - size : end] for size, end in zip(sizes, itertools.accumulate(sizes))]
    head = [b"short"] + ([encode_size(len(data))] if traits(pair.stage).announces_size else [])
    tail = [b""] if traits(pair.stage).ends_with_empty_train else []
    with told(f"the content comes in trains of {sizes} bytes"), raw_server.accept() as connection:
        hand_over_trains(connection, pair.stage, map(encode_train, [*head, *bodies, *tail]))
        received(client.wait(), client.directory, original)


@pytest.mark.check("pair.every_byte_value")
def test_every_byte_value_arrives(
    pair: Programs, folder: Path, store: FileStore, raw_server: RawServer, start: Starter
) -> None:
    with told("a file with every byte value, NUL among them"):
        original = write_data(folder / "binary", BINARY + content(8, ON_DISK))
        serves(start.server(original), pair.stage, original)
        sent = BINARY + content(8)
        client = receive(pair, raw_server, start, b"binary", sent)
        received(client.wait(), client.directory, store.in_memory(len(sent), "binary", Literal(sent)))


@pytest.mark.check("pair.names")
@pytest.mark.parametrize("name", NAMES, ids=lambda name: f"{len(name)}chars-{ord(name[0]):x}")
def test_name_arrives_as_it_is(
    pair: Programs,
    folder: Path,
    target: Path,
    name: str,
    store: FileStore,
    raw_server: RawServer,
    start: Starter,
) -> None:
    try:
        original = write_file(folder / name, 500)
    except OSError as error:
        if error.errno != errno.EILSEQ:  # some file systems take text alone: zfsprops(7), utf8only
            raise
        raise NotApplicable(f"this file system doesn't take the name {in_quotes(name)}: {error.strerror}") from None
    with told(f"the name is {in_quotes(name)}, {counted(len(os.fsencode(name)), 'byte')}"):
        serves(start.server(original), pair.stage, original)
        original = store.in_memory(500, name)
        client = receive(pair, raw_server, start, os.fsencode(name), Original(original).read())
        finished = client.wait()
        if not name.isprintable():  # its line may show such a name in another way
            finished = replace(finished, stdout=f"received {name}, 500 bytes\n")
        received(finished, client.directory, original)


@pytest.mark.check("server.bare_name")
def test_file_without_a_folder_in_its_path(pair: Programs, folder: Path, start: Starter) -> None:
    original = write_file(folder / "here.bin", 700)
    with told("FILE is a bare name in the server's current directory"):
        serves(start.server(Path("here.bin")), pair.stage, original)


@pytest.mark.check("client.current_directory")
def test_client_saves_in_the_current_directory(
    pair: Programs, store: FileStore, raw_server: RawServer, start: Starter
) -> None:
    original = store.in_memory(999)
    client = start.client(raw_server.port, name_directory=False)
    with told("DIRECTORY is left out: the file belongs in the current one"), raw_server.accept() as connection:
        hand_over(connection, pair.stage, original.name.encode(), Original(original).read())
        client.wait()
        saved(client.directory, original)


@pytest.mark.check("server.file_opened_anew")
def test_file_is_opened_anew(pair: Programs, folder: Path, start: Starter) -> None:
    file = write_file(folder / "changing", 900, seed=1)
    server = start.server(file, workers=1)
    serves(server, pair.stage, file)
    with told("FILE has got another content and size since the last transfer"):
        write_file(file, 700, seed=2)
        for _ in range(3):
            serves(server, pair.stage, file)
    with told("FILE has been replaced by another one (rename) since the last transfer"):
        replace_file(file, 800, seed=3)
        for _ in range(3):
            serves(server, pair.stage, file)


@pytest.mark.check("server.file_opened_anew")
@pytest.mark.parametrize("change", ["grown"])
def test_file_has_grown_since_the_start(pair: Programs, change: str, folder: Path, start: Starter) -> None:
    file = write_file(folder / "growing", 900)
    server = start.server(file, workers=1)
    write_file(file, 2500, seed=2)
    for _ in range(3):
        if not traits(pair.stage).one_train:
            with told("FILE has grown to 2500 bytes since the server was started"):
                serves(server, pair.stage, file)
            continue
        with told("FILE has grown to 2500 bytes since the server was started: no train can carry that"):
            with RawClient(server.port) as connection:
                carries_no_more_than_a_train(connection)
    with told("FILE had grown to 2500 bytes, and has 700 now"):
        for _ in range(3):
            serves(server, pair.stage, write_file(file, 700, seed=3))


def carries_no_more_than_a_train(connection: RawClient) -> None:
    """Nothing that comes breaks the format: no length is above 1000, no body longer than its head says. It may end
    early."""
    __tracebackhide__ = True
    parser = Parser(1, keep=False)
    with expecting("the connection ends, and no train on it is too long"), suppress(Ended):
        while data := connection.read_some():
            parser.feed(data)


@pytest.mark.check("client.current_directory")
@pytest.mark.parametrize("current", ["an empty folder", "/proc"])
def test_client_saves_nothing_in_the_current_directory(
    pair: Programs, store: FileStore, folder: Path, target: Path, current: str, raw_server: RawServer,
    start: Starter,
) -> None:
    # In /proc nobody can make a file, not even for a while.
    elsewhere = Path(current) if current == "/proc" else folder / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    original = store.in_memory(999)
    sent = [piece.data for piece in pieces(pair.stage, original.name.encode(), Original(original).read())]
    words = f"the current directory is {current}, and DIRECTORY is another one: {os.path.relpath(target, elsewhere)}"
    for whole in (False, True):
        directory = target / ("whole" if whole else "a part")  # what is left of a part is another matter
        directory.mkdir()
        client = start.client(raw_server.port, directory, under=Conditions(cwd=elsewhere))
        with told(f"{words}; {'the whole file comes' if whole else 'the server closes before the end'}"):
            with raw_server.accept() as connection:
                hand_over_trains(connection, pair.stage, sent if whole else sent[:-1])
                connection.finish_sending()
                client.wait()
            if whole:
                saved(directory, original)
            left = [] if current == "/proc" else os.listdir(elsewhere)
            expect(
                not left, f"in the current directory is left: {left}", expected="nothing in the current directory",
                actual=f"{left}",
            )


@pytest.mark.check("pair.one_after_the_other")
def test_clients_one_after_the_other(pair: Programs, store: FileStore, start: Starter) -> None:
    original = store.seeded(fitting(pair.stage, 65536))
    server = start.server(original)
    with way_to(server, pair.stage) as port:
        for number in range(1, 8):
            with told(f"client {number} of 7, each after the one before, with two workers"):
                client = start.client(port)
                received(client.wait(), client.directory, original)


@pytest.mark.check("pair.at_once")
def test_clients_at_once(pair: Programs, store: FileStore, start: Starter) -> None:
    original = store.seeded(fitting(pair.stage, 300_000))
    server = start.server(original, workers=3)
    with told("12 clients at once, with three workers"), way_to(server, pair.stage) as port:
        clients = [start.client(port) for _ in range(12)]
        for client in clients:
            received(client.wait(), client.directory, original)


@pytest.mark.check("server.at_once")
def test_raw_clients_at_once(pair: Programs, store: FileStore, start: Starter) -> None:
    original = store.seeded(fitting(pair.stage, 300_000))
    server = start.server(original, workers=3)
    connections = [RawClient(server.port) for _ in range(30)]
    for number, connection in enumerate(connections, 1):
        with told(f"30 clients have connected at once, and read one after the other; this is number {number}"):
            read_whole(connection, pair.stage, original)
            connection.close()
