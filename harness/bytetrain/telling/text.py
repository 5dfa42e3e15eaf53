"""Text that may hold bytes which are no characters: a path from a zip that was packed on Windows (GBK), say.

Python carries such a byte as a lone surrogate, U+DC80 to U+DCFF (PEP 383; os.fsdecode), which no codec takes unless it
is told to. Paths keep their bytes here, in files, on terminals and back.
"""

from __future__ import annotations  # doctor runs on any python3

import codecs
import io
import json
import re
import signal
import sys
from collections.abc import Iterable
from typing import Any, Union

_KEPT = "bytetrain.bytes-kept"


def _encode(error: UnicodeError) -> tuple[Union[str, bytes], int]:
    """An error handler for codecs: a byte is written as it came; for what an encoding lacks, a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    chars = error.object[error.start : error.end]
    return b"".join(bytes([ord(char) - 0xDC00]) if "\udc80" <= char <= "\udcff" else b"?" for char in chars), error.end


codecs.register_error(_KEPT, _encode)


def print_whatever_comes() -> None:
    """From now on our output takes any text, in whatever encoding the terminal has."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_KEPT)


def end_with_the_reader() -> None:
    """For a command that only prints: it ends as cat does when whoever reads has gone (`| head`). See signal(7)."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)


def has_bytes(text: str) -> bool:
    """Whether there are bytes in it that are no characters."""
    return any("\udc80" <= char <= "\udcff" for char in text)


# But for newline and tab: C0, DEL and C1, which terminals obey, and what turns a text around (Unicode, UAX #9).
_CONTROLS = {
    code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    for code in (*range(32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    if chr(code) not in "\n\t"
}
_IN_JSON = {code: f"\\u{code:04x}" for code in _CONTROLS if code >= 127}  # json.dumps knows the others
_BYTES = {0xDC00 + byte: f"\\x{byte:02x}" for byte in range(128, 160)}  # C1 of terminals that know no UTF-8


def visible(text: str) -> str:
    """A text of others, to be shown: control characters as escapes, so that no terminal obeys them, nor the bytes that
    some take for such; a carriage return begins a line. Whatever leaves for a screen or for other programs goes through
    here: messages, stories, lines of pytest's, and what is read from a results.json."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_CONTROLS).translate(_BYTES)


_WRITTEN_BYTE = re.compile(r"\\\\|\\udc([89a-f][0-9a-f])")  # as repr writes the latter; a backslash is two there


def in_words(value: object) -> str:
    """What was seen, for a message: never as Python writes it down. Of several, each."""
    if isinstance(value, bytes):
        return in_quotes(value)
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return in_words([f"{key}: {in_words(each)}" for key, each in value.items()])
    if isinstance(value, (list, set, frozenset)) or type(value) is tuple:
        return ", ".join(map(in_words, value)) or "none"
    return str(value)


def counted(number: int, what: str, several: str = "") -> str:
    """1 as "1 byte", and 2 as "2 bytes". `several` where that is not made with an s: "children"."""
    return f"{number} {what if number == 1 else several or what + 's'}"


def in_quotes(text: Union[str, bytes]) -> str:
    """A name, or what was printed, for a message: in quotes, with escapes for what can't be seen, and for each byte
    that is no character. Bytes are shown as the text that they are."""
    written = repr(text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text)
    return _WRITTEN_BYTE.sub(lambda found: f"\\x{found[1]}" if found[1] else found[0], written)


def all_visible(data: Any) -> Any:
    """The same with every text in data that came as JSON."""
    if isinstance(data, str):
        return visible(data)
    if isinstance(data, dict):
        return {visible(key): all_visible(value) for key, value in data.items()}
    return [all_visible(each) for each in data] if isinstance(data, list) else data


def shell_word(word: str) -> str:
    """A word for a command line that can be copied, whatever is in it: bash(1), QUOTING."""
    if word and all(char.isalnum() or char in "-_.,=/:+@%" for char in word):
        return word
    if visible(word) == word and "\n" not in word and "\t" not in word:
        return "'" + word.replace("'", "'\\''") + "'"
    return "$'" + "".join(_in_dollar_quotes(char) for char in word) + "'"


def command_line(words: Iterable[str]) -> str:
    """A command, as it can be typed into a shell."""
    return " ".join(map(shell_word, words))


def _in_dollar_quotes(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if char.isprintable():
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))


def without_bytes(text: str) -> str:
    """For readers that take only real text: a replacement character in place of each."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def as_json(data: object, indent: int = 1) -> str:
    """JSON whose text is UTF-8, and which comes back as it was: a byte that is no character is escaped, and so is what
    a terminal would obey."""
    text = json.dumps(data, indent=indent, ensure_ascii=False).translate(_IN_JSON)
    return text.encode("utf-8", "backslashreplace").decode() + "\n"
