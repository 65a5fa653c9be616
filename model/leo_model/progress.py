"""Progress on standard error: a bar on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
from threading import Lock
from typing import TextIO

WIDTH = 24
QUARTERS = 4


class Bar:
    """Counts finished parts of something long; safe to call from several threads."""

    def __init__(self, total: int, what: str, stream: TextIO | None = None) -> None:
        self._total = total
        self._what = what
        self._stream = sys.stderr if stream is None else stream
        self._done = 0
        self._lock = Lock()
        self._live = self._stream.isatty()

    def step(self, name: str = "") -> None:
        """One more part, called ``name``, is finished."""
        with self._lock:
            before, self._done = self._done, self._done + 1
            if self._live:
                filled = WIDTH * self._done // max(self._total, 1)
                line = f"[{'#' * filled}{'.' * (WIDTH - filled)}] {self._done}/{self._total} {name}"
                self._stream.write(f"\r{line[:78]:<78}")
            elif QUARTERS * before // self._total != QUARTERS * self._done // self._total:
                self._stream.write(f"{self._what}: {self._done} of {self._total}\n")
            self._stream.flush()

    def finish(self) -> None:
        """Take the bar away."""
        if self._live:
            self._stream.write("\r" + " " * 78 + "\r")
            self._stream.flush()
