"""The verdicts: nothing to say about a program that did well, and all at once about one that didn't."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.judging.pools import can_connect
from bytetrain.judging.transfers import deliver_cut, read_cut_short, read_whole
from bytetrain.judging.verdicts import (
    bad_command_line, changes, has_left, has_status, prints_nothing_else, received, refused, snapshot, start_refused,
)
from bytetrain.kernel.processes import ProcessFacts
from bytetrain.kernel.signals import cont, stop
from bytetrain.programs.output import Finished
from bytetrain.programs.program import Program, Server
from bytetrain.telling.story import told
from bytetrain.wire.files import write_file
from bytetrain.wire.framing import stream
from bytetrain.wire.peers import RawClient, RawServer, free_port


def test_a_file_that_was_received(tmp_path: Path) -> None:
    original = write_file(tmp_path / "a b", 10)
    target = tmp_path / "target"
    target.mkdir()
    write_file(target / "a b", 10)
    received(Finished(0, "received a b, 10 bytes\n", ""), target, original)
    write_file(target / "a b", 10, seed=2)
    (target / ".stray").touch()
    with pytest.raises(Failure, match=r"(?s)'received a b'.*'.stray' is in its directory.*differ from byte 0"):
        received(Finished(0, "received a b", ""), target, original)


def test_a_file_that_its_owner_can_not_read_is_a_failure_of_theirs(tmp_path: Path) -> None:
    original = write_file(tmp_path / "a", 10)
    target = tmp_path / "target"
    target.mkdir()
    write_file(target / "a", 10).chmod(0)
    with pytest.raises(Failure, match="with the mode 0000: its owner can't read it") as caught:
        received(Finished(0, "received a, 10 bytes\n", ""), target, original)
    assert caught.value.actual == "with the mode 0000"
    assert snapshot(target)["a"].startswith("10 bytes, with the mode 0000")
    os.mkfifo(target / "b")  # nobody waits for its reader
    assert snapshot(target)["b"].startswith("neither a file nor a directory")


def test_a_failure_that_is_told_well(tmp_path: Path) -> None:
    before = snapshot(tmp_path)
    refused(Finished(1, "", "client: the end came too early\n"), tmp_path, before)
    (tmp_path / "half").touch()
    with pytest.raises(Failure, match=r"(?s)status 0, and status 1.*standard output.*0 lines.*'half' has appeared"):
        refused(Finished(0, "received x, 1 bytes\n", ""), tmp_path, before)


NO_CAUSE = (
    "recv: Success", "client: recv: Success", "[Errno 0] Success", "client:", "Client: ", "a/client: -", "client",
)
A_CAUSE = ("recv", "client closed", "client: 连接提前结束", "it ended without success", "unsuccessful")


@pytest.mark.parametrize("line", NO_CAUSE)
def test_a_line_without_a_cause(line: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no cause"):
        refused(Finished(1, "", line + "\n"), tmp_path, snapshot(tmp_path))
    with pytest.raises(Failure, match="no cause"):
        start_refused(Finished(1, "", line + "\n"), "", "")


@pytest.mark.parametrize("line", A_CAUSE)
def test_a_line_that_may_be_a_cause(line: str, tmp_path: Path) -> None:
    refused(Finished(1, "", line + "\n"), tmp_path, snapshot(tmp_path))


def test_changes_of_a_directory(tmp_path: Path) -> None:
    for name in ("gone", "other"):
        (tmp_path / name).write_text(name)
    before = snapshot(tmp_path)
    (tmp_path / "gone").unlink()
    (tmp_path / "other").write_text("else")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "link").symlink_to("nowhere")
    assert [line.split(":")[0] for line in changes(before, snapshot(tmp_path))] == [
        "'sub' has appeared", "'sub/link' has appeared", "'gone' is gone", "'other' is not what it was",
    ]


@pytest.mark.parametrize("line", ["server: x.bin: No such file or directory\n", "x.bin：文件不存在\n"])
def test_a_line_that_names_thing_and_cause(line: str) -> None:
    start_refused(Finished(1, "", line), "x.bin", "no such file|missing")


@pytest.mark.parametrize("line", ["server: failed\n", "x.bin\n", "x.bin: missing\nand more\n", ""])
def test_a_line_that_does_not(line: str) -> None:
    with pytest.raises(Failure):
        start_refused(Finished(1, "", line), "x.bin", "no such file|missing")


def test_the_log_of_a_server_may_have_begun() -> None:
    lines = "server: starting, with 2 workers\nserver: x.bin: No such file or directory\n"
    start_refused(Finished(1, "", lines), "x.bin", "no such file|missing", log=True)
    with pytest.raises(Failure, match="2 lines"):  # a client has none
        start_refused(Finished(1, "", lines), "x.bin", "no such file|missing")
    for wrong in ("server: x.bin: No such file or directory\nusage: server HOST\n", "x.bin\nfailed\n", ""):
        with pytest.raises(Failure):
            start_refused(Finished(1, "", wrong), "x.bin", "no such file|missing", log=True)


def test_a_usage_needs_a_message() -> None:
    bad_command_line(Finished(2, "", "server: too few arguments\nUsage: server HOST\n"))
    for text in ("usage: server HOST\n", "too few\nmore\n"):
        with pytest.raises(Failure):
            bad_command_line(Finished(2, "", text))


def test_a_server_that_has_left() -> None:
    said = "listening on 127.0.0.1:4711\n"
    has_left(Finished(0, said, ""), [])
    with pytest.raises(Failure, match="processes were left behind, 1 left: worker") as caught:
        has_left(Finished(1, said, ""), [ProcessFacts(7, "worker", "S", 1, 5, 5)])
    assert caught.value.expected == "status 0; nobody left behind"
    assert caught.value.actual == "status 1; 1 left: worker (pid 7, state S, parent 1)"


@pytest.mark.parametrize("more", ["", "bye\n", "\n"])
def test_what_a_server_has_printed_is_asked_for_by_the_check_for_that(
    more: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"listening on 127.0.0.1:4711\n{more}"
    monkeypatch.setattr(Server, "stdout", said)
    if not more:
        prints_nothing_else(Server(Path("server"), Path("file")))
        return
    with pytest.raises(Failure, match="not the one line alone") as caught:
        prints_nothing_else(Server(Path("server"), Path("file")))
    assert caught.value.check == "server.nothing_else_printed"


def test_a_status_is_told_in_words() -> None:
    has_status(Finished(0, "", ""), 0)
    with pytest.raises(Failure, match="it ended with signal 13") as caught:
        has_status(Finished(-13, "", ""), 0)
    assert (caught.value.expected, caught.value.actual) == ("status 0", "signal 13 (SIGPIPE)")


def test_a_story_comes_first() -> None:
    with pytest.raises(Failure, match="^three clients came\n\nthe second was lost$"), told("three clients came"):
        raise Failure("the second was lost")


# The peers that play whole parts


def test_reading_a_whole_transfer(tmp_path: Path) -> None:
    original = write_file(tmp_path / "x", 2500)
    whole = stream(3, b"x", original.read_bytes())
    renamed = whole.replace(b"\0\0\0\1x", b"\0\0\0\1y")
    for sent, problem in ((whole, ""), (whole[:-1], "too early"), (renamed, "the name: 'y'")):
        with RawServer() as server, RawClient(server.port) as client, server.accept() as connection:
            connection.send(sent)
            connection.finish_sending()
            if problem:
                with pytest.raises(Failure, match=problem):
                    read_whole(client, 3, original)
            else:
                read_whole(client, 3, original)


def test_a_whole_transfer_is_not_cut_short() -> None:
    for sent, ends in ((stream(4, b"x", b"content"), False), (stream(4, b"x", b"content")[:-1], True)):
        with RawServer() as server, RawClient(server.port) as client, server.accept() as connection:
            connection.send(sent)
            connection.finish_sending()
            if ends:
                read_cut_short(client, 4)
            else:
                with pytest.raises(Failure, match="a whole file of 7 bytes"):
                    read_cut_short(client, 4)


def test_a_free_port_is_free_and_not_given_again() -> None:
    ports = [free_port() for _ in range(5)]
    assert len(set(ports)) == 5 and not any(can_connect(port) for port in ports)


PEEKING = """
import select, socket, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 8)
select.select([client], [], [])
sys.exit(client.recv(8) != b"12345678")
"""
POLLING = """
import socket, sys
client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while len(client.recv(8, socket.MSG_PEEK)) < 8:
    pass
sys.exit(client.recv(8) != b"12345678")
"""


@pytest.mark.parametrize("script", [PEEKING, POLLING], ids=["asleep", "busy"])
def test_pieces_that_a_client_leaves_in_the_kernel_are_sent_all_the_same(script: str) -> None:
    with RawServer() as server, Program([sys.executable, "-c", script, str(server.port)]) as client:
        with server.accept() as connection:
            assert deliver_cut(connection, b"12345678", [2, 5], client.pid)
            assert client.wait().status == 0


def test_a_piece_is_not_left_by_a_client_that_has_not_come_to_it() -> None:
    with RawServer() as server, Program([sys.executable, "-c", PEEKING, str(server.port)]) as client:
        with server.accept() as connection:
            stop(client.pid)
            connection.send(b"123")
            looks = connection.taking(client.pid)
            assert not any([looks() for _ in range(50)])
            cont(client.pid)
            assert connection.wait_taken(client.pid)
