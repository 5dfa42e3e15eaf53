"""What is meant to be bold is bold: beside Chinese characters Markdown takes some asterisks for asterisks."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from bytetrain.docs import pages as docs

FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
STARS = re.compile(r"(?<![*\\])\*{1,2}(?!\*)")


def is_mark(character: str) -> bool:
    """What CommonMark calls a punctuation character."""
    return unicodedata.category(character)[0] in "PS"


def printed_asterisks(text: str) -> list[str]:
    """The lines where a run of asterisks can't begin or end what it should: CommonMark, "left-flanking"."""
    found = []
    for line in FENCE.sub("", text).splitlines():
        line = re.sub(r"`[^`]*`", lambda code: "`" + "x" * (len(code[0]) - 2) + "`", f" {line} ")
        if line.startswith(" * "):
            line = f"   {line[3:]}"
        opened = False
        for run in STARS.finditer(line):
            before, after = line[run.start() - 1], line[run.end()]
            if before.isspace() and after.isspace():
                continue  # multiplied
            inside, outside = (before, after) if opened else (after, before)
            opened = not opened
            if inside.isspace() or (is_mark(inside) and not outside.isspace() and not is_mark(outside)):
                found.append(line.strip())
    return found


@pytest.mark.parametrize("text", ["就是**[粘包](x)**。", "**原因。**别的", "**b **c", "的*（某）*"])
def test_asterisks_that_would_be_printed_are_found(text: str) -> None:
    assert printed_asterisks(text)


@pytest.mark.parametrize("text", ["就是**粘包**的", "**原因。** 别的", "- **[粘包](x)**：", "`a * b` *c* * d", "```\n2 * 3\n```"])
def test_what_is_bold_is_not(text: str) -> None:
    assert not printed_asterisks(text)


@pytest.mark.parametrize("page", [page for _, page in docs.pages()], ids=lambda page: f"{page.parent.name}/{page.name}")
def test_no_page_prints_its_asterisks(page: Path) -> None:
    assert not printed_asterisks(page.read_text(encoding="utf-8"))
