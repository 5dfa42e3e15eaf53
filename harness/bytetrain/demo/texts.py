"""The words of the demo in one language: harness/demo.toml, and the titles of stages and lessons."""

from dataclasses import dataclass

from ..course.data import load_toml
from ..course.languages import Bilingual, Language
from ..course.paths import LESSONS

TEXTS = LESSONS.parent / "demo.toml"


@dataclass(frozen=True)
class Texts:
    """`texts("stage", number=2, title="...")` gives a text with its words filled in."""

    language: Language
    table: dict[str, str]

    def __call__(self, key: str, **words: object) -> str:
        return self.table[key].format(**words)

    def of(self, text: Bilingual) -> str:
        return text[self.language]

    def number(self, number: int) -> str:
        """In words, as far as there are words for it: "six"."""
        words = self.table["numbers"].split()
        return words[number] if number < len(words) else str(number)


def texts(language: Language) -> Texts:
    """The texts of a language."""
    return Texts(language, dict(load_toml(TEXTS)[language.value]))
