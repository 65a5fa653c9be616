"""Where a recorder's lines go: a thread of its own hands them to the file, many at a time.

Waking a thread takes the interpreter away from whoever woke it, for longer than a line takes to
make. So a thread that is at work is left alone: it looks for lines by itself, every `PAUSE`, and is
woken only when it has found none, when somebody waits for it, or when much has gathered.

The rules that a reader of the file relies on:
1. `put` never waits for the disk. Lines gather in memory, and the thread takes them from there.
2. Only whole lines are handed over, in their order. A process that is killed while the kernel
   copies them can leave one torn line, and only as the last.
3. A line that was there when `flush` was called is in the file when `flush` returns, or `flush`
   raises. From then on the death of the process cannot lose it; `sync` asks for the same of a power
   failure.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Condition, Event, Thread, current_thread
from typing import BinaryIO, Final

from leo.errors import TraceFileError

__all__ = ["Sink"]

# As many bytes are handed over without anybody asking for it.
BATCH: Final = 64 * 1024
# Seconds between two looks of a thread that is not woken: as long may the end of a reply wait.
PAUSE: Final = 0.05
# As many bytes may wait for a disk that does not keep up.
LIMIT: Final = 256 * 1024 * 1024


class Sink:
    """The file of one recording. `put` is called by one thread at a time, the rest by any."""

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        *,
        wait: Callable[[Event, float | None], object] = Event.wait,
    ) -> None:
        """`file` is open for writing, without a buffer of its own. `wait` returns when the event is
        set or after so many seconds: the sink has no other clock.
        """
        self._path = path
        self._file = file
        self._wait = wait
        self._lines: deque[bytes] = deque()
        # Bytes ever put, and put when the thread was woken last.
        self._given = 0
        self._announced = 0
        self._written = 0
        self._error: OSError | ValueError | None = None
        self._closing = False
        # The thread has found nothing to do, and waits for an end of time until it is woken.
        self._idle = False
        self._wake = Event()
        self._progress = Condition()
        # A daemon, because a recorder that nobody closed must not keep the process from ending.
        self._thread = Thread(target=self._work, name=f"trace {path.name}", daemon=True)
        self._thread.start()

    def put(self, line: bytes, *, hand_over: bool) -> None:
        """Take a line with its end. `hand_over` asks for it to be written soon: within `PAUSE`, on
        a disk that keeps up.

        Raises TraceFileError when an earlier line could not be written, the disk is too far behind,
        or the sink is closed: a run that cannot be recorded does not go on unnoticed.
        """
        if self._closing:
            raise self.failed("written", ValueError("it is closed"))
        self._check()
        self._lines.append(line)
        self._given += len(line)
        if self._given - self._announced >= BATCH:
            if self._given - self._written > LIMIT:
                raise self.failed(
                    "written", ValueError(f"{LIMIT >> 20} MiB wait for a disk that is too slow")
                )
            self._announced = self._given
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
            self._progress.wait_for(lambda: self._written >= due or self._error is not None)
        self._check()
        if sync and not self._closing:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise self.failed("written", error) from error

    def close(self) -> None:
        """Write what is left and close the file. A second call does nothing.

        Raises TraceFileError when a line could not be written.
        """
        if self._closing:
            return
        self._closing = True
        self._wake.set()
        # The garbage collector may call this in the very thread that would be waited for.
        if current_thread() is not self._thread:
            self._thread.join()
            self._check()

    def failed(self, verb: str, error: Exception) -> TraceFileError:
        """The error that says why the file cannot be begun or written."""
        return failed(self._path, verb, error)

    def _check(self) -> None:
        if self._error is not None:
            raise self.failed("written", self._error) from self._error

    def _work(self) -> None:
        with self._file:
            self._serve()

    def _serve(self) -> None:
        while True:
            # Read first: what was put before the closing is then among the lines taken below.
            closing = self._closing
            found = bool(self._lines)
            try:
                while self._lines:
                    self._write(b"".join(self._take()))
            except (OSError, ValueError) as error:
                self._error = error
            with self._progress:
                self._progress.notify_all()
            if closing or self._error is not None:
                return
            self._rest(PAUSE if found else None)

    def _rest(self, seconds: float | None) -> None:
        """Wait until woken, or until it is time to look; with None until woken or not at all."""
        self._idle = seconds is None
        # A line that came before the thread was seen to be idle has woken nobody.
        if seconds is not None or not self._lines:
            self._wait(self._wake, seconds)
        self._idle = False
        # What whoever set it has put is taken after this.
        self._wake.clear()

    def _take(self) -> list[bytes]:
        # No lock: the other side only ever appends.
        return [self._lines.popleft() for _ in range(len(self._lines))]

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            # An unbuffered file may take a part of what it is given.
            done = self._file.write(rest) or 0
            rest = rest[done:]
        self._written += len(data)


def failed(path: Path, verb: str, error: Exception) -> TraceFileError:
    """The error of a trace file that cannot be begun or written."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return TraceFileError(
        f"{path}: the trace cannot be {verb}: {reason}; "
        "choose a folder that exists, may be written and has room"
    )
