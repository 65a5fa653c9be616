"""A recorder of traces: NDJSON, schema 1, one line per event, numbered where it happens.

Lines are gathered and written many at a time, and only whole lines are ever handed to the file: a
process that dies loses the end of its trace, never the readability of the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import Final, Self

import msgspec

from leo.actions import Action
from leo.errors import TraceFileError
from leo.trace import SCHEMA, SPEC, Beginning, Event, Header

__all__ = ["NdjsonRecorder"]

BATCH = 64 * 1024


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
        self._pending = bytearray()
        self._encoder = msgspec.json.Encoder()
        # Events come from the event loop and from the worker threads of the stores. Reentrant,
        # because an event is recorded inside its own moment.
        self._lock = RLock()
        try:
            self._file = self.path.open("wb" if overwrite else "xb", buffering=0)
        except FileExistsError as error:
            raise TraceFileError(
                f"{self.path}: a file of this name exists, and a recording is not to replace it; "
                "choose another name or remove the file"
            ) from error
        except OSError as error:
            raise self._failed("begun", error) from error

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
            self._append(
                Header(
                    schema=SCHEMA,
                    kind="header",
                    spec=SPEC,
                    run=self._run,
                    discipline=beginning.discipline,
                    runtime=beginning.runtime,
                    program=beginning.program,
                    instances=self._instances,
                    stores=self._stores,
                    start=beginning.start,
                    seed=beginning.seed,
                )
            )

    def record(
        self,
        action: Action,
        *,
        instance: str,
        store: str,
        session: str,
        reply: str,
        reads: Mapping[str, int],
        writes: Mapping[str, int],
        outcome: str,
    ) -> None:
        """Number the event and keep its line. Thread-safe."""
        with self._lock:
            if self._began is None:
                raise TraceFileError(f"{self.path}: an event came before the header")
            self._seq += 1
            self._append(
                Event(
                    seq=self._seq,
                    writer=self._writer,
                    run=self._run,
                    time=round(self._clock() - self._began, 6),
                    instance=instance,
                    store=store,
                    session=session,
                    reply=reply,
                    action=action,
                    reads=dict(reads),
                    writes=dict(writes),
                    outcome=outcome,
                )
            )

    def moment(self) -> RLock:
        """The lock of the recording, as a context manager."""
        return self._lock

    def flush(self) -> None:
        """Hand every line recorded so far to the file."""
        with self._lock:
            self._write()

    def close(self) -> None:
        """Write what is left and close the file. A second call does nothing."""
        with self._lock:
            if not self._file.closed:
                try:
                    self._write()
                finally:
                    self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, line: Header | Event) -> None:
        self._encoder.encode_into(line, self._pending, -1)
        self._pending += b"\n"
        if len(self._pending) >= BATCH:
            self._write()

    def _write(self) -> None:
        try:
            while self._pending:
                # An unbuffered file may take a part of what it is given.
                done = self._file.write(self._pending)
                del self._pending[: done or 0]
        except (OSError, ValueError) as error:
            raise self._failed("written", error) from error

    def _failed(self, verb: str, error: Exception) -> TraceFileError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return TraceFileError(
            f"{self.path}: the trace cannot be {verb}: {reason}; "
            "choose a folder that exists, may be written and has room"
        )
