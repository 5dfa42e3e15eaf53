"""Name and content wait in the client's receive queue before it reads either: does it find where the name ends?"""

from typing import Optional

from ..kernel.descriptors import has_socket
from ..kernel.processes import sleeping
from ..kernel.signals import cont, stop
from ..kernel.tcp import TcpSocket, tcp_sockets
from ..programs.program import Client, Server
from ..telling.story import heading
from ..telling.waiting import wait_until
from ..wire import framing
from ..wire.files import Original, write_data
from .evidence import Evidence, when
from .scene import Scene, outcome, saved_md5, wait_for
from .wording import call_in_words

_NAME = "notes.txt"
TEXT = "Dear reader, TCP carries bytes and not messages. Who tells where a name ends?"


def play(scene: Scene) -> Evidence:
    letter = write_data(scene.folder / _NAME, TEXT.encode())
    raw = "--raw" in scene.run.server
    sent = len(_NAME + TEXT) if raw else len(framing.stream(scene.stage, _NAME.encode(), TEXT.encode()))
    server = scene.server(letter)
    tracing = scene.tracing("client", "recvfrom")
    workers = server.workers
    for worker in workers:
        stop(worker)
    client = scene.client(server.port, tracing)
    heading(f"the client is stopped until all {sent} bytes wait in its receive queue")
    hold_back(client, server, workers, sent)
    client.wait()
    calls = tracing.wait_written().calls("recvfrom") if tracing else []
    return _evidence(client, Original(letter).md5, sent, [call_in_words(call) for call in calls if call.result])


def hold_back(client: Client, server: Server, workers: list[int], sent: int) -> None:
    """Stops the client in its first recv; lets the stopped workers go on; waits until everything has come."""

    def waiting() -> int:
        end = clients_end(client, server.port)
        return end.receive_queue if end else 0

    wait_for(client, lambda: clients_end(client, server.port) and sleeping(client.pid), "the client waits for a byte")
    stop(client.pid)
    for worker in workers:
        cont(worker)
    wait_until(lambda: waiting() >= sent, f"{sent} bytes wait in the client's receive queue", seen=waiting)
    cont(client.pid)


def clients_end(client: Client, port: int) -> Optional[TcpSocket]:
    """The client's end of its connection."""
    ends = [each for each in tcp_sockets() if each.remote_port == port]
    return next((each for each in ends if has_socket(client.pid, each.inode)), None)


def _evidence(client: Client, md5: str, sent: int, calls: list[str]) -> Evidence:
    names, said = client.files(), outcome(client)
    stuck = next((name for name in names if name != _NAME and name.startswith(_NAME)), "")
    whole = client.status == 0 and names == [_NAME] and saved_md5(client, _NAME) == md5
    lines = [f"{sent} bytes wait in one queue: {len(_NAME)} of the name, {len(TEXT)} of the content"]
    lines += [f"the client's calls: {', '.join(calls)}"] if calls else []
    size = (client.directory / stuck).stat().st_size if stuck else 0
    if stuck:
        lines.append(f"saved under a name of {len(stuck)} bytes, '{stuck[:30]}...', with {size} bytes of content")
    else:
        lines.append(f"the client ends with {said}" + (f"; md5 of both files {md5}" if whole else f"; saved: {names}"))
    return Evidence(
        failure=when(bool(stuck), f"saved as '{stuck[:18]}...', {len(stuck)} bytes of name, {size} of content"),
        cure=when(whole, f"saved as {_NAME}, md5 equal"),
        lines=lines,
        facts={"bytes_in_queue": sent, "saved_as": names, "md5_sent": md5, "md5_saved": saved_md5(client, _NAME),
               "calls": calls, "client": said},
    )
