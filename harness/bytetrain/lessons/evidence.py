"""What a scenario has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Union

Fact = Union[None, bool, int, float, str, Sequence["Fact"], Mapping[str, "Fact"]]


@dataclass
class Evidence:
    """What happened, in two independent parts, each in a few words and empty if it was not seen.

    Where a pair shows a failure there is no cure, and the other way round; neither means that something odd has
    happened. Where a lesson is about what a call of the kernel does, and the program copes with it, both are seen.
    """

    failure: str  # the failure of the lesson: "asked for 1000 bytes, got 472"
    cure: str  # what should happen instead: a whole file, a whole pool, a sleeping parent
    lines: list[str]  # the evidence, line by line
    facts: Mapping[str, Fact] = field(default_factory=dict)  # the same as data, fit for JSON

    @property
    def shown(self) -> bool:
        return self.failure != ""

    @property
    def cured(self) -> bool:
        return self.cure != ""


def when(fact: bool, words: str) -> str:
    """The words if it is a fact, and none otherwise."""
    return words if fact else ""
