"""The server: it checks what it was told, listens, forks its workers, says so, and serves."""

import os

from .command_line import server_arguments
from .messages import Failure, about, say
from .network import listen, spoken
from .pool import Pool
from .source import check_source
from .worker import Worker


def main(stage: int) -> int:
    arguments = server_arguments()
    try:
        check_source(stage, arguments.file)
        listener = listen(arguments.host, arguments.port)
        address = spoken(listener.getsockname())
        pool = Pool(listener, arguments.workers, Worker(stage, arguments.file).work)
        with about("workers"):
            pool.start()
        with about("standard output"):
            os.write(1, f"listening on {address}\n".encode())
        pool.run()
    except (Failure, OSError) as failure:
        say(str(failure))
        return 1
    return 0
