"""A recorder's writer thread: it encodes lines and writes them to the file, many at a time.

Encoding a line on the way of a reply would cost more than encoding many together, because each time
the processor's caches hold other data. So `put` only keeps what a line is made of.

Waking a thread takes the interpreter away from the caller, for longer than a line takes to encode.
So the thread polls for items every `PAUSE` while it has work. It is woken only when it has found no
item, when somebody waits for it, or when many items have gathered.

Readers of the file rely on these rules:
1. `put` never waits for the disk. Items gather in memory, and the thread takes them from there.
2. Only whole lines are written, in their order. A process that is killed while the kernel copies
   them can leave one torn line, and only as the last.
3. A line whose item was there when `flush` was called is in the file when `flush` returns, or
   `flush` raises. From then on the death of the process cannot lose it; `sync` also makes it
   survive a power failure.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Condition, Event, Thread, current_thread
from typing import BinaryIO, Final, Generic, TypeVar

from leo.errors import TraceFileError

__all__ = ["Sink"]

Item = TypeVar("Item")

# As many bytes are handed over without anybody asking for it.
BATCH: Final = 1024 * 1024
# Seconds between two looks of a thread that is not woken: as long may the end of a reply wait.
PAUSE: Final = 0.1
# As many bytes may wait for a disk that does not keep up.
LIMIT: Final = 256 * 1024 * 1024
# As many items become lines at a time: nobody else runs meanwhile, and both are in memory.
CHUNK: Final = 256


class Sink(Generic[Item]):
    """The file of one recording. `put` is called by one thread at a time, the rest by any."""

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        lines: Callable[[Sequence[Item]], bytes],
        *,
        wait: Callable[[Event, float | None], object] = Event.wait,
    ) -> None:
        """`file` is open for writing, without a buffer of its own. `lines` makes the whole lines of
        some items, in their order and in the thread; it raises TraceFileError when one of them is
        no line. `wait` returns when the event is set or after so many seconds: the sink has no
        other clock.
        """
        self._path = path
        self._file = file
        self._lines = lines
        self._wait = wait
        self._items: deque[Item] = deque()
        # Bytes ever put, put when the thread was woken last, and put before all that it has
        # written.
        self._given = 0
        self._announced = 0
        self._written = 0
        # Why nothing can be put, and why not everything was written.
        self._refusal: Exception | None = None
        self._error: Exception | None = None
        self._closing = False
        self._ended = False
        # The thread has found nothing to do, and waits for an end of time until it is woken.
        self._idle = False
        self._wake = Event()
        self._progress = Condition()
        # A daemon, because a recorder that nobody closed must not keep the process from ending.
        self._thread = Thread(target=self._work, name=f"trace {path.name}", daemon=True)
        self._thread.start()

    def put(self, item: Item, size: int, *, hand_over: bool) -> None:
        """Take what a line is made of and nobody changes any more, and `size` > 0, the bytes that
        it takes in memory at most. `hand_over` asks for it to be written soon: within `PAUSE`, on a
        disk that keeps up.

        Raises TraceFileError when an earlier line could not be made or written, the disk is too far
        behind, or the sink is closed: a run that cannot be recorded does not go on unnoticed.
        """
        if self._refusal is not None:
            raise self._failed(self._refusal) from self._refusal
        given = self._given + size
        much = given - self._announced >= BATCH
        if much and given - self._written > LIMIT:
            raise self._failed(ValueError(f"{LIMIT >> 20} MiB wait for a disk that is too slow"))
        self._items.append(item)
        # Only now: who reads how much was given finds all of it among the items.
        self._given = given
        if much:
            self._announced = given
            self._wake.set()
        elif hand_over and self._idle:
            # Not again for the next line: it is awake from now on.
            self._idle = False
            self._wake.set()

    def flush(self, *, sync: bool = False) -> None:
        """Wait until every line put so far is in the file, with `sync` on the disk as well.

        Raises TraceFileError when that cannot be.
        """
        due = self._given
        self._wake.set()
        with self._progress:
            self._progress.wait_for(lambda: self._written >= due or self._ended)
        self._check()
        if sync and not self._closing:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self._failed(error) from error

    def close(self) -> None:
        """Write what is left and close the file. A second call does nothing.

        Raises TraceFileError when a line could not be written.
        """
        if self._closing:
            return
        self._refusal = self._refusal or ValueError("it is closed")
        self._closing = True
        self._wake.set()
        # The garbage collector may call this in the very thread that would be waited for.
        if current_thread() is not self._thread:
            self._thread.join()
            self._check()

    def _failed(self, error: Exception) -> TraceFileError:
        if isinstance(error, TraceFileError):
            return TraceFileError(str(error))
        return failed(self._path, "written", error)

    def _check(self) -> None:
        if self._error is not None:
            raise self._failed(self._error) from self._error

    def _work(self) -> None:
        # In no case is anybody to wait for ever or to believe that all is written.
        error: Exception | None = RuntimeError("the thread that wrote it has died")
        try:
            with self._file:
                error = self._serve()
        except OSError as unclosed:
            error = unclosed
        finally:
            self._refusal = error or self._refusal
            with self._progress:
                self._error = error
                self._ended = True
                self._progress.notify_all()

    def _serve(self) -> Exception | None:
        """Write until it is closed, or until something cannot be written; return that."""
        while True:
            # Both read first: what was put before is then among the items taken below.
            closing = self._closing
            given = self._given
            found = len(self._items)
            try:
                for done in range(0, found, CHUNK):
                    self._write_lines(self._take(min(CHUNK, found - done)))
            except (OSError, ValueError, TraceFileError) as error:
                return error
            with self._progress:
                self._written = given
                self._progress.notify_all()
            if closing:
                return None
            self._rest(PAUSE if found else None)

    def _rest(self, seconds: float | None) -> None:
        """Wait until woken, or until it is time to look; with None until woken or not at all."""
        self._idle = seconds is None
        # An item that came before the thread was seen to be idle has woken nobody.
        if seconds is not None or not self._items:
            self._wait(self._wake, seconds)
        self._idle = False
        # What was put before it was set is taken after this.
        self._wake.clear()

    def _take(self, count: int) -> list[Item]:
        # No lock: the other side only ever appends.
        return [self._items.popleft() for _ in range(count)]

    def _write_lines(self, items: Sequence[Item]) -> None:
        try:
            data = self._lines(items)
        except TraceFileError:
            if len(items) == 1:
                raise
            # What comes before the one that is no line is written.
            for item in items:
                self._write_lines([item])
            raise
        self._write(data)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            # An unbuffered file may take a part of what it is given.
            done = self._file.write(rest) or 0
            rest = rest[done:]


def failed(path: Path, verb: str, error: Exception) -> TraceFileError:
    """The error of a trace file that cannot be begun or written."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return TraceFileError(
        f"{path}: the trace cannot be {verb}: {reason}; "
        "choose a folder that exists, may be written and has room"
    )
