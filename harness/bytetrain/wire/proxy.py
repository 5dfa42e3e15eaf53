"""A TCP proxy between a client and a server that does its mischief at exact byte offsets. No chance is involved.

    with Proxy(server.port, Slicer([1, 2, 3])) as proxy:
        Client(programs.client, proxy.port, folder).run()

Offsets count the bytes that the server sends on one connection. What the client sends, its half close, its close and
its reset go through to the server.
"""

import errno
import select
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn, Optional

from .. import Failure, HarnessError
from ..telling.sizes import KiB
from ..telling.story import did
from ..telling.waiting import LIMIT, NeverHappened, wait_until
from .faults import Action, Fault, Shaper, SlowClose
from .peers import SMALL_BUFFER, Connection, RawClient
from .reading import Ended

CHUNK = 64 * KiB
MOMENT = 10  # milliseconds between two pieces that trickle
_BROKEN = "something went wrong in the proxy itself"
_GONE = (errno.ENOTCONN, errno.EPIPE, errno.ECONNRESET)


class _Over(Exception):
    """The relay ends here; the message says why."""


class Relay:
    """One client's connection through the proxy: what went through, and how it ended."""

    def __init__(self, client: Connection, server: Connection, faults: Sequence[Fault]) -> None:
        self.client = client
        self.server = server
        self.forwarded = 0  # bytes that were sent to the client
        self.ended = ""  # what ended it; "" as long as it goes on
        self.notes: list[str] = []
        self._begins = True  # nothing has been handed on yet
        self._faults = faults
        self._shaper = next((shaper for shaper in (fault.shaper() for fault in faults) if shaper), Shaper())
        self._client_finished = False  # it has closed its sending side
        self._released = False
        self._stopping = False
        self._wake, self._waker = socket.socketpair()
        for connection in (client, server):
            connection.socket.settimeout(None)  # a stall may last: `stop` ends it
        self.thread = threading.Thread(target=self._run, daemon=True)

    def release(self) -> None:
        """Lets what is held go on."""
        self._released = True
        self._waker.send(b"!")

    def stop(self) -> None:
        """Ends it, wherever it is."""
        self._stopping = True
        self._waker.send(b"!")
        for connection in (self.client, self.server):
            connection.give_up()
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed already
                pass
        self.thread.join()
        self._wake.close()
        self._waker.close()

    def _run(self) -> None:
        why = _BROKEN
        try:
            self._forward_all()
        except _Over as over:
            why = str(over)
        except Ended:
            why = "the server reset the connection"
            self.client.reset()
        except Failure as failure:  # one of the two has not kept up
            why = str(failure)
        except Exception as error:
            if self._stopping:
                why = "the proxy was closed"
            elif isinstance(error, OSError) and error.errno in _GONE:
                why = f"the other side is gone: {error.strerror}"
            else:  # told by whoever has opened the proxy
                why = f"{_BROKEN}: {error!r}"
        finally:
            self.client.close()
            self.server.close()
            self.ended = why

    def _forward_all(self) -> None:
        self._act(after=-1)
        while data := self._read_server():
            for piece in self._shaper.feed(data):
                self._hand_over(piece)
        self._hand_over(self._shaper.flush())
        if any(isinstance(fault, SlowClose) for fault in self._faults):
            self._hold()
        self.client.finish_sending()
        while not self._client_finished:
            self._listen([])
        raise _Over("the server closed")

    def _read_server(self) -> bytes:
        while self.server.socket not in self._listen([self.server.socket]):
            pass
        return self.server.read_some(CHUNK)

    def _listen(self, others: list[socket.socket], limit: Optional[int] = None) -> list[socket.socket]:
        """Waits until one of `others` is readable, something else has happened, or `limit` milliseconds are over;
        attends to the client."""
        client = [] if self._client_finished else [self.client.socket]
        ready = _wait_readable([self._wake, *client, *others], limit)
        if self._wake in ready:
            self._wake.recv(64)
        if self._stopping:
            raise _Over("the proxy was closed")
        if self.client.socket in ready:
            self._hear_client()
        return ready

    def _hear_client(self) -> None:
        try:
            data = self.client.read_some()
        except Ended:
            self._client_gone()
        if data:
            self.server.send(data)
        else:
            self._client_finished = True
            self.server.finish_sending()

    def _client_gone(self) -> NoReturn:
        self.server.reset()
        raise _Over(f"the client went away after {self.forwarded} bytes")

    def _hand_over(self, data: bytes) -> None:
        """Sends to the client, with a halt at each offset where a fault acts."""
        while data:
            stops = self._stops(self.forwarded)
            size = min([len(data), *(stop - self.forwarded for stop in stops)])
            self._send(data[:size])
            before, self.forwarded = self.forwarded, self.forwarded + size
            data = data[size:]
            self._act(before)

    def _send(self, data: bytes) -> None:
        try:
            if self._shaper.whole_trains:
                there = self.client.deliver_train(data, alone=self._begins)
                self._begins = False
            else:
                there = self.client.send(data)
        except NeverHappened as unread:
            self.notes.append(str(unread))
            return
        if not there:
            self._client_gone()

    def _stops(self, after: int) -> list[int]:
        faults = (fault for fault in self._faults if not (self._released and fault.action is Action.PAUSE))
        offsets = (fault.next_offset(after) for fault in faults)
        return [offset for offset in offsets if offset is not None]

    def _act(self, after: int) -> None:
        for fault in self._faults:
            if fault.next_offset(after) == self.forwarded:
                self._do(fault.action)

    def _do(self, action: Action) -> None:
        if action is Action.HOLD:
            self._hold()
        elif action is Action.PAUSE:
            self._pause()
        elif action is Action.CUT:
            self.client.finish_sending()
            self.server.reset()
            raise _Over(f"the proxy cut the connection after {self.forwarded} bytes")
        else:
            self._wait_taken()
        if action is Action.RESET:
            self.client.reset()
            self.server.reset()
            raise _Over(f"the proxy reset the connection after {self.forwarded} bytes")

    def _hold(self) -> None:
        while not self._released:
            self._listen([])

    def _pause(self) -> None:
        if not self._released:
            self._wait_taken()
            self._listen([], MOMENT)

    def _wait_taken(self) -> None:
        what = f"the client reads the first {self.forwarded} bytes"
        try:
            wait_until(self.client.taking(), what, seen=self.client.other_end)
        except NeverHappened as unread:
            self.notes.append(str(unread))


def _wait_readable(sockets: list[socket.socket], limit: Optional[int] = None) -> list[socket.socket]:
    poll = select.poll()  # select has no room for descriptors above 1023
    for each in sockets:
        poll.register(each, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll(limit)}
    return [each for each in sockets if each.fileno() in ready]


class Proxy:
    """Listens on a free port, and relays every client that comes to `server_port`, with the same faults for each."""

    def __init__(self, server_port: int, *faults: Fault) -> None:
        self.relays: list[Relay] = []
        self._server_port = server_port
        self._faults = faults
        self._closing = False
        # What is held back has to wait in the server, not here.
        self._receive_buffer = SMALL_BUFFER if any(fault.action is Action.HOLD for fault in faults) else None
        did(f"between client and server: a proxy that {' and '.join(map(str, faults)) or 'hands on all as it comes'}")
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._accept_all, daemon=True)
        self._thread.start()

    def _accept_all(self) -> None:
        while True:
            try:
                connected, (_, port) = self._listener.accept()
            except OSError:  # `close` has shut the listener, or the client is gone already
                if self._closing:
                    return
                continue
            client = Connection(connected, int(port))
            try:
                server = RawClient(self._server_port, receive_buffer=self._receive_buffer)
            except Failure:  # the server doesn't listen any more: its clients shall see that
                client.reset()
                continue
            relay = Relay(client, server, self._faults)
            self.relays.append(relay)
            relay.thread.start()

    def relay(self, number: int = 0) -> Relay:
        """The relay of the first client, or of the one that came `number` later; waits until it has come."""
        wait_until(lambda: len(self.relays) > number, f"client number {number + 1} has come to the proxy")
        return self.relays[number]

    def wait_forwarded(self, size: int, number: int = 0, limit: float = LIMIT) -> Relay:
        """Waits until at least `size` bytes have been sent to a client."""
        relay = self.relay(number)
        what = f"{size} bytes have gone through the proxy"
        wait_until(lambda: relay.forwarded >= size, what, limit, lambda: f"{relay.forwarded} bytes, {relay.ended}")
        return relay

    def wait_ended(self, number: int = 0, limit: float = LIMIT) -> Relay:
        """Waits until a client's connection is over; `ended` tells why."""
        relay = self.relay(number)
        what = "the connection through the proxy is over"
        wait_until(lambda: relay.ended, what, limit, lambda: f"{relay.forwarded} bytes so far")
        return relay

    def release(self) -> None:
        """Lets what Timeout, Trickle or SlowClose holds go on, on every connection."""
        did("the proxy lets go on what it has held")
        for relay in self.relays:
            relay.release()

    def close(self) -> None:
        """Ends every connection, and the threads."""
        self._closing = True
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
        self._thread.join()
        self._listener.close()
        for relay in self.relays:
            relay.stop()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
        broken = next((relay.ended for relay in self.relays if relay.ended.startswith(_BROKEN)), "")
        if broken:  # whatever came of it is nobody's failure
            raise HarnessError(broken)
