"""What half_packet and zeros_hide_it have in common: a proxy that cuts a train in two, where it wants to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..course.traits import traits
from ..telling.story import expect, heading
from ..wire import framing
from ..wire.faults import Slicer, WholeTrains
from .evidence import Evidence, Fact, when
from .scene import Scene, outcome, saved_md5, wait_for
from .wording import call_in_words

TRAINS = 1000  # of content that come whole before the one that is cut
FIRST_PART = 472  # bytes of its body that come first


@dataclass
class Cut:
    """What came of a transfer with a train that was cut."""

    status: int
    said: str
    size: int
    saved: int  # bytes in the file that was saved; 0 if none was
    content_before: int  # bytes of content before the last cut
    md5_sent: str
    md5_saved: str
    calls: list[str]  # the receiving calls that ended at the cut, if they were traced

    @property
    def whole(self) -> bool:
        """Whether the file has arrived as it should."""
        return self.status == 0 and self.md5_saved == self.md5_sent

    def evidence(self, failure: str, misread: list[str], facts: Mapping[str, Fact]) -> Evidence:
        """In lines: what the call returned, what the rest of the body was taken for, and what the client said."""
        lines = [f"{self.saved} of {self.size} bytes saved"]
        if failure:
            calls = f": {', '.join(self.calls)}" if self.calls else ""
            lines = [f"asked for a body of {framing.LARGEST_BODY} bytes, recv returned {FIRST_PART}{calls}", *misread]
        elif self.whole:
            lines = [f"all {self.size} bytes saved, md5 of both files {self.md5_sent}"]
        return Evidence(
            failure=failure,
            cure=when(self.whole, f"all {self.size} bytes saved, md5 equal"),
            lines=[*lines, f"the client ends with {self.said}"],
            facts={**facts, "asked": framing.LARGEST_BODY, "cut_after": FIRST_PART, "file_bytes": self.size,
                   "saved_bytes": self.saved, "md5_sent": self.md5_sent, "md5_saved": self.md5_saved,
                   "client": self.said, "calls": self.calls},
        )


def cut_a_train(scene: Scene, file: Path) -> Cut:
    """Transfers a file through a proxy that cuts its trains. To the naive pair whole trains are handed over, but for
    one that is cut in its body; the others have to live with cuts in heads, too."""
    name = file.name.encode()
    begins = framing.start_of_content(scene.stage, len(name))
    last = begins + TRAINS * (framing.HEAD + framing.LARGEST_BODY) + framing.HEAD + FIRST_PART
    naive = traits(scene.stage).whole_trains_only
    cuts = [last] if naive else [*cuts_in_heads(scene.stage, name), last]
    tracing = scene.tracing("client", "recvfrom") if naive else None
    server = scene.server(file)
    proxy = scene.proxy(server.port, *([WholeTrains()] if naive else []), Slicer(cuts))
    client = scene.client(proxy.port, tracing)
    heading(f"a proxy cuts the stream after {listed(cuts)} bytes: what follows waits until all before it is read")
    wait_for(client, lambda: proxy.relays, "the client connects")
    said = outcome(client)
    came = proxy.wait_ended().forwarded
    words = f"the client has ended at a cut after {came} bytes of the stream, before the last cut: {said}"
    expect(came >= last, words, expected=f"it reads the first {last} bytes", actual=f"{came} bytes: {said}")
    path = client.directory / file.name
    calls = tracing.wait_written().calls("recvfrom") if tracing else []
    return Cut(
        status=client.wait().status,
        said=said,
        size=file.stat().st_size,
        saved=path.stat().st_size if path.is_file() else 0,
        content_before=last - begins if traits(scene.stage).raw else TRAINS * framing.LARGEST_BODY + FIRST_PART,
        md5_sent=scene.store.md5(file),
        md5_saved=saved_md5(client, file.name),
        calls=[call_in_words(each) for each in calls if each.result == FIRST_PART],
    )


def cuts_in_heads(stage: int, name: bytes) -> list[int]:
    """Inside the heads of name, size and content, and 6 bytes after each begins: inside a body."""
    begins = sorted({0, framing.HEAD + len(name), framing.start_of_content(stage, len(name))})
    return [begin + more for begin in begins for more in (1, 2, 3, 6)]


def listed(cuts: list[int]) -> str:
    """'1, 2, 3 ... 1004498' for many."""
    first = ", ".join(map(str, cuts[:3]))
    return f"{first} ... {cuts[-1]}" if len(cuts) > 3 else first
