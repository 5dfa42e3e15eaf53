"""How pytest-xdist hands out the items of a grading: one by one, in order, and none that can't tell anything more.

Its own scheduling hands out a quarter of all at once. A worker needs to know of one item beyond that which it runs, so
each has two.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Optional

from execnet.gateway import RInfo
from xdist.scheduler.load import LoadScheduling

from .order import Order


def keep_main_thread_free(gateway: Any) -> None:
    """A worker's checks run in its main thread, which signals come to, and which tells stories, because they are the
    first thing that it is asked to execute. With -v pytest-xdist asks where it is before that, and execnet may then
    give the checks to another thread, if the main one is not quite done. It is where we are: nobody need ask."""
    here: dict[str, Any] = {"platform": sys.platform, "version_info": sys.version_info[:5], "cwd": os.getcwd()}
    gateway._cache_rinfo = RInfo(here | {"executable": sys.executable})


_AHEAD = 24  # items among which one is looked for that is not in vain: what comes later is not told sooner


class InOrder(LoadScheduling):  # type: ignore[misc]
    """What would be in vain if another check failed waits until that is decided, if there is anything else. Every
    other worker takes the long items first; what it has waiting behind one of them is among the last."""

    def __init__(self, config: Any, log: Any, order: Order) -> None:
        super().__init__(config, log)
        self.collection: Optional[list[str]]  # node ids, once all workers have told them
        self._order = order
        self._long: set[int] = set()

    def schedule(self) -> None:
        """All workers have told what there is; or one has come late."""
        if self.collection is None:
            if not self._check_nodes_have_same_collection():
                return
            items: list[str] = next(iter(self.node2collection.values()))
            self.collection = items
            self.pending[:] = range(len(items))
            self._order.begin(items)
            self._long = {number for number, item in enumerate(items) if self._order.is_long(item)}
        for many in (1, 2):  # nobody has a second one before each has a first
            for node in self.nodes:
                self._hand_out(node, many)

    def check_schedule(self, node: Any, duration: float = 0.0) -> None:
        """A worker has ended an item."""
        self._hand_out(node, 2)

    def _hand_out(self, node: Any, many: int) -> None:
        if node.shutting_down:
            return
        while len(self.node2pending[node]) < many:
            chosen = self._choose(node)
            if chosen is None:
                node.shutdown()  # once it has run what it has
                return
            self.pending.remove(chosen)
            self.node2pending[node].append(chosen)
            node.send_runtest_some([chosen])

    def _choose(self, node: Any) -> Optional[int]:
        if self._order.has_news():  # else looking through hundreds of them, each time, would cost more than they do
            for number in [each for each in self.pending if not self._order.is_wanted(self._item(each))]:
                self.pending.remove(number)
                self._order.ended(self._item(number))
        if not self.pending:
            return None
        if self.nodes.index(node) % 2:
            long = [each for each in self.pending if each in self._long and self._is_ready(each)]
            if long or not self._long.isdisjoint(self.node2pending[node]):
                return int((long or self.pending[::-1])[0])
        return int(next((each for each in self.pending[:_AHEAD] if self._is_ready(each)), self.pending[0]))

    def _is_ready(self, number: int) -> bool:
        return self._order.is_ready(self._item(number))

    def _item(self, number: int) -> str:
        assert self.collection is not None
        return self.collection[number]
