"""What a proxy does to a stream, and at which byte: faults as data. The names are toxiproxy's where it has the same.

An offset counts the bytes of the stream from 0; a fault at offset n acts when exactly n bytes have been forwarded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Optional

from .framing import HEAD, LARGEST_BODY


class Action(Enum):
    """What the proxy does when it has come to a fault's offset."""

    WAIT_TAKEN = "waits until the client has read everything"
    HOLD = "forwards nothing until it is released"
    PAUSE = "waits until the client has read everything, and a moment more, unless it is released"
    CUT = "closes the connection"
    RESET = "resets the connection"


class Shaper:
    """Decides in which pieces the bytes are sent; this one changes nothing."""

    whole_trains = False

    def feed(self, data: bytes) -> list[bytes]:
        """Takes what came from the server, and gives what may be sent now."""
        return [data]

    def flush(self) -> bytes:
        """At the end of the stream: what was held back."""
        return b""


class Fault:
    """One thing that goes wrong; without more, nothing does."""

    action = Action.WAIT_TAKEN

    def next_offset(self, after: int) -> Optional[int]:
        """The first offset above `after` at which it acts, or None."""
        return None

    def shaper(self) -> Optional[Shaper]:
        """A new shaper for one connection, if it needs one."""
        return None


@dataclass(frozen=True)
class _At(Fault):
    at: int

    def next_offset(self, after: int) -> Optional[int]:
        return self.at if self.at > after else None


@dataclass(frozen=True)
class Slicer(Fault):
    """Cuts the stream into pieces: at the offsets in `cuts`, or after `every` so many bytes. The next piece is sent
    only when the client has read the one before, so that each comes as a recv of its own."""

    cuts: Sequence[int] = ()
    every: int = 0

    def __str__(self) -> str:
        where = f"every {self.every} bytes" if self.every else f"at {', '.join(map(str, self.cuts))}"
        return f"cuts the stream {where}, and waits at each cut until the client has read what came before"

    def next_offset(self, after: int) -> Optional[int]:
        later = [cut for cut in self.cuts if cut > max(after, 0)]
        if self.every > 0:
            later.append((max(after, 0) // self.every + 1) * self.every)
        return min(later, default=None)


@dataclass(frozen=True)
class Timeout(_At):
    """Stalls: forwards nothing more until Proxy.release()."""

    action = Action.HOLD

    def __str__(self) -> str:
        return f"stalls after {self.at} bytes"


@dataclass(frozen=True)
class Trickle(_At):
    """From that offset on forwards `step` bytes at a time, slowly, until Proxy.release(): for what a client does only
    when bytes come while time passes, like drawing its progress."""

    step: int = 1
    action = Action.PAUSE

    def __str__(self) -> str:
        return f"lets what comes behind the first {self.at} bytes trickle, {self.step} at a time"

    def next_offset(self, after: int) -> Optional[int]:
        return max(self.at, after + self.step - (after - self.at) % self.step)


@dataclass(frozen=True)
class LimitData(_At):
    """Closes the connection (FIN to the client) when that many bytes have been forwarded."""

    action = Action.CUT

    def __str__(self) -> str:
        return f"closes after {self.at} bytes"


@dataclass(frozen=True)
class ResetPeer(_At):
    """Resets the connection (RST to both sides) when the client has read that many bytes."""

    action = Action.RESET

    def __str__(self) -> str:
        return f"resets both sides when the client has read {self.at} bytes"


@dataclass(frozen=True)
class SlowClose(Fault):
    """The server's close reaches the client only after Proxy.release()."""

    def __str__(self) -> str:
        return "keeps the server's close to itself"


@dataclass(frozen=True)
class Coalesce(Fault):
    """Holds everything until `size` bytes have come, or the server closes, and sends them together: trains stick."""

    size: Optional[int] = None

    def __str__(self) -> str:
        return f"holds everything until {self.size or 'all'} bytes have come"

    def shaper(self) -> Shaper:
        return _Coalescer(self.size)


@dataclass(frozen=True)
class WholeTrains(Fault):
    """Hands over whole trains, one at a time, so that a receiver that can't count never needs to (stages 01 to 04)."""

    def __str__(self) -> str:
        return "hands over whole trains, one at a time"

    def shaper(self) -> Shaper:
        return _TrainSorter()


class _Coalescer(Shaper):
    def __init__(self, size: Optional[int]) -> None:
        self._size = size
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        self._held += data
        if self._size is None or len(self._held) < self._size:
            return []
        self._size = 0  # from now on as it comes
        return [self.flush()]

    def flush(self) -> bytes:
        held, self._held = self._held, b""
        return held


class _TrainSorter(Shaper):
    whole_trains = True

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> list[bytes]:
        self._held += data
        trains = []
        start = 0
        while len(self._held) - start >= HEAD:
            length = int.from_bytes(self._held[start : start + HEAD], "big")
            if length > LARGEST_BODY:  # not a train: the client shall see it, and judge
                length = len(self._held) - start - HEAD
            if len(self._held) - start < HEAD + length:
                break
            trains.append(self._held[start : start + HEAD + length])
            start += HEAD + length
        self._held = self._held[start:]
        return trains

    def flush(self) -> bytes:
        held, self._held = self._held, b""
        return held
