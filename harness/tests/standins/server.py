"""A stand-in for a stage's server, for the harness's own tests: server.py CONTENT naive|exact HOST PORT WORKERS FILE

CONTENT says how the content goes over the wire, in the words of stages.toml; how a client receives is all the same.
Its workers accept by themselves, from a listener that they share. STANDIN_FAULT makes it wrong in one way:
    silent   never prints the readiness line         noisy    prints something else first
    zombie   never waits for a worker that has died  spin     its parent never sleeps
    orphans  leaves its workers behind on SIGTERM    asan     writes what AddressSanitizer would, on SIGTERM
    forks    has no pool: it forks for each connection
"""

import os
import signal
import socket
import struct
import sys
from pathlib import Path

wire = sys.argv[1]
host, port, workers, file = sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), Path(sys.argv[6])
fault = os.environ.get("STANDIN_FAULT", "")
pids: list[int] = []


def train(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def send_file(connection: socket.socket) -> None:
    content = file.read_bytes()
    connection.sendall(train(file.name.encode()))
    if wire in ("trains that add up", "raw bytes"):
        connection.sendall(train(struct.pack(">Q", len(content))))
    if wire == "raw bytes":
        connection.sendall(content)
    else:
        for start in range(0, max(len(content), 1 if wire == "one train" else 0), 1000):
            connection.sendall(train(content[start : start + 1000]))
    if wire == "trains and an empty one":
        connection.sendall(train(b""))


def work(listener: socket.socket) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while True:
        connection, _ = listener.accept()
        try:
            send_file(connection)
        except OSError as error:
            print(f"server: {error.strerror}", file=sys.stderr, flush=True)
        connection.close()


def leave(number: int, frame: object) -> None:
    if fault == "asan":
        print("==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x1", file=sys.stderr, flush=True)
    if fault != "orphans":
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    os._exit(0)


if not file.is_file():
    print(f"server: {file}: No such file or directory", file=sys.stderr)
    sys.exit(1)
listener = socket.create_server((host, port), backlog=128)
signal.signal(signal.SIGTERM, leave)
for _ in range(workers if fault != "forks" else 0):
    pid = os.fork()
    if pid == 0:
        work(listener)
    pids.append(pid)
if fault == "noisy":
    print("hello", flush=True)
if fault != "silent":
    print("listening on {}:{}".format(*listener.getsockname()), flush=True)
while fault == "forks":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    accepted, _ = listener.accept()
    if os.fork() == 0:
        send_file(accepted)
        os._exit(0)
    accepted.close()
while fault == "spin":
    pass
# Blocked, a signal can't come between a last look for it and the wait, and be slept over.
awaited = {signal.SIGTERM, signal.SIGINT} | (set() if fault in ("zombie", "orphans") else {signal.SIGCHLD})
signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
while True:
    if signal.SIGCHLD in awaited:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    received = signal.sigwait(awaited)
    if received != signal.SIGCHLD:
        leave(received, None)
