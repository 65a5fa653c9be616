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
# Seconds that the start of a process may take on a machine that is busy.
PATIENCE: Final = 10.0


class Killable(Protocol):
    """Processes of a command."""

    def kill(self) -> None:
        """End them at once."""


_started: weakref.WeakSet[Killable] = weakref.WeakSet()
_kept: set[int] = set()
_heard: list[int] = []
_told = threading.Event()
# Held while a process is started. Who ends the command takes it, and none is started after that.
_door = threading.RLock()


def started(processes: Killable) -> None:
    """Have these ended with the command."""
    _started.add(processes)


@contextmanager
def starting() -> Iterator[None]:
    """A process is started inside and made known, to `started` for instance. Between the two no
    signal strikes: nobody would know of the process, and it would stay.
    """
    with _door:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        late: list[int] = []
        before = {number: signal.getsignal(number) for number in WORDS}
        listening = [number for number in WORDS if callable(before[number])]
        for number in listening:
            signal.signal(number, lambda number, frame: late.append(number))
        try:
            yield
        finally:
            for number in listening:
                signal.signal(number, before[number])
            if late:
                signal.raise_signal(late[0])


@contextmanager
def deaf() -> Iterator[None]:
    """`starting` for processes that never get Ctrl-C, not even while their Python starts: the
    command ends them and reports it.
    """
    from multiprocessing import resource_tracker  # noqa: PLC0415

    # Started inside the block, it would unblock the signal.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        with starting():
            yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def follow() -> None:
    """In a process of `multiprocessing`: end with the one that started it, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is the first process"

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, name="following", daemon=True).start()


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


def end_all() -> None:
    """End the processes of the command; none is started after that. One that is just being started
    is waited for, some seconds at most.
    """
    _door.acquire(timeout=PATIENCE)
    for child in multiprocessing.active_children():
        child.kill()
    for processes in list(_started):
        processes.kill()


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
    end_all()
    waiting.wait(GRACE[1])
    # Temporary folders are removed by these.
    weakref.finalize._exitfunc()  # type: ignore[attr-defined]
    print(f"leo: {WORDS[number]}", file=sys.stderr, flush=True)
    os._exit(128 + number)
