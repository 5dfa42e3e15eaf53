"""Runs the sessions that the docs quote: docs/sessions/NAME.sh, in a scratch folder, against the dev build.

What legitimately varies from run to run is replaced by the example that the page shows: a session names such values
itself (`value`, `vary` in docs/sessions/lib.sh), and addresses and a few words of gdb are known here.
"""

import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from .. import Failure
from ..course.paths import REPO, SESSIONS
from ..course.traits import stage_numbers
from ..kernel.trace import why_no_strace
from ..programs.program import Conditions, Program
from .playground import lay, play_environment

_LIMIT = 150.0  # seconds for one session; lib.sh gives up on a state long before
ATTEMPTS = 5
_NEW_PART = "\x1e"  # in a session's output: a new part begins, whose name is the rest of the line

# gdb and libc name the same frame differently, by version and by whether libc's debug information is there.
_FRAME_OF_LIBC = re.compile(
    r"^#(\d+) +(?:0x[0-9a-f]+ in )?_*(?:GI_*)?(?:libc_|internal_syscall_)?(\w+) \(.*?\) *"
    r"(?:at \S*sysdeps\S*|from \S*libc\.so\S*)$",
    re.MULTILINE,
)
_FRAME = re.compile(r"^#(\d+) +(0x[0-9a-f]+ in \?\? \(\).*)?")
# Its columns depend on the width.
_SS_LINE = re.compile(r"^(State|ESTAB|LISTEN|CLOSE-WAIT|FIN-WAIT-[12]) .*$", re.MULTILINE)
_INODE = re.compile(r"(?<=[te]:\[)\d+(?=\])")
_ADDRESS = re.compile(r"\b0x(0000)?([57af][0-9a-f]{11})\b")
_EARLY_BREAKPOINT = re.compile(r"(?<= at )0x[0-9a-f]+(?=: file)")  # before the program runs
_LOCATION = re.compile(r"(?<=reakpoint )(\d+)\.\d+(?=,)")  # "Breakpoint 1.1": newer versions of gdb
_INFERIOR = re.compile(r"^(?: +Num +Description|[* ] \d+ +(?:process|<null>)).*$", re.MULTILINE)


class Unavailable(Exception):
    """The session can't run on this machine; the message says what it lacks."""


@dataclass
class Values:
    """What varies in one run, as the session told it."""

    literal: dict[str, str] = field(default_factory=dict)  # "31416" -> "4711"
    patterns: list[tuple[str, str]] = field(default_factory=list)  # regular expression with one group -> the example
    inodes: dict[str, str] = field(default_factory=dict)  # of sockets and pipes, in the order in which they come
    names_clash: bool = False  # one number was two things: a port that was free again, or a pid that is a port too

    @classmethod
    def read(cls, path: Path) -> "Values":
        values = cls()
        for line in path.read_text().splitlines() if path.exists() else []:
            kind, old, new = line.split("\t")
            if kind == "value" and not old:
                raise Failure(f"a session has named nothing at all {new}")
            if kind == "value":
                values.names_clash |= values.literal.get(old, new) != new
                values.literal[old] = new
            else:
                values.patterns.append((old, new))
        return values

    def canonical(self, text: str) -> str:
        """The text with examples in place of what varies."""
        text = "\n".join(without_nameless_frames(line.rstrip() for line in text.splitlines()))
        text = _ADDRESS.sub(_example_address, text)
        text = _EARLY_BREAKPOINT.sub("0xcb92", text)
        text = _LOCATION.sub(r"\1", text)
        text = _INFERIOR.sub(lambda found: re.sub("(?<=\\S) {2,}", "  ", found[0]), text)
        text = _FRAME_OF_LIBC.sub(r"#\1  0x00007ffff7a31c40 in \2 () from libc.so.6", text)
        text = _INODE.sub(lambda found: self.inodes.setdefault(found[0], str(60001 + len(self.inodes))), text)
        text = _SS_LINE.sub(lambda found: _ss_columns(found[0].removesuffix("Process").rstrip()), text)
        if self.literal:
            longest_first = sorted(self.literal, key=len, reverse=True)
            known = re.compile(r"(?<!\w)(" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")
            text = known.sub(lambda found: self.literal[found[1]], text)
        for pattern, instead in self.patterns:
            text = re.sub(pattern, lambda found: _with_example(found, instead), text, flags=re.MULTILINE)
        return text

    def ambiguous(self, quoted: str) -> bool:
        """Whether a pid or port of this run happens to be another one as well, or a number that the page has for
        something else."""
        others = set(re.findall(r"\d+", quoted)) - set(self.literal.values())
        return self.names_clash or bool(self.literal.keys() & others)


def without_nameless_frames(lines: Iterable[str]) -> Iterator[str]:
    """gdb's lines without frames of no name, which a newer libc without debug information has above send; the others
    are numbered as if these weren't there. Frame 0 begins a backtrace; what follows it belongs to it."""
    dropped = 0
    for line in lines:
        frame = _FRAME.match(line)
        if frame and int(frame[1]) == 0:
            dropped = 0
        if frame and frame[2]:
            dropped += 1
        elif frame:
            yield f"#{int(frame[1]) - dropped:<3}" + line[frame.end() :]
        else:
            yield line


def _ss_columns(line: str) -> str:
    """Two blanks between the columns, however wide they are; the words of the headline have one among themselves."""
    return re.sub(" +(?=Recv|Send|Local|Peer)" if line.startswith("State") else " +", "  ", line)


def _example_address(found: "re.Match[str]") -> str:
    """Of the stack, of a library or a mapping, of the program or its heap."""
    example = "7fffffffe0c8" if re.match("7ff[c-f]", found[2]) else "7ffff7a31c40"
    return f"0x{found[1] or ''}" + ("555555560b1c" if found[2][0] in "5a" else example)


def _with_example(found: "re.Match[str]", example: str) -> str:
    start, end = found.span(1)
    return found[0][: start - found.start()] + example + found[0][end - found.start() :]


def scripts() -> list[Path]:
    """Every session."""
    return sorted(path for path in SESSIONS.glob("*.sh") if path.name != "lib.sh")


def script_of(name: str) -> Path:
    return SESSIONS / f"{name}.sh"


def needs(script: Path) -> list[str]:
    """The programs that a session needs beyond a shell: the line "# needs: gdb strace"."""
    found = re.search(r"^# needs: (.*)$", script.read_text(), re.MULTILINE)
    return found[1].split() if found else []


def what_is_missing(script: Path) -> Optional[str]:
    """Why a session can't run here, or None."""
    for tool in needs(script):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
        if tool in ("strace", "gdb") and (reason := why_no_strace()):
            return reason
    return None


def run_session(name: str, quoted: str = "") -> dict[str, str]:
    """Runs a session; returns its parts (the first is called ""), with examples in place of what varies.

    `quoted` is what the pages have: if a pid happens to be a number in there, the session runs again, with other pids.
    """
    script = script_of(name)
    if missing := what_is_missing(script):
        raise Unavailable(f"session {name}: {missing}")
    for _ in range(ATTEMPTS):
        parts, values = _run_once(script)
        if not values.ambiguous(quoted):
            break
    return {part: values.canonical(text) for part, text in parts.items()}


def _run_once(script: Path) -> tuple[dict[str, str], Values]:
    scratch = Path(tempfile.mkdtemp(prefix="bytetrain-docs-"))
    try:
        play = lay(scratch / "play", stages_in(script))
        told = scratch / "values"
        variables = play_environment() | {
            "PYTHONDONTWRITEBYTECODE": "1", "SESSION_VALUES": str(told), "SESSIONS": str(SESSIONS), "TERM": "dumb",
            "COLUMNS": "100", "LINES": "60", "HOME": str(scratch),
        }
        program = Program(["bash", "-eu", script], Conditions(cwd=play, env=variables))
        with program:
            finished = program.wait(_LIMIT)
            if finished.status != 0:
                raise Failure(f"session {script.stem} failed: {finished}\nbash says: {_said_by_bash(scratch)}")
            program.reap_left_behind(10)  # a session ends what it has started
        text = finished.stdout.replace(str(play), "~/play").replace(f"{REPO}/", "")
        text = re.sub(r"build/harness/\w+-dev/", "build/dev/stages/", text)
        return split_parts(text), Values.read(told)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _said_by_bash(scratch: Path) -> str:
    said = scratch / "shell"
    return said.read_text(errors="replace").strip() if said.exists() else ""


def stages_in(script: Path) -> list[int]:
    """The stages whose programs a session runs: only these are built."""
    words = script.read_text() + "".join(path.read_text() for path in [script.with_suffix(".gdb")] if path.exists())
    return list(stage_numbers()) if "$stage/" in words else stages_named(words)


def stages_named(words: str) -> list[int]:
    return [number for number in stage_numbers() if f"{number:02d}/" in words]


def split_parts(text: str) -> dict[str, str]:
    """The parts of a session's output, by name."""
    first, *others = re.split(rf"^{_NEW_PART}", text, flags=re.MULTILINE)
    parts = {"": first.strip("\n")} if first.strip() else {}
    for other in others:
        name, _, body = other.partition("\n")
        parts[name.strip()] = body.strip("\n")
    return parts
