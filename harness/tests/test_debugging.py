"""What an editor launches under gdb, which is driven here as the editor's extension drives it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bytetrain.course.paths import STAGES, STARTS
from bytetrain.course.traits import stage_numbers
from bytetrain.kernel.trace import why_no_strace
from bytetrain.programs.build import build
from bytetrain.programs.sessions import end_left_over, left_over
from bytetrain.telling.waiting import wait_until

LAUNCHES = STARTS / "common" / ".vscode" / "launch.json"


class Debugger:
    """gdb with the commands of a launch, and what it says."""

    def __init__(self, launch: dict[str, Any], program: Path, arguments: list[str], function: str) -> None:
        self._process = subprocess.Popen(
            ["gdb", "-q", "-nx", "--interpreter=mi", str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )
        for each in launch["setupCommands"]:
            done = self.do(each["text"])
            assert done.startswith("^done") or each.get("ignoreFailures"), (each, done)
        for command in ("-exec-arguments " + " ".join(arguments), f"-break-insert {function}"):
            assert self.do(command).startswith("^done"), command
        self.do("-exec-run")

    def do(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        return self.until("^")

    def until(self, beginning: str) -> str:
        """The next line that begins so."""
        assert self._process.stdout is not None
        seen = []
        for line in self._process.stdout:
            seen.append(line)
            if line.startswith(beginning):
                return line
        raise AssertionError("".join(seen))

    def quit(self) -> None:
        self.do("-gdb-exit")
        self._process.wait()

    def kill(self) -> None:
        """What it has left behind may have our pipe: nobody waits for its end."""
        self._process.kill()
        with self._process:
            pass


@pytest.fixture(scope="module")
def programs() -> Path:
    """Of the first stage whose workers die in mid-transfer."""
    reason = why_no_strace() if shutil.which("gdb") else "gdb is not installed"
    if reason:
        pytest.skip(reason)
    return build(STAGES, stage_numbers()[1], "dev").server.parent


def launch(name: str) -> dict[str, Any]:
    found: dict[str, Any] = {each["name"]: each for each in json.loads(LAUNCHES.read_text())["configurations"]}
    return dict(found[name])


@pytest.mark.timeout(300)  # it may have to build
@pytest.mark.parametrize("who, function", [("the parent", "send_descriptor"), ("a worker", "send_file")])
def test_a_launch_stops_in_the_process_that_it_names(programs: Path, tmp_path: Path, who: str, function: str) -> None:
    (tmp_path / "hello.txt").write_text("hello, world\n")
    before = {each.pid for each in left_over()}
    chosen = launch(f"server: {who}")
    assert chosen["args"] == ["127.0.0.1", "9000", "1", "build/hello.txt"]
    debugger = Debugger(chosen, programs / "server", ["127.0.0.1", "0", "1", str(tmp_path / "hello.txt")], function)
    try:
        port = int(debugger.until("listening on ").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)):
            stopped = debugger.until("*stopped")
        assert 'reason="breakpoint-hit"' in stopped and f'func="{function}"' in stopped
        of_gdb, = (each for each in left_over(before) if each.name == "gdb")
        parent, = (each for each in left_over(before) if each.ppid == of_gdb.pid)
        worker, = (each for each in left_over(before) if each.ppid == parent.pid)
        thread = re.findall(r'thread-id="(\d+)"', stopped)[0]
        here = debugger.do(f"-thread-info {thread}")
        assert str(parent.pid if who == "the parent" else worker.pid) in re.findall(r"\d+", here)
        debugger.quit()
        wait_until(lambda: all(each.state == "Z" for each in left_over(before)), "everybody has left by himself")
    finally:
        debugger.kill()
        end_left_over(before)
