"""The glossary: the same words in both languages, short, and linked where each first comes on a page."""

from __future__ import annotations

import re

import pytest
from bytetrain.course.languages import Language
from bytetrain.docs import glossary, pages as docs
from bytetrain.docs.glossary import Entry, linked

ENGLISH, CHINESE = (glossary.entries(each.docs) for each in (Language.EN, Language.ZH))
WORDS = [Entry("Train", ("train", "trains"), ""), Entry("Descriptor", ("file descriptor", "descriptor"), ""),
         Entry("半包", ("半包",), ""), Entry("SIGPIPE", ("SIGPIPE",), "")]


def title(entry: Entry) -> str:
    return entry.title


@pytest.mark.parametrize(
    "text, expected",
    [
        ("A train, and trains.", "A [train](glossary.md#train), and trains."),
        ("Trains come.", "[Trains](glossary.md#train) come."),
        ("A trainer's file descriptor.", "A trainer's [file descriptor](glossary.md#descriptor)."),
        ("# A train\n`train` and [a train](x.md), a train.",
         "# A train\n`train` and [a train](x.md), a [train](glossary.md#train)."),
        ("```sh\ntrain\n```\n<summary>A train</summary>\nNo **train**.",
         "```sh\ntrain\n```\n<summary>A train</summary>\nNo **[train](glossary.md#train)**."),
        ("<!-- generated: x -->\n| train |\n<!-- /generated -->\nThe train",
         "<!-- generated: x -->\n| train |\n<!-- /generated -->\nThe [train](glossary.md#train)"),
        ("这是半包，收到SIGPIPE了", "这是[半包](glossary.md#半包)，收到[SIGPIPE](glossary.md#sigpipe)了"),
        ("no sigpipe, MY_SIGPIPE", "no sigpipe, MY_SIGPIPE"),
    ],
)
def test_the_first_in_prose_is_linked(text: str, expected: str) -> None:
    page = f"English | [简体中文](../zh-CN/train.md)\n\n{text}"
    now = linked(page, WORDS)
    assert now == f"English | [简体中文](../zh-CN/train.md)\n\n{expected}"
    assert linked(now, WORDS) == now


def test_a_link_moves_to_where_the_word_comes_first_now() -> None:
    was = linked("\nThe train.", WORDS)
    assert linked(was.replace("The", "A train before the"), WORDS) == (
        "\nA [train](glossary.md#train) before the train."
    )


def test_both_languages_explain_the_same_words_in_the_same_order() -> None:
    pages = [(each.docs / "glossary.md").read_text(encoding="utf-8") for each in (Language.EN, Language.ZH)]
    headings = [len(re.findall("^### ", page, re.MULTILINE)) for page in pages]
    assert headings == [len(ENGLISH), len(CHINESE)] and len(ENGLISH) == len(CHINESE) > 25
    sections = [[len(re.findall("^### ", part, re.MULTILINE)) for part in page.split("\n## ")] for page in pages]
    assert sections[0] == sections[1]
    for english, chinese in zip(ENGLISH, CHINESE):
        stages = [sorted(set(re.findall(r"stage-\d\d|wire", each.text))) for each in (english, chinese)]
        assert set(stages[0]) <= set(stages[1]), english.title
        manual = [set(re.findall(r"\w+\(\d\)|RFC \d+", each.text)) for each in (english, chinese)]
        assert manual[0] == manual[1], english.title


@pytest.mark.parametrize("entry", ENGLISH, ids=title)
def test_an_explanation_is_short(entry: Entry) -> None:
    words = len(re.sub(r"\(\S*\)|[`\[\]]", "", entry.text).split())
    assert 40 <= words <= 66, f"{words} words"


@pytest.mark.parametrize("entry", CHINESE, ids=title)
def test_a_chinese_explanation_is_short(entry: Entry) -> None:
    length = len(re.sub(r"\(\S*\)", "", entry.text))
    assert 75 <= length <= 190, f"{length} characters"


def test_every_first_use_is_linked() -> None:
    differences = docs.check_glossary().differences
    assert not differences, "\n".join([*differences, "python3 -m bytetrain.docs --record glossary"])
