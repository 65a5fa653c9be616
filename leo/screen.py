"""What fits on a screen: lines of at most 80 columns, with a label before those that need one."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import Final

__all__ = ["WIDTH", "labelled", "listed"]

WIDTH: Final = 80
LABEL: Final = 9


def labelled(label: str, text: str) -> list[str]:
    """The text with a label at its left: one line, or several that begin below its own first
    letter.
    """
    first = f"{label:<{LABEL}}"
    # A name is broken at no hyphen: it would not be found again.
    lines = wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * LABEL,
        break_on_hyphens=False,
    )
    return lines or [first.rstrip()]


def listed(names: Iterable[str]) -> str:
    """Names in the order of the alphabet, or a dash for none."""
    return ", ".join(sorted(names)) or "-"
