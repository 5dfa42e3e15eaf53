"""Sessions of processes: every program that the harness starts leads one, and all of it ends with the program."""

import os
import resource
import shutil
import signal
import subprocess
from collections.abc import Collection

from ..kernel.processes import ProcessFacts, be_subreaper, descendants
from ..telling.story import quietly
from ..telling.text import print_whatever_comes
from ..telling.waiting import wait_until


def prepare() -> None:
    """To be called once by whoever starts programs: any text can be printed, orphans come to us, no core files, no
    signal is blocked, and those that end a program are at their defaults."""
    print_whatever_comes()
    be_subreaper()
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    # Who has started us may have blocked some: that is inherited, by programs and builds as well.
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # A shell's `&` ignores it and SIGQUIT, and programs inherit that.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def end_orderly_on_signals() -> None:
    """SIGTERM and SIGHUP are what Ctrl-C is: what was found out is told, and nothing is left behind."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


def members(session: int) -> list[ProcessFacts]:
    """Our descendants in a session. (A session number may be reused by strangers, once ours has ended.)"""
    return [each for each in descendants(os.getpid()) if each.session == session]


def reap_session(session: int) -> dict[int, int]:
    """Reaps the zombies of a session that have become our children; its leader is left to its Popen."""
    statuses = {}
    for each in members(session):
        if each.state == "Z" and each.ppid == os.getpid() and each.pid != session:
            statuses[each.pid] = os.waitstatus_to_exitcode(os.waitpid(each.pid, 0)[1])
    return statuses


def end_session(session: int, leader: "subprocess.Popen[bytes]") -> None:
    """Kills everybody in a session, one pid after the other, and reaps them, until nobody is left."""

    def nobody_left() -> bool:
        leader.poll()
        reap_session(session)
        still_there = members(session)
        for each in still_there:
            kill_quietly(each)
        return not still_there and leader.returncode is not None

    with quietly():
        wait_until(nobody_left, f"nobody is left in session {session}", seen=lambda: members(session))


def kill_quietly(process: ProcessFacts) -> None:
    """SIGKILL, unless it has ended already."""
    if process.state in "ZX":
        return
    try:
        os.kill(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def left_over(before: Collection[int] = ()) -> list[ProcessFacts]:
    """Our own descendants, but for those known `before`: after a test there should be none."""
    return [each for each in descendants(os.getpid()) if each.pid not in before]


def _is_strace(process: ProcessFacts) -> bool:
    """Whether it is strace itself, and not somebody who calls himself so."""
    if process.name != "strace" or process.state == "Z":  # which it was can't be seen any more
        return process.name == "strace"
    try:
        return os.path.samefile(f"/proc/{process.pid}/exe", shutil.which("strace") or "/nowhere")
    except OSError:  # gone meanwhile, or there is none, or it is closed to us
        return False


def end_left_over(before: Collection[int] = ()) -> list[ProcessFacts]:
    """Ends and reaps them, and returns who they were, but for strace: it goes by itself, soon after what it traces."""
    found = left_over(before)
    tracers = {each.pid for each in found if _is_strace(each)}

    def nobody() -> bool:
        still_there = left_over(before)
        for each in still_there:
            kill_quietly(each)
            if each.state == "Z" and each.ppid == os.getpid():
                os.waitpid(each.pid, os.WNOHANG)
        return not still_there

    if found:
        with quietly():
            wait_until(nobody, "no process is left over", seen=lambda: left_over(before))
    return [each for each in found if each.pid not in tracers]
