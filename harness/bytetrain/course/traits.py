"""What sets the stages apart, read from harness/stages.toml: ask for a trait by name, never for a stage by number."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from .data import load_toml
from .paths import TRAITS


class Content(Enum):
    """How the content of a file goes over the wire, behind the train with its name."""

    ONE_TRAIN = "one train"
    UNTIL_EMPTY_TRAIN = "trains and an empty one"
    COUNTED_TRAINS = "trains that add up"
    RAW = "raw bytes"


@dataclass(frozen=True)
class Traits:
    """A row of stages.toml, with what the rows before it say."""

    points: int  # of 100
    content: Content
    whole_trains_only: bool
    heals: bool
    progress_line: bool
    ways: bool
    timeouts: bool

    @property
    def one_train(self) -> bool:
        """One train has room for the whole file, or the file can't be sent."""
        return self.content is Content.ONE_TRAIN

    @property
    def ends_with_empty_train(self) -> bool:
        return self.content is Content.UNTIL_EMPTY_TRAIN

    @property
    def announces_size(self) -> bool:
        """A train with the size comes between name and content."""
        return self.content in (Content.COUNTED_TRAINS, Content.RAW)

    @property
    def raw(self) -> bool:
        """The content comes in no trains."""
        return self.content is Content.RAW


@functools.lru_cache(maxsize=None)
def all_traits(path: Path = TRAITS) -> Mapping[int, Traits]:
    """The traits of every stage by its number, in order; ValueError if the rows aren't numbered 01, 02, 03..."""
    found: dict[int, Traits] = {}
    said: dict[str, Any] = {}
    for number, (name, row) in enumerate(load_toml(path).items(), 1):
        if name != f"{number:02d}":
            raise ValueError(f"{path}: [{name}] stands where [{number:02d}] should")
        said |= row
        try:
            if "content" in row:
                said["content"] = Content(row["content"])
            found[number] = Traits(**said)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: [{name}]: {error}") from None
    return found


def stage_numbers() -> tuple[int, ...]:
    """The numbers of the stages, in order."""
    return tuple(all_traits())


def numbered() -> str:
    """For messages: "stages are numbered 1 to 6"."""
    return f"stages are numbered 1 to {stage_numbers()[-1]}"


def traits(stage: int) -> Traits:
    """The traits of one stage; ValueError if there is none of that number."""
    if stage not in all_traits():
        raise ValueError(f"there is no stage {stage}: {numbered()}")
    return all_traits()[stage]


def brings(stage: int, trait: str) -> bool:
    """Whether a stage has a trait that the stage before it hasn't: "heals"."""
    before = stage > 1 and getattr(traits(stage - 1), trait)
    return bool(getattr(traits(stage), trait)) and not before
