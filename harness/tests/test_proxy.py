"""The proxy: every fault at its byte."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional

import pytest

from bytetrain import Failure, HarnessError
from bytetrain.kernel import tcp
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Client, Server
from bytetrain.telling.waiting import wait_until
from bytetrain.wire import faults
from bytetrain.wire.faults import Coalesce, LimitData, ResetPeer, Slicer, SlowClose, Timeout, Trickle, WholeTrains
from bytetrain.wire.files import FileStore, content, md5_of
from bytetrain.wire.framing import boundaries, fitting
from bytetrain.wire.peers import Connection, RawClient, RawServer
from bytetrain.wire.reading import Ended
from bytetrain.wire.proxy import Proxy

Standin = Callable[[int], Programs]
DATA = content(100_000)


@pytest.fixture
def upstream() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server


def test_without_a_fault_everything_goes_through_both_ways(upstream: RawServer) -> None:
    with Proxy(upstream.port) as proxy, RawClient(proxy.port) as client:
        server = upstream.accept()
        client.send(b"from the client")
        client.finish_sending()
        assert server.read_to_end() == b"from the client"
        server.send(DATA)
        server.close()
        assert client.read_to_end() == DATA
        relay = proxy.wait_ended()
    assert (relay.ended, relay.forwarded, relay.notes) == ("the server closed", len(DATA), [])


def test_slices_end_at_the_cuts(upstream: RawServer) -> None:
    with Proxy(upstream.port, Slicer([1, 5, 500])) as proxy, RawClient(proxy.port) as client:
        upstream.accept().send(DATA[:1000])
        assert [len(client.read_some()) for _ in range(4)] == [1, 4, 495, 500]


def test_slices_of_one_length(upstream: RawServer) -> None:
    with Proxy(upstream.port, Slicer(every=300)) as proxy, RawClient(proxy.port) as client:
        upstream.accept().send(DATA[:1000])
        assert [len(client.read_some()) for _ in range(4)] == [300, 300, 300, 100]


def test_a_stall_lasts_until_it_is_released(upstream: RawServer) -> None:
    with Proxy(upstream.port, Timeout(10)) as proxy, RawClient(proxy.port) as client:
        server = upstream.accept()
        server.send(DATA)
        assert client.read_exactly(10) == DATA[:10]
        wait_until(lambda: (end := client.other_end()) and end.send_queue == 0, "all that was sent has come")
        assert proxy.wait_forwarded(10).forwarded == 10
        proxy.release()
        assert client.read_exactly(len(DATA) - 10) == DATA[10:]


def test_a_client_that_leaves_during_a_stall_is_seen_by_the_server(upstream: RawServer) -> None:
    with Proxy(upstream.port, Timeout(0)) as proxy:
        client = RawClient(proxy.port)
        server = upstream.accept()
        client.reset()
        with pytest.raises(Ended, match="reset"):
            server.read_to_end()
        assert proxy.wait_ended().ended == "the client went away after 0 bytes"


@pytest.mark.parametrize("step", [1, 7])
def test_bytes_trickle_until_they_are_released(step: int, upstream: RawServer) -> None:
    with Proxy(upstream.port, Trickle(10, step)) as proxy, RawClient(proxy.port) as client:
        server = upstream.accept()
        server.send(DATA)
        assert client.read_exactly(10) == DATA[:10]
        assert [client.read_some() for _ in range(3)] == [DATA[10 + n * step : 10 + (n + 1) * step] for n in range(3)]
        proxy.release()
        assert client.read_exactly(len(DATA) - 10 - 3 * step) == DATA[10 + 3 * step :]
        server.close()
        assert client.read_to_end() == b""


@pytest.mark.parametrize("at", [0, 1, 70_000])
def test_a_cut_is_an_end_of_stream(at: int, upstream: RawServer) -> None:
    with Proxy(upstream.port, LimitData(at)) as proxy, RawClient(proxy.port) as client:
        server = upstream.accept()
        if server.send(DATA):  # False: the reset has been met already
            with pytest.raises(Ended, match="reset"):
                server.read_to_end()
        assert client.read_to_end() == DATA[:at]
        assert proxy.wait_ended().ended == f"the proxy cut the connection after {at} bytes"


@pytest.mark.parametrize("at", [1, 70_000])
def test_a_reset_comes_after_exactly_that_many_bytes(at: int, upstream: RawServer) -> None:
    with Proxy(upstream.port, ResetPeer(at)) as proxy, RawClient(proxy.port) as client:
        upstream.accept().send(DATA)
        assert client.read_exactly(at) == DATA[:at]
        with pytest.raises(Ended, match="reset"):
            client.read_some()
        assert proxy.wait_ended().forwarded == at


def test_a_slow_close_waits_for_its_release(upstream: RawServer) -> None:
    with Proxy(upstream.port, SlowClose()) as proxy, RawClient(proxy.port) as client:
        server = upstream.accept()
        server.send(DATA)
        server.close()
        assert client.read_exactly(len(DATA)) == DATA
        end = tcp.tcp_socket(client.local_port, proxy.port)
        assert end is not None and (end.state, end.receive_queue) == (1, 0)
        proxy.release()
        assert client.read_to_end() == b""


def test_trains_stick_together(upstream: RawServer) -> None:
    with Proxy(upstream.port, Coalesce(9)) as proxy, RawClient(proxy.port) as client:
        server = upstream.accept()
        for byte in b"12345678":
            server.deliver(bytes([byte]))
        assert proxy.relay().forwarded == 0
        server.send(b"9")
        assert client.read_some() == b"123456789"
        server.send(b"10")
        assert client.read_some() == b"10"


def test_a_server_that_resets_resets_the_client(upstream: RawServer) -> None:
    with Proxy(upstream.port) as proxy, RawClient(proxy.port) as client:
        upstream.accept().reset()
        with pytest.raises(Ended, match="reset"):
            client.read_to_end()


def test_a_server_that_is_gone_refuses_the_client(upstream: RawServer) -> None:
    upstream.close()
    with Proxy(upstream.port) as proxy:
        # The reset may come while the client is still in connect(2): ECONNRESET there, and in read_to_end otherwise.
        with pytest.raises(Failure, match="reset"), RawClient(proxy.port) as client:
            client.read_to_end()


def test_closing_ends_what_is_under_way(upstream: RawServer) -> None:
    with Proxy(upstream.port, Timeout(5)) as proxy:
        client, server = RawClient(proxy.port), upstream.accept()
        server.send(DATA)
        proxy.wait_forwarded(5)
    assert proxy.relay().ended == "the proxy was closed"
    client.close()
    server.close()


@pytest.mark.parametrize("step", [1, 7, 1004, 5000])
def test_whole_trains_are_sorted_out_of_any_pieces(step: int) -> None:
    shaper = faults.WholeTrains().shaper()
    sent = b"\0\0\0\1a\0\0\0\0" + b"\0\0\3\xe8" + DATA[:1000] + b"\0\0\0\2xy"
    trains = [train for start in range(0, len(sent), step) for train in shaper.feed(sent[start : start + step])]
    assert b"".join(trains) == sent and [len(train) for train in trains] == [5, 4, 1004, 6]
    assert shaper.flush() == b""


@pytest.mark.parametrize("number", [1, 2, 4])
def test_whole_trains_carry_a_naive_client(number: int, standin: Standin, store: FileStore, folder: Path) -> None:
    file = store.seeded(fitting(number, 1_000_000))
    with Server(standin(number).server, file) as server, Proxy(server.port, WholeTrains()) as proxy:
        with Client(standin(number).client, proxy.port, folder) as client:
            finished = client.wait()
    assert finished.status == 0 and md5_of(folder / file.name) == store.md5(file), finished


def test_a_slice_inside_a_train_breaks_a_naive_client_and_no_other(
    standin: Standin, store: FileStore, folder: Path
) -> None:
    file = store.seeded(2500)
    name_end, first_end, *_ = boundaries(2, file.name.encode(), file.read_bytes())
    for number, works in ((2, False), (3, True)):
        with Server(standin(number).server, file) as server:
            for cut in (name_end + 1, name_end + 3, name_end + 5, first_end - 1):
                with Proxy(server.port, Slicer([cut])) as proxy:
                    with Client(standin(number).client, proxy.port, folder) as client:
                        finished = client.wait()
                    good = finished.status == 0 and md5_of(folder / file.name) == store.md5(file)
                    assert good == works, (number, cut, finished)


def test_what_breaks_a_proxy_is_our_fault(upstream: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Connection, pid: Optional[int] = None) -> Callable[[], str]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Connection, "taking", broken)
    with pytest.raises(HarnessError, match="something went wrong in the proxy itself: .*Too many open files"):
        with Proxy(upstream.port, Slicer(every=1)) as proxy, RawClient(proxy.port) as client:
            with upstream.accept() as server:
                server.send(b"abc")
                client.read_to_end()
