"""A client sleeps in its recv, having 600 of the 1000 bytes it wants. SIGSTOP and SIGCONT come, and then the rest."""

from ..kernel.processes import facts, sleeping
from ..kernel.signals import cont, stop
from ..kernel.tcp import backlog
from ..programs.program import Client
from ..telling.story import expect, heading
from ..telling.waiting import wait_until
from ..wire import framing
from ..wire.files import content, md5_of_stream
from ..wire.peers import Connection
from .evidence import Evidence, when
from .scene import Scene, outcome, saved_md5, wait_for
from .wording import call_in_words

_NAME = "train.bin"
_SIZE = 3000
_PART = 600


def play(scene: Scene) -> Evidence:
    sent = content(_SIZE)
    stream = framing.stream(scene.stage, _NAME.encode(), sent)
    cut = stream.index(sent[:_PART]) + _PART
    listener = scene.raw_server()
    tracing = scene.tracing("client", "recvfrom")
    client = scene.client(listener.port, tracing)
    wait_for(client, lambda: backlog(listener.port), "the client connects")
    heading(f"our server sends {_PART} bytes of the first 1000; kill -STOP and -CONT {client.pid}; it sends the rest")
    with listener.accept() as connection:
        interrupt(client, connection, stream[:cut])
        connection.send(stream[cut:])
        connection.finish_sending()
        client.wait()
    calls = tracing.wait_written().calls("recvfrom") if tracing else []
    return _evidence(client, sent, [call_in_words(each) for each in calls if each.result == _PART])


def interrupt(client: Client, connection: Connection, first: bytes) -> None:
    """Sends the first part, waits until the client sleeps for more, and stops and continues it."""
    words = f"the client left before it had got the first {len(first)} bytes"
    expect(connection.deliver(first, client.pid), f"{words}\n{client.stderr}", expected="it reads them", actual=words)
    stop(client.pid)
    cont(client.pid)
    wait_until(lambda: sleeping(client.pid), "the client waits for more", seen=lambda: facts(client.pid))


def _evidence(client: Client, sent: bytes, calls: list[str]) -> Evidence:
    said, md5_sent, md5_saved = outcome(client), md5_of_stream([sent]), saved_md5(client, _NAME)
    following = sent[_PART : _PART + framing.HEAD]
    bad_length = int.from_bytes(following, "big")
    shown = client.status == 1 and f" {bad_length} bytes" in said
    whole = client.status == 0 and md5_saved == md5_sent
    lines = [f"a call that returned short: {', '.join(calls)}"] if calls else []
    if shown:
        lines += [] if calls else [f"asked for 1000 bytes, one recv with MSG_WAITALL returned {_PART}"]
        lines.append(f"the next bytes of that body, {following.hex(' ')}, were read as a length: {bad_length}")
    lines += [f"all {_SIZE} bytes saved, md5 of both files {md5_sent}"] if whole else []
    return Evidence(
        failure=when(shown, f"asked for 1000 bytes, got {_PART}; then a train of {bad_length} bytes"),
        cure=when(whole, f"all {_SIZE} bytes saved, md5 equal"),
        lines=[*lines, f"the client ends with {said}"],
        facts={"asked": 1000, "got": _PART if shown or calls else None, "bad_length": bad_length if shown else None,
               "md5_sent": md5_sent, "md5_saved": md5_saved, "calls": calls, "client": said},
    )
