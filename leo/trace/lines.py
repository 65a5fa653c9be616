"""Reads the lines of a trace file, of bounded length, from a plain or a gzip stream."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Protocol, cast

from leo.errors import TraceError

MAX_LINE = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"
# As much as a pipe holds.
PIECE: Final = 1 << 16


class CutError(TraceError):
    """The last line of a trace is not whole: ``lost`` says what is there and what is not."""

    def __init__(self, text: str, lost: str) -> None:
        super().__init__(text)
        self.lost = lost


@contextmanager
def open_stream(path: str | Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Open a trace and yield its name and its bytes; ``-`` is standard input, gzip is recognised.

    Raises TraceError when the file cannot be opened.
    """
    if str(path) == "-":
        # It is None when the shell has closed it, against its type.
        if cast(object, sys.stdin) is None:
            raise TraceError("-: standard input is closed; name a file, or pipe a trace into it")
        yield "standard input", _unpacked(cast(io.BufferedReader, sys.stdin.buffer))
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115 - closed below; only opening is guarded
    except OSError as error:
        raise TraceError(
            f"{path}: the trace cannot be opened: {error.strerror or error}; "
            "name a file that a recorder wrote, or - for standard input"
        ) from error
    with stream:
        yield str(path), _unpacked(stream)


def _unpacked(stream: io.BufferedReader) -> IO[bytes]:
    # The content decides, not the name: a trace may come through a pipe.
    if stream.peek(2)[:2] == GZIP_MAGIC:
        return cast(IO[bytes], Packed(fileobj=stream))
    return stream


class Packed(gzip.GzipFile):
    """A packed stream.  When it is read by lines it is unpacked in pieces of one size; the same
    size here lets a damaged one be read exactly as far however it is read.
    """

    def read1(self, size: int = -1) -> bytes:
        return super().read1(min(size, io.DEFAULT_BUFFER_SIZE))


class Source(Protocol):
    """Where lines come from: a part of what a binary file can do."""

    def readline(self, size: int, /) -> bytes:
        """Return the next line with its end, or ``size`` bytes of it; nothing at the end."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; nothing at the end."""


class Blocks:
    """Reads ahead in a binary stream; ``readline`` and ``read`` take what was not dropped."""

    def __init__(self, stream: Source) -> None:
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


class Lines:
    """Reads one line after the other, never more than ``MAX_LINE`` bytes of one."""

    def __init__(self, name: str, stream: Source) -> None:
        self.name = name
        self.number = 0
        self._stream: Source = stream

    def next(self) -> bytes | None:
        """Return the next line without its end, None after the last.

        Raises TraceError for a line that is too long or has no end, and for a damaged file.
        """
        try:
            raw = self._stream.readline(MAX_LINE + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise TraceError(
                f"{self.name}: the file cannot be read beyond line {self.number}: {error}; it is "
                "damaged or was cut when it was copied or packed: record it again, or unpack what "
                "can be saved of it"
            ) from error
        if not raw:
            return None
        self.number += 1
        if not raw.endswith(b"\n"):
            raise self.too_long() if len(raw) > MAX_LINE else self.cut()
        return raw[:-1]

    def blocks(self) -> Blocks:
        """Let the lines that follow be looked at many at a time; ``skip`` those that were taken."""
        if not isinstance(self._stream, Blocks):
            self._stream = Blocks(self._stream)
        return self._stream

    def skip(self, count: int) -> None:
        """Count lines that were taken from the blocks."""
        self.number += count

    def is_last(self) -> bool:
        """Tell whether nothing follows; takes the next line if something does."""
        return not self._stream.read(1)

    def too_long(self) -> TraceError:
        return TraceError(
            f"{self.name}: line {self.number} is longer than {MAX_LINE >> 20} MiB; a line of a "
            "trace is one event of a few hundred bytes, ended by a newline: this is not a trace, "
            "or its line ends were lost"
        )

    def cut(self) -> TraceError:
        """The error of a last line that has no end, or is half a line."""
        if self.number == 1:
            return TraceError(
                f"{self.name}: the first line is cut: it has no end, and no event follows; the "
                "recorder may have crashed before it wrote anything: record the run again"
            )
        whole = self.number - 2
        lost = (
            "the recorder may have crashed while it wrote. "
            f"{whole} whole event{' precedes' if whole == 1 else 's precede'} it"
        )
        return CutError(
            f"{self.name}: the last line (line {self.number}) is cut; {lost}: add --torn to have "
            "them checked, and mind that the end of the run is missing",
            lost,
        )
