"""A progress bar for long work: only on standard error, and only where that is a terminal.

It appears after two seconds. Rich is loaded then, and not before.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, Self, TextIO

from leo.screen import Screen, visible

if TYPE_CHECKING:
    from rich.progress import Progress

__all__ = ["Bar"]

# Seconds before anything is drawn, and between two drawings.
PATIENCE: Final = 2.0
PAUSE: Final = 0.1


class Bar:
    """So many of `total` done, or how many where the total is not known (None).

    Safe to call from several threads. Use it as a context manager, or `clear` it: it leaves an
    empty line for what is said next.
    """

    def __init__(
        self,
        what: str,
        total: float | None = 1.0,
        *,
        out: TextIO | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        stream = sys.stderr if out is None else out
        # It draws over its own lines.
        stream = stream.out if isinstance(stream, Screen) else stream
        self._out = stream if stream.isatty() else None
        self._what = what
        self._total = total
        self._clock = clock
        self._due = clock() + PATIENCE
        self._done = 0.0
        self._lock = Lock()
        self._drawn: Progress | None = None

    def show(self, done: float, name: str = "") -> None:
        """So much is done now; `name` says of what."""
        with self._lock:
            self._done = done
            self._draw(name)

    def step(self, name: str = "") -> None:
        """One more is done, called `name`."""
        with self._lock:
            self._done += 1
            self._draw(name)

    def _draw(self, name: str) -> None:
        now = self._clock()
        if self._out is None or now < self._due:
            return
        self._due = now + PAUSE
        if self._drawn is None:
            self._drawn = _drawing(self._out, self._total)
            self._drawn.start()
            self._drawn.add_task(self._what, total=self._total)
        (task,) = self._drawn.tasks
        self._drawn.update(
            task.id, completed=self._done, description=visible(f"{self._what} {name}".rstrip())
        )
        self._drawn.refresh()

    def clear(self) -> None:
        """Take it away."""
        with self._lock:
            self._out = None
            if self._drawn is not None:
                self._drawn.stop()
                self._drawn = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.clear()


def _drawing(out: TextIO, total: float | None) -> Progress:
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
    )
    from rich.table import Column  # noqa: PLC0415

    what = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, ratio=1)
    )
    counted = TaskProgressColumn() if total == 1.0 else MofNCompleteColumn()
    return Progress(
        counted,
        BarColumn(bar_width=20),
        what,
        console=Console(file=out, highlight=False, emoji=False),
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        expand=True,
    )
