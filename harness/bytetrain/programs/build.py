"""Building a submission's stages, outside the submission."""

import errno
import fcntl
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from .. import Failure
from ..course.folders import handed_in, is_readable
from ..course.paths import BUILD, REPO
from ..telling.sizes import KiB, MiB
from .limits import Printed, Watch, be_first_to_die, limit_files
from .sessions import end_left_over, left_over
from .workplace import remove, temporary_folder

PRESETS = REPO / "CMakePresets.json"
LOG_TAIL = 40  # lines of a failed build that are shown
_WARNING = re.compile(r"\bwarning: |警告：")  # as compilers and linkers write it
_MOST_WARNINGS, _LONGEST = 200, 300  # lines, and characters of each
_PATIENCE = 240.0  # seconds for one command of a build: some minutes even on a slow machine


class BuildFailed(Failure):
    """A stage could not be built; the message ends with the tail of the build's log."""


class NotGraded(Exception):
    """The submission has no folder for that stage."""


@dataclass(frozen=True)
class Programs:
    """The two programs of a stage, ready to be run."""

    stage: int
    folder: Path  # of the stage, in the submission
    server: Path
    client: Path
    warnings: tuple[str, ...] = ()  # of what has just been compiled: what was built before is silent


def build(
    submission: Path, stage: int, preset: str = "release", folders: Optional[Mapping[int, Path]] = None
) -> Programs:
    """Builds one stage if something has changed, and says where its programs are.

    A stage folder without a CMakeLists.txt must hold the executables `server` and `client` themselves. `folders`: what
    was handed in, where that has been decided already.
    Raises NotGraded if the folder is missing, and BuildFailed. Processes that build the same stage take turns.
    """
    submission = submission.resolve()
    folder = (handed_in(submission) if folders is None else folders).get(stage)
    if folder is None:
        raise NotGraded(f"{submission} has no folder {stage:02d}_*: stage {stage:02d} is not graded")
    _is_all_there(submission, folder)
    if not (folder / "CMakeLists.txt").is_file():
        return Programs(stage, folder, _as_it_is(folder, "server"), _as_it_is(folder, "client"))
    target = build_dir(submission, folder, preset)
    with _alone(target):  # while CMake configures, folders come and go
        warnings = _cmake(folder, target, preset)
        return Programs(stage, folder, _built(target, "server", folder), _built(target, "client", folder), warnings)


def _is_all_there(submission: Path, folder: Path) -> None:
    """BuildFailed if what makes a stage can't be read, or is a link that leads out of the submission: to what others
    have written, or to what comes only later."""
    try:
        for path in (folder, *(folder / name for name in ("CMakeLists.txt", "server", "client"))):
            leads_to = Path(os.path.realpath(path))
            if path.is_symlink() and submission not in leads_to.parents:
                raise BuildFailed(f"{path} is a link that leads out of the submission, to {leads_to}: "
                                  "hand in what it leads to")
        os.listdir(folder)
        if not is_readable(folder):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise BuildFailed(f"{folder} can't be graded: {error.strerror} (chmod -R u+rwX {folder})") from None


def build_dir(submission: Path, folder: Path, preset: str) -> Path:
    """Where a stage is built: build/harness/<hash of the submission's path>-<preset>/03_waitall."""
    name = os.fsdecode(os.fsencode(folder.name)[:100])  # there is a log beside it, and a lock, with longer names
    return build_folder(submission, preset) / name


def build_folder(submission: Path, preset: str) -> Path:
    """Where all stages of a submission are built."""
    which = hashlib.sha256(os.fsencode(submission)).hexdigest()[:10]
    return BUILD / f"{which}-{preset}"


def preset_options(preset: str, presets: Path = PRESETS) -> list[str]:
    """What a configure preset of CMakePresets.json gives to CMake, as -D options; ValueError if there is none."""
    by_name = {each["name"]: each for each in json.loads(presets.read_text())["configurePresets"]}
    if preset not in by_name or by_name[preset].get("hidden"):
        known = ", ".join(name for name, each in by_name.items() if not each.get("hidden"))
        raise ValueError(f"there is no preset {preset!r} in {presets.name}: it has {known}")
    return [f"-D{name}={value}" for name, value in _variables(preset, by_name).items()]


def _variables(preset: str, by_name: dict[str, Any]) -> dict[str, str]:
    parents = by_name[preset].get("inherits", [])
    found: dict[str, str] = {}
    for parent in reversed([parents] if isinstance(parents, str) else parents):
        found.update(_variables(parent, by_name))
    found.update(by_name[preset].get("cacheVariables", {}))
    return found


def _as_it_is(folder: Path, name: str) -> Path:
    program = folder / name
    if not (program.is_file() and os.access(program, os.X_OK)):
        raise BuildFailed(
            f"{folder} can't be graded: it has no CMakeLists.txt, and no executable {name}. "
            f"A stage folder holds one or the other (chmod +x {name}, if it is there)."
        )
    return program


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Keeps other processes of the harness out of a build folder: flock(2)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # What a build of another stage may have put there, a FIFO or a link, is not waited for, nor followed.
    lock = os.open(target.parent / f".{target.name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _cmake(folder: Path, target: Path, preset: str) -> tuple[str, ...]:
    """Returns the warnings of a build that succeeds."""
    log = target.parent / f"{target.name}.log"
    configure = ["cmake", "-S", folder, "-B", target, "-DBUILD_TESTING=OFF", *preset_options(preset)]
    jobs = str(len(os.sched_getaffinity(0)))
    remove(log)
    with log.open("x+b") as output:
        for command in (configure, ["cmake", "--build", target, "--parallel", jobs]):
            _run([str(word) for word in command], log, output.fileno(), folder)
        return _warnings(os.pread(output.fileno(), MiB, 0).decode(errors="replace"), folder)


def _warnings(log: str, folder: Path) -> tuple[str, ...]:
    """Each once, though a header is compiled again and again; files are named as in the submission."""
    found = (line.replace(f"{folder.parent}/", "")[:_LONGEST] for line in log.splitlines() if _WARNING.search(line))
    return tuple(dict.fromkeys(found))[:_MOST_WARNINGS]


def _run(command: list[str], log: Path, output: int, folder: Path) -> None:
    what = f"`{' '.join(command)}`"
    try:
        with Watch(log.parent, lambda: [Printed(f"build of {folder.name}", os.fstat(output).st_size)]) as watch:
            status = _in_its_own_session(command, output)
    except FileNotFoundError as error:
        if error.filename != command[0]:
            raise
        raise BuildFailed(f"{folder} can't be built: there is no cmake on this machine (./lab setup)") from None
    except subprocess.TimeoutExpired:
        raise BuildFailed(
            f"{folder} can't be built: {what} has not ended after {_PATIENCE:g} s{_end_of(log, output)}"
        ) from None
    if isinstance(watch.breach, Failure):
        raise BuildFailed(f"{folder} can't be built: {watch.breach}{_end_of(log, output)}")
    if watch.breach is not None:
        raise watch.breach
    if status != 0:
        raise BuildFailed(f"{folder} can't be built: {what} ended with status {status}{_end_of(log, output)}")


def _in_its_own_session(command: list[str], output: int) -> int:
    """Runs one command, without a terminal, and ends whatever it leaves behind. Returns its status."""
    before = {each.pid for each in left_over()}
    try:
        with temporary_folder() as folder, subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "TMPDIR": str(folder)},  # a compiler's files
        ) as build:
            be_first_to_die(build.pid)
            limit_files(build.pid)
            try:
                return build.wait(_PATIENCE)
            except BaseException:
                build.kill()
                raise
    finally:
        end_left_over(before)


def _end_of(log: Path, output: int) -> str:
    """The last lines of a build's log, for a message: of what we have opened, whatever the build has put in its place.
    What is long is not read from its beginning."""
    start = max(0, os.fstat(output).st_size - 64 * KiB)
    lines = os.pread(output, 64 * KiB, start).decode(errors="replace").splitlines()
    tail = "\n".join(f"  | {line}" for line in lines[-LOG_TAIL:])
    return f". The end of its output:\n{tail}\nThe whole of it: {log}"


def _built(target: Path, name: str, folder: Path) -> Path:
    """The program in the build folder: at its top, or anywhere below."""
    candidates = [target / name, *sorted(target.rglob(name))]
    program: Optional[Path] = next((each for each in candidates if each.is_file() and os.access(each, os.X_OK)), None)
    if program is None:
        raise BuildFailed(f"{folder} was built, but that made no executable {name} in {target}")
    return program
