"""The two languages in which students read: in data files, on the pages, in the demo.

A data file has a text in both as `title` and `title_zh`; pages lie in docs/en and docs/zh-CN, under the same names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from .paths import REPO


class Language(Enum):
    """Its value is what the command line calls it."""

    EN = "en"
    ZH = "zh"

    @property
    def docs(self) -> Path:
        """The folder of its pages."""
        return REPO / "docs" / {"en": "en", "zh": "zh-CN"}[self.value]

    @property
    def readme(self) -> Path:
        return REPO / {"en": "README.md", "zh": "README.zh-CN.md"}[self.value]


@dataclass(frozen=True)
class Bilingual:
    """A text in both languages: title[Language.ZH]. Messages of the harness take `title.en`."""

    en: str = ""
    zh: str = ""

    @classmethod
    def of(cls, table: Mapping[str, Any], key: str) -> "Bilingual":
        """From a data file; empty where it has none."""
        return cls(str(table.get(key, "")), str(table.get(f"{key}_zh", "")))

    @classmethod
    def each_of(cls, table: Mapping[str, Any], key: str) -> "tuple[Bilingual, ...]":
        """Of a list of texts; ValueError if the languages have not equally many."""
        english, chinese = table.get(key, ()), table.get(f"{key}_zh", ())
        if len(english) != len(chinese):
            raise ValueError(f"{table.get('id')}: {len(english)} {key}, {len(chinese)} {key}_zh")
        return tuple(cls(str(en), str(zh)) for en, zh in zip(english, chinese))

    def __getitem__(self, language: Language) -> str:
        return self.en if language is Language.EN else self.zh
