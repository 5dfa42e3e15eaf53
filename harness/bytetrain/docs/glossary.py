"""Links each word of the glossary where it first comes on each page.

docs/en/glossary.md and docs/zh-CN/glossary.md explain the words. Below the heading of each stands how it is written on
the pages: <!-- words: train, trains -->. Prose is linked, never headings, code, links, or tables that are generated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

PAGE = "glossary"  # as the names of sessions and tables are
_ENTRY = re.compile(r"^### (?P<title>.+)\n\n<!-- words: (?P<words>.+) -->\n(?P<text>.+)$", re.MULTILINE)
_OURS = re.compile(rf"\[([^\]\[]+)\]\({PAGE}\.md#[^)\s]+\)")
_NO_PROSE = re.compile(
    r"\A[^\n]*"  # the line that leads to the other language
    r"|^<!-- generated: .*?^<!-- /generated -->$|^ *```.*?^ *```$|<!--.*?-->|^#[^\n]*|^\[←[^\n]*|<summary>.*?</summary>"
    r"|<[^>\n]+>|``.*?``|`[^`\n]*`|!?\[[^\]\n]*\]\([^)\n]*\)|https?://\S+",
    re.MULTILINE | re.DOTALL,
)
LEFT_ALONE = (f"{PAGE}.md", "house.md", "checks.md", "tested-on.md")  # the page itself; and those for maintainers


@dataclass(frozen=True)
class Entry:
    """A word, its forms, and where it is explained."""

    title: str
    forms: tuple[str, ...]
    text: str

    @property
    def anchor(self) -> str:
        return anchor_of(self.title)


def anchor_of(title: str) -> str:
    """As GitHub makes it: lower case, without punctuation, a hyphen for each blank."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def entries(folder: Path) -> list[Entry]:
    """The words, in the order of the page; none where there is no such page."""
    page = folder / f"{PAGE}.md"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    return [Entry(each["title"], tuple(each["words"].split(", ")), each["text"]) for each in _ENTRY.finditer(text)]


def without_links(text: str) -> str:
    """A page's text as it was written."""
    return _OURS.sub(r"\1", text)


def linked(text: str, words: Sequence[Entry]) -> str:
    """A page's text with each word linked once. Links that were there are made anew."""
    text = without_links(text)
    taken = [found.span() for found in _NO_PROSE.finditer(text)]
    first: dict[str, tuple[int, int]] = {}
    forms = sorted(((form, each.anchor) for each in words for form in each.forms), key=lambda pair: -len(pair[0]))
    for form, anchor in forms:  # the longest first: "file descriptor" before "descriptor"
        span = _first(form, text, taken)
        if span and span < first.get(anchor, (len(text), 0)):
            first[anchor] = span
            taken.append(span)
    for start, end, anchor in sorted(((*span, anchor) for anchor, span in first.items()), reverse=True):
        text = f"{text[:start]}[{text[start:end]}]({PAGE}.md#{anchor}){text[end:]}"
    return text


def _first(form: str, text: str, taken: Sequence[tuple[int, int]]) -> Optional[tuple[int, int]]:
    """Where a word first stands in prose, by itself. Chinese has no blanks between its words, nor around others'."""
    edge = "[A-Za-z0-9_-]" if form.isascii() else "(?!)"
    for found in re.finditer(rf"(?<!{edge}){re.escape(form)}(?!{edge})", text, re.IGNORECASE if form.islower() else 0):
        start, end = found.span()
        if not any(start < after and before < end for before, after in taken):
            return start, end
    return None
