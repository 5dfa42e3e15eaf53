"""Each diagnosis is given where the evidence has no other cause, and not where it nearly is the same."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.course import catalogue
from bytetrain.course.paths import HARNESS
from bytetrain.judging.acts import read_whole
from bytetrain.judging.bad_ends import of_report
from bytetrain.judging.diagnoses import examiner
from bytetrain.judging.verdicts import received
from bytetrain.kernel import trace
from bytetrain.kernel.cpu import cpu_seconds
from bytetrain.programs.build import Programs
from bytetrain.programs.output import Finished
from bytetrain.programs.start import Starter
from bytetrain.telling import story
from bytetrain.telling.waiting import wait_until
from bytetrain.wire.files import Seeded, write_data, write_file
from bytetrain.wire.framing import encode_train, stream
from bytetrain.wire.peers import RawClient

CHINESE = range(0x4E00, 0xA000)


@pytest.mark.parametrize("mistake", catalogue.mistakes().values(), ids=lambda mistake: str(mistake.id))
def test_a_mistake_has_what_a_student_needs(mistake: catalogue.Mistake) -> None:
    assert len(mistake.hints) == 3
    for text in (mistake.title, *mistake.hints):
        assert text.en.isascii() and any(ord(char) in CHINESE for char in text.zh)


def test_each_mistake_of_the_list_is_looked_for_and_each_that_is_looked_for_is_on_it() -> None:
    source = "".join(file.read_text() for file in (HARNESS / "bytetrain" / "judging").glob("*.py"))
    assert [each for each in catalogue.mistakes() if f'"{each}"' not in source] == []


# What bytes say

CONTENT = bytes(range(1, 256)) * 12  # no 0 in it
WITH_NUL = CONTENT[:300] + b"\0" + CONTENT[301:]


def read(tmp_path: Path, sent: bytes, stage: int = 3, content: bytes = CONTENT) -> str:
    """The diagnosis of what a server sends that should send that content."""
    original = write_data(tmp_path / "file.bin", content)
    with socket.create_server(("127.0.0.1", 0)) as listener, RawClient(listener.getsockname()[1]) as client:
        with listener.accept()[0] as connection:
            connection.sendall(sent)
        with pytest.raises(Failure) as caught:
            read_whole(client, stage, original)
    return name_of(caught.value)


def name_of(failure: Failure) -> str:
    return failure.diagnosis.id if failure.diagnosis else ""


def trains(content: bytes, cut: Callable[[bytes], bytes] = lambda body: body) -> bytes:
    """A stream of stage 03, each body of its content made another one."""
    bodies = [cut(content[start : start + 1000]) for start in range(0, len(content), 1000)]
    return b"".join(map(encode_train, [b"file.bin", *bodies, b""]))


def turned(data: bytes) -> bytes:
    """Its first head in the byte order of most machines."""
    return data[:4][::-1] + data[4:]


STREAMS = {
    "a length the other way round": ("host_byte_order", turned(trains(CONTENT))),
    "a length that is wrong in any order": ("", b"\x31\x32\x33\x34" + trains(CONTENT)),
    "the path as the name": ("path_as_name", encode_train(b"/tmp/files/file.bin") + trains(CONTENT)[12:]),
    "a path to another file": ("", encode_train(b"/tmp/files/another.bin") + trains(CONTENT)[12:]),
    "a name with its NUL": ("nul_in_name", encode_train(b"file.bin\0") + trains(CONTENT)[12:]),
    "another name with a NUL": ("", encode_train(b"File.bin\0") + trains(CONTENT)[12:]),
    "a name in other words": ("", encode_train(b"file") + trains(CONTENT)[12:]),
    "too little content": ("", trains(CONTENT[:-7])),
    "no end": ("", trains(CONTENT)[:-4]),
}


@pytest.mark.parametrize("what", STREAMS)
def test_what_a_server_sends(what: str, tmp_path: Path) -> None:
    diagnosis, sent = STREAMS[what]
    assert read(tmp_path, sent) == diagnosis


def test_a_size_the_other_way_round(tmp_path: Path) -> None:
    whole = stream(5, b"file.bin", CONTENT)
    head, size, rest = whole[:16], whole[16:24], whole[24:]
    assert read(tmp_path, head + size[::-1] + rest, 5) == "host_byte_order"
    assert read(tmp_path, head + bytes(7) + b"\x07" + rest, 5) == ""


def test_a_server_that_stops_at_a_nul(tmp_path: Path) -> None:
    def as_string(body: bytes) -> bytes:
        return body.split(b"\0")[0]

    assert read(tmp_path, trains(WITH_NUL, as_string), content=WITH_NUL) == "cut_at_nul"
    assert read(tmp_path, trains(WITH_NUL[:300]), content=WITH_NUL) == "cut_at_nul"
    assert read(tmp_path, trains(WITH_NUL[:299]), content=WITH_NUL) == ""
    wrong = WITH_NUL[:300] + b"\1" + WITH_NUL[301:]
    assert read(tmp_path, trains(wrong), content=WITH_NUL) == ""


def saved(tmp_path: Path, content: bytes, there: bytes) -> str:
    """The diagnosis of a client that was sent that content, and has saved what is there."""
    original = write_data(tmp_path / "file.bin", content)
    target = tmp_path / "target"
    target.mkdir(exist_ok=True)
    (target / "file.bin").write_bytes(there)
    with pytest.raises(Failure) as caught:
        received(Finished(0, f"received file.bin, {len(content)} bytes\n", ""), target, original)
    return name_of(caught.value)


@pytest.mark.parametrize("begins", [CONTENT, b"\0" + CONTENT, b"\0\0\3" + CONTENT], ids=["no byte", "one", "three"])
def test_a_head_in_the_content(begins: bytes, tmp_path: Path) -> None:
    """Of which no byte, one or three are those that should be there."""
    content = CONTENT[:1000] + begins
    assert saved(tmp_path, content, content[:1000] + b"\0\0\3\xe8" + content[1000:]) == "head_in_content"
    assert saved(tmp_path, content, content + bytes(4)) == "head_in_content"
    assert saved(tmp_path, content, content[:1000] + b"\0\0\3\xe9" + content[1000:]) == ""
    assert saved(tmp_path, content, content[:1000] + b"\0\0\3\xe8" + content[1001:]) == ""
    assert saved(tmp_path, content, content + bytes(5)) == ""
    assert saved(tmp_path, content, content[:1000] + content[1004:]) == ""


def test_a_server_that_loses_what_a_send_did_not_take(tmp_path: Path) -> None:
    content = Seeded(7).read(0, 40_000)
    whole = trains(content)
    begins = 12 + 20 * 1004  # the train of byte 20000
    taken = whole[: begins - 500] + whole[begins + 3 * 1004 :]
    assert read(tmp_path, taken, content=content) == "short_count"
    assert read(tmp_path, whole[: begins - 500] + whole[begins + 3 * 1004 + 1 :], content=content) == ""
    early = 12 + 2 * 1004
    assert read(tmp_path, whole[: early - 500] + whole[early + 3 * 1004 :], content=content) == ""


def test_a_client_that_stops_at_a_nul(tmp_path: Path) -> None:
    assert saved(tmp_path, WITH_NUL, WITH_NUL[:300]) == "cut_at_nul"
    assert saved(tmp_path, WITH_NUL, WITH_NUL[:300] + bytes(1000)) == ""


# What a server says at its start

SERVER = """#!{python}
import os, signal, socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
port = listener.getsockname()[1]
{then}
signal.pause()
"""
LINE = "'listening on 127.0.0.1:%d' % port"
AT_THE_START = {
    "the line stays in a buffer": ("not_flushed", f"print({LINE})"),
    "there is no line": ("", "pass"),
    "a line with another port stays in a buffer": ("", "print('listening on 127.0.0.1:%d0' % port)"),
    "another line stays in a buffer": ("", "print('ready on port', port)"),
    "it is on standard error": ("result_on_standard_error", f"print({LINE}, file=sys.stderr, flush=True)"),
    "the log is on standard output": ("log_on_standard_output", f"print('begins', {LINE}, sep='\\n', flush=True)"),
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
        "worker_keeps_connection", "signal.pause()", "connection.close()", "was made, and has inherited it"),
}


@pytest.mark.parametrize("who", HOLD)
def test_who_keeps_a_connection(who: str, tmp_path: Path) -> None:
    diagnosis, worker, parent, says = HOLD[who]
    original = write_data(tmp_path / "file.bin", CONTENT)
    (tmp_path / "stream").write_bytes(trains(CONTENT))
    story.begin()
    with Starter(script(tmp_path, HOLDERS, worker=worker, parent=parent, pause=0.1), tmp_path) as start:
        server = start.server(tmp_path / "stream")
        with RawClient(server.port) as client, pytest.raises(Failure) as caught:
            read_whole(client, 3, original)
    assert name_of(caught.value) == diagnosis
    assert caught.value.diagnosis and says in caught.value.diagnosis.words


# How programs end

ENDS = {
    "a signal of its own": ("memory_error", "os.kill(os.getpid(), signal.SIGSEGV)"),
    "a signal from outside": ("", "os.kill(os.getpid(), signal.SIGTERM)"),
    "a status": ("", "sys.exit(3)"),
    "a worker that nobody waits for": ("not_reaped", "os.fork() or os._exit(4); signal.pause()"),
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
    "is at work": ("", "null = os.open('/dev/null', os.O_WRONLY)\nwhile True: os.write(null, b'work')"),
}


@pytest.mark.parametrize("what", SPINS)
@pytest.mark.skipif(trace.why_not_running() is not None, reason=str(trace.why_not_running()))
def test_what_a_spinning_process_does(what: str, tmp_path: Path) -> None:
    diagnosis, then = SPINS[what]
    story.begin(3)
    with Starter(script(tmp_path, SERVER, then=f"print({LINE}, flush=True)\n{then}"), tmp_path) as start:
        server = start.server(write_file(tmp_path / "file.bin", 10))
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


# What a client says


def client_says(tmp_path: Path, stdout: str, stderr: str = "", status: int = 0) -> str:
    original = write_data(tmp_path / "file.bin", CONTENT)
    with pytest.raises(Failure) as caught:
        received(Finished(status, stdout, stderr), tmp_path, original)
    return name_of(caught.value)


def test_what_a_client_says(tmp_path: Path) -> None:
    size = len(CONTENT)
    said = f"received file.bin, {size} bytes\n"
    turned_name, turned_size = 8 << 24, int.from_bytes(size.to_bytes(8, "big"), "little")
    assert client_says(tmp_path, f"connected\n{said}") == "log_on_standard_output"
    assert client_says(tmp_path, "connected\n") == ""
    assert client_says(tmp_path, "", said) == "result_on_standard_error"
    assert client_says(tmp_path, "", "received file.bin\n") == ""
    assert client_says(tmp_path, "", f"client: a train of {turned_name} bytes\n", 1) == "host_byte_order"
    assert client_says(tmp_path, "", f"client: a size of {turned_size} bytes\n", 1) == "host_byte_order"
    assert client_says(tmp_path, "", f"client: a train of {turned_name + 1} bytes\n", 1) == ""


def over(tmp_path: Path, older: bytes, there: bytes, stderr: str = "", status: int = 0) -> str:
    """The diagnosis of a client that found an older file, and has left that there."""
    target = tmp_path / "target"
    target.mkdir(exist_ok=True)
    (target / "file.bin").write_bytes(there)
    original = write_data(tmp_path / "file.bin", CONTENT)
    said = f"received file.bin, {len(CONTENT)} bytes\n"
    with pytest.raises(Failure) as caught:
        received(Finished(status, said, stderr), target, original, older=older)
    return name_of(caught.value)


def test_what_is_left_of_an_older_file(tmp_path: Path) -> None:
    older = b"o" * (len(CONTENT) + 10)
    assert over(tmp_path, older, CONTENT + b"o" * 10) == "older_file_not_replaced"
    assert over(tmp_path, older, CONTENT + b"n" * 10) == ""
    assert over(tmp_path, older, CONTENT[:-1]) == ""
    assert over(tmp_path, older, older, "client: file.bin: File exists\n", 1) == "older_file_not_replaced"
    assert over(tmp_path, older, older, "client: the connection broke\n", 1) == ""
