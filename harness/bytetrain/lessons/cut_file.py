"""A file is cut to 1 MiB while it is being sent to a client that has stalled."""

from pathlib import Path
from typing import Optional

from ..judging.pools import comes_to_rest
from ..judging.transfers import MORE, big_size
from ..kernel.cpu import cpu_use_against_yardstick
from ..kernel.processes import sleeping, zombies
from ..programs.program import Server
from ..telling.sizes import MiB
from ..telling.story import heading
from ..telling.waiting import wait_until
from ..wire.files import Original, cut_file, write_file
from .evidence import Evidence, when
from .scene import Scene, read_train, saved_md5
from .wording import bytes_asked, call_in_words

_LEFT = MiB
_WORKERS = 2


def play(scene: Scene) -> Evidence:
    """The reference pair plays it with sendfile and with mmap; another has no such options, and plays it once."""
    if not scene.reference:
        return cut_in_mid_transfer(scene, "the server", None)
    first = cut_in_mid_transfer(scene, "sendfile", ["--send=sendfile"])
    second = cut_in_mid_transfer(scene, "mmap", ["--send=mmap"])
    return Evidence(
        failure=when(first.shown and second.shown, f"{first.failure}; {second.failure}"),
        cure=when(first.cured and second.cured, first.cure),
        lines=first.lines + second.lines,
        facts={"sendfile": first.facts, "mmap": second.facts},
    )


def cut_in_mid_transfer(scene: Scene, way: str, options: Optional[list[str]]) -> Evidence:
    file = write_file(scene.folder / f"{way.replace(' ', '-')}.bin", big_size())
    server = scene.server(file, _WORKERS, options)
    tracing = scene.tracing(way, "sendfile,sendto,splice", running=True)
    scene.attach(tracing, *server.workers)
    heading(f"our client reads nothing until the worker blocks; truncate -s 1M {file.name}; our client reads on")
    client, worker = scene.stalled_client(server)
    cut_file(file, _LEFT)
    read_train(client)
    announced = int.from_bytes(read_train(client), "big")
    came = client.skip_to_end(big_size() + MORE)
    calls = tracing.detach().calls(pid=worker) if tracing else []
    content = [call for call in calls if (bytes_asked(call) or 0) > MiB]
    copes, used = copes_with_it(scene, server, file)
    alive = f"{len(server.workers)} of {_WORKERS} workers are alive"
    broken = call_in_words(content[-1]) if content else f"{way}: {came} of {announced} bytes"
    lines = [f"{way}: {announced} bytes announced, {came} have come"]
    lines += [f"the worker's calls: {', '.join(map(call_in_words, content))}"] if content else []
    lines += [f"the server's log: {line}" for line in server.stderr.splitlines()[-1:]]
    lines.append(f"{alive}; the next client gets {'the' if copes else 'not the'} {_LEFT} bytes that are left")
    return Evidence(
        failure=when(came < announced, broken),
        cure=when(copes and came < announced, f"{alive}; next client served"),
        lines=lines,
        facts={"announced": announced, "came": came, "calls": [call_in_words(call) for call in content],
               "cpu_seconds_after": used},
    )


def copes_with_it(scene: Scene, server: Server, file: Path) -> tuple[bool, float]:
    """Whether the pool is whole and at rest after it, and the next client gets what is left of the file."""

    def at_rest() -> bool:
        return len(server.workers) == _WORKERS and not zombies(server.pid) and all(map(sleeping, server.workers))

    wait_until(at_rest, f"{_WORKERS} workers sleep, and nobody is a zombie", seen=lambda: server.workers)
    comes_to_rest(server)
    uses = [cpu_use_against_yardstick(pid, 0.1) for pid in (server.pid, *server.workers)]
    client = scene.client(server.port)
    served = client.wait().status == 0 and saved_md5(client, file.name) == Original(file).md5
    return served and not any(use.spins for use in uses), sum(use.seconds for use in uses)
