"""A client that has connected to a server of ours: what that does to it, and what should come of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Protocol

from ..course.traits import traits
from ..programs.output import Finished
from ..programs.program import Client
from ..wire.files import content
from ..wire.framing import fitting, pieces
from ..wire.peers import Connection
from ..wire.reading import Ended
from .transfers import hand_over_trains
from .verdicts import refused, snapshot

NAME, OLDER = b"file.bin", b"what was there before"


class Meeting:
    """One client, and the connection that it has made to us. Nothing in the folder `outside` may change."""

    def __init__(self, stage: int, client: Client, connection: Connection, outside: Path) -> None:
        self.stage = stage
        self.client = client
        self.connection = connection
        self._outside = outside
        self._before = snapshot(outside)

    def sends(self, trains: Sequence[bytes]) -> None:
        """Our server sends trains, and whole ones where that is needed."""
        hand_over_trains(self.connection, self.stage, trains)

    def closes(self) -> Finished:
        """Our server closes its sending side; the client should see that, and end."""
        __tracebackhide__ = True
        self.connection.finish_sending()
        return self.client.wait()

    def keeps_open(self) -> Finished:
        """Our server sends no more, and doesn't close; the client should have seen enough, and end."""
        __tracebackhide__ = True
        return self.client.wait()

    def resets(self) -> Finished:
        """Our server resets the connection; the client should see that, and end."""
        __tracebackhide__ = True
        self.connection.reset()
        return self.client.wait()

    def has_sent(self) -> bytes:
        """What has come from a client that has ended; how its connection ended is all the same."""
        sent = b""
        try:
            while data := self.connection.read_some():
                sent += data
        except Ended:  # it was reset
            pass
        return sent

    def is_refused(self, finished: Finished) -> None:
        """The client has failed as it should, and nothing has changed, in its directory or around it."""
        __tracebackhide__ = True
        refused(finished, self._outside, self._before)


class Meet(Protocol):
    """Starts a client, with an older file in its directory unless older=False; our server has accepted it."""

    def __call__(
        self, older: bool = True, prefix: Sequence[str] = (), directory: Optional[Path] = None
    ) -> Meeting: ...


def trains(stage: int, size: int = 2500, name: bytes = NAME) -> list[bytes]:
    """The trains of a good stream; raw content counts as one of them."""
    return [piece.data for piece in pieces(stage, name, content(fitting(stage, size)))]


def take_last(stage: int, sent: list[bytes]) -> bytes:
    """The last train of a stream, or the last byte of raw content; the rest is left in `sent`."""
    last = sent.pop()
    if not traits(stage).raw:
        return last
    sent.append(last[:-1])
    return last[-1:]


def limited(size: int) -> list[str]:
    """Runs a program that can't write more than `size` bytes into a file: to it, the disk is full there.

    SIGXFSZ, which a really full disk doesn't send, is ignored, so that write(2) fails instead.
    """
    return ["bash", "-c", f"trap '' XFSZ; exec prlimit --fsize={size} -- \"$@\"", "limited"]
