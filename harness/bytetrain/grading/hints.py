"""Hints of a check that has failed, or of the classic mistake that was found: a nudge, the mechanism, the cure."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Mapping
from typing import Union

from ..course.catalogue import Check, Mistake
from ..course.languages import Bilingual, Language
from ..course.paths import REPO

Hinting = Union[Check, Mistake]
_WIDTH = 110
_HINT_OF = Bilingual("hint {} of {}:", "第 {} 条提示（共 {} 条）：")
_MORE, _READ = Bilingual("more", "更多"), Bilingual("read", "阅读")


def one_hint(check: Hinting, number: int, language: Language) -> str:
    """With how to come to the next one, or where to read on."""
    option = "" if language is Language.EN else f" --lang {language.value}"
    last = number == len(check.hints)
    page = f"{language.docs.relative_to(REPO)}/{check.page}" if isinstance(check, Check) and check.page else ""
    next_one = f"./lab hint {check.id} {number + 1}{option}"
    label, more = (_READ[language], page) if last else (_MORE[language], next_one)
    return "\n".join([
        f"{check.id}: {check.title[language]}", "",
        _HINT_OF[language].format(number, len(check.hints)),
        *_wrapped(check.hints[number - 1][language], language),
        *(["", f"{label}  {more}"] if not last or page else []),
    ])


def _wrapped(text: str, language: Language) -> list[str]:
    """Chinese has no blanks to break lines at: the terminal breaks them."""
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="  ") if language is Language.EN else [
        f"  {text}"
    ]


def unknown(word: str, known: Mapping[str, Hinting]) -> str:
    """What there is instead of such a check."""
    group = [each for each in known if each.startswith(f"{word}.")]
    instead = ", ".join(group or difflib.get_close_matches(word, known, n=3))
    return f"no check or mistake is called {word!r}; {f'there is {instead}' if instead else 'see docs/en/checks.md'}"
