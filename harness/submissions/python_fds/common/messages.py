"""What the programs say on standard error: one line at a time, and nothing in it that drives a terminal."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class Failure(Exception):
    """Why a program, or one transfer, can't go on; the text is fit for its user."""


def visible(text: bytes) -> bytes:
    """The text with its control bytes as \\x0a: a file's name may hold a newline, and a message is one line."""
    return _CONTROL.sub(lambda found: b"\\x%02x" % found[0][0], text)


def say(text: str) -> None:
    """One line on standard error, in one write(2), so that those of several workers don't mix."""
    program = os.fsencode(os.path.basename(sys.argv[0]))
    with contextlib.suppress(OSError):  # nobody stops working because nobody listens
        os.write(2, program + b": " + visible(os.fsencode(text)) + b"\n")


@contextlib.contextmanager
def about(thing: str) -> Iterator[None]:
    """Puts the thing that a system call was about in front of the cause, as in "missing.txt: No such file"."""
    try:
        yield
    except OSError as error:
        raise Failure(f"{thing}: {error.strerror or error}") from error
