"""The wire, written and read by the harness."""

from __future__ import annotations

import re

import pytest

from bytetrain.course.traits import stage_numbers, traits
from bytetrain.wire import framing
from bytetrain.wire.files import content

SIZES = [0, 1, 999, 1000, 1001, 2000, 70000]


def test_the_bytes_of_each_stage() -> None:
    name = b"\0\0\0\1a"
    assert framing.stream(1, b"a", b"xy") == name + b"\0\0\0\2xy"
    assert framing.stream(1, b"a", b"") == name + b"\0\0\0\0"
    assert framing.stream(2, b"a", b"xy") == framing.stream(3, b"a", b"xy") == name + b"\0\0\0\2xy" + b"\0\0\0\0"
    size = b"\0\0\0\x08" + b"\0\0\0\0\0\0\0\2"
    assert framing.stream(4, b"a", b"xy") == name + size + b"\0\0\0\2xy"
    assert framing.stream(5, b"a", b"xy") == framing.stream(6, b"a", b"xy") == name + size + b"xy"


def test_boundaries_are_where_trains_end() -> None:
    assert framing.boundaries(2, b"a", bytes(1001)) == [5, 5 + 1004, 5 + 1004 + 5, 5 + 1004 + 5 + 4]
    assert framing.head_offsets(2, b"a", bytes(1001)) == [0, 5, 1009, 1014]
    assert framing.boundaries(5, b"a", bytes(100000)) == [5, 17, 100017]
    assert framing.boundaries(5, b"a", b"") == [5, 17]


@pytest.mark.parametrize("number", stage_numbers())
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1, 3, 1004, 10**6])
def test_what_is_written_is_read_back_in_pieces_of_any_size(number: int, size: int, step: int) -> None:
    if framing.fitting(number, size) < size or step == 1 and size > 2000:
        return
    data, parser = content(size), framing.Parser(number)
    sent = framing.stream(number, b"name", data)
    for start in range(0, len(sent), step):
        assert not parser.done
        parser.feed(sent[start : start + step])
    parser.end()
    assert (parser.name, bytes(parser.content), parser.received, parser.done) == (b"name", data, size, True)
    assert parser.offset == len(sent)


def broken(number: int, data: bytes) -> framing.WireError:
    with pytest.raises(framing.WireError) as caught:
        framing.parse_stream(number, data)
    return caught.value


def test_a_length_above_1000_is_shown_with_its_place() -> None:
    error = broken(2, framing.encode_train(b"name") + framing.encode_train(b"x" * 10) + b"=%\xab\xd3")
    assert (error.offset, error.train) == (22, 3)
    assert "length of 1025878995" in str(error) and "3d 25 ab d3" in str(error)


@pytest.mark.parametrize(
    "number, data, words",
    [
        (2, b"", "at byte 0 of the stream, in train 1: the stream ends too early, where the name"),
        (2, b"\0\0", "at byte 2 of the stream, in train 1: the stream ends too early, after 2 of 4 bytes of a head"),
        (2, b"\0\0\0\1a\0\0\0\3ab", "in train 2: the stream ends too early, after 2 of 3 bytes of a body"),
        (2, b"\0\0\0\1a\0\0\0\1b", "where another train should follow"),
        (2, b"\0\0\0\1a\0\0\0\0xyz", "3 bytes after the end, beginning with 78 79 7a"),
        (1, b"\0\0\0\1a\0\0\0\1b\0\0\0\0", "4 bytes after the end"),
        (4, b"\0\0\0\1a\0\0\0\4\0\0\0\2", "the size has 4 bytes"),
        (4, framing.stream(4, b"a", b"xy")[:-6], "where more content should follow"),
        (4, framing.stream(4, b"a", b"xy")[:-6] + b"\0\0\0\3xyz", "more than the announced 2"),
        (4, framing.stream(4, b"a", b"xy")[:-6] + b"\0\0\0\0", "an empty train after 0 of 2 bytes"),
        (5, framing.stream(5, b"a", b"xy")[:-1], "after 1 of 2 bytes of raw content"),
        (5, framing.stream(5, b"a", b"xy") + b"z", "1 byte after the end"),
        (5, framing.stream(5, b"a", b"") + b"z", "1 byte after the end"),
        (3, b"\0\0\0\0", "the name is empty"),
        (3, framing.encode_train(b"../x"), "contains '/'"),
    ],
)
def test_what_is_wrong_is_said(number: int, data: bytes, words: str) -> None:
    assert words in str(broken(number, data))


SHOWN = [
    (
        3, framing.encode_train(b"name") + framing.encode_train(b"x" * 10) + b"=%\xab\xd3abc",
        """\
  before            6: 6d 65 00 00 00 0a 78 78 78 78 78 78 78 78 78 78  me....xxxxxxxxxx
  here             22: 3d 25 ab d3 61 62 63                             =%..abc
                       ^^
  the head of train 3 begins at byte 22 of the stream""",
        "a length of at most 1000", "a length of 1025878995",
    ),
    (
        3, framing.encode_train(b"../x"),
        """\
  before            0: 00 00 00 04 2e 2e                                ......
  here              6: 2f 78                                            /x
                       ^^
  the head of train 1 begins at byte 0 of the stream, its body of 4 bytes at byte 4""",
        "a name that a client can take", "'../x'",
    ),
    (
        2, b"",
        """\
  here              0: the end of the stream
                       ^^
  the head of train 1 should begin at byte 0 of the stream""",
        "the name", "the end of the stream",
    ),
    (
        4, framing.stream(4, b"a", bytes(range(48, 98)))[:-9],
        """\
  before           46: 49 4a 4b 4c 4d 4e 4f 50 51 52 53 54 55 56 57 58  IJKLMNOPQRSTUVWX
  here             62: the end of the stream
                       ^^
  the head of train 3 begins at byte 17 of the stream, its body of 50 bytes at byte 21""",
        "the last 9 of 50 bytes of a body", "the end of the stream",
    ),
    (
        5, framing.stream(5, b"a", b"0123456789abcdefg") + b"more",
        """\
  before           18: 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66 67  123456789abcdefg
  here             34: 6d 6f 72 65                                      more
                       ^^
  the raw content begins at byte 17 of the stream""",
        "the end of the stream", "4 bytes or more",
    ),
    (
        3, framing.stream(3, b"a", b"") + b"z",
        """\
  before            0: 00 00 00 01 61 00 00 00 00                       ....a....
  here              9: 7a                                               z
                       ^^
  the head of the last train begins at byte 5 of the stream""",
        "the end of the stream", "1 byte or more",
    ),
]


@pytest.mark.parametrize("number, data, window, expected, actual", SHOWN)
def test_the_bytes_around_an_error_are_shown(number: int, data: bytes, window: str, expected: str, actual: str) -> None:
    error = broken(number, data)
    assert str(error) == f"{error.in_short}\n{window}" and (error.expected, error.actual) == (expected, actual)


@pytest.mark.parametrize("number, data, window, expected, actual", SHOWN)
@pytest.mark.parametrize("step", [1, 3])
def test_the_bytes_before_an_error_are_known_however_they_came(
    step: int, number: int, data: bytes, window: str, expected: str, actual: str
) -> None:
    parser = framing.Parser(number, keep=False)
    with pytest.raises(framing.WireError) as caught:
        for start in range(0, len(data), step):
            parser.feed(data[start : start + step])
        parser.end()
    assert str(caught.value).splitlines()[1] == window.splitlines()[0] and caught.value.expected == expected


def test_bytes_after_the_end_are_seen_in_a_later_piece_too() -> None:
    parser = framing.Parser(5)
    parser.feed(framing.stream(5, b"a", b"xy"))
    with pytest.raises(framing.WireError, match="at byte 19 .*after the end"):
        parser.feed(b"z")


def test_content_need_not_be_kept() -> None:
    seen: list[bytes] = []
    parser = framing.Parser(5, keep=False, sink=seen.append)
    parser.feed(framing.stream(5, b"a", b"xy"))
    assert (parser.content, b"".join(seen), parser.md5) == (b"", b"xy", "3e44107170a520582ade522fa73c1d15")


def test_stage_01_holds_1000_bytes() -> None:
    with pytest.raises(ValueError, match="not 1001"):
        framing.stream(1, b"a", bytes(1001))


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"a\0b", b"n" * 256])
def test_names_that_are_refused(name: bytes) -> None:
    assert framing.why_name_is_refused(name)


@pytest.mark.parametrize("name", [b"a", b"...", b".hidden", b"n" * 255, "文件".encode(), b"\xff"])
def test_names_that_are_taken(name: bytes) -> None:
    assert framing.why_name_is_refused(name) is None


@pytest.mark.parametrize("stage", stage_numbers())
def test_the_place_of_a_byte_of_the_content(stage: int) -> None:
    sent = (bytes(range(250)) * 10)[: framing.fitting(stage, 2500)]
    name = b"name"
    whole = framing.stream(stage, name, sent)
    for offset in (0, 999, *((1000, 2499) if len(sent) > 1000 else ())):
        told = framing.place_of(stage, len(name), offset, len(sent))
        found = [int(number) for number in re.findall(r"\d+", told)]
        if traits(stage).raw:
            assert whole[found[1]] == sent[offset]
        else:
            _, inside, train, head, _, body, end = found
            kinds = [piece.offset for piece in framing.pieces(stage, name, sent)]
            assert kinds[train - 1] == head and whole[body + inside] == sent[offset] and body + inside <= end
    assert framing.place_of(stage, len(name), len(sent), len(sent)) == ""
