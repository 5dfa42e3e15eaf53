"""What a client says, and what it leaves in the place of an older file, shows which mistake it makes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Optional

from .. import Diagnosis, Failure
from ..programs.output import Finished
from ..telling.text import in_quotes
from ..wire.files import Original
from ..wire.framing import SIZE_BODY, encode_train

_IN_THE_WAY = re.compile(r"file exists|permission denied|text file busy", re.IGNORECASE)  # EEXIST, EACCES, ETXTBSY


def of_client(finished: Finished, said: str, original: Original, name: str) -> Optional[Diagnosis]:
    """Of one that should have received a file, and `said` so on standard output."""
    return _of_numbers(finished.stderr, original.size, len(os.fsencode(name))) or _of_output(finished, said)


def _of_numbers(text: str, size: int, name_length: int) -> Optional[Diagnosis]:
    """It complains of a length, or a size, that is the one which it was sent, read the other way round."""
    sent = {encode_train(bytes(name_length))[:4]: "length of the name", size.to_bytes(SIZE_BODY, "big"): "size"}
    for data, what in sent.items():
        turned = int.from_bytes(data, "little")
        if turned != int.from_bytes(data, "big") and turned > 1 << 16 and re.search(rf"(?<!\d){turned}(?!\d)", text):
            words = (f"The client speaks of {turned}. It was sent {data.hex(' ')}, the {what}, which is "
                     f"{int.from_bytes(data, 'big')}, and {turned} read the other way round.")
            return Diagnosis("host_byte_order", words)
    return None


def _of_output(finished: Finished, said: str) -> Optional[Diagnosis]:
    if finished.stdout != said and said in finished.stdout.splitlines(keepends=True):
        others = finished.stdout.count("\n") - 1
        words = f"The client's standard output has the line that it should have, and {others} more."
        return Diagnosis("log_on_standard_output", words)
    if not finished.stdout and said in finished.stderr.splitlines(keepends=True):
        words = f"On the client's standard error is {in_quotes(said.strip())}, and on its standard output is nothing."
        return Diagnosis("result_on_standard_error", words)
    return None


def of_older(older: bytes, target: Path, original: Original, finished: Finished) -> Optional[Diagnosis]:
    """Of one that found an older file under the name of the new one."""
    found = _IN_THE_WAY.search(finished.stderr)
    if found and finished.status not in (0, None):
        words = f"An older file of that name was there, and the client says: {found[0]}."
        return Diagnosis("older_file_not_replaced", words)
    there = target.read_bytes() if target.is_file() and os.access(target, os.R_OK) else b""
    size = original.size
    if len(there) == len(older) > size and there[size:] == older[size:] and there[:size] == original.read():
        words = (f"The file has the {size} bytes that were sent, and then the last {len(older) - size} of the older "
                 f"file, which had {len(older)}.")
        return Diagnosis("older_file_not_replaced", words)
    return None


def written_over(words: str) -> Failure:
    """An older file has changed, which another name still leads to."""
    failure = Failure(words, expected="the older file as it was", actual="it has changed")
    evidence = "Another name of the older file leads to it still, and finds another content: it has itself changed."
    failure.diagnosis = Diagnosis("older_file_not_replaced", evidence)
    return failure
