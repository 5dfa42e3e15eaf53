"""A hang is known when nobody can move any more; and whoever still can is waited for."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bytetrain import Failure
from bytetrain.grading.command import grading_command
from bytetrain.judging.pools import resting
from bytetrain.judging.transfers import hand_over
from bytetrain.judging.timeouts import knows_timeouts
from bytetrain.kernel import blocked, signals, trace
from bytetrain.kernel.cpu import cpu_seconds
from bytetrain.kernel.processes import live_children
from bytetrain.kernel.trace import Trace
from bytetrain.programs import spinning
from bytetrain.programs.build import Programs
from bytetrain.programs.program import Client, Conditions, Program
from bytetrain.programs.start import Starter
from bytetrain.programs.stuck import Stuck
from bytetrain.telling import waiting
from bytetrain.telling.waiting import NeverHappened, wait_until, watching
from bytetrain.wire.files import FileStore
from bytetrain.wire.peers import RawClient, RawServer

pytestmark = pytest.mark.skipif(
    not blocked.can_tell(), reason="this kernel doesn't tell what processes wait in"
)
LOOKS = 40  # at somebody who still moves: more than six times as many as show that nobody does
IMPORTS = "import ctypes, os, select, signal, socket, struct, sys, threading, time\n"
SAYS_SO = "print('begins', flush=True)\n"
CONNECTED = "s = socket.create_server(('127.0.0.1', 0)); a = socket.create_connection(s.getsockname()); " \
            "b = s.accept(); "
TIMERFD = "n = ctypes.CDLL(None).timerfd_create(1, 0); "
SET = "ctypes.CDLL(None).timerfd_settime(n, 0, struct.pack('qqqq', {}), None); "
ONCE = "p = select.epoll(); p.register(n, select.EPOLLIN | select.EPOLLET); p.poll(); "
STUCK = {
    "accept": "socket.create_server(('127.0.0.1', 0)).accept()",
    "recv": "a, b = socket.socketpair(); a.recv(10)",
    "pause": "signal.pause()",
    "sigwait": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM}); signal.sigwait({signal.SIGTERM})",
    "poll": "s = socket.create_server(('127.0.0.1', 0)); p = select.poll(); p.register(s); p.poll()",
    "epoll": "s = socket.create_server(('127.0.0.1', 0)); p = select.epoll(); p.register(s); p.poll()",
    "select": "select.select([socket.create_server(('127.0.0.1', 0))], [], [])",
    "send": "a, b = socket.socketpair(); a.sendall(bytes(1 << 24))",
    "sendfile": CONNECTED + "f = open('/dev/shm/zeros-%d' % os.getpid(), 'w+b'); os.unlink(f.name); "
                            "f.truncate(1 << 26); os.sendfile(a.fileno(), f.fileno(), 0, 1 << 26)",
    "splice out of a socket": CONNECTED + "os.splice(a.fileno(), os.pipe()[1], 100)",
    "splice into a socket": CONNECTED + "r, w = os.pipe()\nwhile True: os.write(w, bytes(100)); "
                                        "os.splice(r, a.fileno(), 100)",
    "wait4": "os.fork() or signal.pause(); os.wait()",
    "threads": "threading.Thread(target=signal.pause).start(); threading.Event().wait()",
    "a timer that nobody has set": TIMERFD + "os.read(n, 8)",
    "a timer that was set and is no more": TIMERFD + SET.format("0, 0, 300, 0") + SET.format("0, 0, 0, 0") + ONCE,
    "a timer that has expired": TIMERFD + SET.format("0, 0, 0, 1") + ONCE + "p.poll()",
}
MOVES = {
    "nanosleep": "time.sleep(300)",
    "poll with a limit": "s = socket.create_server(('127.0.0.1', 0)); p = select.poll(); p.register(s); p.poll(10**6)",
    "epoll with a limit": "select.epoll().poll(300)",
    "select with a limit": "select.select([], [], [], 300)",
    "alarm": "signal.signal(signal.SIGALRM, print); signal.alarm(300); signal.pause()",
    "alarm, waited for": "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM}); signal.alarm(300); "
                         "signal.sigwait({signal.SIGALRM})",
    "time limit of a socket": "s = socket.create_server(('127.0.0.1', 0)); "
                              "s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, b'\\x40' + bytes(15)); s.accept()",
    "sigtimedwait": "signal.sigtimedwait({signal.SIGTERM}, 300)",
    "timerfd": TIMERFD + SET.format("0, 0, 300, 0") + "os.read(n, 8)",
    "timerfd that comes again and again": TIMERFD + SET.format("1, 0, 1, 0") + "[os.read(n, 8) for _ in range(1000)]",
    "timerfd of a parent": TIMERFD + SET.format("0, 0, 300, 0") + "os.fork() or signal.pause(); os.wait()",
    "poll with a short limit, again and again": "while True: select.poll().poll(900)",
    "wakes now and then": "while True: select.select([], [], [], 0.05)",
    "spins": "while True: pass",
    "one of two threads": "threading.Thread(target=time.sleep, args=(300,)).start(); signal.pause()",
    "a child": "os.fork() or time.sleep(300); signal.pause()",
    "a send with a limit": "a, b = socket.socketpair(); a.settimeout(300); a.sendall(bytes(1 << 24))",
    "a send with SO_SNDTIMEO": "a, b = socket.socketpair(); "
                               "a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, b'\\x40' + bytes(15)); "
                               "a.sendall(bytes(1 << 24))",
    "a send that TCP gives up": CONNECTED + "a.setsockopt(socket.IPPROTO_TCP, 18, 300_000); "
                                            "a.sendall(bytes(1 << 26))",
    "a write into a pipe": "os.write(os.pipe()[1], bytes(1 << 24))",
}
# Whose clock runs, but so long that nobody waits for it. (64 s is what SO_RCVTIMEO above is.)
LATER = ["poll with a limit", "epoll with a limit", "select with a limit", "time limit of a socket", "sigtimedwait",
         "timerfd", "timerfd of a parent", "a send with a limit", "a send with SO_SNDTIMEO"]
UNTOLD = sorted({*MOVES} - {*LATER})
NULL = "null = os.open('/dev/null', os.O_RDWR)\n"
CIRCLES = {
    "reads the end again and again": NULL + "while True: os.read(null, 9)",
    "sendfile of nothing": CONNECTED + "f = os.memfd_create('empty')\nwhile True: os.sendfile(a.fileno(), f, 0, 9)",
    "and its parent waits for it": NULL + "os.fork() and os.wait()\nwhile True: os.read(null, 9)",
}
AT_WORK = {
    "only thinks": "while True: pass",
    "looks at the clock": "while True: time.monotonic()",
    "reads now and then": NULL + "zero = os.open('/dev/zero', 0)\n"
                                 "while os.read(zero, 1): [os.read(null, 9) for _ in range(20_000)]",
    "tries whether there is room": CONNECTED + "a.setblocking(False)\nwhile True:\n  try: os.write(a.fileno(), "
                                               "bytes(1 << 20))\n  except BlockingIOError: pass",
    "and so does its child": NULL + "child = os.fork()\nwhile child or time.sleep(0.01) is None: os.read(null, 9)",
    "rests in between": NULL + "while True: [os.read(null, 9) for _ in range(9999)]; time.sleep(0.001)",
}


@pytest.fixture
def begun() -> Iterator[Callable[[str], Program]]:
    """begun(script) runs Python that has come to its last line."""
    programs: list[Program] = []

    def begin(script: str) -> Program:
        program = Program([sys.executable, "-c", IMPORTS + SAYS_SO + script]).start()
        programs.append(program)
        wait_until(lambda: "begins" in program.stdout, "it begins")
        return program

    yield begin
    for each in programs:
        each.stop()


def found_stuck(program: Program, looks: int, within: float = math.inf) -> str:
    """What the first looks have said that found nobody able to move, for so many seconds; "" if none of so many has."""
    stuck = Stuck([program])
    for _ in range(looks):
        if words := stuck.look(within):
            return words
        time.sleep(0.02)  # between two looks, as whoever waits does
    return ""


@pytest.mark.parametrize("how", STUCK)
def test_who_waits_for_ever_is_known(how: str, begun: Callable[[str], Program]) -> None:
    program = begun(STUCK[how])
    words = wait_until(lambda: found_stuck(program, LOOKS), "it is known")
    assert "the program" in words and "it waits in" in words


@pytest.mark.parametrize("how", MOVES)
def test_who_may_go_on_by_himself_is_waited_for(how: str, begun: Callable[[str], Program]) -> None:
    assert found_stuck(begun(MOVES[how]), LOOKS) == ""


@pytest.mark.parametrize("how", LATER)
def test_who_goes_on_by_himself_only_later_is_waited_for_no_longer(how: str, begun: Callable[[str], Program]) -> None:
    program = begun(MOVES[how])
    words = wait_until(lambda: found_stuck(program, LOOKS, within=30), "it is known")
    assert "the program" in words and "none of their time limits ends in the next" in words


@pytest.mark.parametrize("how", UNTOLD)
def test_whose_clock_is_not_told_is_waited_for(how: str, begun: Callable[[str], Program]) -> None:
    assert found_stuck(begun(MOVES[how]), LOOKS, within=5) == ""


def test_who_goes_on_by_himself_in_time_is_waited_for(begun: Callable[[str], Program]) -> None:
    program = begun("select.poll().poll(2500); print('goes on', flush=True); signal.pause()")
    with watching(lambda: Stuck([program]).look):
        wait_until(lambda: "goes on" in program.stdout, "it goes on")


@pytest.mark.parametrize("does, call", [
    ("libc.usleep(1_500_000); signal.pause()", "pause"),
    ("[libc.usleep(20_000) for _ in range(10**6)]", "clock_nanosleep"),
], ids=["one nap", "nothing but naps"])
def test_who_takes_a_nap_on_its_way_is_not_yet_at_rest(does: str, call: str, begun: Callable[[str], Program]) -> None:
    program, rests = begun(f"libc = ctypes.CDLL(None); {does}"), resting()
    wait_until(lambda: rests(program.pid), "it rests", at_once=True)
    found = blocked.blocked_in(program.pid)
    assert found is None or found.name == call  # None: it has just woken up


def test_who_waits_for_a_handshake_is_waited_for(begun: Callable[[str], Program]) -> None:
    """A backlog without room: the kernel tries again, in a second, and in two, and in four."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        second = begun(
            "s = socket.socket(); s.setblocking(False); p = select.poll(); p.register(s); "
            f"s.connect_ex({listener.getsockname()}); p.unregister(s); p.poll()"
        )
        assert found_stuck(second, LOOKS) == ""
        listener.accept()[0].close()
        wait_until(lambda: found_stuck(second, LOOKS), "it is known, once the connection is there")


def test_who_is_stopped_may_go_on_unless_we_have_stopped_him(begun: Callable[[str], Program]) -> None:
    program = begun("while True: time.sleep(0.01)")
    os.kill(program.pid, signal.SIGSTOP)
    assert found_stuck(program, LOOKS) == ""
    signals.stop(program.pid)
    assert wait_until(lambda: found_stuck(program, LOOKS), "it is known") == "the program: it is stopped"
    signals.cont(program.pid)
    assert found_stuck(program, LOOKS) == ""


@pytest.mark.skipif(not trace.available(), reason=str(trace.why_no_strace()))
def test_who_waits_for_ever_is_known_under_strace_too(begun: Callable[[str], Program], tmp_path: Path) -> None:
    program = begun("signal.pause()")
    tracing = Trace(tmp_path / "trace").attach(program.pid)
    assert wait_until(lambda: found_stuck(program, LOOKS), "it is known") == "the program: it waits in pause"
    tracing.detach()


LONGER = 2.5  # seconds: than it takes to find out that nobody can move


def transfers(start: Starter, store: FileStore, server: Trace, client: Trace) -> None:
    """Under these traces a server and a client do what they should."""
    port = start.server(store.seeded(1000), under=Conditions(trace=server)).port
    finished = start.client(port, under=Conditions(trace=client)).wait()
    assert finished.status == 0, finished


@pytest.mark.skipif(not trace.available(), reason=str(trace.why_no_strace()))
@pytest.mark.parametrize("side, how", [("server", "sendto:delay_enter"), ("client", "recvfrom:delay_exit")])
def test_whose_call_takes_its_time_is_waited_for(
    side: str, how: str, standin: Callable[[int], Programs], store: FileStore, tmp_path: Path
) -> None:
    late = [f"{how}={LONGER * 1e6:.0f}:when=1"]
    traces = {who: Trace(tmp_path / who, "sendto,recvfrom", late if who == side else []) for who in
              ("server", "client")}
    with Starter(standin(3), tmp_path) as start:
        transfers(start, store, **traces)


@contextmanager
def stopped_for_a_while(pid: int) -> Iterator[None]:
    """Not by us: somebody else lets it go on."""
    os.kill(pid, signal.SIGSTOP)
    later = threading.Timer(LONGER, os.kill, (pid, signal.SIGCONT))
    later.start()
    yield
    later.join()


def test_a_worker_that_is_stopped_for_a_while_is_waited_for(
    standin: Callable[[int], Programs], store: FileStore, tmp_path: Path
) -> None:
    with Starter(standin(3), tmp_path) as start:
        server = start.server(store.seeded(1000), workers=1)
        with stopped_for_a_while(server.worker()), RawClient(server.port) as client:
            assert client.read_stream(3).received == 1000


def test_a_client_that_is_stopped_for_a_while_is_waited_for(
    standin: Callable[[int], Programs], tmp_path: Path
) -> None:
    with RawServer() as server, Starter(standin(3), tmp_path) as start:
        client = start.client(server.port)
        with server.accept() as connection, stopped_for_a_while(client.pid):
            hand_over(connection, 3, b"name", b"content")
            assert client.wait().status == 0


def test_a_wait_ends_when_nobody_can_move(begun: Callable[[str], Program]) -> None:
    program = begun("signal.pause()")
    with watching(lambda: Stuck([program]).look):
        with pytest.raises(NeverHappened, match="a miracle; .*nobody can move any more: the program: it waits"):
            wait_until(lambda: False, "a miracle", limit=300)
        with pytest.raises(Failure, match="has not ended and nobody can move any more"):
            program.wait(300)
        with RawServer() as server, pytest.raises(Failure, match="and nobody can move any more"):
            server.accept()


SENDS_ALL = (
    "s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); c = s.accept()[0]; "
    "c.sendall(b'\\0\\0\\0\\1a\\0\\0\\0\\1b\\0\\0\\0\\0'); "
)
BUSY_WITH_OTHERS = "os.fork() or [c.close(), [time.sleep(0.1) for _ in range(1000)]]; "


def reads(program: Program) -> int:
    """Reads a whole transfer from a program that has sent all of it."""
    wait_until(lambda: program.stdout.count("\n") == 2, "it listens")
    with watching(lambda: Stuck([program]).look), RawClient(int(program.stdout.split()[-1])) as client:
        return client.read_stream(3).received


def test_a_stream_whose_end_is_kept_back_is_known_while_others_are_busy(begun: Callable[[str], Program]) -> None:
    with pytest.raises(Failure, match=r"it is in vain to wait: .* has the connection open: it waits in pause"):
        reads(begun(SENDS_ALL + BUSY_WITH_OTHERS + "signal.pause()"))


def test_an_end_that_takes_its_time_is_waited_for(begun: Callable[[str], Program]) -> None:
    assert reads(begun(SENDS_ALL + BUSY_WITH_OTHERS + f"time.sleep({LONGER}); c.close(); signal.pause()")) == 1


READS_TO_THE_END = "s = socket.create_connection((sys.argv[2], int(sys.argv[3])))\nwhile s.recv(9): pass\n"


@pytest.mark.parametrize("then, words", [
    ("while not s.recv(9): pass", "it is in vain to wait: the server has closed the connection, the client has read"),
    ("open('made', 'w').write('all of it')", ""),
    ("for _ in range(4):\n    until = time.process_time() + 0.2\n    while time.process_time() < until: pass\n"
     "    open('made', 'a').write('a part, with much thought')", ""),
], ids=["spins", "saves", "saves, with much thought"])
def test_a_client_that_spins_on_the_end_of_its_stream_is_known(
    then: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spinning, "FOR_NOTHING", 0.5)
    program = [sys.executable, "-c", IMPORTS + READS_TO_THE_END + then]
    with RawServer() as server, watching(lambda: Stuck([client]).look):
        client = Client(Path("-"), server.port, tmp_path, under=Conditions(prefix=program)).start()
        try:
            with server.accept() as connection:
                connection.send(b"some bytes")
            if not words:
                assert client.wait().status == 0 and (tmp_path / "made").stat().st_size
                return
            with pytest.raises(Failure, match=words):
                client.wait()
        finally:
            client.stop()


def test_who_is_dead_is_waited_for_no_longer(begun: Callable[[str], Program]) -> None:
    program = begun("")
    program.wait()
    with watching(lambda: Stuck([program]).look), pytest.raises(NeverHappened, match="all programs have ended"):
        wait_until(lambda: False, "a miracle", limit=300)


def test_nobody_is_watched_when_the_check_is_over(standin: Callable[[int], Programs], tmp_path: Path) -> None:
    with Starter(standin(1), tmp_path):
        assert waiting._watches
    assert not waiting._watches


@pytest.fixture
def sleeper(tmp_path: Path) -> Path:
    """A submission whose programs sleep from the start."""
    stage = tmp_path / "sleeps" / "06_sleeps"
    stage.mkdir(parents=True)
    for name in ("server", "client"):
        (stage / name).write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
        (stage / name).chmod(0o755)
    return stage.parent


def test_a_server_that_hangs_knows_no_timeouts(
    sleeper: Path, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried apart from the check's own server; who hangs there is not waited for either."""
    looks, real_look = [""], Stuck.look

    def look(stuck: Stuck, within: float) -> str:
        looks.append(real_look(stuck, within))
        return looks[-1]

    monkeypatch.setattr(Stuck, "look", look)
    assert not knows_timeouts(sleeper / "06_sleeps" / "server", store.seeded(1000))
    assert looks[-1] == "the server: it waits in pause"


def test_a_server_that_forks_nobody_is_known(sleeper: Path, tmp_path: Path) -> None:
    """exit.before_ready lets it go on step by step, and each of them would be one that still moves."""
    words = ("--no-calls", "--containment=limits", "--stage=6", "--check=exit.before_ready", "--timeout=50")
    command = grading_command(sleeper, tmp_path / "results.json", *words)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert "the server forks 1 workers or more" in done.stdout and "nobody can move any more" in done.stdout
    assert "! exit.before_ready" not in done.stdout, done.stdout


@pytest.mark.parametrize("how", [*CIRCLES, *AT_WORK])
def test_who_makes_calls_that_do_nothing_is_known(
    how: str, begun: Callable[[str], Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spinning, "FOR_NOTHING", 0.4)
    program = begun({**CIRCLES, **AT_WORK}[how])
    stuck, found = Stuck([program]), [""]

    def enough() -> bool:  # five times what it takes to be known
        found.append(stuck.look())
        return any(found) or sum(map(cpu_seconds, (program.pid, *live_children(program.pid)))) > 2.0

    wait_until(enough, "it has run for long enough")
    assert ("of CPU, and not one of them has moved a byte" in found[-1]) is (how in CIRCLES), found[-1]


@pytest.mark.parametrize("does, hopeless", [("pass", True), ("null.write(b'x')", False)], ids=["nothing", "something"])
def test_a_server_that_runs_in_circles_is_known(does: str, hopeless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spinning, "FOR_NOTHING", 0.5)
    script = f"null = open('/dev/null', 'wb', buffering=0)\nprint('begins', flush=True)\nwhile True: {does}"
    with Program([sys.executable, "-c", script]) as program:
        wait_until(lambda: program.stdout, "it has begun")
        look = spinning.idles_in_circles(program.pid, "the parent")
        found = [look(math.inf)]
        ample = cpu_seconds(program.pid) + 2.0  # four times what it takes to be known

        def enough() -> bool:
            found.append(look(math.inf))
            return any(found) or cpu_seconds(program.pid) > ample

        wait_until(enough, "it has run for long enough")
    assert any(found) is hopeless
    assert not hopeless or found[-1].startswith(f"the parent (process {program.pid}) has used ")
