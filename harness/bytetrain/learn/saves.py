"""Notices that files of a stage are saved: by inotify(7) through watchdog, or by looking again and again where a file
system doesn't tell what others do."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Callable, Optional

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.polling import PollingObserver

from ..course.languages import Bilingual
from .work import is_made

# What a change comes from outside of in silence: the host of a virtual machine or a container, another machine, or the
# lower layer of an overlay.
_SILENT = ("9p", "afs", "cifs", "drvfs", "fuse", "nfs", "nfs4", "overlay", "prl_fs", "smb3", "smbfs", "vboxsf",
           "virtiofs")
_MOUNTS = Path("/proc/self/mountinfo")
_ASKED = Bilingual("as you asked", "按你的要求")
_USED_UP = Bilingual("inotify is used up", "inotify 已经用完")
POLL = 0.5  # seconds between two looks
_EVENTS: Any = Observer
_LOOKS: Any = PollingObserver
_CHANGES = ("created", "modified", "moved", "deleted", "closed")  # later versions tell of reading as well


def file_system_of(folder: Path, mounts: str) -> str:
    """The type of the file system that a folder lies in, from a mountinfo: see proc(5). Of two mounts on one place the
    later one is seen."""
    place, best, found = os.path.realpath(folder), -1, ""
    for line in mounts.splitlines():
        words, _, rest = line.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), words.split()[4])
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best:
            best, found = len(point), rest.split()[0]
    return found


def why_poll(folder: Path, mounts: Optional[str] = None) -> str:
    """The file system that makes it necessary, or "". Where no mountinfo can be read, we can't know."""
    if mounts is None:
        try:
            mounts = _MOUNTS.read_bytes().decode("utf-8", "surrogateescape")
        except OSError:
            return ""
    kind = file_system_of(folder, mounts)
    return kind if kind.partition(".")[0] in _SILENT else ""


class Saves(FileSystemEventHandler):  # watchdog has no types
    """Calls `changed`, in a thread of watchdog's, whenever something may have changed in a stage, or in the common/
    beside it, or when the stage's folder is replaced. Several calls may come from one save: the fingerprint decides."""

    def __init__(self, changed: Callable[[], None], poll: bool = False) -> None:
        self._changed = changed
        self._poll = poll
        self._observer: Any = None
        self._folders: tuple[Path, ...] = ()
        self._watched: dict[Path, int] = {}  # those of them that are there, each with its inode
        self.polls_for: Optional[Bilingual] = None  # why we poll, if we do

    def watch(self, stage: Path) -> None:
        """From now on this one; to be called again when a folder may have been replaced."""
        self._folders = (stage, stage.with_name("common"))
        found = {each: inode for each in self._folders if (inode := _inode(each))}
        if found != self._watched or self._observer is None:
            self.close()
            self._watched = found
            self._begin(stage.parent)

    def _begin(self, work: Path) -> None:
        kind = why_poll(work)
        silent = Bilingual(f"{kind} is silent", f"{kind} 不通知修改")
        self.polls_for = _ASKED if self._poll else silent if kind else None
        if self.polls_for is None:
            try:
                self._start(_EVENTS(), work)
            except OSError:  # ENOSPC, EMFILE: no more watches for this user; ENOSYS
                self._observer = None
                self.polls_for = _USED_UP
        if self.polls_for is not None:
            self._start(_LOOKS(timeout=POLL), work)

    def _start(self, observer: Any, work: Path) -> None:
        try:
            observer.schedule(self, os.fspath(work), recursive=False)
            for folder in self._watched:
                observer.schedule(self, os.fspath(folder), recursive=True)
            observer.start()
        except OSError:
            observer.unschedule_all()
            raise
        self._observer = observer

    def close(self) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None

    def on_any_event(self, event: Any) -> None:
        paths = (Path(os.fsdecode(each)) for each in (event.src_path, getattr(event, "dest_path", "")) if each)
        if event.event_type in _CHANGES and any(map(self._matters, paths)):
            self._changed()

    def _matters(self, path: Path) -> bool:
        return any(
            path == folder or (folder in path.parents and not any(map(is_made, path.relative_to(folder).parts)))
            for folder in self._folders
        )


def _inode(folder: Path) -> int:
    """0 if it isn't there."""
    try:
        return folder.stat().st_ino
    except OSError:
        return 0
