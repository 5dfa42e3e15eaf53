"""The progress line on a terminal: what it has said, and how it is made to say more."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..programs.terminal import TerminalClient
from ..telling.story import doing, quietly
from ..telling.text import counted
from ..telling.waiting import NeverHappened, wait_until
from ..wire.framing import encode_content
from ..wire.peers import Connection

_PERCENT = re.compile(r"(-?\d+(?:[.,]\d+)?)\s*%")
_BEFORE_THE_NEXT = 0.01  # seconds in which a client may draw, before more is sent


def percentages(client: TerminalClient) -> list[float]:
    """What the progress line has said so far, in the order of its redraws."""
    return [float(found.replace(",", ".")) for piece in client.redraws for found in _PERCENT.findall(piece)]


def draws(client: TerminalClient) -> int:
    """How often the line was drawn. (Who wipes it out with blanks before drawing it again, has drawn once.)"""
    return sum(1 for piece in client.redraws if _PERCENT.search(piece))


def drawing(client: TerminalClient) -> str:
    """The redraws, for a message."""
    pieces = client.redraws
    if not pieces:
        return "nothing was drawn on the terminal"
    listed = pieces if len(pieces) <= 8 else [*pieces[:4], f"[... {len(pieces) - 8} more ...]", *pieces[-4:]]
    return "on the terminal was drawn:\n" + "\n".join(f"  | {piece}" for piece in listed)


def in_percent(percent: Sequence[float]) -> str:
    """The last of them, for a message."""
    return f"{percent[-1]:g} %" if percent else "no percentage at all"


def dribble(connection: Connection, stage: int, data: bytes, seen: Callable[[], bool], size: int = 1) -> bytes:
    """Sends content in pieces of `size` bytes until something is seen on the terminal; returns what has not been sent.

    A client draws when bytes come and some time has passed: so bytes have to come while time passes.
    """
    sent, drawn = 0, seen()  # which may be true but once
    with doing(f"our server sends more, {size} byte{'s' * (size > 1)} at a time, and looks at the terminal") as step:
        with quietly():
            while sent < len(data) and not drawn:
                connection.deliver(encode_content(stage, data[sent : sent + size]))
                sent += size
                with suppress(NeverHappened):
                    drawn = wait_until(seen, "the client draws", _BEFORE_THE_NEXT)
        step.result = f"it has sent {counted(min(sent, len(data)), 'byte')}"
    return data[sent:]


def missing_half(said: Sequence[float], before: int) -> str:
    """Why there is no line with 50 % or a little more, by what was `said` on the terminal. `before` of these were said
    before half of the file had come."""
    since = said[before:]
    if not since:
        return "no line was drawn while more bytes came"
    words = f"the line says {since[-1]:g} % when a little more than half has come"
    return f"{words} (is that the share, from 0 to 1, and not 100 times that?)" if 0.5 <= since[-1] < 1 else words
