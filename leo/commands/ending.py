"""How SIGINT and SIGTERM end a command within two seconds.

First an exception in the main thread lets it clean up. The main thread may be unable to receive it:
it is inside a C library, or waits for a process or a thread. Then a helper thread ends the
processes that the command has started, and after them the command itself.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn, Protocol

WORDS: Final[dict[int, str]] = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
# Seconds for the main thread to clean up, and to do so without the processes it has started.
GRACE: Final = (1.0, 0.5)


class Killable(Protocol):
    """Processes of a command."""

    def kill(self) -> None:
        """End them at once."""


_started: weakref.WeakSet[Killable] = weakref.WeakSet()
_kept: set[int] = set()
_heard: list[int] = []
_told = threading.Event()


def started(processes: Killable) -> None:
    """Have these ended with the command."""
    _started.add(processes)


@contextmanager
def deaf() -> Iterator[None]:
    """Processes started inside never get Ctrl-C, not even while their Python starts: the command
    ends them and reports it.
    """
    from multiprocessing import resource_tracker  # noqa: PLC0415

    # Started inside the block, it would unblock the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def keep_interrupts() -> None:
    """From now on the command handles Ctrl-C itself and may go on after it."""
    _kept.add(signal.SIGINT)


def ended_by(code: int | None, *, broken: bool = False) -> int | None:
    """The signal that a command with this exit code was ended by; None for no signal. What is
    `broken` may be by a signal that the thread is just about to hear.
    """
    if _heard or (broken and _told.wait(0.2)):
        return _heard[0]
    return signal.SIGINT if code == 128 + signal.SIGINT else None


def install() -> None:
    """Listen for both signals. A signal that the process was started to ignore stays ignored."""
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, _terminate)
    sys.unraisablehook = _unraised
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_listen, args=(reader,), name="ending", daemon=True).start()


def _unraised(lost: sys.UnraisableHookArgs) -> None:
    """A signal's exception that struck where none can be raised (a weak reference's callback, say)
    is no news: the thread ends the command.
    """
    if not issubclass(lost.exc_type, (KeyboardInterrupt, SystemExit)):
        sys.__unraisablehook__(lost)


def _terminate(number: int, frame: object) -> NoReturn:
    _heard.append(number)
    raise SystemExit(128 + number)


def _listen(reader: int) -> None:
    """Wait for a signal that ends the command, and see to it that it does."""
    while (number := os.read(reader, 1)[0]) not in WORDS or number in _kept:
        pass
    _heard.append(number)
    _told.set()
    # What breaks because of the end is no news.
    logging.disable()
    threading.excepthook = lambda args: None
    sys.unraisablehook = lambda args: None
    waiting = threading.Event()
    waiting.wait(GRACE[0])
    for child in multiprocessing.active_children():
        child.kill()
    for processes in list(_started):
        processes.kill()
    waiting.wait(GRACE[1])
    # Temporary folders are removed by these.
    weakref.finalize._exitfunc()  # type: ignore[attr-defined]
    print(f"leo: {WORDS[number]}", file=sys.stderr, flush=True)
    os._exit(128 + number)
