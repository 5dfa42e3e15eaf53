"""What system calls say: each mistake in a few lines of strace's, and what nearly is the same and none."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from bytetrain.grading.calls import around_failure, collapsed
from bytetrain.judging.telling_calls import of_spinning, sight
from bytetrain.kernel.trace import Event, Trace, parse_trace
from bytetrain.telling.story import Story

TCP = "4<TCP:[127.0.0.1:5->127.0.0.1:6]>"
EMPTY = r'"\x00\x00\x00\x00"'
HEAD, BODY, NEXT = r'"\x00\x00\x03\xe8"', '"abcdefgh"...', r'"\x00\x00\x03\xe8abcd"...'


def traced(*calls: str, apart: float = 0.001) -> list[Event]:
    """Calls of process 11, as strace writes them."""
    lines = [f"11 {100 + number * apart:.6f} {call}" for number, call in enumerate(calls)]
    return parse_trace("\n".join(f"{each} <0.000010>" if ") = " in each else each for each in lines))


def recv(data: str, asked: int, result: str, flags: str = "0") -> str:
    return f"recvfrom({TCP}, {data}, {asked}, {flags}, NULL, NULL) = {result}"


def send(data: str, asked: int, result: str) -> str:
    return f"sendto({TCP}, {data}, {asked}, MSG_NOSIGNAL, NULL, 0) = {result}"


def sendfile(asked: int, moved: int) -> str:
    return f"sendfile({TCP}, 5</tmp/file.bin>, [0] => [{moved}], {asked}) = {moved}"


NAME = [recv(r'"\x00\x00\x00\x02"', 4, "4"), recv('"ab"', 2, "2")]
IDLE = 'sendto(3<UNIX:[1->2]>, "i", 1, MSG_NOSIGNAL, NULL, 0) = 1'
ENDED = recv('""', 1000, "0")
AGAIN = "-1 EAGAIN (Resource temporarily unavailable)"
DENIED = "-1 EACCES (Permission denied)"
NO_DESCRIPTOR = "read(-1, 0x7f, 9) = -1 EBADF (Bad file descriptor)"
WRITE = 'write(5</tmp/x/file>, "abc"..., 1000) = '
FULL = "-1 ENOSPC (No space left on device)"
OPEN = 'openat(AT_FDCWD, "/tmp/file.bin", {}) = {}'
READS, BOTH = OPEN.format("O_RDONLY|O_CLOEXEC", "5</tmp/file.bin>"), OPEN.format("O_RDWR|O_CLOEXEC", DENIED)

CALLS = {
    "reads on after the end": ("end_of_stream_ignored", [recv(BODY, 1000, "7"), *[ENDED] * 8]),
    "looks at the end a few times": ("", [recv(BODY, 1000, "7"), *[ENDED] * 3]),
    "asks for no bytes": ("", [recv('""', 0, "0")] * 20),
    "takes no bytes for the end": ("zero_bytes_asked", [
        *NAME, recv(EMPTY, 4, "4"), recv('""', 0, "0"), 'write(2, "client: ended", 13) = 13', "+++ exited with 1 +++"]),
    "an empty name": ("", [recv(EMPTY, 4, "4"), recv('""', 0, "0"), "+++ exited with 1 +++"]),
    "asks for no bytes, and is content": ("", [
        *NAME, recv(EMPTY, 4, "4"), recv('""', 0, "0"), "+++ exited with 0 +++"]),
    "asks for no bytes, and something else fails": ("", [
        *NAME, recv(EMPTY, 4, "4"), recv('""', 0, "0"), f'renameat2(3, "a", 3, "b", 0) = {DENIED}',
        "+++ exited with 1 +++"]),
    "asks for no bytes, and the end comes after": ("", [
        *NAME, recv(EMPTY, 4, "4"), recv('""', 0, "0"), ENDED, "+++ exited with 1 +++"]),
    "reads a file at its end": ("", ['read(5</tmp/x>, "", 1000) = 0'] * 20),
    "half a head": ("short_count", [recv(r'"\x00"', 4, "1"), recv(r'"\x00\x03"', 1000, "3")]),
    "the rest of a head": ("", [recv(r'"\x00"', 4, "1"), recv(r'"\x00\x03\xe8"', 3, "3"), recv(BODY, 1000, "1000")]),
    "half a head, and it gives up": ("short_count", [recv(r'"\x00"', 4, "1"), "+++ exited with 1 +++"]),
    "half a head, and it is ended": ("", [
        recv(r'"\x00"', 4, "1"), "--- SIGTERM {si_pid=7} ---", "+++ exited with 1 +++"]),
    "half a head, and it waits": ("", [recv(r'"\x00"', 4, "1"), f"recvfrom({TCP},  <unfinished ...>"]),
    "half a head that is peeked at": ("", [recv(r'"\x00"', 4, "1", "MSG_PEEK"), recv(HEAD, 1000, "4")]),
    "half a body": ("short_count", [recv(HEAD, 4, "4"), recv(BODY, 1000, "472"), recv(HEAD, 4, "4")]),
    "the rest of a body": ("", [recv(HEAD, 4, "4"), recv(BODY, 1000, "472"), recv(BODY, 528, "528")]),
    "a buffer for whatever comes": ("", [recv(HEAD, 65536, "4"), recv(BODY, 65536, "472"), recv(BODY, 65536, "900")]),
    "half a body, and the end": ("", [recv(HEAD, 4, "4"), recv(BODY, 1000, "472"), recv('""', 528, "0")]),
    "a part of a train": ("short_count", [send(NEXT, 1004, "600"), READS, send(NEXT, 1004, "1004")]),
    "a part of many trains": ("short_count", [send(NEXT, 64256, "600"), READS, send(NEXT, 64256, "64256")]),
    "many trains, and the rest of them": ("", [send(NEXT, 64256, "1004"), send(NEXT, 63252, "63252")]),
    "a part of a file": ("short_count", [sendfile(3221225472, 2147479552), IDLE]),
    "the rest of a file": ("", [sendfile(3221225472, 2147479552), sendfile(1073745920, 1073745920), IDLE]),
    "as much of a file as there is": ("", [sendfile(1 << 20, 700), IDLE]),
    "a part of a file, when it ends": ("", [sendfile(3221225472, 2147479552), "+++ killed by SIGKILL +++"]),
    "the rest of a train": ("", [send(NEXT, 1004, "600"), send(BODY, 404, "404"), send(NEXT, 1004, "1004")]),
    "a part of a train, and no more": ("", [send(NEXT, 1004, "600"), READS]),
    "no room, and on to the next": ("error_ignored", [send(NEXT, 1004, AGAIN), send(HEAD, 4, "4")]),
    "no room, and once more": ("", [send(NEXT, 1004, AGAIN), send(NEXT, 1004, "1004")]),
    "sends into a broken connection": ("error_ignored", [send(BODY, 1000, "-1 EPIPE (Broken pipe)")] * 8),
    "sends a file into one": ("error_ignored", [READS, send(BODY, 1000, "-1 EPIPE (Broken pipe)")] * 8),
    "sees that it is broken": ("", [send(BODY, 1000, "-1 EPIPE (Broken pipe)")]),
    "asks at once when nothing is there": ("spins", [recv("0x7f", 1000, AGAIN)] * 100),
    "asks a few times": ("", [recv("0x7f", 1000, AGAIN)] * 20),
    "a length the other way round": ("host_byte_order", [recv(r'"\x00\x00\x00\x0b"', 4, "4"),
                                                         recv(BODY, 184549376, "11")]),
    "a length as it is": ("", [recv(r'"\x00\x00\x00\x0b"', 4, "4"), recv(BODY, 11, "11")]),
    "a large buffer": ("", [recv(r'"\x00\x00\x00\x0b"', 4, "4"), recv(BODY, 1048576, "11")]),
    "FILE is opened for writing": ("opened_for_writing", [BOTH]),
    "and then for reading": ("", [BOTH, READS]),
    "a terminal is opened for writing": ("", [BOTH.replace("/tmp/file.bin", "/dev/tty")]),
    "a file is made": ("", [BOTH.replace("O_RDWR", "O_RDWR|O_CREAT")]),
    "another user's FILE": ("", [OPEN.format("O_RDONLY", DENIED)]),
    "-1 is taken for a descriptor": ("error_ignored", [OPEN.format("O_RDONLY", DENIED), NO_DESCRIPTOR]),
    "-1 from nowhere": ("", [READS, NO_DESCRIPTOR]),
    "-1 is handed over": ("error_ignored", [
        f"accept4(3<TCP:[1]>, NULL, NULL, 0) = {AGAIN}",
        "sendmsg(6<UNIX:[1]>, {msg_control=[{cmsg_type=SCM_RIGHTS, cmsg_data=[-1]}]}, 0) = -1 EBADF (B)"]),
    "a full disk, and all is well": ("error_ignored", [WRITE + FULL, "+++ exited with 0 +++"]),
    "a full disk, and it says so": ("", [WRITE + FULL, "+++ exited with 1 +++"]),
    "ended by its own mistake": ("memory_error", [
        recv(BODY, 1000, "7"), "--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x8} ---",
        "+++ killed by SIGSEGV +++"]),
    "ended by what it writes to": ("killed_by_sigpipe", [
        send(BODY, 1000, "-1 EPIPE (Broken pipe)"), "--- SIGPIPE {si_signo=SIGPIPE, si_code=SI_USER, si_pid=11} ---",
        "+++ killed by SIGPIPE +++"]),
    "ended by us": ("", ["--- SIGABRT {si_signo=SIGABRT, si_code=SI_USER, si_pid=7} ---", "+++ killed by SIGABRT +++"]),
    "killed": ("", [recv(BODY, 1000, "7"), "+++ killed by SIGKILL +++"]),
    "a full output": ("", [WRITE.replace("5</tmp/x/file>", "1</dev/full>") + FULL, "+++ exited with 0 +++"]),
}


@pytest.mark.parametrize("what", CALLS)
def test_what_calls_say(what: str) -> None:
    diagnosis, calls = CALLS[what]
    found = sight(traced(*calls), of_server=True)
    assert (found.diagnosis.id if found else "") == diagnosis


GONE = [OPEN.format("O_RDONLY", "-1 ENOENT (No such file or directory)"), "+++ exited with 1 +++"]
PIPE = CALLS["ended by what it writes to"][1]
AFTER = {  # of a parent, of its worker (later by half a step), and what is told as the cause
    "its worker has left": (["accept4(3<TCP:[1]>) = 7", "accept4(3<TCP:[1]>) = 7", *PIPE], GONE, "worker_leaves"),
    "its worker leaves because of it": ([*PIPE], ['recvfrom(5<UNIX:[1->2]>, "", 1) = 0'] * 4 + GONE[1:],
                                        "killed_by_sigpipe"),
    "its worker has died, and it spins": (["accept4(3<TCP:[1]>) = 7", *[recv("0x7f", 1, AGAIN)] * 200],
                                          [*CALLS["ended by its own mistake"][1]], "memory_error"),
    "its worker says that it leaves": (
        PIPE[:1] * 8, [*GONE[:1], 'sendto(2, "gone", 4, 0, NULL, 0) = -1 ENOTSOCK (Not a socket)', GONE[1]],
        "error_ignored"),
    "its worker is told to leave": ([PIPE[0]], [GONE[0], "--- SIGTERM {si_pid=7} ---", GONE[1]], ""),
}


@pytest.mark.parametrize("what", AFTER)
def test_the_first_mistake_is_the_cause_of_what_comes_after_it(what: str) -> None:
    of_parent, of_worker, diagnosis = AFTER[what]
    worker = [replace(event, pid=12, time=event.time + 0.0005) for event in traced(*of_worker)]
    found = sight([*traced(*of_parent), *worker], of_server=True)
    assert (found.diagnosis.id if found else "") == diagnosis


def test_only_a_server_has_a_file_to_read() -> None:
    assert sight(traced(BOTH), of_server=False) is None


def test_a_worker_may_die_of_sigpipe_before_the_stage_that_forbids_it() -> None:
    assert sight(traced(*CALLS["ended by what it writes to"][1]), of_server=True, sigpipe=False) is None


def test_who_waits_a_second_each_time_does_not_spin() -> None:
    assert sight(traced(*[recv("0x7f", 1000, AGAIN)] * 100, apart=1), of_server=True) is None


def test_another_process_may_send_the_next_train() -> None:
    short, [following] = traced(send(NEXT, 1004, "600")), traced(send(NEXT, 1004, "1004"))
    assert sight([*short, following], of_server=True) is not None
    assert sight([*short, replace(following, pid=12)], of_server=True) is None


def test_a_spinning_process_is_told_with_what_it_calls() -> None:
    polls = traced(*["poll([{fd=3, events=POLLIN}], 1, 0) = 0 (Timeout)", recv("0x7f", 9, AGAIN)] * 60)
    found = of_spinning(11, polls)
    assert found and "poll 60 times and recvfrom 60 times" in found.words
    assert of_spinning(11, []) is not None
    assert of_spinning(11, polls[:20]) is None
    assert of_spinning(11, [*polls, *traced(recv(BODY, 9, "9"))]) is None


# What is shown of them


def lines(tmp_path: Path, *calls: str) -> list[str]:
    """Of a story, without times and processes."""
    trace = Trace(tmp_path / "trace")
    trace.file.write_text("\n".join(f"11 {100 + number / 1000:.6f} {call}" for number, call in enumerate(calls)))
    found = around_failure(["server"], Story(), [("server", trace)]).lines
    return [each.partition("] ")[2].replace(TCP, "4") for each in found]


def test_repeated_calls_are_told_once(tmp_path: Path) -> None:
    calls = ["socket(AF_INET, SOCK_STREAM, 0) = 4", recv('"abc"', 9, "3"), *[ENDED] * 14]
    told = lines(tmp_path, *calls)
    assert told[2] == '14 times recvfrom(4, "", 1000, 0, NULL, NULL) = 0   ◄' and len(told) == 3


def test_only_what_a_reader_sees_as_the_same_is_told_once() -> None:
    same = [send('"abcd"...', 1004, "1004")] * 50
    [group] = collapsed(traced(*same), 3)
    assert group.times == 50
    assert len(collapsed(traced(*same, send('"abcd"...', 1004, "600")), 3)) == 2
    others = [send(f'"abc{number:04x}"...', 1004, "1004") for number in range(50)]
    assert [group.times for group in collapsed(traced(*others), 3)] == [1] * 50


def test_calls_in_turn_are_told_once() -> None:
    turns = ["poll([{fd=4}], 1, -1) = 1", recv(BODY, 1000, "1000"), 'write(5</x>, "a", 1000) = 1000'] * 7
    [group] = collapsed(traced(*turns), 3)
    told = [each.partition("] ")[2].partition("(")[0] for each in group.lines(100, ())]
    assert told == ["7 times poll", "and each time recvfrom", "and each time write"]


def test_a_call_that_tells_is_shown_however_long_ago_it_was(tmp_path: Path) -> None:
    others = [f'write(2</log>, "{number}", {number}) = {number}' for number in range(1, 40)]
    start = "socket(AF_INET, SOCK_STREAM, 0) = 4"
    told = lines(tmp_path, start, send(NEXT, 1004, "600"), send(NEXT, 1004, "1004"), *others)
    assert [each.rpartition(" = ")[2] for each in told[:2]] == ["600   ◄", "1004   ◄"] and len(told) == 16


def test_files_of_the_system_are_not_shown(tmp_path: Path) -> None:
    system = READS.replace("/tmp/file.bin", "/etc/hosts")
    told = lines(tmp_path, "socket(AF_INET, SOCK_STREAM, 0) = 4", system, READS)
    assert len(told) == 2 and "/tmp/file.bin" in told[1]


def test_a_process_that_spins_has_called_very_often_and_is_told_all_the_same() -> None:
    """By a ratio of times, each the least of three: four times the calls may take eight times as long, not sixteen."""

    def least(count: int) -> float:
        answers = ("1000" if number % 2 else "-1 EAGAIN (try again)" for number in range(count))
        calls = traced(*(f"sendfile({TCP}, 9</f>, NULL, 1000001) = {answer}" for answer in answers), apart=0.0001)
        taken = []
        for _ in range(3):
            began = time.process_time()
            sight(calls, of_server=True)
            taken.append(time.process_time() - began)
        return min(taken)

    assert least(8000) < 8 * least(2000)
