"""Names, addresses, and the two ways to begin: listening and connecting."""

import os
import socket
from typing import Any

from .messages import Failure, about

Address = tuple[socket.AddressFamily, Any]  # the second is what bind(2) and connect(2) want for that family


def _resolve(host: str, port: int) -> list[Address]:
    with about(host):
        # As bytes: of a str, Python would make IDNA first, which fails in a way of its own.
        found = socket.getaddrinfo(os.fsencode(host), port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in found]


def spoken(address: Any) -> str:
    """127.0.0.1:41233, or [::1]:41233."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Listens on the first address of the host that works."""
    failure = Failure(f"{host}: no address")
    for family, address in _resolve(host, port):
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            with about(f"listen on {spoken(address)}"):
                # What rests in TIME_WAIT, or is still being served, doesn't keep us from starting again: socket(7).
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
                listener.listen(socket.SOMAXCONN)
            return listener
        except Failure as this:
            listener.close()
            failure = this
    raise failure


def connect(host: str, port: int) -> socket.socket:
    """Connects to the first address of the host where somebody listens."""
    failure = Failure(f"{host}: no address")
    for family, address in _resolve(host, port):
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            with about(f"connect to {spoken(address)}"):
                connection.connect(address)
            return connection
        except Failure as this:
            connection.close()
            failure = this
    raise failure
