"""What bytes that are wrong say about the mistake that made them: a Diagnosis, where nothing else can have made
them."""

from __future__ import annotations

from typing import Optional

from .. import Diagnosis
from ..telling.sizes import KiB, MiB
from ..telling.text import in_quotes
from ..wire.files import Difference, Original
from ..wire.framing import HEAD, LARGEST_BODY, SIZE_BODY, WireError

_FIRST_NUL = 64 * KiB  # bytes of a file in which its first NUL is looked for
_BUFFERED = 16 * KiB  # bytes that every connection has room for: no call to send so few is cut short
_LOOKED_THROUGH = 8 * MiB  # of a file, for where the content goes on


def of_stream(error: WireError, name: bytes) -> Optional[Diagnosis]:
    """Of a stream that breaks the format; `name` is that of the file."""
    if error.head:
        return _of_length(error.head)
    return _of_name(error.name, name) if error.name else None


def _of_length(head: bytes) -> Optional[Diagnosis]:
    there, turned = int.from_bytes(head, "big"), int.from_bytes(head, "little")
    if not 1 <= turned <= LARGEST_BODY < there:
        return None
    words = (f"The bytes of the length are {head.hex(' ')}: that is {there} as the wire has it, the first byte the "
             f"highest, and {turned} read the other way round.")
    return Diagnosis("host_byte_order", words)


def of_name(sent: bytes, name: bytes) -> Optional[Diagnosis]:
    """Of a name that is not that of the file."""
    return _of_name(sent, name) if sent != name else None


def _of_name(sent: bytes, name: bytes) -> Optional[Diagnosis]:
    if name and sent.endswith(b"/" + name):
        words = f"As the name came {_text(sent)}, the whole path. What follows its last '/' is the name: {_text(name)}."
        return Diagnosis("path_as_name", words)
    if name and sent.rstrip(b"\0") == name != sent:
        words = (f"The name came with {len(sent)} bytes: the {len(name)} of {_text(name)}, and then "
                 f"{sent[len(name):][:HEAD].hex(' ')}.")
        return Diagnosis("nul_in_name", words)
    return None


def _text(name: bytes) -> str:
    shown = name if len(name) <= 80 else name[:20] + b"..." + name[-57:]
    return in_quotes(shown)


def of_size(announced: int, size: int) -> Optional[Diagnosis]:
    """Of an announced size."""
    sent = announced.to_bytes(SIZE_BODY, "big")
    if announced == size or int.from_bytes(sent, "little") != size:
        return None
    words = (f"The bytes of the size are {sent.hex(' ')}: that is {announced} as the wire has it, the first byte the "
             f"highest, and {size}, the size of the file, read the other way round.")
    return Diagnosis("host_byte_order", words)


def of_content(original: Original, found: Difference) -> Optional[Diagnosis]:
    """Of content that differs from its file."""
    return _head_in_content(found) or _cut_at_nul(original, found) or _bytes_lost(original, found)


def _head_in_content(found: Difference) -> Optional[Diagnosis]:
    """A head stands there, and then the content goes on. (Its first bytes may be those that should be there.)"""
    place = found.offset - found.start
    for at in range(place, max(-1, place - HEAD), -1):
        head, after = found.got[at : at + HEAD], found.got[at + HEAD :]
        length, expected = int.from_bytes(head, "big"), found.expected[at : at + len(after)]
        ends = not after and not expected and length == 0  # the empty train
        goes_on = len(expected) >= HEAD and after[: len(expected)] == expected and 1 <= length <= LARGEST_BODY
        if len(head) == HEAD and (ends or goes_on):
            then = "with them it ends" if ends else "and then the content goes on"
            words = (f"From byte {found.start + at} on {found.what} has {head.hex(' ')}, {then}: these are no content, "
                     f"but the head of the next train, a length of {length}.")
            return Diagnosis("head_in_content", words)
    return None


def _cut_at_nul(original: Original, found: Difference) -> Optional[Diagnosis]:
    """The content ends at the first NUL byte of the file; or goes on with what should be in the next train."""
    if found.offset >= min(_FIRST_NUL, original.size) or original.read(0, found.offset + 1).find(b"\0") != found.offset:
        return None
    rest = found.got[found.offset - found.start :]
    following = original.read(-(-(found.offset + 1) // LARGEST_BODY) * LARGEST_BODY, len(rest))
    if rest and rest != following and rest[HEAD:] != following[:-HEAD] or 0 < len(rest) < HEAD:
        return None
    what = found.what.replace("the ", "The ", 1)
    words = (f"{what} is right up to byte {found.offset}, which is the first byte of the file with the value 0. What "
             "follows it is missing.")
    return Diagnosis("cut_at_nul", words)


def _bytes_lost(original: Original, found: Difference) -> Optional[Diagnosis]:
    """In the middle of a train a later one begins: between the two something was not sent."""
    rest = found.got[found.offset - found.start :]
    if found.offset < _BUFFERED or not found.offset % LARGEST_BODY or len(rest) < 2 * HEAD:
        return None
    length, after = int.from_bytes(rest[:HEAD], "big"), rest[HEAD:]
    first = -(-(found.offset + 1) // LARGEST_BODY) * LARGEST_BODY
    there = original.read(first, _LOOKED_THROUGH)
    goes_on = [start for start in range(0, len(there), LARGEST_BODY) if there.startswith(after, start)]
    if len(goes_on) != 1 or length != min(LARGEST_BODY, original.size - first - goes_on[0]):
        return None
    goes_on_at = first + goes_on[0]
    words = (f"In the middle of a train, at byte {found.offset} of the content, another train begins "
             f"({rest[:HEAD].hex(' ')}), and its content is from byte {goes_on_at} of the file on: the "
             f"{goes_on_at - found.offset} bytes between the two were never sent.")
    return Diagnosis("short_count", words)


def of_short_content(original: Original, come: int) -> Optional[Diagnosis]:
    """Of content of which only so much has come, all of it right."""
    return _cut_at_nul(original, Difference(come, original.size, come, come, b"", b"", "the content"))
