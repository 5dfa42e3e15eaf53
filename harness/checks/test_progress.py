"""The progress line, from stage 04 on: one line on the terminal, drawn again and again, that never says too much.

How the line looks is free, but for what a number with a percent sign means, and that the last line tells the bytes.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from bytetrain.judging.transfers import hand_over
from bytetrain.judging.progress import drawing, draws, dribble, in_percent, missing_half, percentages
from bytetrain.judging.verdicts import has_status, received
from bytetrain.programs.build import Programs
from bytetrain.programs.output import status_in_words
from bytetrain.programs.start import Starter
from bytetrain.telling.story import expect, told
from bytetrain.telling.text import in_quotes
from bytetrain.wire.files import FileStore, Original, content, size_of
from bytetrain.wire.framing import LARGEST_BODY, encode_content, encode_size, encode_train, stream
from bytetrain.wire.peers import Connection, RawServer

REDRAWS_A_SECOND = 10


def announce(connection: Connection, size: int) -> None:
    """Sends the name and the size."""
    connection.send(encode_train(b"file.bin") + encode_train(encode_size(size)))


def rest_of(connection: Connection, stage: int, data: bytes) -> None:
    """Sends the rest of the content."""
    bodies = (data[start : start + LARGEST_BODY] for start in range(0, len(data), LARGEST_BODY))
    connection.send(b"".join(encode_content(stage, body) for body in bodies))


@pytest.mark.check("progress.last_line")
def test_last_line_is_exact(pair: Programs, store: FileStore, raw_server: RawServer, start: Starter) -> None:
    original = store.in_memory(20_000_001)  # more than the 24 bits of a float can tell
    client = start.terminal_client(raw_server.port)
    with told(f"a file of {size_of(original)} bytes comes to a client whose standard error is a terminal"):
        with raw_server.accept() as connection:
            hand_over(connection, pair.stage, original.name.encode(), Original(original).read())
        has_status(client.wait(), 0)
        expect(bool(client.redraws), "nothing was drawn on the terminal", expected="a line of progress")
        last = client.redraws[-1]
        expect(
            percentages(client)[-1:] == [100.0], f"the last line doesn't say 100 %: {in_quotes(last)}",
            expected="100 % in the last line", actual=in_quotes(last),
        )
        digits = re.sub(r"(?<=\d)[,.' _](?=\d{3})", "", last)
        expect(
            "20000001" in digits, f"the last line doesn't tell the 20000001 bytes: {in_quotes(last)}",
            expected="20000001 bytes in the last line", actual=in_quotes(last),
        )


@pytest.mark.check("progress.one_line")
def test_one_line(pair: Programs, store: FileStore, raw_server: RawServer, start: Starter) -> None:
    original = store.in_memory(20_000_000)
    client = start.terminal_client(raw_server.port)
    started = time.monotonic()
    with told("a file of 20 MB comes to a client whose standard error is a terminal"):
        with raw_server.accept() as connection:
            hand_over(connection, pair.stage, original.name.encode(), Original(original).read())
        finished = client.wait()
        elapsed = time.monotonic() - started
        received(finished, client.directory, original)
        expect(
            "\r" in client.stderr, f"the line is not drawn again in its place, with \\r: {in_quotes(client.stderr)}",
            expected="\\r before each line that replaces one",
        )
        text = client.stderr
        expect(
            text.count("\n") <= 1 and "\n" not in text.rstrip("\r\n"),
            f"there is more than one line: {in_quotes(text)}",
            expected="one line",
        )
        most = REDRAWS_A_SECOND * elapsed + 2
        words = f"it was drawn {draws(client)} times in {elapsed:.2f} s: at most ten times a second is right"
        expect(
            draws(client) <= most, f"{words}; {drawing(client)}",
            expected=f"{most:.0f} times at most", actual=f"{draws(client)} times",
        )


@pytest.mark.check("progress.never_early")
def test_never_100_before_all_is_there(pair: Programs, raw_server: RawServer, start: Starter) -> None:
    data = content(50_000_000)  # so many that a hundred times their number needs more than 32 bits
    client = start.terminal_client(raw_server.port)
    with told("of 50,000,000 bytes all but the last 600 have come, 99.9988 %; then some more come, one by one"):
        with raw_server.accept() as connection:
            announce(connection, len(data))
            rest_of(connection, pair.stage, data[:-600])
            connection.wait_taken(client.pid)
            client.sync()
            before = draws(client)

            def drawn() -> bool:
                client.sync()
                return draws(client) > before + 1  # the first may have been begun before

            left = dribble(connection, pair.stage, data[-600:-1], drawn)
            said = percentages(client)
            expect(
                max(said, default=0) < 100, f"the line says 100 % before the last byte has come; {drawing(client)}",
                expected="less than 100 %", actual=f"{max(said, default=0):g} %",
            )
            seldom = draws(client) <= before + 1
            expect(
                seldom or said[-1] >= 99, f"the line says {in_percent(said)} when 99.9988 % came; {drawing(client)}",
                expected="99 % or more", actual=in_percent(said),
            )
            rest_of(connection, pair.stage, left + data[-1:])
            finished = client.wait()
        said = percentages(client)
        expect(
            finished.status == 0 and said[-1:] == [100], f"it doesn't end with 100 %; {drawing(client)}\n{finished}",
            expected="status 0, and 100 % at the end",
            actual=f"{status_in_words(finished.status)}, and {in_percent(said)}",
        )
        expect(
            said == sorted(said), f"the percentage goes back; {drawing(client)}",
            expected="a percentage that only grows", actual="it goes back",
        )


@pytest.mark.check("progress.flushed")
def test_progress_is_seen_at_once(pair: Programs, raw_server: RawServer, start: Starter) -> None:
    data = content(100_000)
    client = start.terminal_client(raw_server.port)

    def half() -> bool:
        return any(50 <= percent < 100 for percent in percentages(client))

    def seen_at_once() -> bool:
        return client.has_drawn_at_once() and half()

    with told("half of a file has come, and some more bytes come, few at a time: that has to be seen while they come"):
        with raw_server.accept() as connection:
            announce(connection, len(data))
            rest_of(connection, pair.stage, data[:50_000])
            connection.wait_taken(client.pid)
            client.has_drawn_at_once()  # what has been drawn up to now says nothing
            before = len(percentages(client))
            left = dribble(connection, pair.stage, data[50_000:55_000], seen_at_once, size=20)
            said = percentages(client)
            expect(
                half(), f"{missing_half(said, before)}; {drawing(client)}",
                expected="a line with 50 % or a little more", actual=in_percent(said[before:]),
            )
            held_back = "whole buffers full of redraws came, and never just a line: is standard error flushed?"
            expect(
                len(left) > 0, f"{held_back} {drawing(client)}",
                expected="each line at once", actual="whole buffers full of lines",
            )
            rest_of(connection, pair.stage, left + data[55_000:])
            finished = client.wait()
            has_status(finished, 0)


@pytest.mark.check("progress.above_4_gib")
def test_sizes_above_4_gib(pair: Programs, raw_server: RawServer, start: Starter) -> None:
    # Stage 04 alone: later a client may reserve the room, and 4 GiB of a disk are not ours to take.
    size = 2**32 + 100_000
    client = start.terminal_client(raw_server.port)
    with told(f"a size of {size} bytes was announced, and 60000 of them came: 0 %, but 60 % in 32 bits"):
        with raw_server.accept() as connection:
            announce(connection, size)
            rest_of(connection, pair.stage, content(60_000))
            connection.wait_taken(client.pid)
            client.sync()
            before = draws(client)

            def drawn() -> bool:
                client.sync()
                return draws(client) > before + 1

            dribble(connection, pair.stage, content(600), drawn)
        has_status(client.wait(), 1)
        most = max(percentages(client), default=0)
        expect(most == 0, f"the line says {most:g} %; {drawing(client)}", expected="0 %", actual=f"{most:g} %")


@pytest.mark.check("progress.silent")
def test_silent_without_a_terminal(store: FileStore, start: Starter) -> None:
    original = store.seeded(1_000_000)
    client = start.client(start.server(original).port)
    with told("standard error is no terminal"):
        received(client.wait(), client.directory, original)
        expect(
            client.stderr == "", f"on standard error was found: {in_quotes(client.stderr[:300])}",
            expected="nothing on standard error", actual=in_quotes(client.stderr[:300]),
        )


@pytest.mark.check("progress.smallest")
@pytest.mark.parametrize("size", [0, 1])
def test_smallest_files(size: int, pair: Programs, raw_server: RawServer, start: Starter) -> None:
    client = start.terminal_client(raw_server.port)
    with told(f"a file of {size} bytes: nothing may be divided by zero"):
        with raw_server.accept() as connection:
            connection.send(stream(pair.stage, b"file.bin", content(size)))
            finished = client.wait()
        has_status(finished, 0)
        wrong = re.findall(r"nan|inf|-\d+", client.stderr.lower())
        expect(
            not wrong, f"on the terminal stands {', '.join(wrong)}; {drawing(client)}", expected="numbers of 0 or more",
            actual=", ".join(wrong),
        )
        said = percentages(client)
        expect(
            said[-1:] in ([], [100.0]), f"it ended at {in_percent(said)}; {drawing(client)}",
            expected="100 % at the end, if anything", actual=in_percent(said),
        )


@pytest.mark.check("progress.failure_line")
def test_failure_is_told_on_a_line_of_its_own(
    pair: Programs, raw_server: RawServer, start: Starter, target: Path
) -> None:
    client = start.terminal_client(raw_server.port, target)
    with told("the server closed after half of the file; standard error is a terminal"):
        with raw_server.accept() as connection:
            announce(connection, 2000)
            rest_of(connection, pair.stage, content(1000))
            connection.finish_sending()
            finished = client.wait()
        expect(
            finished.status == 1 and not finished.stdout, str(finished),
            expected="status 1, and nothing on standard output",
            actual=f"{status_in_words(finished.status)}, and {in_quotes(finished.stdout)}",
        )
        expect(
            max(percentages(client), default=0) < 100, f"the line says 100 %, and half is missing; {drawing(client)}",
            expected="less than 100 %", actual=f"{max(percentages(client), default=0):g} %",
        )
        message = client.stderr.rstrip("\n").rpartition("\n")[2]
        expect(
            "%" not in message.rpartition("\r")[2] and message != "",
            f"no line tells the cause: {in_quotes(client.stderr)}",
            expected="the cause, on a line of its own",
        )
