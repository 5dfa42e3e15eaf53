"""A stand-in for a stage's client, for the harness's own tests: client.py CONTENT naive|exact HOST PORT [DIRECTORY]

CONTENT says how the content goes over the wire, in the words of stages.toml. A naive client calls recv once for a head
or a body.
"""

import socket
import sys
from pathlib import Path

wire, exact = sys.argv[1], sys.argv[2] == "exact"
directory = Path(sys.argv[5] if len(sys.argv) > 5 else ".")


def receive(size: int) -> bytes:
    data = connection.recv(size)
    while exact and 0 < len(data) < size:
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
    if wire == "one train":
        return receive_train()
    if wire == "trains and an empty one":
        return b"".join(iter(receive_train, b""))
    size = int.from_bytes(receive_train(), "big")
    content = b""
    while len(content) < size:
        content += receive_train() if wire == "trains that add up" else receive(min(65536, size - len(content)))
        if sys.stderr.isatty():
            print(f"\r{100 * len(content) // size} %", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr, flush=True)
    return content


try:
    connection = socket.create_connection((sys.argv[3], int(sys.argv[4])))
    name = receive_train().decode()
    content = contents()
except OSError as error:
    sys.exit(f"client: {error.strerror}")
(directory / name).write_bytes(content)
print(f"received {name}, {len(content)} bytes")
