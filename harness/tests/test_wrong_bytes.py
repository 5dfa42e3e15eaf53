"""What wrong bytes, and what a client says, tell of a mistake; and what nearly is the same and tells nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.judging.transfers import read_whole
from bytetrain.judging.verdicts import received
from bytetrain.programs.output import Finished
from bytetrain.wire.files import Seeded, write_data
from bytetrain.wire.framing import encode_train, stream
from bytetrain.wire.peers import RawClient

CONTENT = bytes(range(1, 256)) * 12  # no 0 in it
WITH_NUL = CONTENT[:300] + b"\0" + CONTENT[301:]


def read(tmp_path: Path, sent: bytes, stage: int = 3, content: bytes = CONTENT) -> str:
    """The diagnosis of what a server sends that should send that content."""
    original = write_data(tmp_path / "file.bin", content)
    with socket.create_server(("127.0.0.1", 0)) as listener, RawClient(listener.getsockname()[1]) as client:
        with listener.accept()[0] as connection:
            connection.sendall(sent)
        with pytest.raises(Failure) as caught:
            read_whole(client, stage, original)
    return name_of(caught.value)


def name_of(failure: Failure) -> str:
    return failure.diagnosis.id if failure.diagnosis else ""


def trains(content: bytes, cut: Callable[[bytes], bytes] = lambda body: body) -> bytes:
    """A stream of stage 03, each body of its content made another one."""
    bodies = [cut(content[start : start + 1000]) for start in range(0, len(content), 1000)]
    return b"".join(map(encode_train, [b"file.bin", *bodies, b""]))


def turned(data: bytes) -> bytes:
    """Its first head in the byte order of most machines."""
    return data[:4][::-1] + data[4:]


STREAMS = {
    "a length the other way round": ("host_byte_order", turned(trains(CONTENT))),
    "a length that is wrong in any order": ("", b"\x31\x32\x33\x34" + trains(CONTENT)),
    "the path as the name": ("path_as_name", encode_train(b"/tmp/files/file.bin") + trains(CONTENT)[12:]),
    "a path to another file": ("", encode_train(b"/tmp/files/another.bin") + trains(CONTENT)[12:]),
    "a name with its NUL": ("nul_in_name", encode_train(b"file.bin\0") + trains(CONTENT)[12:]),
    "another name with a NUL": ("", encode_train(b"File.bin\0") + trains(CONTENT)[12:]),
    "a name in other words": ("", encode_train(b"file") + trains(CONTENT)[12:]),
    "too little content": ("", trains(CONTENT[:-7])),
    "no end": ("", trains(CONTENT)[:-4]),
}


@pytest.mark.parametrize("what", STREAMS)
def test_what_a_server_sends(what: str, tmp_path: Path) -> None:
    diagnosis, sent = STREAMS[what]
    assert read(tmp_path, sent) == diagnosis


def test_a_size_the_other_way_round(tmp_path: Path) -> None:
    whole = stream(5, b"file.bin", CONTENT)
    head, size, rest = whole[:16], whole[16:24], whole[24:]
    assert read(tmp_path, head + size[::-1] + rest, 5) == "host_byte_order"
    assert read(tmp_path, head + bytes(7) + b"\x07" + rest, 5) == ""


def test_a_server_that_stops_at_a_nul(tmp_path: Path) -> None:
    def as_string(body: bytes) -> bytes:
        return body.split(b"\0")[0]

    assert read(tmp_path, trains(WITH_NUL, as_string), content=WITH_NUL) == "cut_at_nul"
    assert read(tmp_path, trains(WITH_NUL[:300]), content=WITH_NUL) == "cut_at_nul"
    assert read(tmp_path, trains(WITH_NUL[:299]), content=WITH_NUL) == ""
    wrong = WITH_NUL[:300] + b"\1" + WITH_NUL[301:]
    assert read(tmp_path, trains(wrong), content=WITH_NUL) == ""


def saved(tmp_path: Path, content: bytes, there: bytes) -> str:
    """The diagnosis of a client that was sent that content, and has saved what is there."""
    original = write_data(tmp_path / "file.bin", content)
    target = tmp_path / "target"
    target.mkdir(exist_ok=True)
    (target / "file.bin").write_bytes(there)
    with pytest.raises(Failure) as caught:
        received(Finished(0, f"received file.bin, {len(content)} bytes\n", ""), target, original)
    return name_of(caught.value)


@pytest.mark.parametrize("begins", [CONTENT, b"\0" + CONTENT, b"\0\0\3" + CONTENT], ids=["no byte", "one", "three"])
def test_a_head_in_the_content(begins: bytes, tmp_path: Path) -> None:
    """Of which no byte, one or three are those that should be there."""
    content = CONTENT[:1000] + begins
    assert saved(tmp_path, content, content[:1000] + b"\0\0\3\xe8" + content[1000:]) == "head_in_content"
    assert saved(tmp_path, content, content + bytes(4)) == "head_in_content"
    assert saved(tmp_path, content, content[:1000] + b"\0\0\3\xe9" + content[1000:]) == ""
    assert saved(tmp_path, content, content[:1000] + b"\0\0\3\xe8" + content[1001:]) == ""
    assert saved(tmp_path, content, content + bytes(5)) == ""
    assert saved(tmp_path, content, content[:1000] + content[1004:]) == ""


def test_a_server_that_loses_what_a_send_did_not_take(tmp_path: Path) -> None:
    content = Seeded(7).read(0, 40_000)
    whole = trains(content)
    begins = 12 + 20 * 1004  # the train of byte 20000
    taken = whole[: begins - 500] + whole[begins + 3 * 1004 :]
    assert read(tmp_path, taken, content=content) == "short_count"
    assert read(tmp_path, whole[: begins - 500] + whole[begins + 3 * 1004 + 1 :], content=content) == ""
    early = 12 + 2 * 1004
    assert read(tmp_path, whole[: early - 500] + whole[early + 3 * 1004 :], content=content) == ""


def test_a_client_that_stops_at_a_nul(tmp_path: Path) -> None:
    assert saved(tmp_path, WITH_NUL, WITH_NUL[:300]) == "cut_at_nul"
    assert saved(tmp_path, WITH_NUL, WITH_NUL[:300] + bytes(1000)) == ""


# What a client says


def client_says(tmp_path: Path, stdout: str, stderr: str = "", status: int = 0) -> str:
    original = write_data(tmp_path / "file.bin", CONTENT)
    with pytest.raises(Failure) as caught:
        received(Finished(status, stdout, stderr), tmp_path, original)
    return name_of(caught.value)


def test_what_a_client_says(tmp_path: Path) -> None:
    size = len(CONTENT)
    said = f"received file.bin, {size} bytes\n"
    turned_name, turned_size = 8 << 24, int.from_bytes(size.to_bytes(8, "big"), "little")
    assert client_says(tmp_path, f"connected\n{said}") == "log_on_standard_output"
    assert client_says(tmp_path, "connected\n") == ""
    assert client_says(tmp_path, "", said) == "result_on_standard_error"
    assert client_says(tmp_path, "", "received file.bin\n") == ""
    assert client_says(tmp_path, "", f"client: a train of {turned_name} bytes\n", 1) == "host_byte_order"
    assert client_says(tmp_path, "", f"client: a size of {turned_size} bytes\n", 1) == "host_byte_order"
    assert client_says(tmp_path, "", f"client: a train of {turned_name + 1} bytes\n", 1) == ""


def over(tmp_path: Path, older: bytes, there: bytes, stderr: str = "", status: int = 0) -> str:
    """The diagnosis of a client that found an older file, and has left that there."""
    target = tmp_path / "target"
    target.mkdir(exist_ok=True)
    (target / "file.bin").write_bytes(there)
    original = write_data(tmp_path / "file.bin", CONTENT)
    said = f"received file.bin, {len(CONTENT)} bytes\n"
    with pytest.raises(Failure) as caught:
        received(Finished(status, said, stderr), target, original, older=older)
    return name_of(caught.value)


def test_what_is_left_of_an_older_file(tmp_path: Path) -> None:
    older = b"o" * (len(CONTENT) + 10)
    assert over(tmp_path, older, CONTENT + b"o" * 10) == "older_file_not_replaced"
    assert over(tmp_path, older, CONTENT + b"n" * 10) == ""
    assert over(tmp_path, older, CONTENT[:-1]) == ""
    assert over(tmp_path, older, older, "client: file.bin: File exists\n", 1) == "older_file_not_replaced"
    assert over(tmp_path, older, older, "client: the connection broke\n", 1) == ""
