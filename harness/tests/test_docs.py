"""The docs say what happens: every quoted session is run again, in both languages; and the pages hang together."""

import re
from pathlib import Path

import pytest
from bytetrain import Failure
from bytetrain.course.languages import Language
from bytetrain.course.paths import REPO, SESSIONS
from bytetrain.docs import pages as docs, reruns
from bytetrain.docs.__main__ import main
from bytetrain.docs.reruns import Values

PAGES = [page for _, page in docs.pages()]
TEXTS = [*PAGES, *sorted(SESSIONS.iterdir())]
LAB = (REPO / "lab").read_text(encoding="utf-8")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return str(path.relative_to(REPO))


def without_fences(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them: lower case, without punctuation, a hyphen for each blank."""
    titles = re.findall(r"^#+ +(.*)$", without_fences(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# What is quoted


@pytest.mark.timeout(900)  # the first one builds
@pytest.mark.parametrize("name", [script.stem for script in reruns.scripts()])
def test_a_session_goes_as_the_pages_say(name: str) -> None:
    result = docs.check(name)
    if result.skipped:
        pytest.skip(result.skipped)
    assert not result.differences, "\n\n".join([*result.differences, f"python3 -m bytetrain.docs --record {name}"])


def test_the_tables_are_those_of_the_data() -> None:
    tables = [name for name in docs.names() if not reruns.script_of(name).is_file()]
    assert {"stages", "lessons", "changes 2", "changes 6"} <= set(tables)
    for name in tables:
        assert not docs.check(name).differences, f"python3 -m bytetrain.docs --record '{name}'"


def test_every_session_is_quoted_and_every_quotation_is_a_session() -> None:
    quoted = {block.session for page in PAGES for block in docs.blocks(page) if block.kind == "session"}
    assert quoted == {script.stem for script in reruns.scripts()}


# The tool notices


@pytest.fixture
def one_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page that quotes a session which needs no program, in place of all others."""
    page = tmp_path / "page.md"
    page.write_text("<!-- session: greeting -->\n```console\n$ echo hello\nhello\n```\n\nSee?\n")
    (tmp_path / "greeting.sh").write_text('source "$SESSIONS/lib.sh"\nrun "echo hello"\n')
    (tmp_path / "lib.sh").symlink_to(SESSIONS / "lib.sh")
    monkeypatch.setattr(reruns, "SESSIONS", tmp_path)
    monkeypatch.setattr(docs, "REPO", tmp_path)
    monkeypatch.setattr(docs, "FOLDERS", {Language.EN: tmp_path})
    monkeypatch.setattr(docs, "READMES", {Language.EN: tmp_path / "README.md"})
    return page


def test_a_changed_block_is_detected_and_recorded(one_page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    right = one_page.read_text()
    one_page.write_text(right.replace("\nhello\n", "\nhallo\n"))
    assert main([]) == 1
    assert "-hallo\n+hello\n" in capsys.readouterr().out
    assert main(["--record"]) == 0
    assert one_page.read_text() == right


def test_a_changed_program_is_detected(one_page: Path) -> None:
    (one_page.parent / "greeting.sh").write_text('source "$SESSIONS/lib.sh"\nrun "echo bye"\n')
    assert docs.check("greeting").differences


def test_a_part_that_nobody_quotes_is_detected(one_page: Path) -> None:
    with (one_page.parent / "greeting.sh").open("a") as script:
        script.write('part more\nrun "echo more"\n')
    assert "['more']" in docs.check("greeting").differences[0]


def test_a_session_that_fails_is_a_failure(one_page: Path) -> None:
    (one_page.parent / "greeting.sh").write_text("no_such_command\n")
    with pytest.raises(Failure, match="status 127"):
        docs.check("greeting")


@pytest.mark.parametrize("text", ["<!-- session: x -->\n\nno fence\n", "<!-- generated: stages -->\n| no end |\n"])
def test_a_mark_without_a_block_is_a_failure(text: str) -> None:
    with pytest.raises(Failure, match="not well formed"):
        docs.blocks(REPO / "page.md", text)


def test_only_what_was_named_may_vary() -> None:
    values = Values({"31416": "4711"}, [(r"returned (\d+)$", "572")])
    assert values.canonical("worker 31416 returned 812\n") == "worker 4711 returned 572"
    assert values.canonical("worker 314160 got 812") == "worker 314160 got 812"
    assert values.ambiguous("train of 31416 bytes") and not values.ambiguous("worker 4711")


def test_versions_of_gdb_and_libc_are_no_difference() -> None:
    old = "#0  0x00007f12a45b2d14 in send () from /lib/x86_64-linux-gnu/libc.so.6"
    new = "#0  __libc_send (fd=3, buf=0x7ffe12345678, len=4, flags=0) at ../sysdeps/unix/sysv/linux/send.c:28"
    assert Values().canonical(old) == Values().canonical(new) == "#0  0x00007ffff7a31c40 in send () from libc.so.6"
    assert Values().canonical("0x40000000 0x7ffff000") == "0x40000000 0x7ffff000"


def test_a_session_whose_port_was_free_again_is_run_again(tmp_path: Path) -> None:
    told = tmp_path / "values"
    told.write_text("value\t31416\t41233\nvalue\t31416\t41233\nvalue\t31500\t41240\n")
    assert not Values.read(told).ambiguous("")
    told.write_text("value\t31416\t41233\nvalue\t31416\t41240\n")
    assert Values.read(told).ambiguous("")


def test_frames_without_a_name_are_left_out_and_the_others_numbered_without_them() -> None:
    """As gdb 16 shows them with the libc of Debian 13, whose send calls two functions that are not exported."""
    of_libc = ["0x00007ffff7e5a9ee in ?? () from /lib/x86_64-linux-gnu/libc.so.6"] * 2
    ours = [
        "0x00007ffff7ecd2ba in send () from /lib/x86_64-linux-gnu/libc.so.6",
        "0x000055555556012a in send_file (connection=3)",
    ]
    new, old = ([f"#{number}  {frame}" for number, frame in enumerate(frames)] for frames in (of_libc + ours, ours))
    selected = "#{}  0x000055555556012a in send_file (connection=3)"  # by the command "frame function send_file"
    assert Values().canonical("\n".join([*new, selected.format(3)])) == Values().canonical(
        "\n".join([*old, selected.format(1)])
    )
    assert Values().canonical("#0  main ()\n#10 0x1 in f ()") == "#0  main ()\n#10 0x1 in f ()"


def test_columns_of_ss_may_be_padded() -> None:
    narrow = (
        "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\nCLOSE-WAIT 23     0      "
        "127.0.0.1:51870 127.0.0.1:41233"
    )
    padded = (
        "State      Recv-Q  Send-Q  Local Address:Port  Peer Address:Port Process\nCLOSE-WAIT 23      0          "
        "127.0.0.1:51870    127.0.0.1:41233     "
    )
    assert Values().canonical(narrow) == Values().canonical(padded)


# The pages hang together


def test_both_languages_have_the_same_pages_and_blocks() -> None:
    english, chinese = ({path.name: path for path in folder.glob("*.md")} for folder in docs.FOLDERS.values())
    assert sorted(english) == sorted(chinese)
    for name, page in english.items():
        assert [each.name for each in docs.blocks(page)] == [each.name for each in docs.blocks(chinese[name])], name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(without_fences(page)):
        if re.match(r"\w+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), f"{name_of(page)}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{name_of(page)}: {link}: there are {sorted(anchors(target))}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent != REPO], ids=name_of)
def test_the_first_line_leads_to_the_other_language(page: Path) -> None:
    first = page.read_text(encoding="utf-8").partition("\n")[0]
    other = {"en": "English | [简体中文](../zh-CN/{})", "zh-CN": "[English](../en/{}) | 简体中文"}[page.parent.name]
    assert first == other.format(page.name)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_word_of_lab_that_a_page_names_is_there(page: Path) -> None:
    known = set(re.findall(r"[\w-]+", " ".join(re.findall(r"^  ([\w |-]+)\)", LAB, re.MULTILINE))))
    assert {"check", "list", "start", "test"} <= known
    named = re.findall(r"\./lab ([a-z]+)", page.read_text(encoding="utf-8"))
    assert set(named) <= known, name_of(page)


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_nothing_of_this_machine_is_in_the_docs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(work|home|root|tmp)/\w|issue #?\d|\bsleep \d", text)


ROW = re.compile(r"^\| .* \| ((?:\[\d+\]\([^)]*\) ?)+) \|$", re.MULTILINE)
TRIED_BY = re.compile(r'\(../../harness/tests/(\w+\.py) "(\w+)"\)')


def test_what_protects_is_tried_by_the_tests_that_the_page_names() -> None:
    """No promise without one: in a table of four columns, each row but the headings names some in its last."""
    named = {}
    for language in ("en", "zh-CN"):
        text = (REPO / "docs" / language / "protection.md").read_text(encoding="utf-8")
        rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
        promises = [row for row in rows if not row.startswith("| **")]
        assert promises and [row for row in promises if not ROW.match(row)] == []
        named[language] = [TRIED_BY.findall(row) for row in promises]
    assert named["en"] == named["zh-CN"]
    for file, test in {each for row in named["en"] for each in row}:
        assert f"\ndef {test}(" in (REPO / "harness" / "tests" / file).read_text(encoding="utf-8"), test
