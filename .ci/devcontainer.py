#!/usr/bin/python3
"""The container that .devcontainer/ describes, tried as far as that can be done without an engine for containers.

    .ci/devcontainer.py             reads the file strictly: an unknown key, a comma too many or a key that comes twice
                                    is what an editor passes over in silence
    sudo .ci/devcontainer.py --run  runs its commands as well, in a root of its system that is as bare as debootstrap
                                    makes it; then what somebody does first in there. For hand or night: some minutes

Other options go to .ci/bare.py, which makes the root: --cache DIR, --mirror URI.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CI = Path(__file__).resolve().parent
sys.path.insert(0, str(CI))

from bare import SYSTEMS  # noqa: E402

FILE = CI.parent / ".devcontainer" / "devcontainer.json"
# Of the format, what a container of ours may need, with the kind of its value. See the reference at containers.dev.
KEYS = {
    "name": str, "image": str, "init": bool, "capAdd": list, "securityOpt": list, "mounts": list, "runArgs": list,
    "containerEnv": dict, "remoteEnv": dict, "remoteUser": str, "onCreateCommand": str, "updateContentCommand": str,
    "postCreateCommand": str, "postStartCommand": str, "customizations": dict,
}
COMMANDS = ("onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand")  # in their order
# A mistake that check finds is status 1.
FIRST_STEPS = ("./lab start 1", "{ ./lab check || [ $? = 1 ]; }", "work/.vscode/build.sh", "cmake --preset dev")


def read(text: str) -> dict[str, Any]:
    """The description; ValueError says what an editor would not."""
    lines = ["" if line.lstrip().startswith("//") else line for line in text.split("\n")]  # so line numbers are right

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{name} comes twice")
        return dict(pairs)

    container: dict[str, Any] = json.loads("\n".join(lines), object_pairs_hook=once)
    for name, value in container.items():
        if name not in KEYS:
            raise ValueError(f"no key {name!r}: there are {', '.join(KEYS)}")
        if not isinstance(value, KEYS[name]):
            raise ValueError(f"{name} is {value!r}, not a {KEYS[name].__name__}")
    return container


def system(container: dict[str, Any]) -> str:
    """Which of the systems that are tested the image has: "debian-12" for "buildpack-deps:bookworm-scm"."""
    words = re.split(r"\W", container["image"].rpartition(":")[2])
    for each in SYSTEMS.values():
        if each.suite in words:
            return each.name
    raise ValueError(f"the image {container['image']} has none of the suites that are tested: "
                     f"{', '.join(each.suite for each in SYSTEMS.values())}")


def script(container: dict[str, Any]) -> str:
    """What is run in its place."""
    variables = [f"export {name}={value}" for name, value in container.get("containerEnv", {}).items()]
    own = [f"{{ {container[name]}; }}" for name in COMMANDS if name in container]
    return " && ".join(["set -x", *variables, *own, *FIRST_STEPS])


def main(arguments: Sequence[str]) -> int:
    try:
        container = read(FILE.read_text(encoding="utf-8"))
        name = system(container)
    except ValueError as error:
        print(f"{FILE}: {error}", file=sys.stderr)
        return 1
    print(f"{FILE.name} is well formed; its system is {name}", flush=True)
    if arguments[:1] != ["--run"]:
        return 0
    return subprocess.run([CI / "bare.py", name, *arguments[1:], "--run", script(container)]).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
