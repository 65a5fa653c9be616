"""A trace that is still being written: read as it grows, until it is closed or somebody stops."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from leo.errors import TraceError
from leo.trace.lines import GZIP_MAGIC
from leo_model.traces.reader import TraceReader

ONE_FILE: Final = "--follow takes one file that a recorder is writing, not packed"


class Growing:
    """The bytes of a growing file, by whole lines: where there is no more yet, it waits.

    ``pause`` waits a while; ``stopped`` tells whether to go on waiting, ``closed`` whether the
    recording says that nothing more will come.
    """

    def __init__(
        self, name: str, file: BinaryIO, pause: Callable[[], object], stopped: Callable[[], bool]
    ) -> None:
        self.closed: Callable[[], bool] = lambda: False
        self._name = name
        self._file = file
        self._pause = pause
        self._stopped = stopped
        self._last: int | None = None

    def readline(self, size: int, /) -> bytes:
        """Return the next line, or as much as ``size``; nothing at the end.

        Once stopped, the end is where the file ended at that moment.  Half a line at the end is not
        there yet.  Raises TraceError when the file has become shorter.
        """
        held = b""
        while not self._at_the_last():
            piece = self._file.readline(size - len(held))
            held += piece
            if held.endswith(b"\n") or len(held) >= size:
                return held
            if not held and self.closed():
                return b""
            if self._size() < self._file.tell():
                raise TraceError(
                    f"{self._name}: the file became shorter while it was followed; a recorder only "
                    "adds to it: follow the new recording, if there is one"
                )
            if self._last is not None and not piece:
                return b""
            if not self._stopped():
                self._pause()
        return b""

    def _at_the_last(self) -> bool:
        """Stopped, and everything that was there at that moment has been read."""
        if self._last is None and self._stopped():
            self._last = self._size()
        return self._last is not None and self._file.tell() >= self._last

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def read(self, size: int, /) -> bytes:
        """Return what is there, without waiting."""
        return self._file.read(size)


@contextmanager
def follow(
    path: str | Path, *, pause: Callable[[], object], stopped: Callable[[], bool]
) -> Iterator[TraceReader]:
    """Open a trace that is being written; its lines come as they are written.

    Raises TraceError when it cannot be opened, is packed, or was stopped before it had a header.
    """
    if str(path) == "-":
        raise TraceError(f"-: {ONE_FILE}; standard input is read as it comes without it")
    try:
        file = Path(path).open("rb")  # noqa: SIM115 - closed below; only opening is guarded
    except OSError as error:
        raise TraceError(
            f"{path}: the trace cannot be opened: {error.strerror or error}; {ONE_FILE}"
        ) from error
    with file:
        if file.peek(2)[:2] == GZIP_MAGIC:
            raise TraceError(f"{path}: this is packed; {ONE_FILE}")
        growing = Growing(str(path), file, pause, stopped)
        reader = TraceReader(str(path), growing)
        growing.closed = lambda: reader.closed
        yield reader
