"""System calls in few words, for lines of evidence: recv(1000 bytes) = 472."""

from typing import Optional

from ..kernel.trace import Event

# Which argument says how many bytes are asked for, counted from the end: strings before it may hold commas.
_ASKED = {"recvfrom": 4, "sendto": 4, "read": 1, "write": 1, "sendfile": 1, "splice": 2}
_FLAGS = {"recvfrom": 3, "sendto": 3}
WRITTEN = {"recvfrom": "recv", "sendto": "send"}  # as the programs write it; the C library calls the other


def bytes_asked(call: Event) -> Optional[int]:
    """How many bytes the call was asked to move; None if it is another kind of call."""
    position = _ASKED.get(call.name)
    words = call.arguments.rsplit(", ", position) if position else []
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else None


def call_in_words(call: Event) -> str:
    """The call with what was asked for and what came of it."""
    flags = call.arguments.rsplit(", ", _FLAGS.get(call.name, 1))[1:2] if call.name in _FLAGS else []
    extra = f", {flags[0]}" if flags and flags[0] not in ("0", "MSG_NOSIGNAL") else ""
    outcome = "(did not return)" if call.result is None else f"= {call.result}"
    return f"{WRITTEN.get(call.name, call.name)}({bytes_asked(call)} bytes{extra}) {outcome} {call.error}".rstrip()
