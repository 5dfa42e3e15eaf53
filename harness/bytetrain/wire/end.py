"""One end of a connection, in our own hands: what can be seen of it and of the other end, and how it is left."""

import fcntl
import select
import socket
import struct
import termios
from types import TracebackType
from typing import Optional, TypeVar

from ..kernel.processes import Moment, sleeping
from ..kernel.tcp import TcpSocket, tcp_socket
from ..telling.story import did
from ..telling.waiting import AT_A_TIME, settled, wait_until

SelfEnd = TypeVar("SelfEnd", bound="End")


class End:
    """A connected TCP socket; `remote_port` is given because a connection that was reset has none any more."""

    we = "our server"  # as a story calls this end

    def __init__(self, connected: socket.socket, remote_port: int) -> None:
        self.socket = connected
        self.socket.settimeout(AT_A_TIME)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.made = Moment.now()
        self.local_port = int(connected.getsockname()[1])
        self.remote_port = remote_port

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

    def __enter__(self: SelfEnd) -> SelfEnd:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    def __str__(self) -> str:
        return f"our connection (port {self.local_port}) with port {self.remote_port}"
