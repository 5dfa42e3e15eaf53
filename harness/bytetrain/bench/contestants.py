"""Who takes part: our servers and clients of every stage, and their peers, as far as they are installed.

A sender is a context manager: sender(file, folder) gives a server that listens. A receiver is a function: it takes the
whole of what a server sends, and tells what that cost. A limit is a function too: it moves the same bytes without us.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..course.paths import BUILD, REPO
from ..kernel.processes import children
from ..kernel.tcp import listening
from ..programs.build import Programs
from ..programs.program import Conditions, Program, Server
from ..programs.start import Starter
from ..telling.waiting import wait_until
from ..wire.peers import free_port
from .meters import BenchError, Timed, timed

HOST = "127.0.0.1"
SOURCES = REPO / "harness" / "bench_tools"
BUILT_TOOLS = BUILD / "bench_tools"  # where load and its like are built
NGINX_WORKERS = 2


@dataclass(frozen=True)
class Running:
    """A server that listens."""

    port: int
    pids: tuple[int, ...]  # parent and workers
    http: str = ""  # the path to ask for, of a server that wants to be asked


Sender = Callable[[Path, Path], AbstractContextManager[Running]]
Receiver = Callable[[Running, Path], Timed]


def missing(*programs: str) -> str:
    """Which of some peers' programs are not here, in words; "" if all are."""
    absent = [each for each in programs if path_of(each) is None]
    return f"{', '.join(absent)}: not installed" if absent else ""


def path_of(program: str) -> Optional[str]:
    """Where a program is; daemons are often kept out of the PATH of people."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


# Senders


def ours(programs: Programs, options: Sequence[str] = (), workers: int = 2) -> Sender:
    """The server of a stage."""

    @contextmanager
    def serving(file: Path, folder: Path) -> Iterator[Running]:
        with Starter(programs, folder) as start:
            server = start.server(file, workers=workers, options=options)
            yield Running(server.port, (server.pid, *server.workers))

    return serving


def forking() -> Sender:
    """A server that forks for each connection: what a pool saves."""

    @contextmanager
    def serving(file: Path, folder: Path) -> Iterator[Running]:
        with Server(BUILT_TOOLS / "fork_server", file, workers=1, under=Conditions(folder)) as server:
            yield Running(server.port, (server.pid,))

    return serving


def nginx() -> Sender:
    """nginx with two workers and sendfile, configured by harness/bench_tools/nginx.conf.in."""

    @contextmanager
    def serving(file: Path, folder: Path) -> Iterator[Running]:
        port = free_port()
        values = {"FOLDER": str(folder), "PORT": str(port), "ROOT": str(file.parent)}
        text = (SOURCES / "nginx.conf.in").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        user = "user root;\n" if os.getuid() == 0 else ""  # a root of any namespace: its files are no other user's
        configuration = folder / "nginx.conf"
        configuration.write_text(user + text)
        with Program([path_of("nginx") or "nginx", "-p", folder, "-c", configuration], Conditions(folder)) as server:
            what = f"nginx listens on port {port}, with {NGINX_WORKERS} workers"
            wait_until(
                lambda: not server.running or (listening(port) and len(children(server.pid)) == NGINX_WORKERS), what
            )
            if not server.running:
                raise BenchError(f"nginx does not start: {server.stderr.strip()}")
            yield Running(port, (server.pid, *(each.pid for each in children(server.pid))), f"/{file.name}")

    return serving


# Receivers


def saved_by(programs: Programs, directory: Path, options: Sequence[str] = ()) -> Receiver:
    """The client of a stage, which saves a new file. What it saved is removed afterwards, outside of the time."""

    def receive(server: Running, folder: Path) -> Timed:
        finished = timed([programs.client, *options, HOST, server.port, directory], folder)
        for saved in directory.iterdir():
            saved.unlink()
        return finished

    return receive


def curl(output: Path) -> Receiver:
    """curl, into a new file or /dev/null."""

    def receive(server: Running, folder: Path) -> Timed:
        finished = timed(["curl", "-sS", "-o", output, f"http://{HOST}:{server.port}{server.http}"], folder)
        if output.is_file():
            output.unlink()
        return finished

    return receive


def discarded(at_once: int = 1, total: int = 1) -> Receiver:
    """Our load generator (harness/bench_tools/load.cpp), for any server: reads everything, and keeps nothing."""

    def receive(server: Running, folder: Path) -> Timed:
        options = [f"--http={server.http}"] if server.http else []
        return timed([BUILT_TOOLS / "load", *options, HOST, server.port, at_once, total], folder)

    return receive


def iperf3(size: int, folder: Path) -> dict[str, float]:
    """iperf3 sends so many bytes, with sendfile, to an iperf3 that keeps nothing: bytes and seconds, of its
    receiver."""
    port = free_port()
    command = ["iperf3", "--server", "--one-off", "--bind", HOST, "--port", str(port)]
    with Program(command, Conditions(folder)) as server:
        wait_until(lambda: not server.running or listening(port), f"iperf3 listens on port {port}")
        if not server.running:
            raise BenchError(f"iperf3 does not start: {server.stderr.strip()}")
        options = ["--client", HOST, "--port", port, "--zerocopy", "--bytes", size, "--json"]
        answer = json.loads(timed(["iperf3", *options], folder).stdout)
    received: dict[str, float] = answer["end"]["sum_received"]
    return received


def load_report(finished: Timed) -> dict[str, float]:
    """What the load generator has to say: seconds, connections, p50, p99, worst..."""
    answer: dict[str, float] = json.loads(finished.stdout)
    return answer
