"""--external-port, as who debugs a server uses it: the check tells a command line, and somebody types it."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from pathlib import Path
from typing import Any, Optional

from bytetrain.grading.command import grading_command
from bytetrain.grading.adapters import load_results

CHECK = "server.resets"  # as in docs/en/results.md


def graded(check: str, submission: Path, folder: Path, file: Optional[Path] = None) -> tuple[int, dict[str, Any]]:
    """The exit status and the check of a run with --external-port. The server is started with another `file`, if told
    so."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    options = ["-s", f"--check={check}", "--stage=3", f"--external-port={port}"]
    command = grading_command(submission, folder / "results.json", *options)
    server: Optional[subprocess.Popen[str]] = None
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, errors="surrogateescape") as run:
        assert run.stdout is not None
        for line in run.stdout:
            if server is None and f" {port} " in line:
                words = shlex.split(line)
                server = subprocess.Popen(words[:-1] + [str(file or words[-1])], text=True, stdout=subprocess.DEVNULL)
    assert server is not None and server.poll() is None, "a server of somebody else's is never ended"
    server.terminate()
    server.wait()
    return run.returncode, next(each for each in load_results(folder / "results.json")["checks"] if each["id"] == check)


def test_a_right_server_passes(standins: Path, tmp_path: Path) -> None:
    status, check = graded(CHECK, standins, tmp_path)
    assert (status, check["verdict"]) == (0, "pass")


def test_a_wrong_server_fails(standins: Path, tmp_path: Path) -> None:
    (tmp_path / "other.bin").write_bytes(os.urandom(1000))
    status, check = graded(CHECK, standins, tmp_path, tmp_path / "other.bin")
    assert (status, check["verdict"]) == (1, "fail") and "other.bin" in str(check["story"])


def test_what_needs_servers_of_its_own_is_not_applicable(standins: Path, tmp_path: Path) -> None:
    status, check = graded("server.sizes", standins, tmp_path)
    assert (status, check["verdict"]) == (0, "not applicable") and "without --external-port" in check["why"]
