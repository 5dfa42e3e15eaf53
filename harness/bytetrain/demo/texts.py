"""The words of the demo in one language: harness/demo.toml, and the titles of stages and lessons."""

from dataclasses import dataclass
from typing import Union

from ..course.catalogue import Lesson, Stage
from ..course.data import load_toml
from ..course.paths import LESSONS

TEXTS = LESSONS.parent / "demo.toml"
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Texts:
    """`texts("stage", number=2, title="...")` gives a text with its words filled in."""

    language: str
    table: dict[str, str]

    def __call__(self, key: str, **words: object) -> str:
        return self.table[key].format(**words)

    def title(self, of: Union[Lesson, Stage]) -> str:
        return of.title_zh if self.language == "zh" else of.title

    def look(self, lesson: Lesson) -> str:
        return lesson.look_zh if self.language == "zh" else lesson.look


def texts(language: str) -> Texts:
    """The texts of "en" or "zh"."""
    return Texts(language, dict(load_toml(TEXTS)[language]))
