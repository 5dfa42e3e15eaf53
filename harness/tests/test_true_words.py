"""A failure is told as it was: each mistake below, put into a submission that is right otherwise, fails a check, and
the story says what was seen. What it must never say was said once, and was untrue.

Some checks are named that such a mistake must not fail: they are about something else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bytetrain.course.paths import REPO
from bytetrain.grading.command import grading_command

Edit = tuple[str, str, str]  # a file below common/, words of it, and those that take their place

CORRECT = REPO / "harness" / "submissions" / "python_fds"


@dataclass(frozen=True)
class Mistake:
    """What is wrong in a submission, and what the grader makes of it."""

    stage: int
    edits: Sequence[Edit]
    fails: str = ""  # the check that must fail...
    says: str = ""  # ...with a story in which this is found (a regular expression)
    never: str = ""  # and this is not
    passes: Sequence[str] = ()  # the checks that must pass
    limit: float = 20.0  # seconds, for what is waited for in vain


CLOSES_WHO_WAITS = [  # it accepts always, and closes what nobody is idle for
    ("pool.py", "bool(self._idle) and not self._paused()", "not self._paused()"),
    ("pool.py", "return\n        self._accepted = connection", "return\n        connection.close()"),
]
WORKERS_ACCEPT = [
    ("pool.py", "self._listener.close()\n            for", "pass\n            for"),
    ("pool.py", "self._work(channel)", "self._work(self._listener)"),
    ("pool.py", "wanted = self._phase", "wanted = False and self._phase"),
    ("pool.py", "self._listener.setblocking(False)", "pass"),
    ("worker.py", "channel.send(IDLE)", "pass"),
    ("worker.py", "        _, descriptors, _, _ = socket.recv_fds(channel, len(CONNECTION), 1)\n", ""),
    ("worker.py", "        if descriptors:\n            return socket.socket(fileno=descriptors[0])\n",
     "        return channel.accept()[0]\n"),
]
ENDLESS = [("wire.py", 'connection.sendall(_train(b""))', "while True: connection.sendall(_train(bytes(1000)))")]
ROUND_AND_ROUND = [
    ("wire.py", "while offset < size:", "while True:"),
    ("wire.py", "        if sent == 0:\n", "        if sent == 0:\n            offset = 0\n            continue\n"),
]
ZEROS_INSTEAD = [
    ("source.py", "os.open(path,", 'os.open(path if os.path.exists(path) else "/dev/zero",'),
    ("source.py", "if stat.S_ISREG(mode) and", "if not os.path.exists(path) or stat.S_ISREG(mode) and"),
]
NOBODY_REPLACED = [
    ("pool.py", "and not self._paused() and len(self._members)", "and False and len(self._members)"),
]
WORKER_DIES_OF_A_CLIENT = [
    *NOBODY_REPLACED, ("worker.py", '            say(f"worker {os.getpid()}: {failure}")', "            os._exit(1)"),
]
SPINS_AFTER_ANOTHER_ORDER = [
    ("pool.py", "deque[Member] = deque()", "deque[Member] = deque(); self._busy, self._mixed = [], False"),
    ("pool.py", "    def _hear(self",
     "    def _took(self, who):\n        self._busy.append(who)\n        return who\n\n    def _hear(self"),
    ("pool.py", "self._idle.popleft().channel", "self._took(self._idle.popleft()).channel"),
    ("pool.py", "recv(1):\n", "recv(1):\n                self._mixed |= self._busy[0] is not member\n"
     "                self._busy.remove(member)\n"),
    ("pool.py", "self._selector.select(self._time_left())", "self._selector.select(0 if self._mixed else None)"),
]
KEEPS_COPIES = [  # of which clients see nothing
    ("pool.py", "connection.close()\n            return\n",
     "self.__dict__.setdefault('kept', []).append(connection)\n            return\n"),
    ("worker.py", "self._serve(connection)\n", "self._serve(connection); connection.shutdown(socket.SHUT_RDWR)\n"),
]
WORKERS_SPIN = [
    ("worker.py", "        _, descriptors, _, _ = socket.recv_fds(channel, len(CONNECTION), 1)\n",
     "        descriptors = None\n        channel.setblocking(False)\n        while descriptors is None:\n"
     "            with contextlib.suppress(BlockingIOError):\n"
     "                _, descriptors, _, _ = socket.recv_fds(channel, len(CONNECTION), 1)\n"),
]
LAST_COME_FIRST_SERVED = [  # it accepts always
    ("pool.py", "bool(self._idle) and not self._paused()", "not self._paused()"),
    ("pool.py", "return\n        self._accepted = connection", "return\n        self._stack.append(connection)"),
    ("pool.py", "self._accepted: Optional", "self._stack = []; self._accepted: Optional"),
    ("pool.py", "self._accepted is not None and self._idle", "self._stack and self._idle"),
    ("pool.py", "connection, self._accepted = self._accepted, None", "connection = self._stack.pop()"),
]
MISTAKES = {
    "who waits is closed: no byte came to anybody": Mistake(
        3, CLOSES_WHO_WAITS, "pool.stopped_workers", "10 clients have been closed: none is dropped", "who sent them"),
    "who waits is closed: nobody came before its turn": Mistake(
        3, CLOSES_WHO_WAITS, "pool.served_in_turn", r"clients \[2, 3, 4, 5\], who wait, have been closed", "its turn:"),
    "who waits is closed: nobody was dropped early": Mistake(
        6, CLOSES_WHO_WAITS, "exit.stalled_client", "a client that waited was closed, without", "is dropped after"),
    "workers accept by themselves, stopped before their first send": Mistake(
        3, WORKERS_ACCEPT, "server.sigpipe_before_first_send",
        r"2 wait in the backlog, and the listening socket is open in worker \d.*server: it waits in", r"after \d+ s"),
    "workers accept by themselves, and one dies": Mistake(
        3, WORKERS_ACCEPT, "pool.worker_dies_before_taking", "nobody can move any more: the server: it waits in",
        r"after \d+ s"),
    "room for ten that wait, and no more": Mistake(
        3, [("network.py", "socket.SOMAXCONN", "10")],
        passes=["pool.stopped_workers", "pool.clients_wait", "pool.served_in_turn", "server.at_once", "pair.at_once"]),
    "orphans of a server that never listened": Mistake(
        6, [("server.py", "        say(str(failure))\n", "        say(str(failure))\n        orphan()\n"),
            ("server.py", "import os\n", "import os\nimport time\norphan = lambda: os.fork() or time.sleep(9)\n")],
        "server.port_taken", "no process of it stays", limit=5),
    "a log that begins with the server": Mistake(
        2, [("server.py", "    try:\n", "    say('two workers')\n    try:\n")], passes=[
            "server.file_missing", "server.host_unknown", "server.port_taken", "server.file_directory",
            "server.file_unreadable"]),
    "a parent that takes a nap before it accepts": Mistake(
        3, [("pool.py", "            connection, _ = self._listener.accept()",
             "            __import__('time').sleep(0.7)\n            connection, _ = self._listener.accept()")],
        passes=["pool.idle_worker_next"]),
    "a parent that keeps its copies": Mistake(
        1, KEEPS_COPIES, "pool.nothing_left_open", passes=["pool.idle_worker_next"], limit=10),
    "workers that spin": Mistake(1, WORKERS_SPIN, "pool.idle_cpu", "spins", passes=["server.ready_last"], limit=10),
    "who came last is served first": Mistake(
        3, LAST_COME_FIRST_SERVED, "pool.served_in_turn", passes=["pool.clients_wait"], limit=10),
    "last words on standard output": Mistake(
        6, [("server.py", "pool.run()", "pool.run(); print('all have left')")], "server.nothing_else_printed",
        "all have left", passes=["exit.ctrl_c", "exit.idle"]),
    "who leaves is replaced": Mistake(
        6, [("pool.py", "while self._phase is Phase.SERVING and not", "while self._phase is not Phase.ENDING and not")],
        "exit.idle", r"worker \d+ was started after the signal"),
    "a parent that spins after transfers that ended in another order": Mistake(
        3, SPINS_AFTER_ANOTHER_ORDER, "pool.idle_cpu", "spins", passes=["pool.first_free_next"]),
    "a parent that sleeps when a worker has died": Mistake(
        3, [("pool.py", "                self._reap()\n", "                signal.pause()\n")],
        "lesson.zombie_stays", "the parent doesn't spin, it waits in pause; 2 of 3 workers", "ProcessFacts",
        passes=["lesson.parent_spins"], limit=10),
    "a parent that ends when a worker has died": Mistake(
        3, [("pool.py", "                self._reap()\n", "                os._exit(7)\n")],
        "lesson.dead_worker_kills_parent", "the parent has ended as well: status 7", r"SIGPIPE ends|workers \[\]"),
    "a worker that dies of its client, and is not replaced": Mistake(
        3, WORKER_DIES_OF_A_CLIENT, "server.resets", limit=10,
        passes=["server.worker_descriptors", "server.stops_sending"]),
    "workers that are not replaced": Mistake(
        3, NOBODY_REPLACED, "pool.idle_worker_dies", passes=["server.restart_beside_transfer"], limit=10),
    "another word than received": Mistake(
        3, [("client.py", 'b"received "', 'b"saved "')], "client.sizes", "'received ",
        passes=["client.stopped_in_recv", "client.current_directory", "client.target_symlink"]),
    "an early end that is taken for success": Mistake(
        3, [("wire.py", 'raise Failure(f"the server closed the connection in {what}")', "data = bytes(size)")],
        "client.end_between_trains", passes=["client.target_symlink", "client.current_directory"]),
    "one recv for a head": Mistake(
        3, [("wire.py", "self._stream.read(size)", "self._stream.raw.read(size)")],
        "client.stopped_in_recv", "without SIGSTOP are not saved either"),
    "a server that never stops sending, read by a lesson": Mistake(
        3, ENDLESS, "lesson.blocked_send_returns_short", "sends on and on"),
    "a server that never stops sending, read by a check": Mistake(3, ENDLESS, "server.sizes", "sends on and on"),
    "a server that never stops sending, without descriptors": Mistake(
        3, ENDLESS, "pool.worker_out_of_descriptors", "sends on and on"),
    "a server that sends a cut file again and again": Mistake(5, ROUND_AND_ROUND, "lesson.cut_file", "sends on and on"),
    "a server that sends 3 GiB again and again": Mistake(
        5, ROUND_AND_ROUND, "lesson.one_call_limit", "sends on and on"),
    "a server that never stops sending, where it should end early": Mistake(
        3, ZEROS_INSTEAD, "server.file_gone", "sends on and on"),
}


def graded(mistake: Mistake, folder: Path) -> dict[str, dict[str, Any]]:
    """The checks that are named, as results.json tells them."""
    submission = shutil.copytree(CORRECT, folder / "submission")
    for name, right, wrong in mistake.edits:
        file = submission / "common" / name
        assert right in file.read_text(), right
        file.write_text(file.read_text().replace(right, wrong))
    results = folder / "results.json"
    wanted = ",".join(filter(None, [mistake.fails, *mistake.passes]))
    asked = [f"--stage={mistake.stage}", f"--check={wanted}"]
    options = [*asked, "--no-calls", "--containment=limits", "-p", "no:randomly"]
    done = subprocess.run(
        grading_command(submission, results, *options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, errors="surrogateescape", env={**os.environ, "BYTETRAIN_LIMIT": f"{mistake.limit}"},
    )
    assert results.exists(), done.stdout
    checks = json.loads(results.read_text())["checks"]
    return {each["id"]: each for each in checks if each["verdict"] != "not run"}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_as_what_it_is(name: str, tmp_path: Path) -> None:
    mistake = MISTAKES[name]
    checks = graded(mistake, tmp_path)
    if mistake.fails:
        found = checks[mistake.fails]
        assert found["verdict"] == "fail", found
        story = json.dumps(found["story"], ensure_ascii=False)
        assert re.search(mistake.says, story), story
        assert not mistake.never or not re.search(mistake.never, story), story
    assert {check: checks[check]["verdict"] for check in mistake.passes} == dict.fromkeys(mistake.passes, "pass"), [
        checks[check]["story"] for check in mistake.passes
    ]
