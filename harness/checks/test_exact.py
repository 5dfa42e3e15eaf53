"""From stage 03 on no call is trusted to move all that it was asked to move: not recv, not send, not MSG_WAITALL."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Callable, Optional

import pytest

from bytetrain import Failure
from bytetrain.judging.pools import Pool, stalled
from bytetrain.judging.transfers import deliver_cut, read_whole
from bytetrain.judging.verdicts import received, saved
from bytetrain.kernel.signals import cont, stop
from bytetrain.programs.build import Programs
from bytetrain.programs.start import Starter
from bytetrain.telling import story
from bytetrain.telling.sizes import MiB
from bytetrain.telling.story import quietly, told
from bytetrain.wire.faults import Slicer
from bytetrain.wire.files import FileStore, Original
from bytetrain.wire.framing import HEAD, Parser, boundaries, head_offsets, stream
from bytetrain.wire.peers import RawServer
from bytetrain.wire.proxy import Proxy


Cut = Callable[[Iterable[int]], None]

SIZE = 2500  # bytes: three trains of content


@pytest.fixture
def cut(pair: Programs, store: FileStore, raw_server: RawServer, start: Starter) -> Cut:
    """cut([3, 7]) hands a client the stream of a file in pieces that end at these offsets; it should save the file."""
    original = store.in_memory(SIZE)
    name, content = original.name.encode(), Original(original).read()

    def check(cuts: Iterable[int]) -> None:
        __tracebackhide__ = True
        cuts = sorted(cuts)
        client = start.client(raw_server.port)
        with told(told_cuts(pair.stage, name, content, cuts)), raw_server.accept() as connection:
            deliver_cut(connection, stream(pair.stage, name, content), cuts, client.pid)
            connection.finish_sending()
            received(client.wait(), client.directory, original)
        client.stop()

    return check


def told_cuts(stage: int, name: bytes, content: bytes, cuts: list[int]) -> str:
    """The cuts in words: where they are, and where the trains begin."""
    shown = f"{cuts}" if len(cuts) <= 12 else f"{cuts[:12]} and {len(cuts) - 12} more"
    ends = boundaries(stage, name, content)
    return (
        f"the stream was cut at the offsets {shown}, and each piece was sent when the client had taken the one before. "
        f"(Its first byte is at offset 0; the trains end at {ends}, and each begins with a head of {HEAD} bytes.)"
    )


# What the client receives


NAME, CONTENT = f"seed1-{SIZE}.bin".encode(), b"x" * SIZE  # as long as what `cut` sends


@pytest.mark.check("client.head_split")
@pytest.mark.parametrize("inside", [1, 2, 3])
def test_split_heads(inside: int, stage: int, cut: Cut) -> None:
    cut([start + inside for start in head_offsets(stage, NAME, CONTENT)])


@pytest.mark.check("client.head_alone")
def test_heads_and_bodies_apart(stage: int, cut: Cut) -> None:
    cut([start + HEAD for start in head_offsets(stage, NAME, CONTENT)])


@pytest.mark.check("client.body_split")
@pytest.mark.parametrize("missing", [1, 5, 500])
def test_split_bodies(missing: int, stage: int, cut: Cut) -> None:
    cut([end - missing for end in boundaries(stage, NAME, CONTENT)])


@pytest.mark.check("client.every_byte")
def test_every_byte_alone_at_the_start(cut: Cut) -> None:
    cut(range(1, 1200))


@pytest.mark.check("client.all_at_once")
def test_all_at_once(cut: Cut) -> None:
    cut([])


@pytest.mark.check("client.any_cuts")
def test_any_cuts(stage: int, cut: Cut, pytestconfig: pytest.Config) -> None:
    # hypothesis makes the same cuts in every run. Of those that fail it looks for the simplest, which can be replayed.
    if (chosen := pytestconfig.getoption("--cuts")) is not None:
        cut(int(offset) for offset in chosen.split(",") if offset)
        return
    # Not at the top: each process of a grading reads this file, and hypothesis takes a tenth of a second.
    from hypothesis import HealthCheck, Phase, given, settings, strategies  # noqa: PLC0415

    last = boundaries(stage, NAME, CONTENT)[-1] - 1
    hang: Optional[Failure] = None

    @settings(
        max_examples=25, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False,
    )
    @given(strategies.lists(strategies.integers(1, last), max_size=40, unique=True))
    def try_cuts(cuts: list[int]) -> None:
        nonlocal hang
        if hang is not None:  # a client that hangs takes a minute each time: one is enough
            raise hang
        story.begin(stage)  # the failure that is told is the last one tried, the simplest
        story.current().replay = ["--cuts", ",".join(map(str, sorted(cuts)))]
        try:
            cut(cuts)
        except Failure as failure:
            hang = failure if "has not ended" in str(failure) else None
            raise

    try_cuts()


@pytest.mark.check("pair.sliced")
def test_sliced_pair(store: FileStore, start: Starter) -> None:
    for every, size in ((7, 1_500), (997, 20_000)):  # each piece is waited for, on a busy machine too: 200 will do
        original = store.seeded(size)
        server = start.server(original)
        with told(f"between server and client a proxy hands on {every} bytes at a time"):
            with Proxy(server.port, Slicer(every=every)) as proxy:
                client = start.client(proxy.port)
                received(client.wait(), client.directory, original)


@pytest.mark.check("client.stopped_in_recv")
@pytest.mark.parametrize("place", ["first head", "name", "second head", "second body", "content"])
def test_receiver_is_stopped_and_goes_on(
    place: str, pair: Programs, store: FileStore, raw_server: RawServer, start: Starter
) -> None:
    # MSG_WAITALL returns short after SIGSTOP and SIGCONT, although the program has no handler for any signal.
    original = store.in_memory(SIZE)
    name, content = original.name.encode(), Original(original).read()
    whole, ends = stream(pair.stage, name, content), boundaries(pair.stage, name, content)
    offsets = {"first head": 2, "name": HEAD + 5, "second head": ends[0] + 3, "second body": ends[0] + HEAD + 5}
    offset = offsets.get(place, ends[-1] - 600)

    def receives(times: int) -> None:
        """A client gets the stream in two pieces, and is stopped so many times between them."""
        __tracebackhide__ = True
        client = start.client(raw_server.port)
        with raw_server.accept() as connection:
            deliver_cut(connection, whole[:offset], [], client.pid)
            for _ in range(times):
                stop(client.pid)
                cont(client.pid)
            connection.send(whole[offset:])
            client.wait()
        saved(client.directory, original)

    with told(f"the client waits for the rest of its {place} (offset {offset}), is stopped (SIGSTOP) and goes on"):
        try:
            receives(3)
        except Failure as failure:
            try:
                with quietly():
                    receives(0)
            except Failure:
                failure.adds("The same two pieces without SIGSTOP are not saved either: begin with client.body_split.")
            raise


# What the server sends


@pytest.mark.check("server.stopped_in_send")
def test_sender_is_stopped_and_goes_on(pair: Programs, big: Path, start: Starter) -> None:
    # A blocked send returns short after SIGSTOP and SIGCONT: the rest must be sent by another call.
    server = start.server(big)
    pool = Pool.of(server)
    for number in range(1, 4):
        connection, worker = stalled(server)
        for _ in range(3):
            stop(worker)
            cont(worker)
        with told(f"transfer {number}: a worker blocked in sending was stopped (SIGSTOP) and went on"), connection:
            read_whole(connection, pair.stage, big)
    pool.is_complete()


@pytest.mark.check("server.stopped_repeatedly")
def test_sender_is_stopped_again_and_again(pair: Programs, big: Path, start: Starter) -> None:
    server = start.server(big)
    connection, worker = stalled(server)
    parser = Parser(pair.stage, keep=False)
    with told("a worker blocked three times in one transfer, was stopped each time (SIGSTOP), and went on"), connection:
        for _ in range(3):
            stop(worker)
            cont(worker)
            parser.feed(connection.read_exactly(MiB))
            connection.wait_sender_blocked(worker)
        read_whole(connection, pair.stage, big, parser=parser)
