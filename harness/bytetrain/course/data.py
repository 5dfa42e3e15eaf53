"""TOML files, as Python has them."""

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:  # Ubuntu 22.04
    import tomli as tomllib


def load_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; ValueError names the file if it is no TOML."""
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return table
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from None
