"""Paths that are no text: a zip from Windows has folders named in GBK. Their bytes are kept, and nothing stumbles."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bytetrain import doctor
from bytetrain.course.paths import REPO
from bytetrain.programs.build import build_folder
from bytetrain.programs.output import Capture
from bytetrain.telling import text

from .trial import Trial

GBK = "中文".encode("gbk")
NAME = os.fsdecode(GBK)
CHECKS = """
import sys
import pytest
from bytetrain import Failure
from bytetrain.programs.program import Program

@pytest.mark.check("pair.says_bytes")
@pytest.mark.parametrize("number", [1, 2])
def test_says_bytes(pair, stage, number):
    with Program([sys.executable, "-c", "import sys; sys.stdout.buffer.write(b'\\\\xd6\\\\xd0 said')"]) as program:
        said = program.wait().stdout
    raise Failure(f"{pair.folder}: {said}", expected="text", actual=str(pair.server))
"""


@pytest.mark.parametrize(("encoding", "written"), [("utf-8", "✓".encode() + GBK), ("ascii", b"?" + GBK)])
def test_output_takes_any_text(encoding: str, written: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding, write_through=True))
    text.print_whatever_comes()
    print("✓" + NAME, end="")
    assert raw.getvalue() == written


def test_json_is_real_text_and_brings_the_bytes_back() -> None:
    words = text.as_json({"path": f"/srv/{NAME}/✓"})
    assert words.encode("utf-8") and "✓" in words
    assert os.fsencode(json.loads(words)["path"]) == b"/srv/" + GBK + b"/\xe2\x9c\x93"


def test_several_are_several_and_one_is_one() -> None:
    assert [text.counted(number, "byte") for number in (0, 1, 2)] == ["0 bytes", "1 byte", "2 bytes"]
    assert text.counted(2, "child", "children") == "2 children"


@pytest.mark.parametrize("seen, said", [
    ("a name\n", "'a name\\n'"), ("名字".encode(), "'名字'"), (b"in\xff", "'in\\xff'"),
    (os.fsdecode(b"in\xff"), "'in\\xff'"),
    ("\\udcff", "'\\\\udcff'"), (b"\0\x1b", "'\\x00\\x1b'"), ("it's", '"it\'s"'),
])
def test_bytes_and_text_are_shown_in_the_same_way(seen: str | bytes, said: str) -> None:
    assert text.in_quotes(seen) == said


WORDS = ["bash", "-c", "trap '' PIPE; exec \"$@\"", "a b", "网络", "", "c++", "*"]


def test_a_command_can_be_typed_again() -> None:
    line = text.command_line(WORDS)
    assert line.startswith("bash -c '") and " 'a b' 网络 '' c++ '*'" in line
    typed = subprocess.run(["bash", "-c", f"printf '%s\\n' {line}"], stdout=subprocess.PIPE, text=True)
    assert typed.stdout == "".join(f"{word}\n" for word in WORDS)


EVIL = "\x1b[2J\a\x00\x7f\x9b2J\udc9b2J\u202e\u2028"


def test_no_file_of_json_commands_a_terminal() -> None:
    words = text.as_json({"said": EVIL, EVIL: ["✓", NAME]})
    assert json.loads(words) == {"said": EVIL, EVIL: ["✓", NAME]}
    assert words.isascii() or set(filter(lambda char: not char.isascii(), words)) == {"✓"}
    assert all(char.isprintable() or char == "\n" for char in words)


def test_control_characters_are_shown_and_never_sent() -> None:
    shown = text.visible(f"a\tb\nc\rd\r\ne{EVIL}")
    assert shown == "a\tb\nc\nd\ne\\x1b[2J\\x07\\x00\\x7f\\x9b2J\\x9b2J\\u202e\\u2028"
    assert text.visible(f"/srv/{NAME}/✓") == f"/srv/{NAME}/✓"  # to be copied
    assert text.all_visible({EVIL: [EVIL, 1, None]}) == {text.visible(EVIL): [text.visible(EVIL), 1, None]}


@pytest.mark.parametrize("word", ["", "plain-1.bin", "it's two", "a\tb\nc", "\\'\x1b'2", f"/srv/{NAME}/✓", EVIL])
def test_a_word_for_the_shell_can_be_copied(word: str) -> None:
    quoted = text.shell_word(word)
    assert text.visible(quoted) == quoted
    if "\x00" not in word:
        done = subprocess.run(["bash", "-c", f"printf %s {os.fsencode(quoted).decode('utf-8', 'surrogateescape')}"],
                              stdout=subprocess.PIPE)
        assert done.stdout == os.fsencode(word)


def test_others_get_real_text() -> None:
    assert text.has_bytes(NAME) and not text.has_bytes("中文 ✓")
    assert text.without_bytes(f"✓{NAME}") == "✓" + "\ufffd" * len(NAME)


def test_what_a_program_prints_keeps_its_bytes() -> None:
    capture = Capture()
    capture.file.write(GBK + b"/x: No such file\n")
    capture.file.flush()
    assert capture.text == f"{NAME}/x: No such file\n"
    capture.close()


def test_a_submission_in_such_a_folder_has_a_build_folder_of_its_own() -> None:
    assert build_folder(Path("/srv") / NAME, "release") != build_folder(Path("/srv/x"), "release")


@pytest.mark.parametrize("place", [NAME, "a path in UTF-8 中文"])
def test_grading_tells_and_records_it(place: str, standins: Path, tmp_path: Path) -> None:
    """The submission and the harness lie in such a folder, or only the program says what is no text; with workers of
    pytest's own, where these can be told the paths."""
    room = tmp_path / place
    shutil.copytree(standins, room / "submission")
    trial = Trial.of(room, room / "submission", CHECKS, {"pair.says_bytes": (1, 1)})
    command = [*trial.command, "--no-calls", "-n2", "--containment=limits", f"--junitxml={room}/junit.xml"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, cwd=tmp_path)
    assert done.returncode == 1, os.fsdecode(done.stdout)
    said = os.fsencode(room) + b"/submission/01_stand_in: " + GBK[:2] + b" said"
    assert b"".join(said.split()) in b"".join(done.stdout.split()) and b"Error" not in done.stdout
    results = json.loads((room / "results.json").read_text(encoding="utf-8"))
    assert os.fsencode(results["checks"][0]["story"]["message"]) == said
    assert os.fsencode(room / "submission") in os.fsencode(results["checks"][0]["story"]["again"])
    assert ElementTree.parse(room / "junit.xml").getroot().find(".//failure") is not None


@pytest.mark.parametrize("format", ["gradescope", "autolab"])
def test_adapters_give_real_text(format: str, tmp_path: Path) -> None:
    results = {
        "schema": "bytetrain/results/v1", "outcome": "fail", "complete": True, "points": 0, "of": 1, "seconds": 1,
        "began": 0, "stages": [], "checks": [], "harness_errors": [], "submission": f"/srv/{NAME}",
    }
    file = tmp_path / NAME
    file.write_text(text.as_json(results), encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
    for path, status in ((f"{file}", 0), (f"{file}-missing", 1)):
        command = [sys.executable, "-m", "bytetrain.grading.adapters", format, path]
        done = subprocess.run(command, cwd=REPO / "harness", capture_output=True, env=environment)
        assert done.returncode == status and b"Traceback" not in done.stderr, os.fsdecode(done.stderr)
        assert done.stdout.decode("utf-8").startswith("{") == (status == 0)


def test_doctor_tells_such_a_clone(tmp_path: Path) -> None:
    machine = doctor.Machine()
    machine.repo = tmp_path / NAME
    machine.repo.mkdir()
    assert NAME in doctor.writable_build(machine).value
