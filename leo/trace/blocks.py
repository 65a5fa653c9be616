"""A stream of lines that can also be looked at many lines at a time before they are taken."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Protocol

# As much as a pipe holds.
PIECE: Final = 1 << 16


class Stream(Protocol):
    """What is needed of a stream; ``read1`` is used where there is one."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; nothing at the end."""


class Blocks:
    """Reads ahead in a binary stream; ``readline`` and ``read`` take what was not dropped."""

    def __init__(self, stream: Stream) -> None:
        # read1 returns what it has before it meets an error; read would lose it.
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._held = b""
        self._error: Exception | None = None

    def peek(self, size: int) -> bytes:
        """Return whole lines, about ``size`` bytes of them; nothing when no whole line follows
        within that size.
        """
        pieces, length = [self._held], len(self._held)
        while length < size and (piece := self._piece()):
            pieces.append(piece)
            length += len(piece)
        self._held = b"".join(pieces)
        return self._held[: self._held.rfind(b"\n") + 1]

    def drop(self, size: int) -> None:
        """Take so many bytes of what was looked at."""
        self._held = self._held[size:]

    def readline(self, size: int, /) -> bytes:
        """Return the next line with its end, at most ``size`` bytes.

        Raises what reading raised.
        """
        searched = 0
        while (end := self._held.find(b"\n", searched, size) + 1) == 0:
            searched = len(self._held)
            if searched >= size:
                end = size
                break
            piece = self._piece()
            if not piece:
                self._fail()
                end = searched
                break
            self._held += piece
        line, self._held = self._held[:end], self._held[end:]
        return line

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes, nothing at the end. Raises what reading raised."""
        if not self._held:
            self._held = self._piece()
            if not self._held:
                self._fail()
        data, self._held = self._held[:size], self._held[size:]
        return data

    def _piece(self) -> bytes:
        """Read on; nothing at the end, or where reading failed: what was read before comes
        first.
        """
        if self._error is not None:
            return b""
        try:
            return self._read(PIECE)
        except (OSError, EOFError, zlib.error) as error:
            self._error = error
            return b""

    def _fail(self) -> None:
        if self._error is not None:
            raise self._error
