"""What the grader prints, word for word: passes, one broken submission a stage, each kind of verdict.

    pytest harness/tests/test_golden.py --record-golden     writes the transcripts in golden/ anew; read the difference

What differs from run to run (times, process ids, ports, folders) is replaced by a word.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bytetrain.course.paths import REPO
from bytetrain.grading.command import grading_command
from bytetrain.kernel import trace

from .trial import Trial

GOLDEN = Path(__file__).parent / "golden"
CORRECT = REPO / "harness" / "submissions" / "python_fds"
VARYING = [
    (r" +\d+\.\d{3} s", "    #.### s"),
    (r"\b(process|pid|worker|parent|child) \d+", r"\1 PID"),
    (r"#\.### s \[\d+\]", "#.### s [PID]"),
    (r"127\.0\.0\.1([: ])\d\d+", r"127.0.0.1\1PORT"),
    (r"\bport \d+", "port PORT"),
    (r"/\S*/bytetrain-files-\w+", "FILES"),
    (r"/\S*/bytetrain-\w+", "FOLDER"),
    (r"\d+ (not reached|checks rest on it)", r"SOME \1"),
    (r"in \d+\.\d s$", "in TIME"),
    (r" +$", ""),
]
OF_PYTEST = re.compile(
    r"=+ |\[gw|platform |rootdir: |plugins: |timeout|collect|protection: |results: |hypothesis "
    r"|[.sFE]*( +\[ *\d+%\])?$|SKIPPED|FAILED|ERROR"
)
NUMBERS = [
    (r" +\d+: ([0-9a-f]{2} ){8}.*", " #: BYTES"),
    (r"\b[0-9a-f]{2}( [0-9a-f]{2}){3}\b", "BYTES"),
    (r"\n +\^\^", ""),
    (r"\n +stderr \| server: worker PID: send: .*", ""),  # it may have been killed before
    (r"\b(?<!seed1-)\d{3,}\b(?! of \d|\.0\.0)", "#"),
]
CALL = re.compile(r" +\d+\.\d{3} s \[\d+\] ")
STORY = re.compile(r"^[!✗] .*?(?=^[!✗] |^stage \d\d )", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Broken:
    """One mistake in a submission that is right otherwise, and the check that catches it."""

    stage: int
    file: str  # below common/
    right: str
    wrong: str
    check: str
    case: str = ""
    calls: bool = False  # whether the cause is in them; those that tell it are shown
    varies: bool = False  # how many bytes are moved by the time when it shows


BROKEN = {
    "stage-01-host-byte-order": Broken(1, "wire.py", 'Struct(">I")', 'Struct("<I")', "server.sizes"),
    "stage-02-no-end": Broken(2, "wire.py", 'connection.sendall(_train(b""))', "pass", "server.sizes"),
    "stage-03-one-recv": Broken(
        3, "wire.py", "self._stream.read(size)", "self._stream.raw.read(size)", "client.head_split"),
    "stage-04-size-in-32-bits": Broken(4, "wire.py", 'Struct(">Q")', 'Struct(">I")', "server.sizes"),
    "stage-05-early-end-unnoticed": Broken(
        5, "wire.py", 'raise Failure(f"the server closed the connection when {left} of {size} bytes were missing")',
        "return", "client.end_between_trains"),
    "stage-06-status-of-the-signal": Broken(
        6, "pool.py", "ignore()  # Python", "os._exit(143)  # Python", "exit.drain"),
}
CLASSICS = {
    "classic-no-flush": Broken(
        1, "server.py", 'os.write(1, f"listening on {address}\\n".encode())', 'print(f"listening on {address}")',
        "server.ready_line"),
    "classic-parent-keeps-the-connection": Broken(
        2, "pool.py", "            connection.close()\n            return\n",
        "            self.__dict__.setdefault('kept', []).append(connection)\n            return\n", "server.closes"),
    "classic-short-send": Broken(
        3, "wire.py", "connection.sendall(_trains(content))", "connection.send(_trains(content))",
        "server.stopped_in_send", varies=True),
    "classic-recv-once": Broken(
        3, "wire.py", "self._stream.read(size)", "self._stream.raw.read(size)", "client.head_split", calls=True),
}
VERDICTS = """
import os
import pytest
from bytetrain import Failure, NotApplicable

@pytest.mark.check("pair.passes")
def test_passes(stage): pass

@pytest.mark.check("pair.fails")
@pytest.mark.parametrize("word", ["one", "two words"])
def test_fails(stage, word):
    if word != "one": raise Failure("the worker died of signal 13", expected="a worker", actual="a corpse")

@pytest.mark.check("pair.not_applicable")
def test_not_applicable(stage): raise NotApplicable("this machine has no such thing")

@pytest.mark.check("pair.harness_error")
def test_harness_error(stage): os.open("/no/such/file", 0)

@pytest.mark.check("pair.needs_a_build")
def test_needs_a_build(stage, pair): pass
"""


def run(submission: Path, *options: str, harness: Path = REPO / "harness", calls: bool = False) -> str:
    """What the grader says of a submission, made fit to be compared. Of `calls` only those that tell something."""
    always = ["-p", "no:randomly", "--seed=0", *([] if calls else ["--no-calls"]), "--containment=limits"]
    command = grading_command(submission, submission.parent / "results.json", *always, *options, harness=harness)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="surrogateescape"
    )
    text = (
        done.stdout.replace(str(submission), "SUBMISSION").replace(str(harness), "HARNESS").replace(str(REPO), "CLONE")
    )
    lines = [line for line in text.splitlines() if not line or not OF_PYTEST.match(line)]
    lines = [line for line in lines if not CALL.match(line) or line.endswith("◄")]
    for pattern, word in VARYING:
        lines = [re.sub(pattern, word, line) for line in lines]
    kept = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    # Versions of pytest run parametrised tests in orders of their own.
    stories: list[str] = sorted(STORY.findall(kept), reverse=True)
    kept = STORY.sub(lambda _: stories.pop(), kept)
    return f"$ pytest harness/ --submission DIR {' '.join(options)}\n\n{kept}\n\nstatus {done.returncode}\n"


def without_numbers(text: str) -> str:
    for pattern, word in NUMBERS:
        text = re.sub(pattern, word, text)
    return text


def compare(name: str, seen: str, request: pytest.FixtureRequest) -> None:
    """Against the transcript, or into it."""
    golden = GOLDEN / f"{name}.txt"
    if request.config.getoption("--record-golden"):
        golden.write_text(seen, encoding="utf-8")
    assert seen == golden.read_text(encoding="utf-8"), "if that is what it should say: --record-golden"


def test_passes(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    submission = shutil.copytree(CORRECT, tmp_path / "submission")
    compare("passes", run(submission, "--stage=3", "--check=client.head_split,server.sizes,pool.size"), request)


@pytest.mark.parametrize("name", BROKEN)
def test_broken_stage(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    submission = shutil.copytree(CORRECT, tmp_path / "submission")
    mistake = {**BROKEN, **CLASSICS}[name]
    file = submission / "common" / mistake.file
    assert mistake.right in file.read_text()
    file.write_text(file.read_text().replace(mistake.right, mistake.wrong))
    case = [f"--case={mistake.case}"] if mistake.case else []
    seen = run(submission, f"--stage={mistake.stage}", f"--check={mistake.check}", *case, calls=mistake.calls)
    seen = re.sub(r" *\n {12,}(?=\S)", " ", seen) if name in CLASSICS else seen  # a long pid breaks lines elsewhere
    compare(name, without_numbers(seen) if mistake.varies else seen, request)


@pytest.mark.parametrize("name", CLASSICS)
def test_classic_mistake(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if CLASSICS[name].calls and not trace.available():
        pytest.skip(str(trace.why_no_strace()))
    test_broken_stage(name, tmp_path, request)


def test_each_kind_of_verdict(standins: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    submission = shutil.copytree(standins, tmp_path / "submission")
    (submission / "02_stand_in" / "client").unlink()
    ranges = {f"pair.{name}": (1, 1) for name in ("passes", "fails", "not_applicable", "harness_error")}
    trial = Trial.of(tmp_path, submission, VERDICTS, {**ranges, "pair.needs_a_build": (1, 2)})
    compare("verdicts", run(submission, "--stage=1,2", harness=trial.folder / "harness"), request)
