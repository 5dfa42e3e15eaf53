"""The parent: it accepts, hands each connection to an idle worker, and replaces workers that die.

While no worker is idle it doesn't look at the listener: clients wait in the backlog, in their turn.
"""

import contextlib
import enum
import errno
import os
import selectors
import signal
import socket
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Callable, NoReturn, Optional

from .messages import say
from .signals import SignalPipe, held_back, ignore
from .worker import CONNECTION

Work = Callable[[socket.socket], None]

_DRAIN_LIMIT = 30.0  # seconds
_PAUSE = 1.0  # seconds, before we try again what the machine had no room for
_CLIENT_IS_GONE = (errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH)
_WORKER_IS_DEAD = (errno.EPIPE, errno.ECONNRESET)


class Phase(enum.Enum):
    SERVING = enum.auto()
    DRAINING = enum.auto()  # who is busy finishes, and nobody begins
    ENDING = enum.auto()  # every worker has been killed


@dataclass(frozen=True)
class Member:
    """A worker as its parent sees it."""

    pid: int
    channel: socket.socket  # our end


class Pool:
    """WORKERS processes that do `work` with their end of a channel."""

    def __init__(self, listener: socket.socket, size: int, work: Work) -> None:
        self._listener = listener
        self._listener.setblocking(False)
        self._size = size
        self._work = work
        self._members: dict[int, Member] = {}  # by pid
        self._idle: deque[Member] = deque()
        self._accepted: Optional[socket.socket] = None  # a connection that nobody could be found for yet
        self._phase = Phase.SERVING
        self._drain_ends = self._pause_ends = float("inf")
        self._signals = SignalPipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ, lambda: None)  # looked at in any case

    def start(self) -> None:
        """Forks all the workers; OSError if there is no room for them."""
        try:
            while len(self._members) < self._size:
                self._add()
        except OSError:
            self._kill()
            while self._members:
                self._bury(*os.wait())
            raise

    def run(self) -> None:
        """Serves until a signal ends it, and the last worker has left."""
        while self._phase is Phase.SERVING or self._members:
            self._watch_listener()
            for key, _ in self._selector.select(self._time_left()):
                key.data()
            self._take_signals()
            self._look_at_the_clock()
            self._refill()
        ignore()  # Python gives them their default actions back when it ends, and so they could change our status

    # Workers

    def _add(self) -> None:
        """Forks one worker; OSError if there is no room for it."""
        ours, theirs = socket.socketpair()
        with held_back():
            pid = os.fork()
            if pid == 0:
                ours.close()
                self._become_worker(theirs)
        theirs.close()
        member = Member(pid, ours)
        self._members[pid] = member
        self._idle.append(member)
        self._selector.register(ours, selectors.EVENT_READ, partial(self._hear, member))

    def _become_worker(self, channel: socket.socket) -> NoReturn:
        """In the child: lets go of all that is the parent's, so that channels, port and connections end with it."""
        status = 1
        try:
            self._signals.leave_to_parent()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD))
            self._selector.close()
            self._listener.close()
            for each in (self._accepted, *(member.channel for member in self._members.values())):
                if each is not None:
                    each.close()
            self._work(channel)
            status = 0
        finally:
            os._exit(status)

    def _hear(self, member: Member) -> None:
        """A worker says that it is idle; or its channel has ended, and SIGCHLD will tell the rest."""
        with contextlib.suppress(ConnectionResetError):
            if member.channel.recv(1):
                self._idle.append(member)
                return
        self._selector.unregister(member.channel)

    def _kill(self) -> None:
        self._phase = Phase.ENDING
        self._stop_listening()
        for pid in self._members:
            os.kill(pid, signal.SIGKILL)

    def _bury(self, pid: int, status: int) -> None:
        """Takes a worker that has ended, and was waited for, out of the pool."""
        member = self._members.pop(pid)
        with contextlib.suppress(KeyError):
            self._selector.unregister(member.channel)
        member.channel.close()
        with contextlib.suppress(ValueError):
            self._idle.remove(member)
        if self._phase is Phase.SERVING:
            say(f"worker {pid} has ended with {os.waitstatus_to_exitcode(status)}")

    def _refill(self) -> None:
        """Puts workers in the place of those that died, and finds one for a client that was left without."""
        try:
            while self._phase is Phase.SERVING and not self._paused() and len(self._members) < self._size:
                self._add()
        except OSError as error:
            self._pause(f"a worker: {error.strerror}")
        if self._accepted is not None and self._idle:
            connection, self._accepted = self._accepted, None
            self._hand_over(connection)

    # Clients

    def _watch_listener(self) -> None:
        wanted = self._phase is Phase.SERVING and bool(self._idle) and not self._paused()
        watched = self._phase is Phase.SERVING and self._listener in self._selector.get_map()
        if wanted and not watched:
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        elif watched and not wanted:
            self._selector.unregister(self._listener)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in _CLIENT_IS_GONE:
                self._pause(f"accept: {error.strerror}")
            return
        self._hand_over(connection)

    def _hand_over(self, connection: socket.socket) -> None:
        """Gives a connection to the worker that has been idle for longest; keeps it if all of them turn out to be
        dead."""
        connection.setblocking(True)
        while self._idle:
            try:
                socket.send_fds(self._idle.popleft().channel, [CONNECTION], [connection.fileno()])
            except OSError as error:
                if error.errno not in _WORKER_IS_DEAD:
                    raise
                continue
            connection.close()
            return
        self._accepted = connection

    def _stop_listening(self) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(self._listener)
        self._listener.close()
        if self._accepted is not None:
            self._accepted.close()
            self._accepted = None

    # Signals and time

    def _take_signals(self) -> None:
        for number in self._signals.take():
            if number == signal.SIGCHLD:
                self._reap()
            elif number == signal.SIGTERM and self._phase is Phase.SERVING:
                self._drain()
            elif self._phase is not Phase.ENDING:
                self._kill()

    def _reap(self) -> None:
        while self._members:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._bury(pid, status)

    def _drain(self) -> None:
        """No new clients, and each worker finds the end of its channel behind its last connection."""
        self._phase = Phase.DRAINING
        self._drain_ends = time.monotonic() + _DRAIN_LIMIT
        self._stop_listening()
        for member in self._members.values():
            with contextlib.suppress(OSError):  # it is dead already
                member.channel.shutdown(socket.SHUT_WR)

    def _pause(self, cause: str) -> None:
        say(f"{cause}; trying again in a second")
        self._pause_ends = time.monotonic() + _PAUSE

    def _paused(self) -> bool:
        return self._pause_ends != float("inf") and time.monotonic() < self._pause_ends

    def _look_at_the_clock(self) -> None:
        if self._phase is Phase.DRAINING and time.monotonic() >= self._drain_ends:
            self._kill()
        if not self._paused():
            self._pause_ends = float("inf")

    def _time_left(self) -> Optional[float]:
        """Seconds until there is something to do without being called; None if there is not."""
        ends = self._drain_ends if self._phase is Phase.DRAINING else self._pause_ends
        return None if ends == float("inf") or self._phase is Phase.ENDING else max(0.0, ends - time.monotonic())
