"""How the demo looks: coloured on a terminal, plain text of at most 100 columns in a file or a pipe."""

import sys
from enum import Enum
from typing import IO, Optional, Union

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..telling.text import visible

WIDTH = 100
_PLAIN = box.Box("    \n    \n -- \n    \n    \n    \n    \n    \n")  # only a line under the head


class Kind(Enum):
    """Kinds of lines: their mark, the same in ASCII, and their style."""

    COMMAND = ("$", "$", "cyan")
    STEP = ("·", ".", "cyan")
    PLAIN = ("-", "-", "")
    GOOD = ("✓", "+", "green")
    BAD = ("✗", "!", "red")
    LUCK = ("?", "?", "yellow")

    def __init__(self, unicode: str, ascii: str, style: str) -> None:
        self.unicode = unicode
        self.ascii = ascii
        self.style = style


class Screen:
    """Prints lines, wrapped with a hanging indent, and one table."""

    def __init__(self, file: Optional[IO[str]] = None, colour: bool = True) -> None:
        target = file if file is not None else sys.stdout
        self._terminal = target.isatty()
        self._console = Console(
            file=target, highlight=False, markup=False, emoji=False, no_color=None if colour else True,
            width=None if self._terminal else WIDTH,
        )
        if self._terminal:
            self._console.width = min(self._console.width, WIDTH)
        self._unicode = self._console.encoding.lower().startswith("utf")

    def title(self, text: str) -> None:
        self.line(text, style="bold")

    def chapter(self, text: str) -> None:
        """A heading with a line under it."""
        self.blank()
        self.line(text, style="bold")
        self.line(("─" if self._terminal and self._unicode else "-") * min(WIDTH, Text(text).cell_len))

    def blank(self) -> None:
        self._write("")

    def line(self, text: str, indent: int = 0, style: str = "", mark: str = "") -> None:
        """A paragraph; `mark` stands in front of its first line, in the indent."""
        shown = Text(visible(text), style=style)
        wrapped = shown.wrap(self._console, max(20, self._console.width - indent), overflow="fold")
        for number, part in enumerate(wrapped):
            part.rstrip()
            start = Text(f"{mark if number == 0 else '':<{indent}}"[:indent], style=style)
            self._write(start + part)

    def point(self, text: str, indent: int, kind: Kind) -> None:
        """A line of a list, with a mark that tells its kind."""
        mark = kind.unicode if self._unicode else kind.ascii
        self.line(text, indent + 2, kind.style, " " * indent + mark)

    def table(self, heads: list[str], rows: list[list[Text]]) -> None:
        """A table as wide as the screen; cells wrap."""
        lines = box.SIMPLE_HEAD if self._terminal and self._unicode else _PLAIN
        table = Table(box=lines, expand=True, pad_edge=False, header_style="bold")
        for head in heads:
            table.add_column(head, ratio=1 if head else None, overflow="fold")
        for row in rows:
            table.add_row(*row)
        with self._console.capture() as capture:
            self._console.print(table)
        for each in capture.get().rstrip().splitlines():
            self._console.file.write(each.rstrip() + "\n")
        self._console.file.flush()

    def _write(self, line: Union[Text, str]) -> None:
        self._console.print(line, soft_wrap=True)
        self._console.file.flush()
