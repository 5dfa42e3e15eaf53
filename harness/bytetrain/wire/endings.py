"""The end of a stream that does not come: who has the connection open still, and sleeps on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from ..kernel.blocked import activity
from ..kernel.descriptors import holders
from ..kernel.processes import ProcessFacts
from ..kernel.quiet import Stillness
from ..kernel.tcp import TcpSocket
from ..telling.waiting import Look


def kept_open(other_end: Callable[[], Optional[TcpSocket]]) -> Look:
    """A series of looks, once all but the end of a stream has come, at those who have its other end open: "" as long
    as one of them is at work, or there is none. Others may be at work for other clients all that time."""

    def who() -> list[ProcessFacts]:
        end = other_end()
        return holders(end.inode) if end is not None and end.send_queue == 0 else []

    stillness = Stillness(who)

    def look(within: float) -> str:
        if not stillness.look(within):
            return ""
        words = "{0.name} (pid {0.pid}) has the connection open: {1}"
        return "; ".join(words.format(each, activity(each.pid)) for each in who())

    return look
