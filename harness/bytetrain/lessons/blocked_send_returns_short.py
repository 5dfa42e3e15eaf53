"""A client reads nothing until its worker blocks in a send. SIGSTOP and SIGCONT come, and then the client reads on."""

from pathlib import Path
from typing import Optional

from ..judging.transfers import MORE, big_size
from ..kernel.signals import cont, stop
from ..kernel.trace import Trace
from ..telling.sizes import MiB
from ..telling.story import heading
from ..wire import framing
from .evidence import Evidence, when
from .scene import Scene
from .wording import bytes_asked, call_in_words

_ROUNDS = 2  # nearly every one loses bytes: only a send that has moved nothing yet is made again by the kernel


def play(scene: Scene) -> Evidence:
    file = scene.store.seeded(big_size() * 3 // 2)
    between = big_size() * 3 // 8  # bytes: enough of what waits for the worker to go on, and to block anew
    server = scene.server(file)
    tracing = scene.tracing("workers", "sendto,sendfile", running=True)
    scene.attach(tracing, *server.workers)
    client, worker = scene.stalled_client(server)
    signals, more = f"kill -STOP and -CONT {worker}", f"{between // MiB} MiB"
    heading(f"{_ROUNDS} times: our client reads nothing until the worker blocks; {signals}; it reads {more}")
    got = b""
    for _ in range(_ROUNDS):
        client.wait_sender_blocked(worker)
        stop(worker)
        cont(worker)
        got += client.read_exactly(between)
    expected = len(framing.stream(scene.stage, file.name.encode(), file.read_bytes()))
    got += client.read_to_end(expected - len(got) + MORE)
    return _evidence(scene, file, got, expected, short_calls(tracing, worker))


def short_calls(tracing: Optional[Trace], worker: int) -> list[str]:
    """The calls that have moved less than they were asked to, if they were traced."""
    calls = tracing.detach().calls(pid=worker) if tracing else []
    return [call_in_words(call) for call in calls if 0 < (call.result or 0) < (bytes_asked(call) or 0)]


def _evidence(scene: Scene, file: Path, got: bytes, expected: int, calls: list[str]) -> Evidence:
    broken, md5 = "", ""
    try:
        md5 = framing.parse_stream(scene.stage, got).md5
    except framing.WireError as error:
        broken = error.in_short
    lost, whole = expected - len(got), md5 == scene.store.md5(file)
    lines = [f"sends that returned short: {', '.join(calls[:3])}"] if calls else []
    lines.append(f"{len(got)} of {expected} bytes have come" + (f", md5 of both files {md5}" if whole else ""))
    lines += [f"{lost} bytes are lost inside the stream: {broken}"] if broken else []
    return Evidence(
        failure=when(bool(broken) and lost > 0, f"{lost} of {expected} bytes lost inside the stream"),
        cure=when(whole, f"all {expected} bytes have come, md5 equal"),
        lines=lines,
        facts={"expected": expected, "got": len(got), "lost": lost, "broken": broken, "calls": calls, "md5_got": md5,
               "md5_sent": scene.store.md5(file)},
    )
