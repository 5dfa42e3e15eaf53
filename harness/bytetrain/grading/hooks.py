"""pytest's hook markers, with types: pytest's own have none; and its error for a wrong command line."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from ..telling.text import visible

Hook = TypeVar("Hook", bound=Callable[..., Any])
around: Callable[[Hook], Hook] = pytest.hookimpl(hookwrapper=True)
close_around: Callable[[Hook], Hook] = pytest.hookimpl(hookwrapper=True, trylast=True)  # nobody's wrapper is inside
last: Callable[[Hook], Hook] = pytest.hookimpl(trylast=True)
of_another_plugin: Callable[[Hook], Hook] = pytest.hookimpl(optionalhook=True)
first_of_another_plugin: Callable[[Hook], Hook] = pytest.hookimpl(optionalhook=True, tryfirst=True)
first: Callable[[Hook], Hook] = pytest.hookimpl(tryfirst=True)


def wrong_usage(words: str) -> pytest.UsageError:
    """What pytest tells in one line, with status 4; it may repeat what was typed."""
    return pytest.UsageError(visible(words))
