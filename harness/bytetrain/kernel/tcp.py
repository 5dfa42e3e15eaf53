"""What the kernel knows of TCP sockets: who listens, and how many bytes wait in a connection's queues.

One socket is asked for by netlink, sock_diag(7), in some microseconds. Where the kernel lacks that, and for lists,
there is /proc/net/tcp, which takes milliseconds because the kernel walks its whole hash table for it.
"""

import functools
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..telling.text import counted

ESTABLISHED, SYN_RECV, TIME_WAIT, CLOSE, CLOSE_WAIT, LISTEN = 1, 3, 6, 7, 8, 10  # include/net/tcp_states.h
RETRANSMISSION = 1  # timers, see proc_net_tcp.txt: what was sent, or a handshake or an end, is on its way, or lost
_STATES = ("", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
           "LAST_ACK", "LISTEN", "CLOSING")
_NETLINK_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, _NLMSG_ERROR = 4, 20, 1, 2
_HEADER = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_REQUEST = struct.Struct("=BBBxI")  # inet_diag_req_v2: family, protocol, extensions, states; then inet_diag_sockid
_SOCKET_ID = struct.Struct("!HH4s12x4s12x4s8s")  # ports, addresses, interface, cookie
_ANSWER = struct.Struct("=BBBB48xIIIII")  # inet_diag_msg: family, state...; expires, rqueue, wqueue, uid, inode


@dataclass(frozen=True, repr=False)
class TcpSocket:
    """One end of a connection (or a listener, whose remote port is 0)."""

    local_port: int
    remote_port: int
    state: int
    send_queue: int  # bytes written and not acknowledged yet
    receive_queue: int  # bytes that came and were not read yet (an end of stream is 1); a listener: its backlog
    inode: int  # its number: see descriptors.has_socket; 0 once no process holds it
    timer: int = 0  # that runs: RETRANSMISSION, or another; 0: none

    def __str__(self) -> str:
        named = _STATES[self.state] if self.state < len(_STATES) else f"state {self.state}"
        queues = f"{counted(self.send_queue, 'byte')} sent and not acknowledged, {self.receive_queue} unread"
        return f"port {self.local_port} to port {self.remote_port}: {named}, {queues}"

    __repr__ = __str__  # in a list


def tcp_sockets(tables: tuple[str, ...] = ("/proc/net/tcp", "/proc/net/tcp6")) -> Iterator[TcpSocket]:
    """Every TCP socket in this network namespace."""
    for table in tables:
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except FileNotFoundError:  # a kernel without IPv6
            continue
        yield from map(_parse, lines)


def _parse(line: str) -> TcpSocket:
    fields = line.split()
    send_queue, _, receive_queue = fields[4].partition(":")
    return TcpSocket(
        local_port=int(fields[1].rpartition(":")[2], 16),
        remote_port=int(fields[2].rpartition(":")[2], 16),
        state=int(fields[3], 16),
        send_queue=int(send_queue, 16),
        receive_queue=int(receive_queue, 16),
        inode=int(fields[9]),
        timer=int(fields[5].partition(":")[0], 16),
    )


def tcp_socket(local_port: int, remote_port: int) -> Optional[TcpSocket]:
    """One end of a connection over 127.0.0.1, seen from who has `local_port`; None once the kernel has forgotten it."""
    if _netlink_works():
        return _ask(local_port, remote_port)
    return _look_up(local_port, remote_port)


def _look_up(local_port: int, remote_port: int) -> Optional[TcpSocket]:
    both = (local_port, remote_port)
    return next((each for each in tcp_sockets() if (each.local_port, each.remote_port) == both), None)


def _ask(local_port: int, remote_port: int) -> Optional[TcpSocket]:
    loopback = socket.inet_aton("127.0.0.1")
    remote = loopback if remote_port else bytes(4)
    wanted = _REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
    wanted += _SOCKET_ID.pack(local_port, remote_port, loopback, remote, bytes(4), b"\xff" * 8)
    header = _HEADER.pack(_HEADER.size + len(wanted), _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(header + wanted)
        answer = kernel.recv(4096)
    if _HEADER.unpack_from(answer)[1] == _NLMSG_ERROR:  # ENOENT
        return None
    _, state, timer, _, _, receive_queue, send_queue, _, inode = _ANSWER.unpack_from(answer, _HEADER.size)
    if (state == LISTEN) != (remote_port == 0):  # the kernel offers the listener where the connection is gone
        return None
    return TcpSocket(local_port, remote_port, state, send_queue, receive_queue, inode, timer)


@functools.lru_cache(maxsize=None)
def _netlink_works() -> bool:
    """A kernel without tcp_diag answers as if there were no such socket: so we ask for one that is there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        try:
            return _ask(listener.getsockname()[1], 0) is not None
        except OSError:
            return False


def listening(port: int) -> bool:
    """Whether anybody listens on that port."""
    return backlog(port) is not None


def listener(port: int) -> Optional[TcpSocket]:
    """The socket that listens on that port; None if nobody does."""
    return next((each for each in tcp_sockets() if each.local_port == port and each.state == LISTEN), None)


def backlog(port: int) -> Optional[int]:
    """How many connections wait to be accepted on that port; None if nobody listens there."""
    found = listener(port)
    return found.receive_queue if found else None


def is_open(end: Optional[TcpSocket]) -> bool:
    """Whether the process that has this end can still read: it has not closed it, and it was not reset.

    A half close leaves it open: then the inode tells it from an end that nobody holds any more. In SYN_RECV the last
    packet of the handshake has not been looked at yet: nobody has had the end so far.
    """
    if end is None:
        return False
    return end.state in (SYN_RECV, ESTABLISHED, CLOSE_WAIT) or (end.inode != 0 and end.state != CLOSE)
