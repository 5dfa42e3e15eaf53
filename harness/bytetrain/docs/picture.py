"""Draws what a command printed on a terminal as an SVG: the picture of the demo in the READMEs.

    script -qec "./lab demo --stage 2" /dev/null |
        PYTHONPATH=harness /usr/bin/python3 -m bytetrain.docs.picture --lines 19-42 docs/demo.svg

Needs rich 12 or later: python3-rich of Debian 12, not of Ubuntu 22.04.
"""

import argparse
import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)  # a picture that fetches nothing


def draw(printed: str, first: int, last: int, title: str) -> str:
    """Lines `first` to `last` of what was printed, ANSI colours included, as an SVG that needs nothing else."""
    lines = printed.replace("\r\n", "\n").split("\n")[first - 1 : last]
    console = Console(record=True, width=104, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text.from_ansi(line))
    return WEB_FONTS.sub("", str(console.export_svg(title=title, theme=MONOKAI, unique_id="demo")))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bytetrain.docs.picture", description="terminal output, from stdin, as an SVG"
    )
    parser.add_argument("--lines", default="1-40", metavar="A-B", help="which lines (default: 1-40)")
    parser.add_argument("--title", default="./lab demo")
    parser.add_argument("svg", type=Path)
    options = parser.parse_args()
    span = re.fullmatch(r"(\d+)-(\d+)", options.lines)
    if not span:
        parser.error(f"--lines {options.lines}: write it as 1-40")
    printed = sys.stdin.buffer.read().decode(errors="replace")
    options.svg.write_text(draw(printed, int(span[1]), int(span[2]), options.title), encoding="utf-8")


if __name__ == "__main__":
    main()
