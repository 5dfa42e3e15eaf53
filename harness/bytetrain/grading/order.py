"""What is run and told first, and what need not be run any more: the first mistake first.

An item is known by its node id alone: that is all the controller of pytest-xdist has of it. `node_id` puts into it what
is needed: "checks/client.sizes::test_client_saves_every_size[stage01]".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Optional

from .records import Verdict
from .results import Results

Key = tuple[str, int]  # a check, and the stage in which it is judged
_ID = re.compile(r"checks/([^:/]+)::.*?[\[-]stage(\d\d)\b")


def node_id(check: str, item: str) -> str:
    """What pytest shall call an item of a check, which it calls "checks/test_transfers.py::test_name[stage01]"."""
    return f"checks/{check}::{item.partition('::')[2]}"


def key_of(item: str) -> Optional[Key]:
    """None for what is no check, or is judged in no stage."""
    found = _ID.match(item)
    return (found[1], int(found[2])) if found else None


class Order:
    """The checks of a run, in the order in which their items were given, and what is decided of them."""

    def __init__(self, results: Results, *, all_cases: bool = False) -> None:
        self._results = results
        self._all_cases = all_cases  # a check that has failed is run in its other cases too
        self.over = False  # nothing more is wanted
        self._open: Counter[Key] = Counter()  # items of each check that have not ended
        self._next: list[Key] = []  # those not yet told, in order
        self._asked: object = None  # what was known when somebody asked for news

    def begin(self, items: Iterable[str]) -> None:
        """These will be run, in this order."""
        self._open = Counter(key for item in items if (key := key_of(item)))
        self._next = list(self._open)

    def checks(self) -> dict[int, list[str]]:
        """By stage, as they will be told: of those that are not told yet."""
        found: dict[int, list[str]] = {}
        for check, stage in self._next:
            found.setdefault(stage, []).append(check)
        return found

    def comes_to(self, key: Key) -> bool:
        """Whether that check is one of them, and not told yet."""
        return key in self._next

    def has_news(self) -> bool:
        """Whether anything that was wanted may not be wanted any more, since this was asked last."""
        before, self._asked = self._asked, (self._results.failures, self.over)
        return before != self._asked

    def is_wanted(self, item: str) -> bool:
        """Whether an item still can tell anything: its check has not failed, nor one that it needs."""
        key = key_of(item)
        if key is None or self.over:
            return not self.over
        check, stage = key
        if self._results.missing_need(check, stage):
            return False
        return self._all_cases or self._results.verdict(check, stage) is not Verdict.FAIL

    def is_ready(self, item: str) -> bool:
        """Whether all that it needs has been decided: it won't be in vain. (Whether it can be built is known soon.)"""
        key = key_of(item)
        if key is None or (known := self._results.rubric.checks.get(key[0])) is None:
            return True
        needs = self._results.rubric.all_needs(known, key[1])
        return not any(self._open[each.id, key[1]] for each in needs if each.id != "stage.builds")

    def is_long(self, item: str) -> bool:
        """Whether it is good to begin with it."""
        key = key_of(item)
        return key is not None and key[0] in self._results.rubric.checks and self._results.rubric.checks[key[0]].long

    def ended(self, item: str) -> None:
        """It has run, or never will."""
        key = key_of(item)
        if key is not None:
            self._open[key] -= 1

    def decided(self) -> Iterator[Key]:
        """The checks of which all is known, and of all before them: each once."""
        while self._next and self._is_decided(self._next[0]):
            yield self._next.pop(0)

    def rest(self) -> Iterator[Key]:
        """Those that are left at the end of a run, decided or not."""
        while self._next:
            yield self._next.pop(0)

    def _is_decided(self, key: Key) -> bool:
        return self._open[key] <= 0 or self._results.verdict(*key) in (Verdict.FAIL, Verdict.NOT_REACHED)
