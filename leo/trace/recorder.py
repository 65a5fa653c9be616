"""A recorder of traces: NDJSON, schema 1, one line per event, numbered where it happens.

No reply waits for the disk, or for its lines to be encoded: a thread does both
(`leo.trace.writer`), soon after a reply has ended. When `flush` returns, every event recorded
before the call is in the file. A killed process loses at most what came after, and the rest stays
readable. `close` writes a last line with the number of events, so that a recording that was cut off
can be told from a whole one.

Several processes on one store have a recorder each: the same `run`, another `writer` and instance,
a file of its own. `leo validate --merge` reads them together.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Final, Self

import msgspec

from leo.errors import TraceFileError
from leo.trace.events import Beginning, End, Happened, Header, event_of, header_of
from leo.trace.writer import Sink, failed

__all__ = ["NdjsonRecorder"]

# What a line is made of: of an event its number, its moment in seconds, and what happened.
Row = Header | End | tuple[int, float, Happened]

# The bytes that a row takes in memory at most, the names in it aside.
ROW_SIZE: Final = 1024

_ENCODER: Final = msgspec.json.Encoder()


class NdjsonRecorder:
    """A Tracer that writes to `path`, which must not exist unless `overwrite` is true.

    `run` and `writer` name the run and this writer in every line. `instances` are all the instances
    that will share this recorder; the header is written when the first of them begins. `clock`
    gives seconds. Raises TraceFileError when the file cannot be made or written.
    """

    enabled: Final = True

    def __init__(
        self,
        path: str | Path,
        *,
        run: str,
        writer: str = "w1",
        instances: tuple[str, ...] = ("i1",),
        stores: tuple[str, ...] = ("main",),
        clock: Callable[[], float] = time.monotonic,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self._run = run
        self._writer = writer
        self._instances = instances
        self._stores = stores
        self._clock = clock
        self._began: float | None = None
        self._start: dict[str, int] = {}
        self._seq = 0
        # Events come from the event loop and from the worker threads of the stores. Reentrant,
        # because an event is recorded inside its own moment.
        self._lock = RLock()
        try:
            file = self.path.open("wb" if overwrite else "xb", buffering=0)
        except FileExistsError as error:
            raise TraceFileError(
                f"{self.path}: a file of this name exists, and a recording is not to replace it; "
                "choose another name or remove the file"
            ) from error
        except OSError as error:
            raise failed(self.path, "begun", error) from error
        self._sink = Sink(self.path, file, partial(_lines, self.path, run, writer))
        # Also when the process ends and nobody has closed the recorder.
        self._closing = weakref.finalize(self, self._sink.close)

    def begin(self, beginning: Beginning) -> None:
        """Write the header for the first instance; check that later ones were announced."""
        if beginning.instance not in self._instances or beginning.store not in self._stores:
            raise TraceFileError(
                f"{self.path}: the recording is of the instances {', '.join(self._instances)} on "
                f"{', '.join(self._stores)}, not of {beginning.instance} on {beginning.store}; "
                "name every instance when the recorder is made"
            )
        with self._lock:
            if self._began is not None:
                if beginning.start != self._start:
                    raise TraceFileError(
                        f"{self.path}: {beginning.instance} was opened when the store was at "
                        f"{beginning.start}, and the recording began at {self._start}; open every "
                        "instance before the first reply"
                    )
                return
            self._start = beginning.start
            self._began = self._clock()
            self._sink.put(
                header_of(beginning, run=self._run, instances=self._instances, stores=self._stores),
                ROW_SIZE,
                hand_over=True,
            )

    def record(self, happened: Happened) -> None:
        """Number the event and keep it. Thread-safe."""
        with self._lock:
            began = self._began
            if began is None:
                raise TraceFileError(f"{self.path}: an event came before the header")
            seq = self._seq + 1
            self._sink.put(
                (seq, self._clock() - began, happened),
                ROW_SIZE + len(happened.session) + len(happened.reply),
                # A reply has ended: its event is soon in the file.
                hand_over=happened.outcome != "ok",
            )
            # Last: an event that was refused has used up no number.
            self._seq = seq

    def moment(self) -> RLock:
        """The lock of the recording, as a context manager."""
        return self._lock

    def flush(self, *, sync: bool = False) -> None:
        """Wait until every line recorded so far is in the file, with `sync` also on the disk.

        Raises TraceFileError when that cannot be. Call it where waiting does no harm.
        """
        self._sink.flush(sync=sync)

    def close(self) -> None:
        """Write what is left and the closing line, and close the file. A second call does nothing.

        Raises TraceFileError when not every line is in the file.
        """
        with self._lock:
            if not self._closing.alive:
                return
            self._closing.detach()
            try:
                if self._began is not None:
                    end = End(kind="end", run=self._run, writer=self._writer, events=self._seq)
                    self._sink.put(end, ROW_SIZE, hand_over=True)
            finally:
                self._sink.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()


def _lines(path: Path, run: str, writer: str, rows: Sequence[Row]) -> bytes:
    """The lines of some rows. Raises TraceFileError when one of them cannot be written."""
    lines = [
        event_of(
            row[2],
            seq=row[0],
            writer=writer,
            run=run,
            # Whole microseconds; rounding to digits would take as long as all the rest.
            time=round(row[1] * 1e6) / 1e6,
        )
        if isinstance(row, tuple)
        else row
        for row in rows
    ]
    try:
        return _ENCODER.encode_lines(lines)
    except (TypeError, UnicodeEncodeError) as error:
        raise TraceFileError(
            f"{path}: a line cannot be written as JSON: {error}; expected the names of sessions, "
            "instances and objects to be text"
        ) from error
