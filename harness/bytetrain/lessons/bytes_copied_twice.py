"""One transfer, and the calls that moved its bytes: how many for each MiB, on either side?"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..kernel.processes import PROC
from ..kernel.trace import Event, Trace
from ..programs.program import Client, Server
from ..telling.sizes import MiB
from ..wire import framing
from ..wire.faults import Timeout
from ..wire.files import Original
from .evidence import Evidence, when
from .scene import Scene, outcome, saved_md5
from .wording import WRITTEN

_SIZE = 4 * MiB
SMALL_PIECES = 1000  # calls for each MiB: with more than that, none moves more than one body of a train
MOVING = ("read", "pread64", "readv", "recvfrom", "recvmsg", "write", "pwrite64", "writev", "sendto", "sendmsg",
          "sendfile", "splice", "copy_file_range")


@dataclass
class Calls:
    """The calls of each side, by name: how many for each MiB."""

    server: Mapping[str, float]
    client: Mapping[str, float]

    @property
    def sums(self) -> list[float]:
        return [sum(self.server.values()), sum(self.client.values())]

    @property
    def brief(self) -> str:
        return "server {:.1f}, client {:.1f} calls for each MiB".format(*self.sums)


def play(scene: Scene) -> Evidence:
    file = scene.store.seeded(_SIZE)
    server = scene.server(file, workers=1)
    of_worker, of_client = (
        scene.tracing(name, ",".join(MOVING), needed=True, running=True) for name in ("worker", "client")
    )
    if of_worker and of_client:
        calls, client = count_traced(scene, server, of_worker, of_client)
    else:
        calls, client = count_untraced(scene, server, file)
    md5_sent, md5_saved = scene.store.md5(file), saved_md5(client, file.name)
    whole = client.wait().status == 0 and md5_saved == md5_sent
    lines = [f"server: {_in_words(calls.server)}", f"client: {_in_words(calls.client)}"]
    lines.append(f"md5 of both files {md5_sent}" if whole else f"the client ends with {outcome(client)}")
    return Evidence(
        failure=when(whole and min(calls.sums) > SMALL_PIECES, calls.brief),
        cure=when(whole and max(calls.sums) < SMALL_PIECES, calls.brief),
        lines=lines,
        facts={"server_calls_per_mib": calls.server, "client_calls_per_mib": calls.client,
               "strace": of_worker is not None, "md5_sent": md5_sent, "md5_saved": md5_saved},
    )


def _in_words(by_name: Mapping[str, float]) -> str:
    each = ", ".join(f"{WRITTEN.get(name, name)} {count:.1f}" for name, count in by_name.items())
    return f"{sum(by_name.values()):.1f} calls for each MiB ({each})"


def count_traced(scene: Scene, server: Server, worker: Trace, client: Trace) -> tuple[Calls, Client]:
    """Counts every call that moves bytes, with strace."""
    scene.attach(worker, *server.workers)
    receiver = scene.client(server.port, client)
    receiver.wait()
    return Calls(moving(worker.detach().calls()), moving(client.wait_written().calls())), receiver


def moving(calls: list[Event]) -> dict[str, float]:
    """From the first call on a socket on: before that, a program only reads its libraries."""
    start = next((number for number, call in enumerate(calls) if "TCP" in call.arguments), 0)
    names = Counter(call.name for call in calls[start:] if call.result)
    return {name: count * MiB / _SIZE for name, count in names.most_common()}


def count_untraced(scene: Scene, server: Server, file: Path) -> tuple[Calls, Client]:
    """Where strace can't be used: the kernel counts the calls on files, though not those on sockets. See proc(5).
    Counted is what has been done when all but the last byte have come."""
    worker = server.worker()
    before = io_count(worker, "syscr")
    last = len(framing.stream(scene.stage, file.name.encode(), Original(file).read())) - 1
    proxy = scene.proxy(server.port, Timeout(last))  # who has ended can't be asked any more
    receiver = scene.client(proxy.port)
    proxy.wait_forwarded(last).client.wait_taken(receiver.pid)
    written = io_count(receiver.pid, "syscw")
    read = io_count(worker, "syscr") - before
    proxy.release()
    receiver.wait()
    what = {"reads of the file; strace can't be used": read * MiB / _SIZE}
    return Calls(what, {"writes to the file; strace can't be used": written * MiB / _SIZE}), receiver


def io_count(pid: int, name: str) -> int:
    """A line of /proc/PID/io: syscr and syscw count the reading and writing calls."""
    text = (PROC / str(pid) / "io").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name}:"))
