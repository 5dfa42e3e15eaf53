"""A stand-in for a stage's client, for the harness's own tests: client.py STAGE HOST PORT [DIRECTORY]

Stages 01 and 02 receive naively, with one recv for a head or a body; the others exactly.
"""

import socket
import sys
from pathlib import Path

stage = int(sys.argv[1])
directory = Path(sys.argv[4] if len(sys.argv) > 4 else ".")


def receive(size: int) -> bytes:
    data = connection.recv(size)
    while stage >= 3 and 0 < len(data) < size:
        more = connection.recv(size - len(data))
        data = data + more if more else b""
    if size and not data:
        sys.exit("client: the server closed the connection too early")
    return data


def receive_train() -> bytes:
    size = int.from_bytes(receive(4), "big")
    if size > 1000:
        sys.exit(f"client: train of {size} bytes: at most 1000 are allowed")
    return receive(size) if size else b""


def contents() -> bytes:
    if stage == 1:
        return receive_train()
    if stage in (2, 3):
        return b"".join(iter(receive_train, b""))
    size = int.from_bytes(receive_train(), "big")
    content = b""
    while len(content) < size:
        content += receive_train() if stage == 4 else receive(min(65536, size - len(content)))
        if sys.stderr.isatty():
            print(f"\r{100 * len(content) // size} %", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr, flush=True)
    return content


try:
    connection = socket.create_connection((sys.argv[2], int(sys.argv[3])))
    name = receive_train().decode()
    content = contents()
except OSError as error:
    sys.exit(f"client: {error.strerror}")
(directory / name).write_bytes(content)
print(f"received {name}, {len(content)} bytes")
