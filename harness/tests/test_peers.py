"""Raw peers, against the stand-ins and against each other."""

from __future__ import annotations

import errno
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course.traits import stage_numbers, traits
from bytetrain.kernel import processes, signals, tcp
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Client, Server
from bytetrain.telling.sizes import MiB
from bytetrain.telling.waiting import AT_A_TIME, wait_until
from bytetrain.wire import files, framing, reading
from bytetrain.wire.files import FileStore
from bytetrain.wire.peers import Connection, RawClient, RawServer
from bytetrain.wire.reading import Ended

Standin = Callable[[int], Programs]


@pytest.fixture
def joined() -> tuple[RawClient, Connection]:
    """Both ends of one connection."""
    with RawServer() as server:
        client = RawClient(server.port)
        return client, server.accept()


@pytest.mark.parametrize("number", stage_numbers())
def test_a_server_is_read_strictly(number: int, standin: Standin, store: FileStore) -> None:
    file = store.seeded(framing.fitting(number, 300_000))
    with Server(standin(number).server, file) as server, RawClient(server.port) as client:
        parser = client.read_stream(number, keep=False)
    assert (parser.name, parser.md5) == (file.name.encode(), store.md5(file))


@pytest.mark.parametrize("number", stage_numbers())
def test_a_client_gets_whole_trains_one_at_a_time(number: int, standin: Standin, folder: Path) -> None:
    content = files.content(framing.fitting(number, 300_000))
    with RawServer() as server, Client(standin(number).client, server.port, folder) as client:
        connection = server.accept()
        trains = [piece.data for piece in framing.pieces(number, b"name", content)]
        if traits(number).raw:
            connection.send(b"".join(trains))
        else:
            assert connection.deliver_trains(trains)
        connection.close()
        finished = client.wait()
    assert finished.status == 0 and (folder / "name").read_bytes() == content, finished


@pytest.mark.parametrize("cut, breaks", [(2, True), (9, False), (20, True)])
def test_a_delivered_piece_is_a_recv_of_its_own(cut: int, breaks: bool, standin: Standin, folder: Path) -> None:
    stream = framing.stream(2, b"name!", files.content(500))  # trains end at 9 and 513
    with RawServer() as server, Client(standin(2).client, server.port, folder) as client:
        connection = server.accept()
        assert connection.deliver(stream[:cut], client.pid)
        connection.deliver(stream[cut:])
        connection.close()
        finished = client.wait()
    assert (finished.status != 0) == breaks, finished


def test_deliver_tells_that_the_other_side_is_gone(joined: tuple[RawClient, Connection]) -> None:
    client, server = joined
    client.close()
    assert server.deliver(b"x") is False
    server.close()


def test_a_half_close_is_no_close(joined: tuple[RawClient, Connection]) -> None:
    client, server = joined
    client.finish_sending()
    assert server.read_some() == b"" and server.send(b"hello")
    assert client.read_exactly(5) == b"hello" and server.deliver(b"") is True
    client.close()
    server.close()


def test_reading_tells_what_came_before_the_end(joined: tuple[RawClient, Connection]) -> None:
    client, server = joined
    server.send(b"abc")
    server.close()
    with pytest.raises(Ended, match="closed by the other side after 3 of 10 bytes") as caught:
        client.read_exactly(10)
    assert caught.value.got == b"abc" and not caught.value.reset
    client.close()


def test_a_reset_is_told_from_a_close(joined: tuple[RawClient, Connection]) -> None:
    client, server = joined
    server.reset()
    with pytest.raises(Ended, match="reset") as caught:
        client.read_to_end()
    assert caught.value.reset
    assert client.send(b"x") is False
    client.close()


def test_closing_with_unread_bytes_resets_and_without_does_not() -> None:
    for read_all in (True, False):
        with RawServer() as raw, RawClient(raw.port) as client:
            server = raw.accept()
            client.send(b"x")
            if read_all:
                server.read_exactly(1)
            else:
                wait_until(lambda: client.unacknowledged() == 0, "it has arrived")
            server.close()
            if read_all:
                assert client.read_to_end() == b""
            else:
                with pytest.raises(Ended):
                    client.read_to_end()


def test_a_sender_blocks_when_nobody_reads(standin: Standin, store: FileStore) -> None:
    with Server(standin(5).server, store.seeded(8 << 20), workers=1) as server:
        [worker] = server.workers
        with RawClient(server.port, receive_buffer=4096) as client:
            waiting = client.wait_sender_blocked(worker)
            assert waiting > 0 and processes.sleeping(worker)
            client.reset()
        wait_until(lambda: "server: " in server.stderr, "the worker has met the reset", seen=lambda: server.stderr)
        assert os.strerror(errno.ECONNRESET) in server.stderr or os.strerror(errno.EPIPE) in server.stderr


def test_a_server_that_does_not_listen_is_named() -> None:
    with RawServer() as server:
        port = server.port
    with pytest.raises(Failure, match=f"can't connect to 127.0.0.1 port {port}: Connection refused"):
        RawClient(port)


def test_both_ways_to_ask_the_kernel_agree(joined: tuple[RawClient, Connection]) -> None:
    client, server = joined
    assert client.deliver(b"") and client.send(b"12345")
    wait_until(lambda: client.unacknowledged() == 0, "it has arrived")
    slow = tcp._look_up(server.local_port, client.local_port)
    assert slow == tcp.tcp_socket(server.local_port, client.local_port)
    assert slow is not None and slow.receive_queue == 5
    assert tcp.tcp_socket(server.local_port, 1) is None
    client.close()
    server.close()


def test_a_backlog_is_counted() -> None:
    with RawServer() as server:
        assert tcp.backlog(server.port) == 0
        waiting = [RawClient(server.port) for _ in range(3)]
        assert tcp.backlog(server.port) == 3
        for client in waiting:
            client.close()
    assert tcp.backlog(server.port) is None


def test_a_client_in_the_backlog_is_seen_by_a_stopped_server(standin: Standin, store: FileStore) -> None:
    with Server(standin(5).server, store.seeded(10), workers=1) as server:
        [worker] = server.workers
        signals.stop(worker)
        with RawClient(server.port) as client:
            wait_until(lambda: tcp.backlog(server.port) == 1, "it waits")
            signals.cont(worker)
            assert client.read_stream(5).done


def test_sockets_are_loopback_ipv4() -> None:
    with RawServer() as server, socket.create_connection(("127.0.0.1", server.port)) as client:
        assert client.family == socket.AF_INET
        server.accept().close()
    assert signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN


def test_a_part_of_a_file_is_sent(joined: tuple[RawClient, Connection], store: FileStore) -> None:
    client, connection = joined
    with store.seeded(300_000).open("rb") as file:
        assert connection.send_from(file, 100_000, 1000)
        assert client.read_exactly(1000) == files.content(1000, files.ON_DISK, 100_000)
        connection.reset()
        client.wait_taken()
        assert not client.send_from(file, 0, 300_000)


def test_what_does_not_fit_is_not_sent(joined: tuple[RawClient, Connection]) -> None:
    client, connection = joined
    assert client.send_what_fits(1000) == 1000
    assert 0 < client.send_what_fits(64 * MiB) < 64 * MiB
    assert client.socket.gettimeout() == AT_A_TIME
    connection.reset()
    client.wait_taken()
    assert client.send_what_fits(1000) == 0


def test_bytes_can_be_skipped_without_being_copied() -> None:
    with RawServer() as server, RawClient(server.port) as client, server.accept() as connection:
        connection.send(b"0123456789")
        assert client.skip_some(4) == 4 and client.read_exactly(6) == b"456789"
        connection.finish_sending()
        assert client.skip_some(1) == 0


@pytest.mark.parametrize("reset", [False, True])
def test_the_rest_of_a_stream_is_skipped_and_counted(reset: bool) -> None:
    with RawServer() as server, RawClient(server.port) as client, server.accept() as connection:
        connection.send(bytes(100_000))
        assert client.skip(1000) == 1000
        if not reset:
            connection.finish_sending()
            assert client.skip_to_end(99_000) == 99_000
            return
        connection.reset()
        assert client.skip_to_end(99_000) <= 99_000


def test_a_stream_without_an_end_is_a_failure_of_theirs() -> None:
    reads: list[Callable[[Connection, int], object]] = [Connection.skip_to_end, Connection.read_to_end]
    for read in reads:
        with RawServer() as server, RawClient(server.port) as client, server.accept() as connection:
            connection.send(b"0123456789")
            wait_until(client.has_bytes, "they have come")
            with pytest.raises(Failure, match="sends on and on: more than 9 bytes") as caught:
                read(client, 9)
            assert caught.value.actual == "more than 9 bytes"


def test_bytes_are_told_from_the_end_of_a_stream(joined: tuple[RawClient, Connection]) -> None:
    client, server = joined
    assert not (client.has_something() or client.has_bytes() or client.has_ended())
    server.send(b"x")
    wait_until(client.has_something, "a byte comes")
    server.close()
    wait_until(lambda: (end := client.other_end()) is None or end.send_queue == 0, "all of it has come")
    assert client.has_bytes() and not client.has_ended()
    assert client.read_exactly(1) == b"x"
    wait_until(client.has_something, "the end comes")
    assert client.has_ended() and not client.has_bytes()
    client.close()


def test_a_reset_is_an_end_and_no_byte(joined: tuple[RawClient, Connection]) -> None:
    client, server = joined
    server.reset()
    wait_until(client.has_something, "the reset comes")
    assert client.has_ended() and not client.has_bytes()
    with pytest.raises(Ended):  # looking has not taken it
        client.read_some()
    client.close()


def test_the_pages_of_what_was_skipped_are_dropped(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    size, start, dropped = 40 * MiB, 1000, []
    monkeypatch.setattr(reading, "drop_pages", lambda *part: dropped.append(part))
    file = store.sparse(start + size)
    with RawServer() as server, RawClient(server.port) as client, server.accept() as connection:
        sender = threading.Thread(target=connection.send, args=(bytes(size),))
        sender.start()
        assert client.skip(size, file, start) == size
        sender.join()
    ends = [begin + length for _, begin, length in dropped]
    assert {path for path, _, _ in dropped} == {file}
    assert [begin for _, begin, _ in dropped] == [start, *ends[:-1]]
    assert 32 * MiB <= ends[-1] - start <= size


def test_a_silent_peer_is_a_failure_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer() as server, RawClient(server.port) as client, server.accept():
        monkeypatch.setattr(reading, "LIMIT", 0.05)
        with pytest.raises(Failure, match="in vain"):
            client.read_some()
        with pytest.raises(Failure, match="in vain"):
            client.skip_some(1)
