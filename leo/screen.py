"""What fits on a screen: width, labels, tables, and no character that a terminal obeys.

Rich is loaded when a table is drawn.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from io import StringIO
from shutil import get_terminal_size
from textwrap import wrap
from typing import Any, Final, TextIO

__all__ = ["Screen", "columns", "labelled", "listed", "show_json", "table", "visible", "width"]

# What a terminal obeys: controls, marks of the direction of writing, separators of lines; and lone
# surrogates, which no output can hold. A text may come in lines and with tabs.
OBEYED: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# The colours of `table`, and their end.
COLOUR: Final = re.compile("(\x1b\\[(?:0|1|[39][0-7])m)")

# Where there is no terminal. On one, lines get no longer than can be read.
PLAIN: Final = 80
LEAST: Final = 40
MOST: Final = 100
LABEL: Final = 9


def visible(text: str) -> str:
    """A name or a value as one line, with a question mark for each character that is obeyed."""
    return OBEYED.sub("?", text.replace("\n", "?").replace("\t", "?"))


class Screen:
    """An output that shows what it is given: the one filter of all that others have written. On a
    terminal the colours of `table` go through.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def write(self, text: str) -> int:
        """Write a text, with a question mark for each character that is obeyed."""
        parts = COLOUR.split(text) if self.out.isatty() else [text]
        # Every second part is a colour.
        parts[::2] = [OBEYED.sub("?", part) for part in parts[::2]]
        return self.out.write("".join(parts))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.out, name)


def columns() -> int:
    """The columns that a table may take."""
    if not sys.stdout.isatty():
        return PLAIN
    return max(LEAST, get_terminal_size((PLAIN, 24)).columns)


def width() -> int:
    """The columns that a line of text may take."""
    return min(MOST, columns())


def labelled(label: str, text: str, *, label_width: int = LABEL) -> list[str]:
    """The text with a label at its left: one line, or several that begin below its own first
    letter.
    """
    first = f"{label:<{label_width}}"
    # A name is broken at no hyphen: it would not be found again.
    lines = wrap(
        text,
        width(),
        initial_indent=first,
        subsequent_indent=" " * label_width,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]


def show_json(value: object) -> None:
    """Print a verdict for programs, which read back what a screen is not shown."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    print(OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def listed(names: Iterable[str]) -> str:
    """Names in the order of the alphabet, or a dash for none."""
    return ", ".join(sorted(names)) or "-"


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Sequence[int] = (),
    gap: int = 2,
) -> str:
    """A table without lines, its cells wrapped to fit; `right` are the columns of numbers.

    A cell may hold rich's markup for colour, which a terminal shows unless NO_COLOR is set.
    """
    from rich import box  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, gap, 0, 0))
    for number, head in enumerate(heads):
        drawn.add_column(head, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    out = StringIO()
    console = Console(
        file=out, width=columns(), force_terminal=sys.stdout.isatty(), highlight=False, emoji=False
    )
    console.print(drawn)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
