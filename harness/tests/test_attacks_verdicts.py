"""Attacks on what a grade is made of, by a submission. None pays; each is told in words, and has results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable
from xml.etree import ElementTree

import pytest

from bytetrain.course.paths import HARNESS
from bytetrain.grading.adapters import FORMATS, load_results
from bytetrain.telling.text import has_bytes, without_bytes

from .conftest import make_submission
from .trial import Graded, Trial

CHECKS = """
import signal
import pytest
from bytetrain.judging.verdicts import received

@pytest.mark.check("pair.transfer")
def test_transfer(stage, store, start):
    file = store.seeded(1000)
    client = start.client(start.server(file).port)
    received(client.wait(), client.directory, file)

@pytest.mark.check("pair.mask")
def test_mask(stage):
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()  # what programs inherit
"""
RANGES = {"pair.transfer": (1, 6), "pair.mask": (4, 4)}


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """A correct submission, and one check."""
    return Trial.of(tmp_path, make_submission(tmp_path / "submission"), CHECKS, RANGES)


def before_serving(trial: Trial, stage: int, command: str) -> None:
    """The server of a stage does something first."""
    server = next(trial.submission.glob(f"{stage:02d}_*")) / "server"
    server.write_bytes(server.read_bytes().replace(b"exec", os.fsencode(f"{command}; exec"), 1))


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_stage_that_appears_while_others_run_was_not_handed_in(workers: str, trial: Trial) -> None:
    if workers != "-n0" and has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    late = trial.submission / "06_stand_in"
    hidden = late.rename(trial.folder / "hidden")
    before_serving(trial, 1, f"cp -r '{hidden}' '{late}'")
    before_serving(trial, 5, f"cp -r '{hidden}' '{late}'")
    graded = trial.grade("--containment=limits", workers, "--stage=1,5,6")
    assert late.is_dir() and graded.verdicts()["pair.transfer 6"] == "not graded", graded.output
    states = {each["stage"]: (each["state"], each["points"]) for each in graded.data["stages"]}
    assert states[6] == ("missing", 0) and states[1][0] == "graded" and states[1][1] > 0
    assert "not handed in" in graded.output and graded.status == 0


def test_a_stage_that_is_a_link_to_what_comes_later_is_refused(trial: Trial) -> None:
    hidden = (trial.submission / "06_stand_in").rename(trial.folder / "hidden")
    (trial.submission / "06_stand_in").symlink_to(trial.folder / "later")
    before_serving(trial, 5, f"cp -r '{hidden}' '{trial.folder / 'later'}'")
    graded = trial.grade("--containment=limits", "-n0", "--stage=5,6")
    assert graded.verdicts() == {"pair.transfer 5": "pass", "pair.transfer 6": "fail"}, graded.output
    assert graded.data["stages"][5]["points"] == 0


@pytest.mark.parametrize("what", ["", "server"])
def test_a_link_that_leaves_the_submission_is_refused(what: str, trial: Trial) -> None:
    """Another's stage, or another's program."""
    own = trial.submission / "06_stand_in" / what
    other = own.rename(trial.folder / "other")
    own.symlink_to(other)
    graded = trial.grade("-n0", "--stage=6")
    assert graded.status == 1 and graded.data["stages"][5]["state"] == "build failed"
    assert f"is a link that leads out of the submission, to {other}" in graded.output


def test_a_link_inside_the_submission_is_none_of_our_business(trial: Trial) -> None:
    own = trial.submission / "06_stand_in" / "server"
    shutil.move(str(own), trial.submission / "common_server")
    own.symlink_to("../common_server")
    assert trial.grade("-n0", "--stage=6").verdicts() == {"pair.transfer 6": "pass"}


LONG = "n" * 252


def rename(trial: Trial, stage: int, name: str) -> Trial:
    (trial.submission / f"{stage:02d}_stand_in").rename(trial.submission / name)
    return trial


def rename_all(trial: Trial, name: str) -> Trial:
    return Trial(trial.folder, trial.submission.rename(trial.folder / name))


def make_file(trial: Trial, name: str) -> Trial:
    next(trial.submission.glob("06_*")).joinpath(name).touch()
    return trial


@pytest.mark.parametrize(("odd", "workers"), [
    (lambda trial: make_file(rename(trial, 6, os.fsdecode(b"06_\xff")), os.fsdecode(b"\xff\n")), "-n2"),
    (lambda trial: make_file(rename(trial, 6, f"06_{LONG}"), f"sub{LONG}"), "-n0"),
    (lambda trial: rename_all(trial, os.fsdecode(b"s\xff")), "-n0"),
    (lambda trial: rename_all(trial, f"sub{LONG}"), "-n2"),
], ids=["stage of bytes", "stage of 255", "submission of bytes", "submission of 255"])
def test_odd_names_are_no_harm(odd: Callable[[Trial], Trial], workers: str, trial: Trial) -> None:
    """The stage that fails tells its name."""
    if workers != "-n0" and has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    before_serving(trial, 5, "exit 7")
    trial = odd(rename(trial, 5, os.fsdecode(f"05_{LONG}".encode()[:200] + b"\xff")))
    graded = trial.grade(workers, "--stage=5,6", f"--junitxml={trial.folder / 'junit.xml'}")
    assert graded.verdicts() == {"pair.transfer 5": "fail", "pair.transfer 6": "pass"}, graded.output
    assert graded.status == 1 and LONG[:190] in graded.story("pair.transfer")["output"][0]["command"]
    all_formats(trial)


def all_formats(trial: Trial) -> None:
    """Each is what its readers take."""
    ElementTree.parse(trial.folder / "junit.xml")
    variables = {name: "it" for name in ("CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        for name, adapter in FORMATS.items():
            told = without_bytes(adapter(load_results(trial.folder / "results.json")))
            assert told.encode() and json.loads(told.splitlines()[0] if name == "autolab" else told)


@pytest.mark.parametrize(("which", "mode"), [
    ("", 0), ("", 0o111), ("", 0o444), ("06_stand_in", 0), ("06_stand_in", 0o444), ("06_stand_in/server", 0),
], ids=str)
def test_what_is_closed_to_us_is_theirs(which: str, mode: int, trial: Trial) -> None:
    without = "-dac_override,-dac_read_search"  # with which root opens everything
    prefix = [shutil.which("setpriv") or "", f"--bounding-set={without}", f"--inh-caps={without}"]
    if os.getuid() == 0 and (not prefix[0] or subprocess.run([*prefix, "true"]).returncode != 0):
        pytest.skip("root can open everything, and can't give that up here (setpriv)")
    closed = trial.submission / which
    closed.chmod(mode)
    try:
        graded = trial.grade("-n0", "--stage=6", f"--junitxml={trial.folder / 'junit.xml'}",
                             prefix=prefix if os.getuid() == 0 else ())
    finally:
        closed.chmod(0o755)
    assert graded.status == 1 and graded.data["outcome"] == "fail", graded.output
    assert graded.verdicts() == {"pair.transfer 6": "fail"}
    words = "no executable server" if which.endswith("server") else "Permission denied (chmod"
    assert f"can't be graded: {words}" in graded.output or words in graded.story("pair.transfer")["message"]
    all_formats(trial)


# What is compared lies in memory


def replace_program(trial: Trial, name: str, text: str) -> None:
    """Each stage gets such a Python program."""
    for stage in trial.submission.iterdir():
        (stage / name).write_bytes(os.fsencode(f"#!{sys.executable}\n{text}"))


COPIES = """import glob, os, shutil, socket, sys, time
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
name = connection.recv(1 << 16)[4:].split(b"\\0")[0].decode(errors="replace")
while connection.recv(1 << 16): pass
for found in sorted(glob.glob("/tmp/bytetrain-*/**/seed1-2500.bin", recursive=True)):
    shutil.copyfile(found, os.path.join(sys.argv[3], os.path.basename(found)))
print("received seed1-2500.bin, 2500 bytes")
"""
COPIED = """
import pytest
from bytetrain.judging.transfers import hand_over
from bytetrain.judging.verdicts import received
from bytetrain.wire.files import Original
from bytetrain.wire.peers import RawServer

@pytest.mark.check("client.copies")
def test_copies(stage, store, start):
    store.seeded(2500)  # what a server of theirs was given
    original = store.in_memory(2500)
    with RawServer() as raw_server:
        client = start.client(raw_server.port)
        with raw_server.accept() as connection:
            hand_over(connection, stage, original.name.encode(), Original(original).read())
        received(client.wait(), client.directory, original)
"""


def test_a_client_finds_nowhere_what_our_server_sends(trial: Trial, tmp_path: Path) -> None:
    other = Trial.of(tmp_path / "other", trial.submission, COPIED, {"client.copies": (6, 6)})
    assert other.grade("-n0", "--stage=6").verdicts() == {"client.copies 6": "pass"}
    replace_program(trial, "client", COPIES)
    graded = other.grade("-n0", "--stage=6", "--containment=limits")
    assert graded.verdicts() == {"client.copies 6": "fail"} and "the file is not what was sent" in graded.output


@pytest.mark.parametrize(
    ("deed", "words"),
    [("chmod u+w {file}; : > {file}", "was changed"), ("rm -f {file}; : > {file}", "was changed, or replaced"),
     ("touch -c -m {file}", "was changed")],
)
def test_a_server_that_touches_its_file_is_found_out(deed: str, words: str, trial: Trial) -> None:
    before_serving(trial, 6, deed.format(file='"$4"'))
    graded = trial.grade("-n0", "--stage=6")
    assert graded.verdicts() == {"pair.transfer 6": "fail"} and graded.status == 1, graded.output
    if "touch" in deed:
        assert f"seed1-1000.bin, {words}" in graded.output


FILES = """
import pytest
from bytetrain.judging.transfers import hand_over, serves
from bytetrain.wire import files
from bytetrain.wire.peers import RawServer

@pytest.mark.check("server.files")
@pytest.mark.parametrize("how", ["written", "bytes", "hole", "replaced", "bare name"])
def test_files(how, stage, store, folder, start):
    file = folder / "file"
    if how == "bytes":
        files.write_data(file, b"x" * 900)
    elif how == "hole":
        file = store.sparse(900)
    else:
        files.write_file(file, 900)
    server = start.server(type(file)(file.name) if how == "bare name" else file, workers=1)
    if how == "replaced":
        files.replace_file(file, 800)
    serves(server, stage, file)

@pytest.mark.check("server.ours")
def test_what_we_do_to_a_file_is_our_affair(stage, folder, start):
    file = files.write_file(folder / "file", 900)
    server = start.server(file)
    files.grow_file(file, b"more")
    files.cut_file(file, 900)
    serves(server, stage, file)
    files.close_file(file)

@pytest.mark.check("client.beginning")
def test_beginning(stage, store, start):
    store.seeded(2500)
    data = files.content(700)  # what a check sends that compares it by itself
    with RawServer() as raw_server:
        client = start.client(raw_server.port)
        with raw_server.accept() as connection:
            hand_over(connection, stage, b"name", data)
        client.wait()
        assert (client.directory / "name").read_bytes() != data, "copied"
"""


@pytest.fixture
def of_files(trial: Trial, tmp_path: Path) -> Trial:
    ranges = {"server.files": (6, 6), "server.ours": (6, 6), "client.beginning": (6, 6)}
    return Trial.of(tmp_path / "files", trial.submission, FILES, ranges)


def test_what_a_check_does_to_a_file_is_not_held_against_a_server(of_files: Trial) -> None:
    graded = of_files.grade("-n0", "--stage=6", "--check=server.*")
    assert set(graded.verdicts().values()) == {"pass"} and graded.status == 0, graded.output


@pytest.mark.parametrize(("deed", "words"), [("chmod u+w {0}; printf y > {0}", "sent is wrong"),
                                             ("touch -c -m {0}", "was changed")], ids=["other content", "touched"])
def test_no_file_of_a_check_is_read_to_compare(deed: str, words: str, of_files: Trial) -> None:
    before_serving(of_files, 6, deed.format('"$4"'))
    graded = of_files.grade("-n0", "--stage=6", "--all-cases", only="server.files")
    cases = {each["case"]: each["verdict"] for each in graded.data["checks"][0]["cases"]}
    del cases["replaced"]  # by us, later than it was touched
    assert len(cases) == 4 and set(cases.values()) == {"fail"}, graded.output
    assert words in graded.output


BEGINS = """import glob, os, socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
while connection.recv(1 << 16): pass
found = glob.glob("/tmp/bytetrain-*/**/seed1-2500.bin", recursive=True)[0]
with open(found, "rb") as source, open(os.path.join(sys.argv[3], "name"), "wb") as saved:
    saved.write(source.read(700))
"""


def test_what_we_send_is_the_beginning_of_no_file(of_files: Trial) -> None:
    replace_program(of_files, "client", BEGINS)
    graded = of_files.grade("-n0", "--stage=6", "--containment=limits", only="client.beginning")
    assert graded.verdicts() == {"client.beginning 6": "pass"}, graded.output


def test_each_run_has_a_seed_of_its_own_and_its_stories_tell_it(trial: Trial) -> None:
    before_serving(trial, 6, "exit 7")
    command = [word for word in trial.command if word != "--seed=0"]
    seeds = set()
    for _ in range(2):
        subprocess.run([*command, "-n0", "--stage=6", "--no-calls"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        told = load_results(trial.folder / "results.json")["checks"][0]["story"]["again"]
        seeds.add(told.partition("--seed ")[2].split()[0])
    assert len(seeds) == 2 and all(map(str.isdecimal, seeds))
    assert " --seed " not in trial.grade("-n0", "--stage=6").story("pair.transfer")["again"]


def test_signals_that_were_blocked_when_we_were_started_are_not_for_programs(trial: Trial) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    try:
        graded = trial.grade("-n0", "--stage=4", only="pair.mask")
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGCHLD})
    assert graded.verdicts() == {"pair.mask 4": "pass"}, graded.output


# What they print


@pytest.mark.parametrize("port", ["99999", "9" * 5000, "-1", "\\0331"], ids=["99999", "5000 digits", "-1", "ESC"])
def test_a_port_that_is_none_is_theirs(port: str, trial: Trial) -> None:
    before_serving(trial, 6, f"printf 'listening on 127.0.0.1:{port}\\n'; exit 0")
    graded = trial.grade("-n0", "--stage=6")
    assert graded.verdicts() == {"pair.transfer 6": "fail"} and graded.status == 1, graded.output
    assert "waited for this, in vain" in graded.output


EVIL = "\\033]52;c;ZXZpbA==\\007\\033[2J\\000\\377\\302\\233\\177\\233"  # for printf
EVIL_NAME = os.fsdecode(b"\033]52;c;ZXZpbA==\a\033[2J\377\302\233\177\233")  # of a folder
LESSONS_OWN = """
import pytest
from bytetrain import Failure, NotApplicable
from bytetrain.lessons.scene import outcome

@pytest.mark.check("pair.outcome")
def test_outcome(pair, stage, start, store):
    said = outcome(start.client(start.server(store.seeded(10)).port))
    raise {4: Failure, 5: NotApplicable}[stage](said)
"""


def every_text(trial: Trial, graded: Graded, junit: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a run has told, on every way out."""
    for variable in ("CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL"):
        monkeypatch.setenv(variable, "it")
    file = trial.folder / "results.json"
    texts = {"results": os.fsdecode(file.read_bytes()), "junit": os.fsdecode(junit.read_bytes())}
    texts["terminal"] = graded.output
    ElementTree.parse(junit)
    for name in FORMATS:
        command = [sys.executable, "-m", "bytetrain.grading.adapters", name, str(file)]
        done = subprocess.run(command, cwd=HARNESS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, done.stdout
        texts[name] = done.stdout.decode()  # real UTF-8
        json.loads(texts[name] if name != "autolab" else texts[name].splitlines()[0])
    return texts


def obeyed(text: str) -> set[str]:
    """What a terminal would take for a command: C0, DEL and C1, as characters and as bytes."""
    return {char for char in text if ord(char) in (*range(9), *range(11, 32), *range(127, 160), *range(0xDC80, 0xDCA0))}


def test_no_terminal_gets_control_characters_that_a_program_prints(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_serving(trial, 6, f"printf 'listening {EVIL}\\n'; printf 'server: {EVIL}\\n' >&2; exit 1")
    graded = trial.grade("-n0", "--stage=6", "--color=no", f"--junitxml={tmp_path / 'junit.xml'}")
    texts = every_text(trial, graded, tmp_path / "junit.xml", monkeypatch)
    texts["replay"] = trial.grade("-n0", "--stage=6", "--color=no", "--replay", "-s").output
    assert {name: obeyed(text) for name, text in texts.items() if obeyed(text)} == {}
    assert [name for name, text in texts.items() if "]52;c;" not in text] == ["autolab"]  # it has only the hint


def test_no_terminal_gets_those_of_a_folder(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the submission, of what is in it, and of results."""
    submission = trial.submission.rename(tmp_path / EVIL_NAME)
    (submission / "06_stand_in").rename(submission / f"06_{EVIL_NAME}")
    (submission / f"06_{EVIL_NAME}" / "server").unlink()
    evil = Trial(trial.folder, submission)
    results = tmp_path / EVIL_NAME / "results.json"
    graded = evil.grade("-n0", "--stage=5,6", "--color=no", f"--junitxml={tmp_path / 'junit.xml'}")
    assert evil.grade("-n0", "--stage=6", "--color=no", f"--results={results}").output.count("results: ") == 1
    assert graded.verdicts() == {"pair.transfer 5": "pass", "pair.transfer 6": "fail"}, graded.output
    texts = every_text(evil, graded, tmp_path / "junit.xml", monkeypatch)
    texts["elsewhere"] = evil.grade("-n0", "--stage=6", "--color=no", f"--results={results}").output
    for option in (f"--submission={submission}/none", f"--check={EVIL_NAME}", f"--stage={EVIL_NAME}",
                   f"--case={EVIL_NAME}"):
        texts[option] = evil.grade("--color=no", "--check=pair.transfer", option).output
        assert "ERROR: --" in texts[option], texts[option]
    assert {name: obeyed(text) for name, text in texts.items() if obeyed(text)} == {}
    again = graded.story("pair.transfer")["again"].rpartition("--submission ")[2]
    copied = subprocess.run(["bash", "-c", f"printf %s {again}"], stdout=subprocess.PIPE)
    assert copied.stdout == os.fsencode(submission)


def test_no_terminal_gets_those_of_a_build(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = os.fsencode(EVIL_NAME).replace(b"\\", b"")
    (trial.submission / "06_stand_in" / "CMakeLists.txt").write_bytes(b'message(FATAL_ERROR "' + evil + b'")\n')
    graded = trial.grade("-n0", "--stage=6", "--color=no", f"--junitxml={tmp_path / 'junit.xml'}")
    texts = every_text(trial, graded, tmp_path / "junit.xml", monkeypatch)
    assert {name: obeyed(text) for name, text in texts.items() if obeyed(text)} == {}
    assert "]52;c;" in texts["terminal"] and graded.data["stages"][5]["state"] == "build failed"


def test_no_terminal_gets_those_of_a_lesson(trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lesson says of a program; as why it does not apply, too."""
    lessons = Trial.of(tmp_path / "lessons", trial.submission, LESSONS_OWN, {"pair.outcome": (4, 5)})
    for stage in (4, 5):
        client = next(trial.submission.glob(f"0{stage}_*")) / "client"
        client.write_text(f"#!/bin/sh\nprintf 'client: {EVIL}\\n' >&2; exit 1\n")
    graded = lessons.grade("-n0", "--stage=4,5", "--color=no", f"--junitxml={tmp_path / 'junit.xml'}")
    texts = every_text(lessons, graded, tmp_path / "junit.xml", monkeypatch)
    assert graded.verdicts() == {"pair.outcome 4": "fail", "pair.outcome 5": "not applicable"}, graded.output
    assert {name: obeyed(text) for name, text in texts.items() if obeyed(text)} == {}


# Whoever ends its judge


ENDS = """
import os
import signal
import pytest

def end():
    os.kill(os.getpid(), getattr(signal, os.environ["BYTETRAIN_NUMBER"]))  # as a program can
    while True:
        signal.sigtimedwait([], 0.1)  # another thread may have got it

@pytest.fixture
def early(stage):
    if stage == 5:
        end()

@pytest.mark.check("client.ends")
def test_ends(stage, early):
    if stage == 6:
        end()
"""


@pytest.mark.parametrize(("number", "stage", "told"), [
    ("SIGABRT", 6, "signal 6 (SIGABRT)) while it ran client.ends in stage 06: nothing was found out there, and a "
     "program that stops or kills its judge earns nothing."),
    ("SIGKILL", 5, "signal 9 (SIGKILL)) while it ran test_ends in stage 05: nothing"), ("SIGINT", 6, ""),
])
def test_whoever_ends_its_judge_earns_nothing_and_is_told(number: str, stage: int, told: str, trial: Trial,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    if has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    monkeypatch.setenv("BYTETRAIN_NUMBER", number)
    other = Trial.of(trial.folder / "ends", trial.submission, ENDS, {"client.ends": (4, 6)})
    graded = other.grade("-n1", "--containment=limits", f"--stage=4,{stage}")
    assert graded.status == (3 if told else 2) and graded.data["outcome"] == "harness error", graded.output
    assert graded.verdicts() == {"client.ends 4": "pass"} and graded.data["points"] == 12
    messages = [each["message"] for each in graded.data["harness_errors"]]
    assert [told in each for each in messages] == ([True] if told else []), messages
    assert told in " ".join(graded.output.split())


INTERRUPTED = """
import os
import signal
import subprocess
import pytest

class Popen(subprocess.Popen):
    def __init__(self, *words, **options):
        super().__init__(*words, **options)
        os.kill(os.getpid(), signal.SIGINT)  # the program runs, and nobody knows it yet

@pytest.mark.check("client.early")
def test_early(stage):
    pass

@pytest.mark.check("server.starts")
def test_starts(stage, store, start, monkeypatch):
    file = store.seeded(10)
    monkeypatch.setattr(subprocess, "Popen", Popen)
    start.server(file)

@pytest.mark.check("server.touches")
def test_touches(stage, store, start):
    server = start.server(store.seeded(10))
    os.utime(server.file)
    os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.parametrize(("check", "workers"), [
    ("server.starts", "-n0"), ("server.starts", "-n1"), ("server.touches", "-n0"),
])
def test_an_interrupt_is_no_failure_whatever_is_found_at_its_end(check: str, workers: str, trial: Trial) -> None:
    """A program that was just being started, and is left behind; a file that was touched."""
    if workers != "-n0" and has_bytes(str(trial.folder)):
        pytest.skip("pytest-xdist can't tell its workers of this path")
    ranges = {name: (6, 6) for name in ("client.early", "server.starts", "server.touches")}
    other = Trial.of(trial.folder / "interrupted", trial.submission, INTERRUPTED, ranges)
    graded = other.grade(workers, "--containment=limits", "--stage=6", f"--check=client.early,{check}")
    assert graded.status == 2 and "Traceback" not in graded.output, graded.output
    assert graded.verdicts() == {"client.early 6": "pass"} and graded.data["points"] == 8
    assert "what was found" in graded.output and not graded.data["complete"]
