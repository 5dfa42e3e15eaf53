"""The pages teach in one order, and both languages have the same: headings, code, links, figures, answers."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from bytetrain.course.languages import Language
from bytetrain.course.steps import steps, steps_of
from bytetrain.course.traits import stage_numbers
from bytetrain.docs import pages as docs

EN, ZH = Language.EN, Language.ZH
SHAPE = {
    EN: ["Before you start", "See it happen", "What the kernel did", "Why", "The idea of the cure", "Build it", "Traps",
         "How the reference did it", "Check yourself", "What real software does"],
    ZH: ["开始之前", "看它发生", "内核做了什么", "为什么", "解决的思路", "动手写", "容易踩的坑", "参考实现怎么写",
         "自测", "真实的软件怎么做"],
}
BUILD, REFERENCE, QUESTIONS = map(SHAPE[EN].index, ("Build it", "How the reference did it", "Check yourself"))
SUMMARY = {EN: "<summary>Answer</summary>", ZH: "<summary>答案</summary>"}
STEP = {EN: "Step {}: {}", ZH: "第 {} 步：{}"}
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+?)(?: \"[^\"]*\")?\)")

STAGES = [
    pytest.param(language, number, id=f"{language.value}-{number:02d}")
    for number in stage_numbers()
    for language in Language
]
PAIRS = [
    pytest.param(page, ZH.docs / page.name, id=page.name) for language, page in docs.pages() if page.parent == EN.docs
] + [pytest.param(EN.readme, ZH.readme, id="README.md of the clone")]


def page_of(language: Language, number: int) -> str:
    return (language.docs / f"stage-{number:02d}.md").read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return FENCE.sub("", text)


def sections(text: str, level: int) -> list[tuple[str, str]]:
    """The titles of that level, and what stands below each."""
    parts = re.split(rf"^{'#' * level} +(.*)$", FENCE.sub(lambda found: found[0].replace("#", "\0"), text), flags=re.M)
    return [(title, body.replace("\0", "#")) for title, body in zip(parts[1::2], parts[2::2])]


# A page of a stage


@pytest.mark.parametrize("language, number", STAGES)
def test_a_stage_s_page_has_its_parts_in_order(language: Language, number: int) -> None:
    assert [title for title, _ in sections(page_of(language, number), 2)] == SHAPE[language]


@pytest.mark.parametrize("language, number", STAGES)
def test_it_is_built_in_the_steps_that_are_graded(language: Language, number: int) -> None:
    build = sections(page_of(language, number), 2)[BUILD][1]
    titles = [title for title, _ in sections(build, 3) if re.match(STEP[language].format(r"\d+", ""), title)]
    assert titles == [STEP[language].format(step.number, step.title[language]) for step in steps_of(number, steps())]


@pytest.mark.parametrize("language, number", STAGES)
def test_the_solution_is_folded(language: Language, number: int) -> None:
    reference = sections(page_of(language, number), 2)[REFERENCE][1]
    assert re.fullmatch(r"\s*(<details>\n?<summary>[^\n]+</summary>\n\n.*?\n\n</details>\s*)+", reference, re.DOTALL)
    assert f"<!-- generated: changes {number} -->" in reference or number == 1


@pytest.mark.parametrize("language, number", STAGES)
def test_each_question_has_a_folded_answer_and_an_experiment(language: Language, number: int) -> None:
    questions = sections(sections(page_of(language, number), 2)[QUESTIONS][1], 3)
    assert 5 <= len(questions) <= 8
    assert [title.partition(".")[0] for title, _ in questions] == [str(each + 1) for each in range(len(questions))]
    for title, body in questions:
        folded = re.findall(rf"^<details>\n?{SUMMARY[language]}\n\n(.*?)\n\n</details>$", body, re.M | re.DOTALL)
        assert len(folded) == 1, f"{title}: {len(folded)} folded answers"
        assert len(re.findall(r"<!-- session: |^ *```sh$", folded[0], re.M)) >= 1, f"{title}: no experiment in the fold"
        assert "```" not in body[: body.index("<details>")], f"{title}: the experiment shows the answer, fold it"


@pytest.mark.parametrize("language, number", STAGES)
def test_the_last_line_leads_to_its_neighbours(language: Language, number: int) -> None:
    stage, everything = {EN: ("Stage", "All pages"), ZH: ("阶段", "全部页面")}[language]
    links = [f"[{everything}](README.md)"]
    if number - 1 in stage_numbers():
        links.insert(0, f"[← {stage} {number - 1:02d}](stage-{number - 1:02d}.md)")
    if number + 1 in stage_numbers():
        links.append(f"[{stage} {number + 1:02d} →](stage-{number + 1:02d}.md)")
    assert page_of(language, number).rstrip().rpartition("\n")[2] == " · ".join(links)


# Two languages


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_have_the_same_headings(english: Path, chinese: Path) -> None:
    ours, theirs = (without_code(page.read_text(encoding="utf-8")) for page in (english, chinese))
    assert re.findall(r"^(#+) ", ours, re.M) == re.findall(r"^(#+) ", theirs, re.M)


def code(page: Path) -> list[tuple[str, str]]:
    """Each block, without comments and texts of diagrams, which are in the reader's language."""
    blocks = []
    for _, kind, body in FENCE.findall(page.read_text(encoding="utf-8")):
        if kind == "mermaid":
            body = re.sub(r"[^\x00-\x7f]+|[\w' ,.;:()!?-]+", "", body)
        body = re.sub(r"(?: +|^)(#|//) .*$", "", body, flags=re.M)
        blocks.append((kind, re.sub(r"\s+", " ", re.sub(r" --lang zh\b", "", body)).strip()))
    return blocks


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_have_the_same_code(english: Path, chinese: Path) -> None:
    assert [kind for kind, _ in code(english)] == [kind for kind, _ in code(chinese)]
    for ours, theirs in zip(code(english), code(chinese)):
        assert ours == theirs or ours[0] in ("mermaid", "text")


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_have_the_same_links_and_figures(english: Path, chinese: Path) -> None:
    """But for those to the glossary, which a tool puts in."""

    def targets(page: Path) -> Counter[str]:
        text = without_code(page.read_text(encoding="utf-8")).partition("\n")[2]
        found = [link.partition("#")[0] for link in LINK.findall(text) if not link.startswith("glossary.md#")]
        return Counter(re.sub(r"zh-CN/|en/|\.zh-CN|zh/", "", link) for link in found)

    ours, theirs = targets(english), targets(chinese)
    assert ours == theirs, f"only in English: {ours - theirs}, only in Chinese: {theirs - ours}"


@pytest.mark.parametrize("english, chinese", PAIRS)
def test_both_languages_have_the_same_folds(english: Path, chinese: Path) -> None:
    ours, theirs = (page.read_text(encoding="utf-8").count("<details>") for page in (english, chinese))
    assert ours == theirs


@pytest.mark.parametrize("page", [pair.values[1] for pair in PAIRS], ids=lambda page: str(page.name))
def test_bold_ends_where_markdown_sees_it(page: Path) -> None:
    """**原因。**有 stays as it is, with its stars: a mark before them and no blank behind. CommonMark, 6.2."""
    for line in without_code(page.read_text(encoding="utf-8")).splitlines():
        parts = line.split("**")
        for bold, behind in zip(parts[1::2], parts[2::2]):
            assert not (re.search(r"[。，：；、）”？！]$", bold) and re.match(r"[\w`]", behind)), line
