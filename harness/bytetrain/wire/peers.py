"""Raw peers: one end of a connection in our own hands, to test a server or a client against something else than itself.

They read and write exactly what they are told, stall, close and reset on purpose, and can wait until the program on
the other side has taken what it was sent. No call blocks for ever: Failure after LIMIT seconds without a byte.
"""

import fcntl
import itertools
import os
import select
import socket
import struct
import termios
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Callable, Optional, TypeVar

from .. import Failure, HarnessError
from ..kernel.cpu import cpu_seconds
from ..kernel.descriptors import holders
from ..kernel.processes import all_asleep, sleeping
from ..kernel.tcp import TcpSocket, is_open, tcp_socket
from ..telling.sizes import KiB, MiB
from ..telling.story import did, doing, expecting
from ..telling.text import counted
from ..telling.waiting import LIMIT, AT_A_TIME, Look, NobodyMoves, Patience, settled, wait_until
from .endings import kept_open
from .files import drop_pages
from .framing import Parser

_numbers = itertools.count(0, 7)  # so that the same process seldom tries a port twice
SelfConnection = TypeVar("SelfConnection", bound="Connection")
Received = TypeVar("Received", bytes, int)

READ_SIZE = 256 * KiB
_NOTHING_COMES_HERE = bytearray(MiB)  # room that recv(2) wants to see, also where it copies nothing
_DROPPED_AT_ONCE = 16 * MiB  # bytes of the page cache
SLICE = 256 * KiB  # bytes that are sent with one time limit
UNREAD_LIMIT = 16 * KiB  # bytes of whole trains that may wait unread: far below any receive buffer, so none is cut
SMALL_BUFFER = 64 * KiB  # of a client that reads nothing, so that the server blocks soon
LOOKS_ASLEEP, LOOKS_AGAIN = 15, 3  # that find the same bytes unread: the first time, 0.15 s and more; and from then on
MOST_TO_KEEP = 64 * MiB  # bytes of one stream, if nobody says how many there should be
BUSY = 0.5  # seconds of CPU, in which whoever wants to read something has read it


class Ended(Failure):
    """The other side has closed (`reset` False) or reset the connection before all the bytes had come."""

    def __init__(self, got: bytes, wanted: Optional[int], reset: bool) -> None:
        how = "was reset" if reset else "was closed"
        come = counted(len(got), "byte") if wanted is None else f"{len(got)} of {counted(wanted, 'byte')}"
        words = f"the connection {how} by the other side after {come}"
        super().__init__(
            words, expected=counted(wanted, "byte") if wanted is not None else "the rest of the stream", actual=words
        )
        self.got = got
        self.reset = reset


class _Queue:
    """The queue of the program on the other side: does that leave there what has come?"""

    def __init__(self) -> None:
        self._unread = self._looks = 0
        self._who: list[int] = []
        self._used = 0.0  # seconds of CPU that it had used when these bytes were seen first

    def is_stuck(self, other: TcpSocket, under_way: int, pid: Optional[int], before: bool) -> bool:
        """One look: whether enough of them, in a row, have found the same bytes unread by a program that sleeps, or
        that runs and had time to read them. Of one that has left bytes `before`, fewer looks are enough."""
        if other.receive_queue == self._unread != 0 and under_way == 0:
            used = sum(map(cpu_seconds, self._who))
            if before or used - self._used >= BUSY or all(map(all_asleep, self._who)):
                self._looks += 1
        else:
            self._unread, self._looks = other.receive_queue, 0
            known = holders(other.inode) if pid is None and other.receive_queue else []
            self._who = [pid] if pid is not None else [each.pid for each in known]
            self._used = sum(map(cpu_seconds, self._who))
        return bool(self._who) and self._looks >= (LOOKS_AGAIN if before else LOOKS_ASLEEP)


class Connection:
    """A connected TCP socket; `remote_port` is given because a connection that was reset has none any more."""

    we = "our server"  # as a story calls this end

    def __init__(self, connected: socket.socket, remote_port: int) -> None:
        self.socket = connected
        self.socket.settimeout(AT_A_TIME)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._leaves_bytes = False  # the other side has been seen to leave bytes in the kernel
        self._given_up = False
        self._unread = 0  # bytes of trains that were delivered since the other side was last seen to have taken all
        self.made = time.clock_gettime(time.CLOCK_BOOTTIME)
        self.local_port = int(connected.getsockname()[1])
        self.remote_port = remote_port

    # Reading

    def read_some(self, most: int = READ_SIZE, hopeless: Optional[Look] = None) -> bytes:
        """What is there, at least one byte; b"" at the end of the stream. Ended if the connection is reset."""
        __tracebackhide__ = True
        return self._reading(lambda: self.socket.recv(most), hopeless)

    def skip_some(self, most: int) -> int:
        """As `read_some`, but takes the bytes from the queue without copying them (MSG_TRUNC of tcp(7)), and only
        counts them; 0 at the end of the stream."""
        __tracebackhide__ = True
        room = min(most, len(_NOTHING_COMES_HERE))
        return self._reading(lambda: self.socket.recv_into(_NOTHING_COMES_HERE, room, socket.MSG_TRUNC))

    def skip(self, most: int, file: Optional[Path] = None, start: int = 0) -> int:
        """Throws away up to `most` bytes, fewer only if the stream ends or is reset before, and says how many they
        were.

        If they are those of a sparse `file` from offset `start` on, its pages leave the page cache behind us, and serve
        again for what comes: where a virtual machine asks its host for each new page, 3 GiB took 1.5 s so, and else 7.5
        s.
        """
        __tracebackhide__ = True
        count = dropped = 0
        with suppress(Ended):
            while count < most and (got := self.skip_some(min(most - count, MiB))):
                count += got
                if file is not None and count - dropped >= _DROPPED_AT_ONCE:
                    drop_pages(file, start + dropped, count - dropped)
                    dropped = count
        return count

    def _reading(self, receive: Callable[[], Received], hopeless: Optional[Look] = None) -> Received:
        __tracebackhide__ = True
        patience = Patience(LIMIT, hopeless)
        while True:
            try:
                return receive()
            except (ConnectionResetError, BrokenPipeError):
                raise Ended(b"", None, reset=True) from None
            except socket.timeout:
                if patience.over():
                    break
        waited = f"{self} waited for a byte, or the end of the stream, in vain: neither has come {patience.in_words}"
        kind = NobodyMoves if patience.why else Failure
        raise kind(waited, expected="another byte, or the end of the stream", actual=f"neither {patience.in_words}")

    def read_exactly(self, size: int) -> bytes:
        """Exactly `size` bytes; Ended, which has what came, if the stream ends before."""
        __tracebackhide__ = True
        got = bytearray()
        with expecting(f"{self.we} reads {counted(size, 'byte')}"):
            while len(got) < size:
                try:
                    data = self.read_some(min(READ_SIZE, size - len(got)))
                except Ended:
                    raise Ended(bytes(got), size, reset=True) from None
                if not data:
                    raise Ended(bytes(got), size, reset=False)
                got += data
        return bytes(got)

    def skip_to_end(self, most: int, file: Optional[Path] = None) -> int:
        """As `skip`, up to the end of the stream; Failure if there are more than `most` bytes before it."""
        __tracebackhide__ = True
        with expecting(f"the stream ends after {counted(most, 'byte')} at most"):
            count = self.skip(most + 1, file)
            if count > most:
                raise _sends_on(most)
        return count

    def read_to_end(self, most: int = MOST_TO_KEEP) -> bytes:
        """Everything up to the end of the stream; Ended if it is reset instead, and Failure if there are more than
        `most` bytes before it: there may be no end."""
        __tracebackhide__ = True
        got = bytearray()
        while data := self.read_some():
            got += data
            if len(got) > most:
                raise _sends_on(most)
        return bytes(got)

    def read_stream(self, stage: int, *, keep: bool = True) -> Parser:
        """Reads what a server of that stage sends, to the end of the stream, strictly: WireError if it is wrong."""
        __tracebackhide__ = True
        parser = Parser(stage, keep=keep)
        self.feed(parser)
        parser.end()
        return parser

    def feed(self, parser: Parser, most: int = MOST_TO_KEEP, to_its_end: bool = True) -> None:
        """Hands all that comes to a parser, up to the end of the stream, or, byte by byte, to what the format calls its
        end: WireError as soon as something is wrong, Ended if it is reset, and Failure if more than `most` bytes of
        content come. (Where no size is announced, a stream without an end breaks no format.)"""
        __tracebackhide__ = True
        at_once = READ_SIZE if to_its_end else 1
        while (to_its_end or not parser.done) and (
            data := self.read_some(at_once, kept_open(self.other_end) if parser.done else None)
        ):
            parser.feed(data)
            if parser.received > most:
                raise _sends_on(most)

    # Writing

    def send(self, data: bytes) -> bool:
        """Hands all the bytes to the kernel; False if the other side is gone."""
        view = memoryview(data)
        with self._long_enough(), doing(f"{self.we} sends {_bytes(data)}") as step:
            try:
                for start in range(0, len(data), SLICE):  # sendall's timeout is for all of what it is given
                    self.socket.sendall(view[start : start + SLICE])
            except (ConnectionResetError, BrokenPipeError):
                step.result = "the other side is gone"
                return False
            except socket.timeout:
                words = f"{self}: the other side has taken nothing for {LIMIT:g} s"
                raise Failure(words, expected="it takes what it is sent", actual=f"nothing for {LIMIT:g} s") from None
        return True

    @contextmanager
    def _long_enough(self) -> Iterator[None]:
        """A call that is cut short doesn't tell how many bytes it has taken: it may wait as long as anything."""
        before = self.socket.gettimeout()
        self.socket.settimeout(LIMIT if before is not None else None)
        try:
            yield
        finally:
            self.socket.settimeout(before)

    def send_from(self, file: BinaryIO, start: int, size: int) -> bool:
        """Hands a part of a file to the kernel, without reading it: sendfile(2). False if the other side is gone."""
        __tracebackhide__ = True
        try:
            with self._long_enough():
                self.socket.sendfile(file, start, size)
        except (ConnectionResetError, BrokenPipeError):
            return False
        except socket.timeout:
            raise Failure(f"{self}: the other side has taken nothing for {LIMIT:g} s") from None
        return True

    def send_what_fits(self, most: int) -> int:
        """Hands bytes to the kernel, without waiting for room: up to `most`. Returns how many it took."""
        count = 0
        with doing(f"{self.we} sends up to {counted(most, 'byte')}, as many as fit") as step:
            self.socket.settimeout(0)
            try:
                while count < most:
                    count += self.socket.send(bytes(min(SLICE, most - count)))
            except (BlockingIOError, ConnectionResetError, BrokenPipeError):
                pass
            finally:
                self.socket.settimeout(AT_A_TIME)
            step.result = counted(count, "byte")
        return count

    def deliver(self, data: bytes, pid: Optional[int] = None, limit: float = LIMIT) -> bool:
        """Sends, and waits until the process on the other side has taken all of it, so that what is sent next comes
        as a recv of its own. With `pid` it waits as well until that process sleeps again.

        False if the other side is gone. NeverHappened if the bytes are left unread for `limit` seconds.
        """
        return self.send(data) and self.wait_taken(pid, limit)

    def wait_taken(self, pid: Optional[int] = None, limit: float = LIMIT) -> bool:
        """Waits until nothing that we sent is under way or unread; False if the other side is gone.

        A program may leave the beginning of something in the kernel's queue until there is more of it (MSG_PEEK,
        SO_RCVLOWAT): it sleeps, and the queue stays as it is. Then there is nothing more to wait for either.
        """
        what = f"the program on the other side (port {self.remote_port}) takes what it was sent"
        return wait_until(self.taking(pid), what, limit, self.other_end) != "gone"

    def taking(self, pid: Optional[int] = None) -> Callable[[], str]:
        """What `wait_taken` waits for: a look, to be taken again and again until it isn't "" any more."""
        queue = _Queue()

        def look() -> str:
            found = "gone" if self._given_up else self.taken(pid)
            other = self.other_end()
            if found or other is None:
                return found
            if not queue.is_stuck(other, self.unacknowledged(), pid, self._leaves_bytes):
                return ""
            self._leaves_bytes = True
            return "left"

        return look

    def give_up(self) -> None:
        """Ends a `wait_taken` in another thread: as if the other side were gone."""
        self._given_up = True

    def taken(self, pid: Optional[int] = None) -> str:
        """One look for `wait_taken`: "taken", "gone" if the other side is, or "" for not yet."""
        arrived = self.unacknowledged() == 0  # asked first: what arrives after the look at the queue is not taken
        other = self.other_end()
        if other is None or not is_open(other):
            return "gone"
        nothing_left = arrived and other.receive_queue == 0
        return "taken" if nothing_left and (pid is None or sleeping(pid)) else ""

    def deliver_trains(self, trains: Iterable[bytes]) -> bool:
        """Hands over whole trains, one at a time: no recv can find a part of one, nor more than the first one at first.
        False if the other side is gone."""
        with doing(f"{self.we} hands over whole trains, one at a time"):
            alone = itertools.chain([True], itertools.repeat(False))
            return all(self.deliver_train(train, first) for train, first in zip(trains, alone))

    def deliver_train(self, train: bytes, alone: bool = False) -> bool:
        """One of those: it travels in a segment of its own, and only few of them may wait unread; an `alone` one is
        read before the next one comes."""
        if not self.send(train):
            return False
        wait_until(self._arrived, f"a train of {counted(len(train), 'byte')} arrives", seen=self.other_end)
        self._unread += len(train)
        if self._unread < UNREAD_LIMIT and not alone:
            return True
        self._unread = 0
        return self.wait_taken()

    def _arrived(self) -> bool:
        return self._given_up or self.unacknowledged() == 0 or not is_open(self.other_end())

    # Seeing

    def unacknowledged(self) -> int:
        """Bytes that we sent and that have not arrived in the other kernel socket: SIOCOUTQ of tcp(7)."""
        answer = fcntl.ioctl(self.socket, termios.TIOCOUTQ, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])

    def other_end(self) -> Optional[TcpSocket]:
        """The other end, as the kernel's table shows it; None if it is gone."""
        return tcp_socket(self.remote_port, self.local_port)

    def has_something(self) -> bool:
        """Whether there is something to be read: bytes, or the end of the stream. `has_bytes` and `has_ended` tell
        which."""
        ready = select.poll()
        ready.register(self.socket, select.POLLIN)
        return bool(ready.poll(0))

    def has_bytes(self) -> bool:
        """Whether bytes have come that nobody has read. The end of the stream is none: SIOCINQ of tcp(7)."""
        answer = fcntl.ioctl(self.socket, termios.FIONREAD, struct.pack("i", 0))
        return bool(struct.unpack("i", answer)[0])

    def has_ended(self) -> bool:
        """Whether the other side has closed or reset it, and nothing is left to be read before that."""
        return self.has_something() and not self.has_bytes()

    def wait_sender_blocked(self, pid: int) -> int:
        """While we read nothing: waits until process `pid` sleeps and its queue doesn't change any more, because both
        buffers are full. Returns the number of bytes that wait in the sender's queue."""

        def look() -> tuple[bool, int, int]:
            ours, other = tcp_socket(self.local_port, self.remote_port), self.other_end()
            return (sleeping(pid), ours.receive_queue if ours else -1, other.send_queue if other else -1)

        last: tuple[bool, int, int] = (False, -1, -1)

        def blocked() -> bool:
            nonlocal last
            last = settled(look, "the connection's queues")
            return last[0] and last[2] > 0

        what = f"process {pid} blocks, because both buffers of its connection are full"
        wait_until(blocked, what, seen=lambda: f"asleep, bytes received, bytes in its queue: {last}")
        return last[2]

    # Leaving

    def finish_sending(self) -> None:
        """Half close: tells the other side that no more comes, and goes on reading."""
        did(f"{self.we} closes its sending side")
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:  # ENOTCONN: the other side has reset it, so it knows
            pass

    def close(self) -> None:
        """Closes. If all that came was read, that is a FIN; if not, the kernel makes it a reset: tcp(7)."""
        if self.socket.fileno() != -1:
            did(f"{self.we} closes its connection")
        self.socket.close()

    def reset(self) -> None:
        """Closes with a reset (RST), whatever waits in the queues: SO_LINGER with 0 seconds."""
        did(f"{self.we} resets its connection")
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self: SelfConnection) -> SelfConnection:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __str__(self) -> str:
        return f"our connection (port {self.local_port}) with port {self.remote_port}"


def _sends_on(most: int) -> Failure:
    words = f"the other side sends on and on: more than {most} bytes have come, where the stream should have ended"
    end = f"the end of the stream after {counted(most, 'byte')} at most"
    return Failure(words, expected=end, actual=f"more than {counted(most, 'byte')}")


def _bytes(data: bytes) -> str:
    """What is sent, in words: all of a few bytes, the beginning of many."""
    shown = data[:8].hex(" ")
    return f"{counted(len(data), 'byte')}: {shown}{' ...' if len(data) > 8 else ''}"


class RawClient(Connection):
    """Connects to a server. A small `receive_buffer` (bytes) makes the server block early when we don't read."""

    we = "our client"

    def __init__(self, port: int, host: str = "127.0.0.1", receive_buffer: Optional[int] = None) -> None:
        connecting = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if receive_buffer is not None:  # before connect: it decides the window that is announced
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connecting.settimeout(LIMIT)
        with expecting(f"our client connects to {host} port {port}"):
            try:
                connecting.connect((host, port))
            except OSError as error:
                connecting.close()
                why = error.strerror or str(error)
                words = f"our client can't connect to {host} port {port}: {why}"
                raise Failure(words, expected="a connection", actual=why) from None
        super().__init__(connecting, port)


def free_port() -> int:
    """A port of the loopback interface that is free, and that the kernel gives to nobody by itself: it stays free
    until somebody asks for just this one. (One that the kernel has chosen may be another's as soon as we let it go.)"""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    first, last = (1024, lowest - 1) if lowest > 2048 else (32768, 65535)  # nothing below: then any will have to do
    for attempt in range(last - first):
        port = first + (os.getpid() * 97 + next(_numbers) + attempt) % (last - first)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))  # without SO_REUSEADDR: also free of connections in TIME_WAIT
            except OSError:
                continue
        return port
    raise HarnessError(f"no port from {first} to {last} is free")


class RawServer:
    """Listens on a free port of the loopback interface, and gives each client that comes as a Connection."""

    def __init__(self, send_buffer: Optional[int] = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        if send_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        self._listener.settimeout(AT_A_TIME)
        self.port = int(self._listener.getsockname()[1])

    def accept(self) -> Connection:
        """The next client; Failure if none comes."""
        __tracebackhide__ = True
        with expecting(f"a client connects to our server (port {self.port})"):
            patience, come = Patience(LIMIT), None
            while come is None:
                with suppress(socket.timeout):
                    come = self._listener.accept()
                if come is None and patience.over():
                    words = f"no client has connected to our server (port {self.port}) {patience.in_words}"
                    raise Failure(words, expected="a client connects", actual=f"none has come {patience.in_words}")
        connected, (_, remote_port) = come
        return Connection(connected, int(remote_port))

    def accept_unless(self, given_up: Callable[[], bool]) -> Optional[Connection]:
        """The next client, or None if it gives up instead, as `given_up` tells."""
        __tracebackhide__ = True
        ready = select.poll()
        ready.register(self._listener, select.POLLIN)

        def come() -> bool:
            return bool(ready.poll(0))

        what = f"a client connects to our server (port {self.port}), or gives up"
        wait_until(lambda: come() or given_up(), what, judges=False)
        return self.accept() if come() else None

    def close(self) -> None:
        self._listener.close()

    def __enter__(self) -> "RawServer":
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()
