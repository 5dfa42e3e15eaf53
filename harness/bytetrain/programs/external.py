"""A server that somebody else has started, in a debugger perhaps: it is watched and talked to, never ended."""

from __future__ import annotations

from typing import Optional

from .. import Failure, NotApplicable
from ..kernel.descriptors import holders
from ..kernel.processes import ProcessFacts, facts
from ..kernel.tcp import LISTEN, tcp_sockets
from ..telling.story import expecting
from ..telling.text import command_line
from ..telling.waiting import wait_until
from .output import Finished
from .program import Server

_PATIENCE = 3600.0  # seconds: who starts a debugger takes a while


class ExternalServer(Server):
    """Stands for `server` with the arguments that the check would have given it; `start` waits until it listens."""

    def start(self) -> "ExternalServer":
        command = command_line(self.command)
        print(f"\nStart your server now, under a debugger if you like:\n\n    {command}\n", flush=True)
        with expecting(f"you start a server that listens on port {self.port}"):
            wait_until(lambda: _holder(self.port), f"somebody listens on port {self.port}", _PATIENCE)
        self.pid = _holder(self.port) or 0
        return self

    @property
    def stdout(self) -> str:
        return f"listening on {self.host}:{self.port}\n"

    @property
    def stderr(self) -> str:
        return ""

    @property
    def status(self) -> Optional[int]:
        known = facts(self.pid)
        return None if known is not None and known.state != "Z" else 0

    @property
    def running(self) -> bool:
        return self.status is None

    def wait(self, limit: float = _PATIENCE) -> Finished:
        wait_until(lambda: not self.running, "your server ends", limit)
        raise NotApplicable(
            "your server has ended: with which status, only the shell or debugger knows that started it"
        )

    def left_behind(self) -> list[ProcessFacts]:
        return []

    def stop(self) -> list[ProcessFacts]:
        self._close()
        return []


def _holder(port: int) -> Optional[int]:
    """The process that listens on a port: of several, the one whose parent doesn't, because workers may inherit it."""
    listeners = [each.inode for each in tcp_sockets() if each.local_port == port and each.state == LISTEN]
    if not listeners:
        return None
    known = holders(*listeners)
    pids = {each.pid for each in known}
    found = next((each.pid for each in known if each.ppid not in pids), None)
    if found is None:
        raise Failure(f"port {port} is taken by a process that we may not look into: run the server as the same user")
    return found
