"""Waiting for states."""

from __future__ import annotations

import pytest

from bytetrain.telling.waiting import NeverHappened, settled, wait_until


def test_the_value_that_was_waited_for_is_returned() -> None:
    looks = iter([None, 0, "", "there"])
    assert wait_until(lambda: next(looks), "it is there") == "there"


def test_a_state_that_never_comes_is_named_with_what_was_seen() -> None:
    with pytest.raises(NeverHappened, match="waited 0.01 s for this, in vain: the worker is idle; instead: busy"):
        wait_until(lambda: False, "the worker is idle", limit=0.01, seen=lambda: "busy")


def test_a_value_is_settled_when_it_stays_the_same() -> None:
    looks = iter([1, 2, 3, 3, 3, 4, 4, 4, 4])
    assert settled(lambda: next(looks), "the number", looks=4) == 4
