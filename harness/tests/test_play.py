"""./lab play: the folder in which the pages' commands work, and the shell that opens there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from bytetrain.course.paths import PLAYGROUND, REPO, STAGES
from bytetrain.docs.playground import lay
from bytetrain.grading.command import command_of
from bytetrain.learn import shell
from bytetrain.programs.build import build
from bytetrain.programs.program import Conditions, Program
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.peers import RawClient, RawServer


def test_what_is_missing_is_laid_and_what_was_changed_stays(tmp_path: Path) -> None:
    folder = lay(tmp_path / "a folder", ())
    assert (folder / "stages" / "02_big_file" / "train.cpp").is_file() and (folder / "received").is_dir()
    assert (folder / "numbers.txt").stat().st_size == 14888896  # seq 1 2000000
    (folder / "hello.txt").write_text("mine")
    (folder / "stages").unlink()
    (folder / "stages").symlink_to("/of/a/clone/that/was/moved")
    (folder / "numbers.txt").unlink()
    lay(folder, ())
    assert (folder / "hello.txt").read_text() == "mine" and (folder / "numbers.txt").exists()
    assert (folder / "stages").resolve() == STAGES


def test_the_peers_are_a_program_of_the_folder(tmp_path: Path) -> None:
    """Whatever python3 comes first in PATH, and without a variable of ours."""
    (tmp_path / "python3").symlink_to("/bin/false")
    folder = lay(tmp_path / "play", ())
    done = subprocess.run(["./play", "client", "--help"], cwd=folder, env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
                          capture_output=True, text=True)
    assert done.returncode == 0 and "usage: ./play client" in done.stdout, done


def test_what_comes_after_a_cut_comes_in_one_piece_however_the_server_sends_it() -> None:
    """What a page says that one recv returned must not depend on how far the server had come."""
    with RawServer() as server:
        peer = subprocess.Popen(
            command_of("bytetrain.play", "proxy", server.port, "--cut", 4), stdout=subprocess.PIPE, text=True)
        try:
            assert peer.stdout is not None
            with RawClient(int(peer.stdout.readline().rpartition(":")[2])) as client, server.accept() as connection:
                connection.send(b"abcd12")
                connection.wait_taken()
                connection.send(b"345")
                connection.finish_sending()
                assert client.read_exactly(4) == b"abcd" and client.read_some(100) == b"12345"
        finally:
            peer.terminate()
            peer.communicate()


@pytest.mark.parametrize(
    "own, opened, other",
    [("/bin/bash", "/bin/bash", ""), ("/usr/bin/zsh", "/bin/bash", "zsh"), ("", "/bin/bash", ""),
     ("/no/such/bash", "/bin/bash", "bash")],
)
def test_the_shell_is_always_bash(own: str, opened: str, other: str) -> None:
    assert shell.shell_of({"SHELL": own}) == (opened, other)


@pytest.fixture
def without_building(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(shell, "PLAYGROUND", tmp_path / "play")
    monkeypatch.setattr(shell, "lay", lambda folder: lay(folder, ()))
    return tmp_path / "play"


def test_one_command_runs_there_and_its_status_is_ours(
    without_building: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert shell.main(["-c", "cat hello.txt; exit 7"]) == 7
    assert capfd.readouterr().out == "hello, world\n"
    assert shell.main(["-c", "kill -TERM $$"]) == 143


@pytest.mark.timeout(300)  # it may have to be built
def test_a_server_that_still_runs_is_named_with_the_command_that_ends_it(
    without_building: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    server = build(STAGES, 1, "dev").server
    PLAYGROUND.mkdir(parents=True, exist_ok=True)
    words = [str(server), "127.0.0.1", "0", "2", str(REPO / ".clangd")]
    with Program(words, Conditions(cwd=PLAYGROUND)) as by_hand, Program(words, Conditions(cwd=tmp_path)) as graded:
        wait_until(lambda: "listening on" in by_hand.stdout and "listening on" in graded.stdout, "both listen")
        shell.main(["-c", "true", "--lang", "zh"])
        told = capfd.readouterr().err
        assert re.findall(r"kill (\d+)", told) == [str(by_hand.pid)] and "还在运行" in told
    assert by_hand.pid not in [pid for pid, _ in shell.servers_started_here()]
