"""What ./lab start lays out is an exercise: it builds without a word, and fails first what its page builds first."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course.catalogue import rubric
from bytetrain.course.paths import STAGES, STARTS
from bytetrain.learn.grader import grading_of
from bytetrain.learn.layout import LANGUAGES, Origin, lay_out
from bytetrain.learn.work import Work
from bytetrain.programs.build import Programs, build, build_folder
from bytetrain.programs.start import starting
from bytetrain.wire.files import FileStore

# What somebody writes below "TODO step 1", in the file of the server.
FIRST_STEP = {
    "c++": ("server.cpp", 'std::cout << "listening on " << local_address(listener.get()) << std::endl;'),
    "c": (
        "server.c",
        'char text[ADDRESS_MAX]; printf("listening on %s\\n", local_address(listener, text)); fflush(stdout);',
    ),
    "python": ("server", 'print("listening on", plumbing.local_address(listener), flush=True)'),
}


@pytest.fixture(params=LANGUAGES)
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Work]:
    """The first stage has just been laid out, in that language."""
    found = Work(tmp_path / "my work")
    lay_out(found, 1, Origin.skeleton(request.param), git=False)
    yield found
    shutil.rmtree(build_folder(found.folder, "release"), ignore_errors=True)


def built(work: Work) -> Programs:
    programs = build(work.folder, 1)
    assert programs.warnings == ()
    return programs


def write_first_step(work: Work) -> None:
    name, line = FIRST_STEP[work.state.language]
    server = work.folder / "01_small_file" / name

    def with_line(found: re.Match[str]) -> str:
        return f"{found[0]}{found[1]}{line}"

    text, count = re.subn(r"(\n +)(//|#) TODO step 1.*(\1\2.*)*", with_line, server.read_text())
    assert count == 1
    server.write_text(text)


def test_the_skeleton_lacks_the_first_line_and_one_line_mends_it(work: Work, store: FileStore, tmp_path: Path) -> None:
    assert [each.id for each in rubric().of_stage(1)][:2] == ["stage.builds", "server.ready_line"]
    file = store.seeded(1000)
    with pytest.raises(Failure, match="nobody can move any more: the server: it waits in accept"):
        with starting(built(work)) as start:
            start.server(file)
    write_first_step(work)
    with starting(built(work)) as start:
        finished = (client := start.client(start.server(file).port)).wait()
        assert (finished.status, finished.stdout) == (0, "received received.bin, 1000 bytes\n")
        assert (client.directory / "received.bin").read_bytes() == file.read_bytes()


def test_each_step_has_its_place_in_the_skeleton(work: Work) -> None:
    sources = (each for each in (work.folder / "01_small_file").iterdir() if each.is_file())
    named = re.findall(r"TODO steps? (\d)(?: and (\d))?", "\n".join(each.read_text() for each in sources))
    assert sorted({int(number) for pair in named for number in pair if number}) == [1, 2, 3, 4, 5, 6, 7]


def as_the_stage_after(folder: Path, stage: int) -> Path:
    """A submission whose programs of a stage are the reference's of the stage before."""
    before = build(STAGES, stage - 1)
    place = folder / f"{stage:02d}_begun"
    place.mkdir()
    for name, program in (("server", before.server), ("client", before.client)):
        (place / name).write_text(f'#!/bin/sh\nexec {shlex.quote(str(program))} "$@"\n')
        (place / name).chmod(0o755)
    return folder


# The first check that the reference of the stage before fails: what it has to do with the page of this one, see below.
NEW = {2: "server.first_file", 3: "client.head_split", 4: "client.first_file", 5: "client.first_file", 6: "exit.ctrl_c"}


@pytest.mark.parametrize("stage", NEW)
def test_the_reference_of_the_stage_before_fails_at_what_is_new(stage: int, tmp_path: Path) -> None:
    told = [each.id for each in rubric().of_stage(stage)]
    before = told[: told.index(NEW[stage])]
    assert all(rubric().checks[each].first < stage for each in before)
    is_of_this_page = rubric().checks[NEW[stage]].first == stage
    assert is_of_this_page or rubric().checks[NEW[stage]].title.en.endswith("in the format of the stage")
    alone = ("-n", "0", "--check", NEW[stage])
    with closing(grading_of(as_the_stage_after(tmp_path, stage), stage, "--trust", *alone)) as told_of:
        events = list(told_of)
    verdicts = {each["check"]: each["verdict"] for each in events if each["event"] == "verdict"}
    story = " ".join(line.strip() for each in events if each["event"] == "story" for line, _ in each["lines"])
    says = f"this client still speaks the one of stage {stage - 1:02d}"
    assert (says in story) is (NEW[stage] == "client.first_file"), story
    assert verdicts == {**dict.fromkeys(verdicts, "pass"), NEW[stage]: "fail"}


def test_what_a_skeleton_has_of_the_reference_is_the_same() -> None:
    """A copy, for a kit that is handed out without the reference; so that no mend is made in one of them alone."""
    skeleton, reference = (each / "plumbing" / "system.hpp" for each in (STARTS / "cpp", STAGES / "01_small_file"))
    assert skeleton.read_bytes() == reference.read_bytes()
