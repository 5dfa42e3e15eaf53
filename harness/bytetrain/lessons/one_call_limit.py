"""A sparse file of 3 GiB: how much does the first call send, and does the rest arrive?"""

import os
import socket
import threading
from pathlib import Path

from ..judging.transfers import MORE
from ..kernel.processes import zombies
from ..kernel.trace import Event
from ..telling.sizes import GiB, MiB
from ..telling.story import heading
from ..wire.files import write_sparse
from ..wire.peers import RawClient
from .evidence import Evidence, when
from .scene import Scene, read_train
from .wording import bytes_asked, call_in_words

_SIZE = 3 * GiB
MOST_IN_ONE_CALL = 0x7FFFF000  # bytes that one call moves at most: MAX_RW_COUNT of the kernel, a page less than 2 GiB


def play(scene: Scene) -> Evidence:
    file = write_sparse(scene.folder / "3GiB.bin", _SIZE)
    server = scene.server(file)
    tracing = scene.tracing("workers", "sendfile,sendto,splice,write", needed=scene.reference, running=True)
    scene.attach(tracing, *server.workers)
    heading("our client reads all of it, and throws it away")
    client = scene.connect(server.port)
    read_train(client)
    announced = int.from_bytes(read_train(client), "big")
    came = client.skip_to_end(_SIZE + MORE, file)
    calls = tracing.detach().calls() if tracing else []
    words, returned = "", 0  # what calls a student's server makes is its own affair
    if scene.reference:
        words, returned = traced_calls(calls) if tracing else a_call_of_ours(file)
    whole = announced == came == _SIZE and server.running and not zombies(server.pid)
    return Evidence(
        failure=when(returned == MOST_IN_ONE_CALL, f"asked for {_SIZE} bytes, sent {returned}"),
        cure=when(whole, f"the loop goes on: {came} bytes have come"),
        lines=[*filter(None, [words]), f"{announced} bytes announced, {came} have come"],
        facts={"asked": _SIZE, "returned": returned, "announced": announced, "came": came, "strace": bool(tracing)},
    )


def traced_calls(calls: list[Event]) -> tuple[str, int]:
    """The large ones in words, and what the first of them returned."""
    large = [call for call in calls if call.result and (bytes_asked(call) or 0) > MiB]
    if not large:
        return f"the server makes no call for more than {MiB} bytes", 0
    return f"the worker's calls: {', '.join(map(call_in_words, large[:3]))}", large[0].result or 0


def a_call_of_ours(file: Path) -> tuple[str, int]:
    """One sendfile of our own, over a connection with ourselves: the same limit, where we can't see the worker's."""
    with socket.create_server(("127.0.0.1", 0)) as listener, file.open("rb") as source:
        with RawClient(listener.getsockname()[1]) as receiver:
            skipping = threading.Thread(target=receiver.skip, args=(_SIZE, file))
            with listener.accept()[0] as sender:
                skipping.start()
                returned = os.sendfile(sender.fileno(), source.fileno(), 0, _SIZE)
            skipping.join()
    return f"strace can't be used here; a call of our own: sendfile({_SIZE} bytes) = {returned}", returned
