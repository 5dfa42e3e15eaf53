"""A download stops half-way: does the client tell how far it is? And what on the wire tells of the size?"""

from pathlib import Path

from ..course.traits import traits
from ..programs.terminal import TerminalClient
from ..telling.sizes import GiB
from ..telling.story import heading
from ..wire import framing
from ..wire.faults import Trickle
from .evidence import Evidence, when
from .scene import Scene, outcome, read_train, saved_md5, wait_for

FIVE_GIB = 5 * GiB  # more than 32 bits can say

# How many bytes trickle, so many at a time, before we believe that a client draws nothing. Whoever draws, may draw
# rarely: not more often than ten times a second, and only when a train is complete. Of some stages nobody asks that.
STEP = 100
ENOUGH = 400 * STEP
ENOUGH_OF_OTHERS = 20 * STEP


def play(scene: Scene) -> Evidence:
    file = scene.store.seeded(scene.big)
    client, half_way = watched_download(scene, file)
    second = second_train(scene)
    whole = client.wait().status == 0 and saved_md5(client, file.name) == scene.store.md5(file)
    announced = second == framing.encode_size(FIVE_GIB)
    last = client.redraws[-1].strip() if client.redraws else ""
    lines = [f"half of it has come, and the terminal shows {repr(half_way) if half_way else 'nothing'}"]
    lines += [f"at the end, after {len(client.redraws)} redraws: {last!r}"] if last else []
    lines += [f"the second train of a file of 5 GiB: {_in_words(second)}", f"the client ends with {outcome(client)}"]
    return Evidence(
        failure=when(whole and not last and not announced, "nothing on the terminal, no size on the wire"),
        cure=when(whole and announced and bool(half_way) and "100" in last, f"'{last[:18]}...'; {second.hex(' ')}"),
        lines=lines,
        facts={"half_way": half_way, "redraws": len(client.redraws), "last": last, "second_train": second[:8].hex(" "),
               "announced": int.from_bytes(second, "big") if announced else None, "client": outcome(client)},
    )


def _in_words(second: bytes) -> str:
    if len(second) != framing.SIZE_BODY:
        return f"{len(second)} bytes of content, and no size"
    return f"{second.hex(' ')}, {'the' if second == framing.encode_size(FIVE_GIB) else 'not the'} size in 64 bits"


def watched_download(scene: Scene, file: Path) -> tuple[TerminalClient, str]:
    """A client on a terminal, and what is seen there when half of the file has come. Returns at its end."""
    half = file.stat().st_size // 2
    enough = half + (ENOUGH if traits(scene.stage).progress_line else ENOUGH_OF_OTHERS)
    server = scene.server(file)
    proxy = scene.proxy(server.port, Trickle(half, STEP))
    client = scene.terminal_client(proxy.port)
    heading(f"behind {half} bytes a proxy lets the stream trickle, until we have looked at the terminal")
    relay = proxy.relay()
    wait_for(client, lambda: relay.forwarded >= half, f"the client reads {half} bytes")
    client.has_drawn_at_once()  # what has been drawn up to now may have been kept in a buffer that is full at last
    seen = ""

    def draws() -> bool:
        nonlocal seen
        if client.has_drawn_at_once():
            seen = client.redraws[-1].strip()
        return bool(seen)

    wait_for(client, lambda: draws() or relay.forwarded >= enough, "the client draws, or enough bytes came")
    proxy.release()
    client.wait()
    return client, seen


def second_train(scene: Scene) -> bytes:
    """The body of the second train that a server sends for a sparse file of 5 GiB."""
    server = scene.server(scene.store.sparse(FIVE_GIB))
    heading("our client reads the first two trains of a sparse file of 5 GiB, and leaves")
    client = scene.connect(server.port)
    read_train(client)
    second = read_train(client)
    client.close()
    return second
