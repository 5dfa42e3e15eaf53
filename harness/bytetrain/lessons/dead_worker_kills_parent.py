"""A worker is dead, and the next client comes. Who serves it?"""

import signal

from ..kernel.tcp import listening
from ..telling.waiting import wait_until
from .dead_worker import POOL_SIZE, Loss, lose_a_worker
from .evidence import Evidence, when
from .scene import Scene, outcome, saved_md5


def play(scene: Scene) -> Evidence:
    loss = lose_a_worker(scene)
    loss.wait_for_parent()
    server = loss.server
    client = scene.client(server.port)
    said = outcome(client)
    md5_sent, md5_saved = scene.store.md5(loss.file), saved_md5(client, loss.file.name)
    whole = client.wait().status == 0 and md5_saved == md5_sent
    if not whole:
        wait_until(lambda: not server.running or loss.whole_pool, "the server has ended, or its pool is whole")
    shown = server.status == -signal.SIGPIPE
    after = [f"the server lives on; {loss.alive}; md5 of both files {md5_sent}"] if whole else []
    return Evidence(
        failure=when(shown, f"signal 13 (SIGPIPE) ended the parent; port {server.port} is closed"),
        cure=when(whole and server.running, f"the server lives on; next client: {md5_equal(loss)}"),
        lines=[loss.death, f"the next client ends with {said}", *(end_of_parent(loss) if shown else after)],
        facts={"server_status": server.status, "listening": listening(server.port), "client": said,
               "md5_sent": md5_sent, "md5_saved": md5_saved},
    )


def md5_equal(loss: Loss) -> str:
    return f"{loss.file.stat().st_size} bytes, md5 equal"


def end_of_parent(loss: Loss) -> list[str]:
    port = loss.server.port
    wait_until(lambda: not listening(port), f"nobody listens on port {port} any more")
    healthy = f"though {POOL_SIZE - 1} of {POOL_SIZE} workers were healthy"
    return ["signal 13 (SIGPIPE) ended the parent", f"nobody listens on port {port} any more, {healthy}"]
