"""Each diagnosis is given where the evidence has no other cause, and not where it nearly is the same."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course import catalogue
from bytetrain.course.paths import HARNESS
from bytetrain.judging.transfers import read_whole
from bytetrain.judging.bad_ends import MISTAKE_OF, of_report
from bytetrain.judging.diagnoses import examiner, of_open_listener
from bytetrain.kernel import trace
from bytetrain.kernel.cpu import cpu_seconds
from bytetrain.kernel.processes import all_asleep
from bytetrain.programs.build import Programs
from bytetrain.programs.start import Starter
from bytetrain.telling import story
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import write_data, write_file
from bytetrain.wire.peers import RawClient

from .test_wrong_bytes import CONTENT, name_of, trains

CHINESE = range(0x4E00, 0xA000)


@pytest.mark.parametrize("mistake", catalogue.mistakes().values(), ids=lambda mistake: str(mistake.id))
def test_a_mistake_has_what_a_student_needs(mistake: catalogue.Mistake) -> None:
    assert len(mistake.hints) == 3
    for text in (mistake.title, *mistake.hints):
        assert text.en.isascii() and any(ord(char) in CHINESE for char in text.zh)


def test_each_mistake_of_the_list_is_looked_for_and_each_that_is_looked_for_is_on_it() -> None:
    source = "".join(file.read_text() for file in (HARNESS / "bytetrain" / "judging").glob("*.py"))
    known = set(catalogue.mistakes())
    assert {each for each in known if f'"{each}"' not in source} == set()
    assert set(re.findall(r'Diagnosis\(\s*"(\w+)"', source)) | set(MISTAKE_OF.values()) <= known


# What a server says at its start

SERVER = """#!{python}
import os, signal, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
{then}
signal.pause()
"""
LINE = "'listening on 127.0.0.1:%d' % port"
FULL = """
mine, full = os.pipe()
os.set_blocking(full, False)
try:
    while True: os.write(full, bytes(4096))
except BlockingIOError:
    os.set_blocking(full, True)
os.dup2(full, 1)
"""
AT_THE_START = {
    "the line stays in a buffer": ("not_flushed", f"print({LINE})"),
    "there is no line": ("", "pass"),
    "a line with another port stays in a buffer": ("", "print('listening on 127.0.0.1:%d0' % port)"),
    "another line stays in a buffer": ("", "print('ready on port', port)"),
    "it is on standard error": ("result_on_standard_error", f"print({LINE}, file=sys.stderr, flush=True)"),
    "the log is on standard output": ("log_on_standard_output", f"print('begins', {LINE}, sep='\\n', flush=True)"),
    "nobody reads the pipe that the line waits for": ("", FULL + f"print({LINE}, flush=True)"),
    "the line is another one": ("", f"print({LINE}.upper(), flush=True)"),
}


def script(folder: Path, text: str, **words: object) -> Programs:
    """A server that is a Python script. (Its client is nobody's.)"""
    program = folder / "server"
    program.write_text(text.format(python=sys.executable, **words))
    program.chmod(0o755)
    return Programs(3, folder, program, program)


@pytest.mark.parametrize("what", AT_THE_START)
def test_what_a_server_says_at_its_start(what: str, tmp_path: Path) -> None:
    diagnosis, then = AT_THE_START[what]
    story.begin()
    with Starter(script(tmp_path, SERVER, then=then), tmp_path) as start:
        with story.examined_by(examiner(start.programs)), pytest.raises(Failure) as caught:
            start.server(write_file(tmp_path / "file.bin", 10))
    assert name_of(caught.value) == diagnosis


REFUSED = "sys.exit('server: ' + sys.argv[4] + ': Permission denied')"


@pytest.mark.parametrize("then, rights, diagnosis", [
    (REFUSED, os.R_OK, "opened_for_writing"), (REFUSED, 0, ""), (REFUSED, os.R_OK | os.W_OK, ""),
    (REFUSED.replace("sys.argv[4]", "'server.log'"), os.R_OK, ""), (REFUSED.replace("Permission", "X"), os.R_OK, ""),
])
def test_a_server_that_may_not_open_its_file(
    then: str, rights: int, diagnosis: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, asked: asked & rights == asked)
    story.begin()
    with Starter(script(tmp_path, SERVER, then=then), tmp_path) as start:
        with story.examined_by(examiner(start.programs)), pytest.raises(Failure) as caught:
            start.server(write_file(tmp_path / "file.bin", 10))
    assert name_of(caught.value) == diagnosis


# A connection that doesn't end

HOLDERS = """#!{python}
import os, signal, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
connection = listener.accept()[0]
time.sleep({pause})
if os.fork() == 0:
    with connection:
        connection.sendall(open(sys.argv[4], "rb").read())
        {worker}
    signal.pause()
{parent}
signal.pause()
"""
HOLD = {
    "the parent": ("parent_keeps_connection", "pass", "pass", "the parent "),
    "a worker that was started later": (
        "connection_inherited", "signal.pause()", "connection.close()", "was made, and has inherited it"),
}


@pytest.mark.parametrize("pause", [0, 0.1], ids=["at once", "later"])
@pytest.mark.parametrize("who", HOLD)
def test_who_keeps_a_connection(who: str, pause: float, tmp_path: Path) -> None:
    diagnosis, worker, parent, says = HOLD[who]
    original = write_data(tmp_path / "file.bin", CONTENT)
    (tmp_path / "stream").write_bytes(trains(CONTENT))
    story.begin()
    with Starter(script(tmp_path, HOLDERS, worker=worker, parent=parent, pause=pause), tmp_path) as start:
        server = start.server(tmp_path / "stream")
        with RawClient(server.port) as client, pytest.raises(Failure) as caught:
            read_whole(client, 3, original)
    assert name_of(caught.value) == diagnosis
    assert caught.value.diagnosis and says in caught.value.diagnosis.words


LISTENERS = {  # what the worker does, and the parent, after the fork
    "a worker has inherited it": ("a worker ", "pass", "listener.close()"),
    "the parent keeps it, and its worker has left": ("the parent ", "listener.close(); os._exit(0)", "os.wait()"),
    "nobody has begun to leave": ("", "listener.close()", "pass"),
    "nobody has it": ("", "listener.close()", "listener.close()"),
}


@pytest.mark.parametrize("who", LISTENERS)
def test_who_keeps_the_listening_socket(who: str, tmp_path: Path) -> None:
    says, worker, parent = LISTENERS[who]
    body = f"print({LINE}, flush=True)\nif os.fork() == 0:\n    {worker}\n    signal.pause()\n{parent}"
    story.begin(6)
    with Starter(script(tmp_path, SERVER, then=body), tmp_path) as start:
        server = start.server(write_file(tmp_path / "file.bin", 10), workers=1)
        wait_until(lambda: all(map(all_asleep, [server.pid, *server.workers])), "parent and worker sleep")
        found = of_open_listener(server)
    assert (found.words if found else "").startswith(f"The listening socket is still open in {says}" if says else "")
    assert bool(found) is bool(says)


# How programs end

PIPE = "signal.signal(signal.SIGPIPE, signal.SIG_DFL); os.kill(os.getpid(), signal.SIGPIPE)"
ENDS = {
    "a signal of its own": ("memory_error", "os.kill(os.getpid(), signal.SIGSEGV)"),
    "a signal from outside": ("", "os.kill(os.getpid(), signal.SIGTERM)"),
    "a status": ("", "sys.exit(3)"),
    "a worker that nobody waits for": ("not_reaped", "os.fork() or os._exit(4); signal.pause()"),
    "a worker that dies of its own, and nobody waits": (
        "memory_error", "os.fork() or os.kill(os.getpid(), signal.SIGSEGV); signal.pause()"),
    "its worker has left before": ("worker_leaves", "os.fork() or os._exit(4)\n"
                                   f"os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)\n{PIPE}"),
    "writes where nobody reads": ("killed_by_sigpipe", PIPE),
    "a worker that is waited for": ("", "os.fork() or os._exit(4); os.wait(); signal.pause()"),
}


@pytest.mark.parametrize("what", ENDS)
def test_how_a_server_ends(what: str, tmp_path: Path) -> None:
    diagnosis, then = ENDS[what]
    story.begin(3)
    with Starter(script(tmp_path, SERVER, then=f"print({LINE}, flush=True); {then}"), tmp_path) as start:
        server = start.server(write_file(tmp_path / "file.bin", 10))
        with story.examined_by(examiner(start.programs)), pytest.raises(Failure) as caught:
            wait_until(lambda: not server.running, "the server ends")
            with story.expecting("it lives"):
                raise Failure("it has ended")
    assert name_of(caught.value) == diagnosis


SPINS = {
    "reads on after the end": (
        "end_of_stream_ignored",
        "a = socket.create_connection(('127.0.0.1', port)); listener.accept()[0].close()\nwhile True: a.recv(9)"),
    "goes round and round": ("spins", "while True: pass"),
    "asks again and again": ("spins", "import select\nwhile True: select.select([listener], [], [], 0)"),
    "goes round and round without a worker": ("", "os.fork() or os._exit(4)\nos.wait()\nwhile True: pass"),
    "is at work": ("", "null = os.open('/dev/null', os.O_WRONLY)\nwhile True: os.write(null, b'work')"),
}


@pytest.mark.parametrize("what", SPINS)
@pytest.mark.skipif(trace.why_not_running() is not None, reason=str(trace.why_not_running()))
def test_what_a_spinning_process_does(what: str, tmp_path: Path) -> None:
    diagnosis, then = SPINS[what]
    story.begin(3)
    with Starter(script(tmp_path, SERVER, then=f"print({LINE}, flush=True)\n{then}"), tmp_path) as start:
        server = start.server(write_file(tmp_path / "file.bin", 10), workers=then.count("os.fork"))
        wait_until(lambda: cpu_seconds(server.pid) > 0.3, "it is at it")
        with story.examined_by(examiner(start.programs)), pytest.raises(Failure) as caught:
            with story.expecting("it sleeps"):
                raise Failure("it does not sleep")
    assert name_of(caught.value) == diagnosis


REPORT = """==77==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000114 at pc 0x55 bp 0x7ffd sp 0x7ffe
WRITE of size 4 at 0x602000000114 thread T0
    #0 0x7f5b2e in __interceptor_recv ../../../../src/libsanitizer/sanitizer_common/common.inc:6612
    #1 0x55d1c9 in receive_train /home/me/03_waitall/train.cpp:42
    #2 0x55d1c9 in main /home/me/03_waitall/client.cpp:17
"""


def test_what_a_sanitizer_says() -> None:
    found = of_report(f"client: hello\n{REPORT}", "client")
    assert found and found.id == "memory_error"
    assert found.words.endswith("heap-buffer-overflow, a WRITE of size 4, in receive_train, train.cpp:42.")
    assert of_report("client: no AddressSanitizer here", "client") is None
    assert of_report("==1==ERROR: LeakSanitizer: detected memory leaks", "client") is None
