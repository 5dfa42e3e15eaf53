"""What the grader keeps on pytest's own objects: one typed object on an item, one on the config, a record on a report.

pytest 7 has a stash for that, but Ubuntu 22.04 has pytest 6.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Optional

from ..programs.start import Starter
from .calls import Around
from .records import Record
from .results import Results

_KEY = "bytetrain"


@dataclass
class OnItem:
    """Of one case of a check."""

    left_out: bool = False  # it is skipped, and nothing is recorded of it
    start: Optional[Starter] = None  # what starts its programs, and watches over them
    around: Around = Around([], {})  # its failure, if this run is traced
    untraced: Optional[Record] = None  # its failure, if a second run shall show the calls around it


@dataclass
class OnConfig:
    """Of one run of pytest."""

    results: Results
    cases: Counter[tuple[Any, Any]] = field(default_factory=Counter)  # of each check in each stage, in this run
    warnings: dict[int, list[str]] = field(default_factory=dict)  # of the stages that were built, until they are told
    traced: set[tuple[str, int]] = field(default_factory=set)  # check and stage of the failures that had a second run


def on_item(item: Any) -> OnItem:
    """What is kept on an item; new and empty at first."""
    found: OnItem = item.__dict__.setdefault(_KEY, OnItem())
    return found


def put_on_config(config: Any, kept: OnConfig) -> None:
    config.__dict__[_KEY] = kept


def on_config(config: Any) -> OnConfig:
    """What has been put there; KeyError before that."""
    found: OnConfig = config.__dict__[_KEY]
    return found


def put_on_report(report: Any, record: Record) -> None:
    """As plain text pytest-xdist can carry it to the controller, whatever is in it."""
    report.__dict__[_KEY] = json.dumps(record.as_data())


def on_report(report: Any) -> Optional[Record]:
    """None on a report of what is no check."""
    data = report.__dict__.get(_KEY)
    return None if data is None else Record.from_data(json.loads(data))
