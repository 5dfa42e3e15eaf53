"""A client trusts nothing that comes over the wire, and takes no early end for the end of the file.

The server in these checks is the harness itself. It hands whole trains, one at a time, to clients that receive naively.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from bytetrain.course.traits import traits
from bytetrain.judging.meeting import NAME, Meet, Meeting, limited, trains
from bytetrain.telling.story import told
from bytetrain.telling.text import in_quotes
from bytetrain.wire.files import content
from bytetrain.wire.framing import HEAD, encode_content, encode_size, encode_train

BAD_NAMES = {
    "empty": b"", "dot": b".", "dot-dot": b"..", "256 bytes": b"n" * 256, "1000 bytes": b"n" * 1000, "slash": b"/",
    "up": b"../escaped", "absolute": b"HERE/escaped", "below": b"sub/file", "slash at the end": b"file/",
    "NUL": b"file\0.bin", "NUL at the end": b"file.bin\0",
}
BAD_LENGTHS = (1001, 4096, 1_025_821_971, 2**31 - 1, 2**31, 2**32 - 1)


# What comes is wrong


@pytest.mark.check("client.bad_name")
@pytest.mark.parametrize("name", list(BAD_NAMES))
def test_bad_name_is_refused(name: str, target: Path, meet: Meet) -> None:
    meeting = meet()
    bad = BAD_NAMES[name].replace(b"HERE", os.fsencode(target.parent))
    with told(f"the server sends the name {in_quotes(bad[:300])}, which must be refused ({name})"):
        meeting.sends(trains(meeting.stage, name=bad))
        meeting.is_refused(meeting.closes())


@pytest.mark.check("client.name_length")
@pytest.mark.parametrize("length", BAD_LENGTHS)
def test_length_above_1000_is_refused_for_a_name(length: int, meet: Meet) -> None:
    meeting = meet()
    with told(f"the first head says {length}, where a train has at most 1000 bytes; the connection stays open"):
        meeting.sends([length.to_bytes(HEAD, "big"), b"x" * 1000])
        meeting.is_refused(meeting.keeps_open())


@pytest.mark.check("client.content_length")
@pytest.mark.parametrize("length", BAD_LENGTHS)
def test_length_above_1000_is_refused_for_content(length: int, meet: Meet) -> None:
    # Then come bytes with which a client that takes the length as it is, or cuts it to 1000, would be content.
    for follow in {1000, min(length, 4096)}:
        meeting = meet()
        with told(f"a head says {length}, where a train has at most 1000 bytes; {follow} bytes and a good end follow"):
            size = [encode_train(encode_size(follow))] if traits(meeting.stage).announces_size else []
            end = [encode_train(b"")] if traits(meeting.stage).ends_with_empty_train else []
            meeting.sends([encode_train(NAME), *size, length.to_bytes(HEAD, "big"), content(follow), *end])
            meeting.is_refused(meeting.closes())


@pytest.mark.check("client.size_train")
@pytest.mark.parametrize("length", [0, 1, 4, 7, 9, 16, 1000, 1001, 2**32 - 1])
def test_size_train_must_have_8_bytes(length: int, meet: Meet) -> None:
    meeting = meet()
    if length > 1000:  # no train at all
        with told(f"the head of the size train says {length}: 8 would be right; the connection stays open"):
            meeting.sends([encode_train(NAME), length.to_bytes(HEAD, "big"), encode_size(10), b"x" * 992])
            meeting.is_refused(meeting.keeps_open())
        return
    with told(f"the size train has {length} bytes: 8 would be right"):
        meeting.sends([encode_train(NAME), encode_train((10).to_bytes(length, "big") if length else b"")])
        meeting.sends([encode_content(meeting.stage, b"0123456789")])
        meeting.is_refused(meeting.closes())


@pytest.mark.check("client.trains_add_up")
@pytest.mark.parametrize(
    "sizes", [(1000, 1000, 499), (1000, 1000, 501), (1000,), (1000, 0), (1000, 1000, 1000), ()], ids=str
)
def test_trains_that_do_not_add_up(sizes: tuple[int, ...], meet: Meet) -> None:
    meeting = meet()
    with told(f"a size of 2500 was announced; trains of {sizes} bytes came, and then the connection was closed"):
        bodies = [encode_train(content(size)) for size in sizes]
        meeting.sends([encode_train(NAME), encode_train(encode_size(2500)), *bodies])
        meeting.is_refused(meeting.closes())


@pytest.mark.check("client.fewer_bytes")
@pytest.mark.parametrize("size", [0, 1, 2499])
def test_fewer_bytes_than_announced(size: int, meet: Meet) -> None:
    meeting = meet()
    with told(f"a size of 2500 was announced; {size} bytes came, and then the connection was closed"):
        meeting.sends([encode_train(NAME), encode_train(encode_size(2500)), content(size)])
        meeting.is_refused(meeting.closes())


@pytest.mark.check("client.size_64_bits")
@pytest.mark.parametrize("size", [2**31, 2**32, 2**32 + 10, 2**63 - 1, 2**63, 2**64 - 1])
def test_size_that_needs_64_bits(size: int, meet: Meet) -> None:
    # The limit keeps a client that reserves room from taking 4 GiB of this disk.
    meeting = meet(prefix=limited(1_000_000))
    with told(f"a size of {size} was announced; 10 bytes came, and then the connection was closed"):
        ten = b"0123456789"
        meeting.sends([encode_train(NAME), encode_train(encode_size(size))])
        meeting.sends([encode_content(meeting.stage, ten)])
        meeting.is_refused(meeting.closes())


# It ends too early


def boundaries(stage: int) -> dict[str, int]:
    """Where a good stream may break off between two trains: the name of the place, and its offset."""
    ends = list(itertools.accumulate(len(train) for train in trains(stage)))
    names = ["before the name", "after the name"]
    if traits(stage).announces_size:
        names.append("after the size")
    if not traits(stage).one_train and not traits(stage).raw:
        names += ["after the first train of content", "before the last train"]
    return dict(zip(names, [0, *ends[: len(names) - 2], ends[-2]]))


def insides(stage: int) -> dict[str, int]:
    """Where it may break off inside of a train, or of the raw content."""
    first, second, *_, last = itertools.accumulate(len(train) for train in trains(stage))
    middle = {"in the midst of the content": last - 1000, "one byte before the end": last - 1}
    return {"in the first head": 2, "in the name": first - 3, "in the second head": first + 1,
            "in the second train": second - 1, **middle}


def break_off(meeting: Meeting, offset: int) -> None:
    """Our server sends the beginning of a good stream, and the client takes it."""
    for train in trains(meeting.stage):
        if offset > 0:
            meeting.sends([train[:offset]])
        offset -= len(train)
    meeting.connection.wait_taken(meeting.client.pid)


@pytest.mark.check("client.end_between_trains")
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_early_end_between_trains_is_a_failure(stage: int, how: str, meet: Meet) -> None:
    for place, offset in boundaries(stage).items():
        meeting = meet()
        with told(f"the connection was {how} by the server {place}"):
            break_off(meeting, offset)
            meeting.is_refused(meeting.closes() if how == "closed" else meeting.resets())


@pytest.mark.check("client.end_inside_train")
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_early_end_inside_a_train_is_a_failure(stage: int, how: str, meet: Meet) -> None:
    for place, offset in insides(stage).items():
        meeting = meet()
        with told(f"the connection was {how} by the server {place}"):
            break_off(meeting, offset)
            meeting.is_refused(meeting.closes() if how == "closed" else meeting.resets())
