"""The client: one transfer, saved under the name that the server sends."""

import os
import signal
from contextlib import closing
from typing import NoReturn

from .command_line import ClientArguments, client_arguments
from .messages import Failure, about, say, visible
from .network import connect
from .progress import Progress
from .target import directory, saved
from .wire import Incoming

_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(stage: int) -> int:
    arguments = client_arguments()
    for number in _ENDINGS:
        signal.signal(number, _give_up)
    try:
        name, size = _receive(stage, arguments)
        with about("standard output"):
            _print(b"received " + visible(name) + b", %d bytes\n" % size)
    except (Failure, OSError) as failure:
        say(str(failure))
        return 1
    return 0


def _give_up(number: int, frame: object) -> NoReturn:
    """Ends the transfer as any other failure does, so that no temporary file stays; and only once."""
    for each in _ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    raise Failure(f"ended by {signal.Signals(number).name}")


def _receive(stage: int, arguments: ClientArguments) -> tuple[bytes, int]:
    """Receives and saves the file; returns its name and size."""
    with directory(arguments.directory) as place, connect(arguments.host, arguments.port) as connection:
        incoming = Incoming(stage, connection)
        with about(f"receive from {arguments.host} port {arguments.port}"):
            name = incoming.name()
            path = os.path.join(arguments.directory, os.fsdecode(name))
            with saved(place, path, name) as target:
                size = incoming.size()
                with closing(Progress(size)) as progress:
                    received = 0
                    for data in incoming.content(size):
                        target.write(data)
                        received += len(data)
                        progress.show(received)
                    progress.complete()
    return name, received


def _print(line: bytes) -> None:
    while line:
        line = line[os.write(1, line) :]
