"""A network of the bench's own: a loopback in a new network namespace, with reno.

bbr, the default on some machines, paces: that slows a loopback by two or three times, and hides what is to be measured.
Setting it for our own sockets alone would beat every peer that didn't; so all of them run in one namespace that has it.
See network_namespaces(7), unshare(1), tcp(7) on tcp_congestion_control.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..grading.command import command_of

_INSIDE = "BYTETRAIN_BENCH_NETWORK"
_CONTROL = Path("/proc/sys/net/ipv4/tcp_congestion_control")
_PREPARED = f"ip link set lo up && echo reno > {_CONTROL}"


def enter(arguments: Sequence[str]) -> str:
    """Starts this program again in a network of its own, and doesn't return, where that can be had.

    Else returns why it can't, or "" if this is that network already.
    """
    if _INSIDE in os.environ:
        return ""
    unshare = ["unshare", "--net"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user", "--net"]
    probe = subprocess.run(
        [*unshare, "sh", "-c", _PREPARED], stdin=subprocess.DEVNULL, capture_output=True, errors="surrogateescape"
    )
    if probe.returncode != 0:
        return (probe.stderr.strip().splitlines() or ["unshare failed"])[-1]
    os.environ[_INSIDE] = "1"
    again = command_of("bytetrain.bench", *arguments)
    os.execvp(unshare[0], [*unshare, "sh", "-c", f'{_PREPARED} && exec "$@"', "sh", *again])


def congestion_control() -> str:
    """What TCP uses here."""
    return _CONTROL.read_text().strip()
