"""How far long work is: a bar on one line of a terminal, and nothing anywhere else."""

from __future__ import annotations

from typing import Final, TextIO

__all__ = ["Bar"]

# Of the bar; with the name it leaves the last columns of 80 free, where some terminals wrap.
WIDTH: Final = 24
LINE: Final = 78


class Bar:
    """A bar with a name at its right. It is drawn over, and gone when it is cleared."""

    def __init__(self, out: TextIO, name: str) -> None:
        self._out = out if out.isatty() else None
        self._name = name

    def show(self, part: float) -> None:
        """Draw it, `part` of it full, from 0 to 1."""
        if self._out is not None:
            filled = int(WIDTH * part)
            bar = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {self._name}"
            print(f"\r{bar[:LINE]:<{LINE}}", end="", file=self._out, flush=True)

    def clear(self) -> None:
        """Leave an empty line, for what is said next."""
        if self._out is not None:
            print("\r" + " " * LINE + "\r", end="", file=self._out, flush=True)
