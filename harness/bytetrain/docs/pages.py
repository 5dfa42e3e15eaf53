"""What the pages in docs/ quote, and the tables in them: found, made anew, compared, and written back.

In a page, a session (or a part of one) is a fence behind the comment <!-- session: NAME --> or <!-- session: NAME.PART
-->; a table lies between <!-- generated: NAME --> and <!-- /generated -->.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from .. import Failure
from ..course.languages import Language
from ..course.paths import REPO
from . import glossary, tables
from .reruns import Unavailable, run_session, script_of

FOLDERS = {each: each.docs for each in Language}
READMES = {each: each.readme for each in Language}

_BLOCK = re.compile(
    r"^<!-- session: (?P<session>\S+) -->\n```(?P<fence>\w*)\n(?P<quoted>.*?)^```$"
    r"|^<!-- generated: (?P<table>[^>]+?) -->\n(?P<rendered>.*?)^<!-- /generated -->$",
    re.MULTILINE | re.DOTALL,
)
_MARK = re.compile(r"<!-- (?:session|generated): ")


@dataclass(frozen=True)
class Block:
    """A piece of a page that the tool can make anew."""

    page: Path
    kind: str  # "session" or "generated"
    name: str  # "gdb-sigpipe.backtrace", "stages"
    text: str  # what the page has now
    start: int  # where `text` lies in the page
    end: int

    @property
    def session(self) -> str:
        return self.name.partition(".")[0]

    @property
    def part(self) -> str:
        return self.name.partition(".")[2]


def pages() -> list[tuple[Language, Path]]:
    """Every page that there is, with its language."""
    found = []
    for language, folder in FOLDERS.items():
        found += [(language, path) for path in sorted(folder.glob("*.md"))]
        found += [(language, READMES[language])] if READMES[language].is_file() else []
    return found


def blocks(page: Path, text: Optional[str] = None) -> list[Block]:
    """The blocks of a page, in order; Failure if one is not well formed."""
    text = page.read_text(encoding="utf-8") if text is None else text
    found = [_block(page, match) for match in _BLOCK.finditer(text)]
    if len(found) != len(_MARK.findall(text)):
        raise Failure(
            f"{page}: a session or table is not well formed: it has {len(_MARK.findall(text))} marks, {len(found)} of "
            "which are followed by what belongs to them (a fence; or a table and <!-- /generated -->)"
        )
    return found


def _block(page: Path, match: "re.Match[str]") -> Block:
    if match["session"]:
        return Block(page, "session", match["session"], match["quoted"], *match.span("quoted"))
    return Block(page, "generated", match["table"], match["rendered"], *match.span("rendered"))


def seen(block: Block, language: Language, parts: dict[str, str]) -> str:
    """What the block should have: from the parts of its session, or from the data."""
    if block.kind == "generated":
        return tables.render(block.name, language, block.page) + "\n"
    if block.part not in parts:
        known = ", ".join(repr(part) for part in parts)
        raise Failure(f"{block.page}: session {block.session} has no part {block.part!r}: it has {known}")
    return parts[block.part] + "\n"


def difference_of_block(block: Block, now: str) -> Optional[str]:
    """How the page and what was seen now differ; None if they don't."""
    if block.text == now:
        return None
    where = f"{block.page.relative_to(REPO)}, {block.kind} {block.name}"
    lines = difflib.unified_diff(
        block.text.splitlines(), now.splitlines(), f"{where}: the page", "seen now", lineterm=""
    )
    return "\n".join(lines)


def replaced(text: str, changes: Iterable[tuple[Block, str]]) -> str:
    """A page's text with new blocks."""
    for block, now in sorted(changes, key=lambda change: -change[0].start):
        text = text[: block.start] + now + text[block.end :]
    return text


@dataclass
class Rerun:
    """What one session or table has come to, on all the pages that quote it."""

    name: str
    differences: list[str]
    skipped: str = ""


def names() -> list[str]:
    """The sessions and tables that the pages quote, each once."""
    found = {
        (block.session if block.kind == "session" else block.name) for _, page in pages() for block in blocks(page)
    }
    return sorted(found)


def check(name: str, record: bool = False) -> Rerun:
    """Makes one session or table anew and compares all its quotations with it; `record` rewrites the pages."""
    if name == glossary.PAGE:
        return check_glossary(record)
    quotations = [
        (language, block)
        for language, page in pages()
        for block in blocks(page)
        if name in (block.name, block.session if block.kind == "session" else None)
    ]
    if not quotations and not script_of(name).is_file():
        raise Failure(f"there is no session or table called {name!r}: there are {', '.join(names())}")
    is_session = any(block.kind == "session" for _, block in quotations) or script_of(name).is_file()
    try:
        parts = run_session(name, "\n".join(block.text for _, block in quotations)) if is_session else {}
    except Unavailable as missing:
        return Rerun(name, [], str(missing))
    news = [(block, seen(block, language, parts)) for language, block in quotations]
    unquoted = set(parts) - {block.part for language, block in quotations if language is Language.EN}
    differences = [difference_of_block(block, now) or "" for block, now in news]
    if unquoted:
        differences.append(f"session {name}: no English page quotes its parts {sorted(unquoted)}")
    if record:
        _record(news)
    return Rerun(name, [each for each in differences if each])


def check_glossary(record: bool = False) -> Rerun:
    """Compares each page with what it is with the words of the glossary linked; `record` links them."""
    differences = []
    for language, page in pages():
        if page.parent != FOLDERS[language] or page.name in glossary.LEFT_ALONE:
            continue
        text = page.read_text(encoding="utf-8")
        now = glossary.linked(text, glossary.entries(page.parent))
        if record:
            page.write_text(now, encoding="utf-8")
        lines = difflib.unified_diff(text.splitlines(), now.splitlines(), str(page), "linked", lineterm="", n=0)
        differences += ["\n".join(lines)] if text != now else []
    return Rerun(glossary.PAGE, differences)


def _record(news: Sequence[tuple[Block, str]]) -> None:
    for page in {block.page for block, _ in news}:
        text = page.read_text(encoding="utf-8")
        page.write_text(replaced(text, [change for change in news if change[0].page == page]), encoding="utf-8")
