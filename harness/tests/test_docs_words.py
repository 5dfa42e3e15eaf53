"""One thing has one name: what docs/words.toml says to avoid is on no page and in no text of the harness."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bytetrain.course.data import load_toml
from bytetrain.course.languages import Language
from bytetrain.course.paths import HARNESS, REPO, STAGES
from bytetrain.docs import pages as docs

WORDS = load_toml(REPO / "docs" / "words.toml")
DATA = [path for path in (*sorted(HARNESS.glob("*.toml")), *sorted(STAGES.glob("*/stage.toml")))]
NO_PROSE = re.compile(
    r"^ *```.*?^ *```$|<!-- generated: .*?<!-- /generated -->|``.*?``|`[^`\n]*`|\]\([^)\n]*\)", re.M | re.S
)
PAGES = [pytest.param(language, path, id=str(path.relative_to(REPO))) for language, path in docs.pages()] + [
    pytest.param(Language.EN, REPO / "CONTRIBUTING.md", id="CONTRIBUTING.md"),
    pytest.param(Language.ZH, REPO / "CONTRIBUTING.zh-CN.md", id="CONTRIBUTING.zh-CN.md"),
]


def to_avoid(text: str, language: Language) -> list[str]:
    found = []
    for rule in WORDS[language.value]:
        for line in text.splitlines():
            for each in re.finditer(rule["avoid"], line, re.I):
                if not ("but" in rule and re.search(rule["but"], line)):
                    found.append(f"{each[0]!r} in {line[max(0, each.start() - 30) : each.end() + 30]!r}: {rule['say']}")
    return found


@pytest.mark.parametrize("language, page", PAGES)
def test_no_page_has_a_word_to_avoid(language: Language, page: Path) -> None:
    text = NO_PROSE.sub("`", page.read_text(encoding="utf-8"))
    assert to_avoid(text, language) == []


def texts(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    for each in data.values() if isinstance(data, dict) else data if isinstance(data, list) else []:
        yield from texts(each)


@pytest.mark.parametrize("path", DATA, ids=lambda path: str(path.relative_to(REPO)))
def test_no_text_of_the_harness_has_one(path: Path) -> None:
    found = []
    for text in texts(load_toml(path)):
        found += to_avoid(text, Language.ZH if re.search(r"[\u4e00-\u9fff]", text) else Language.EN)
    assert found == []


@pytest.mark.parametrize(
    "language, text, number",
    [
        (Language.ZH, "空闲的工作进程离开了，退出状态是 0。", 2), (Language.ZH, "客户端离开队列，退出码 0。", 0),
        (Language.ZH, "状态 Z：僵尸进程。", 0), (Language.ZH, "每个字节都要复制两遍，再复制这个文件。", 1),
        (Language.EN, "Of course the worker leaves with status 0.", 2), (Language.EN, "It exits with status 0.", 0),
        (Language.EN, "nginx has a master process.", 0),
    ],
)
def test_a_word_to_avoid_is_noticed(language: Language, text: str, number: int) -> None:
    assert len(to_avoid(text, language)) == number
