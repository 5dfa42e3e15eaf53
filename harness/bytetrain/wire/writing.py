"""Writing to a connection, and waiting until the program on the other side has taken what it was sent."""

import itertools
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Callable, Optional

from .. import Failure
from ..kernel.cpu import cpu_seconds
from ..kernel.descriptors import holders
from ..kernel.processes import all_asleep, sleeping
from ..kernel.tcp import TcpSocket, is_open
from ..telling.sizes import KiB
from ..telling.story import doing
from ..telling.text import counted
from ..telling.waiting import AT_A_TIME, LIMIT, wait_until
from .end import End

SLICE = 256 * KiB  # bytes that are sent with one time limit
UNREAD_LIMIT = 16 * KiB  # bytes of whole trains that may wait unread: far below any receive buffer, so none is cut
LOOKS_ASLEEP, LOOKS_AGAIN = 15, 3  # that find the same bytes unread: the first time, 0.15 s and more; and from then on
BUSY = 0.5  # seconds of CPU, in which whoever wants to read something has read it


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


class Writer(End):
    """Sends what it is told, and sees what becomes of it."""

    def __init__(self, connected: socket.socket, remote_port: int) -> None:
        super().__init__(connected, remote_port)
        self._leaves_bytes = False  # the other side has been seen to leave bytes in the kernel
        self._given_up = False
        self._unread = 0  # bytes of trains that were delivered since the other side was last seen to have taken all

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


def _bytes(data: bytes) -> str:
    """What is sent, in words: all of a few bytes, the beginning of many."""
    shown = data[:8].hex(" ")
    return f"{counted(len(data), 'byte')}: {shown}{' ...' if len(data) > 8 else ''}"
