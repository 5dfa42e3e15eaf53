"""The lessons' helpers, and scenarios played with the stand-ins: they judge what they see, not who they see it of."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course.catalogue import Run, lesson, lessons
from bytetrain.course.traits import traits
from bytetrain.kernel import trace
from bytetrain.kernel.processes import exit_code, state
from bytetrain.lessons import not_cured, play
from bytetrain.lessons.wording import bytes_asked, call_in_words
from bytetrain.lessons.cut_trains import cuts_in_heads, listed
from bytetrain.lessons.evidence import Evidence
from bytetrain.lessons.one_call_limit import a_call_of_ours
from bytetrain.lessons.scene import Scene
from bytetrain.programs import program
from bytetrain.programs.build import Programs
from bytetrain.programs.sessions import left_over
from bytetrain.programs.start import starting
from bytetrain.telling import story
from bytetrain.telling.sizes import MiB
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import FileStore, content
from bytetrain.wire.framing import head_offsets, start_of_content

StandIn = Callable[[int], Programs]


@contextmanager
def scene(pair: Programs, store: FileStore) -> Iterator[Scene]:
    with starting(pair) as start, Scene(start, Run(pair.stage), store, big=2 * MiB, reference=False) as where:
        yield where


def played(name: str, standin: StandIn, store: FileStore, stage: int) -> Evidence:
    with scene(standin(stage), store) as where:
        return play(lesson(name), where)


# Helpers


def be_wrong(monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """Lets the fault through to the stand-ins: programs get a few variables of ours only."""
    monkeypatch.setenv("STANDIN_FAULT", fault)
    monkeypatch.setattr(program, "KEPT", (*program.KEPT, "STANDIN_FAULT"))


def test_a_cure_that_was_not_seen_is_missed_in_the_words_of_its_check() -> None:
    [missed] = not_cured(lesson("parent_spins"), Evidence("", "", ["the parent has ended"]))
    assert missed.expected == "After the death of a worker the parent sleeps again"
    assert missed.actual == "the parent has ended"


def test_evidence_is_seen_if_there_are_words_for_it() -> None:
    assert (Evidence("asked 1000, got 472", "", []).shown, Evidence("", "", []).shown) == (True, False)
    assert (Evidence("", "md5 equal", []).cured, Evidence("x", "", []).cured) == (True, False)


@pytest.mark.parametrize(
    "line, size, words",
    [
        ('recvfrom(3<TCP:[1->2]>, "a, 7"..., 1000, 0, NULL, NULL) = 472', 1000, "recv(1000 bytes) = 472"),
        ('recvfrom(3, "", 4, MSG_WAITALL, NULL, NULL) = 0', 4, "recv(4 bytes, MSG_WAITALL) = 0"),
        ('sendto(4, "x"..., 1004, 0, NULL, 0) = -1 EPIPE (Broken pipe)', 1004, "send(1004 bytes) = -1 EPIPE"),
        ("sendfile(4, 5, NULL, 3221225472) = 2147479552", 3221225472, "sendfile(3221225472 bytes) = 2147479552"),
        ("splice(4, NULL, 6, NULL, 9, 0) = ? ERESTARTSYS", 9, "splice(9 bytes) (did not return) ERESTARTSYS"),
        ("close(4) = 0", None, "close(None bytes) = 0"),
    ],
)
def test_a_call_is_told_in_few_words(line: str, size: int | None, words: str) -> None:
    call = trace.parse_trace(f"77 1700000000.5 {line}")[0]
    assert (bytes_asked(call), call_in_words(call)) == (size, words)


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_heads_are_cut_where_the_wire_has_them(number: int) -> None:
    heads = head_offsets(number, b"name", bytes(2000))
    begins = start_of_content(number, len(b"name"))
    cuts = cuts_in_heads(number, b"name")
    assert all(head + 1 in cuts for head in heads if head <= begins)
    assert (begins in heads) == (not traits(number).raw)


def test_many_cuts_are_listed_briefly() -> None:
    assert (listed([7]), listed([1, 2, 3, 4, 99])) == ("7", "1, 2, 3 ... 99")


def test_the_exit_code_of_a_zombie_is_read_without_reaping_it() -> None:
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
        os._exit(1)
    wait_until(lambda: state(pid) == "Z", "the child is a zombie")
    assert (exit_code(pid) & 0x7F, exit_code(os.getpid())) == (signal.SIGPIPE, 0)
    os.waitpid(pid, 0)
    assert exit_code(pid) == 0


def test_one_call_of_our_own_sends_what_there_is(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content(5000))
    words, returned = a_call_of_ours(file)
    assert returned == 5000 and "= 5000" in words


# Scenes


def test_a_scene_ends_what_it_has_started(standin: StandIn, store: FileStore) -> None:
    told: list[str] = []
    story.begin(listen=lambda step: told.append(step.words))
    with scene(standin(3), store) as where:
        server = where.server(store.seeded(1000))
        where.client(server.port).wait()
        assert left_over() != []
    assert left_over() == []
    assert not where.folder.exists()
    assert [words.split()[:2] for words in told if words.startswith("$ ")] == [["$", "server"], ["$", "client"]]


def test_a_scene_ends_it_after_an_error_too(standin: StandIn, store: FileStore) -> None:
    with pytest.raises(ZeroDivisionError):
        with scene(standin(3), store) as where:
            where.server(store.seeded(1000))
            raise ZeroDivisionError
    assert left_over() == []


def test_a_scene_tells_what_a_sanitizer_has_found(
    standin: StandIn, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_wrong(monkeypatch, "asan")
    with pytest.raises(Failure, match="heap-use-after-free"):
        with scene(standin(3), store) as where:
            server = where.server(store.seeded(1000))
            server.signal(signal.SIGTERM)
            server.wait()


# Scenarios


def test_every_lesson_has_a_scenario_and_says_what_to_look_at() -> None:
    folder = Path(str(__import__("bytetrain.lessons").lessons.__file__)).parent
    for each in lessons():
        assert (folder / f"{each.scenario}.py").is_file(), each.id
        assert each.look.en.endswith(".") and each.look.zh.endswith("。"), each.id


def test_a_naive_client_shows_the_half_packet(standin: StandIn, store: FileStore) -> None:
    evidence = played("half_packet", standin, store, 2)
    assert (evidence.shown, evidence.cured) == (True, False)
    assert f"train of {evidence.facts['bad_length']} bytes" in evidence.failure
    json.dumps(dict(evidence.facts))


def test_a_naive_client_hides_it_with_zeros(standin: StandIn, store: FileStore) -> None:
    evidence = played("zeros_hide_it", standin, store, 2)
    assert (evidence.shown, evidence.cured) == (True, False)


@pytest.mark.parametrize(
    "name", ["half_packet", "zeros_hide_it", "waitall_returns_short", "blocked_send_returns_short"]
)
@pytest.mark.parametrize("number", [3, 4, 5])
def test_an_exact_pair_is_cured(name: str, number: int, standin: StandIn, store: FileStore) -> None:
    evidence = played(name, standin, store, number)
    assert (evidence.shown, evidence.cured) == (False, True), evidence.lines


@pytest.mark.parametrize("number", [1, 3, 5])
def test_boundaries_are_found(number: int, standin: StandIn, store: FileStore) -> None:
    evidence = played("no_boundaries", standin, store, number)
    assert (evidence.shown, evidence.cured) == (False, True), evidence.lines


@pytest.mark.parametrize("name", ["no_boundaries", "half_packet", "waitall_returns_short", "exit_leaves_mess"])
def test_a_client_that_never_comes_is_no_evidence(name: str, standin: StandIn, store: FileStore) -> None:
    pair = standin(3)
    broken = Programs(3, pair.folder, pair.server, Path("/bin/false"))
    with scene(broken, store) as where:
        with pytest.raises(Failure, match="the client has ended with status 1"):
            play(lesson(name), where)


def test_orphans_are_seen(standin: StandIn, store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    be_wrong(monkeypatch, "orphans")
    evidence = played("exit_leaves_mess", standin, store, 6)
    assert not evidence.cured
    assert "left behind: worker" in evidence.lines[0]
    assert left_over() == []
