"""The server is told to leave: behind a stalled client, by Ctrl-C, and in mid-transfer. Who is left, what is cut?"""

import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from ..course.traits import traits
from ..kernel.processes import facts, sleeping
from ..kernel.tcp import listening
from ..programs.output import status_in_words
from ..programs.program import Client, Server
from ..programs.sessions import members, reap_session
from ..telling.story import heading
from ..telling.waiting import settled, wait_until
from ..wire.faults import Timeout
from ..wire.proxy import Proxy
from .evidence import Evidence, when
from .scene import Scene, outcome, saved_md5, wait_for

HELD = 4  # a client has got this part of the file when the server is told to leave: no buffer holds the rest


@dataclass
class Exit:
    """One way to leave, and what came of it."""

    how: str
    status: int = 0  # of the server
    seconds: float = 0.0  # from the signal to its end: to be read, not to be judged
    left_behind: list[str] = field(default_factory=list)  # who outlived the parent, or was not reaped by it
    transfer: str = ""  # what became of the transfer under way: "whole" or "cut"
    client: str = ""  # how it ended

    @property
    def in_order(self) -> bool:
        return self.status == 0 and not self.left_behind

    @property
    def ended(self) -> str:
        return f"the server ended with {status_in_words(self.status)}"

    @property
    def lines(self) -> list[str]:
        left = ", ".join(self.left_behind) or "nobody"
        lines = [f"{self.how}: {self.ended} after {self.seconds:.1f} s; left behind: {left}"]
        if self.transfer:
            lines.append(f"{self.how}: the transfer is {self.transfer}; the client ends with {self.client}")
        return lines


def play(scene: Scene) -> Evidence:
    stalled, ctrl_c, graceful = behind_stalled_client(scene), by_ctrl_c(scene), in_mid_transfer(scene)
    exits = [stalled, ctrl_c, graceful]
    shown = bool(stalled.left_behind) and ctrl_c.transfer == "cut" and not ctrl_c.in_order
    cured = all(each.in_order for each in exits) and graceful.transfer == "whole"
    return Evidence(
        failure=when(shown, f"left behind: {''.join(stalled.left_behind[:1])}; Ctrl-C: {ctrl_c.ended}"),
        cure=when(cured, f"{len(exits)} times status 0, nobody left behind; SIGTERM lets the transfer finish"),
        lines=[line for each in exits for line in each.lines],
        facts={"behind_stalled_client": vars(stalled), "ctrl_c": vars(ctrl_c), "in_mid_transfer": vars(graceful)},
    )


def behind_stalled_client(scene: Scene) -> Exit:
    """SIGTERM to the parent while a client has stalled. An exit may be bounded: by a timeout, which the
    reference pair can be told, or by a second signal."""
    bounded = traits(scene.stage).timeouts
    by_timeout = bounded and scene.reference
    server = scene.server(scene.blocking(), options=["--drain-timeout=1"] if by_timeout else None)
    again = ", twice" if bounded and not by_timeout else ""
    heading(f"our client reads nothing until its worker blocks; kill -TERM {server.pid}{again}")
    client, _ = scene.stalled_client(server)
    start = time.monotonic()
    tell(server, signal.SIGTERM)
    if again:
        server.signal(signal.SIGTERM)
    result = exit_of(server, "SIGTERM behind a stalled client", start)
    client.close()
    return result


def by_ctrl_c(scene: Scene) -> Exit:
    """SIGINT to the whole process group while a transfer is under way."""
    server, proxy, client, file = half_way(scene)
    heading(f"Ctrl-C in mid-transfer: kill -INT -- -{server.pid}")
    start = time.monotonic()
    server.signal_group(signal.SIGINT)
    result = exit_of(server, "Ctrl-C in mid-transfer", start)
    proxy.release()
    return with_transfer(scene, result, client, file)


def in_mid_transfer(scene: Scene) -> Exit:
    """SIGTERM to the parent while a transfer is under way, which goes on only when the server has heard it."""
    server, proxy, client, file = half_way(scene)
    heading(f"kill -TERM {server.pid} in mid-transfer; the server stops listening; the client reads on")
    start = time.monotonic()
    tell(server, signal.SIGTERM)
    how = "SIGTERM in mid-transfer"
    at_once = None if server.running else exit_of(server, how, start)
    proxy.release()
    client.wait()
    return with_transfer(scene, at_once or exit_of(server, how, start), client, file)


def half_way(scene: Scene) -> tuple[Server, Proxy, Client, Path]:
    """A client that has got a part of a file; the proxy holds the rest."""
    file = scene.blocking()
    held = file.stat().st_size // HELD
    server = scene.server(file)
    proxy = scene.proxy(server.port, Timeout(held))
    client = scene.client(proxy.port)
    wait_for(client, lambda: proxy.relays and proxy.relays[0].forwarded >= held, f"the client reads {held} bytes")
    return server, proxy, client, file


def tell(server: Server, number: int) -> None:
    """Sends a signal to the parent, and waits until it has ended, or has stopped listening and sleeps again."""
    server.signal(number)

    def heard() -> bool:
        return not server.running or (not listening(server.port) and sleeping(server.pid))

    what = f"after {signal.Signals(number).name}, the server ends, or stops listening on port {server.port}"
    wait_until(heard, what, seen=lambda: facts(server.pid))


def exit_of(server: Server, how: str, start: float) -> Exit:
    """Waits for the end of the parent, and sees who is still there after it."""
    status = server.wait().status
    seconds = time.monotonic() - start
    unreaped: dict[int, int] = {}

    def alive() -> list[str]:
        unreaped.update(reap_session(server.pid))
        return [f"worker {each.pid} (state {each.state})" for each in members(server.pid) if each.state != "Z"]

    orphans = settled(alive, "who is left behind")
    ended = [f"worker {pid} (not reaped: {status_in_words(status)})" for pid, status in unreaped.items()]
    return Exit(how, status, seconds, orphans + ended)


def with_transfer(scene: Scene, result: Exit, client: Client, file: Path) -> Exit:
    result.client = outcome(client)
    result.transfer = "whole" if saved_md5(client, file.name) == scene.store.md5(file) else "cut"
    return result
