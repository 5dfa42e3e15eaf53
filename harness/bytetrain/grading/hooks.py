"""pytest's hook markers, with types: pytest's own have none."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Hook = TypeVar("Hook", bound=Callable[..., Any])
around: Callable[[Hook], Hook] = pytest.hookimpl(hookwrapper=True)
last: Callable[[Hook], Hook] = pytest.hookimpl(trylast=True)
of_another_plugin: Callable[[Hook], Hook] = pytest.hookimpl(optionalhook=True)
first: Callable[[Hook], Hook] = pytest.hookimpl(tryfirst=True)
