"""Nothing hangs: a step that neither ends nor suspends is broken off, and named.

A lock of threads that another call holds blocks the thread of the loop for ever, in C, and so does
`while True`.  A thread looks on from outside.  A signal interrupts the main thread even while it
waits for a lock; any other thread sees the exception when it executes Python again.
"""

from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Self

from leo.schedules.running import threads
from leo.schedules.running.places import standing

# It says something of a step after so many seconds.
_SILENT = 1.5
# By default nobody minds this signal: one that comes late does nothing.
_SIGNAL: Any = getattr(signal, "SIGURG", None)


class Stuck(KeyboardInterrupt):
    """Ends a step from outside; asyncio lets it through."""


class Watch:
    """Watches the thread that enters it; `said` is what it has broken off.

    `tell` is told every two seconds that a step goes on.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.said, self.tell = "", tell
        self._over = threading.Event()
        self._owner = threading.get_ident()
        self._main = _SIGNAL is not None and threading.current_thread() is threading.main_thread()
        self._thread = threading.Thread(target=self._look, name="leo watch", daemon=True)

    def __enter__(self) -> Self:
        if self._main:
            self._before = signal.signal(_SIGNAL, self._strike)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._main:
            signal.signal(_SIGNAL, self._before)

    def _look(self) -> None:
        last, since, patience = self._at(), monotonic(), 1.5 * threads.PATIENCE
        told = since
        while not self._over.wait(min(0.4, patience / 15)):
            at, now = self._at(), monotonic()
            if at is None or at != last:
                last, since, told = at, now, now
            elif now - since > patience and not self._debugged():
                since = now
                self.said = (
                    f"a step neither ends nor suspends for {patience:g} s, at "
                    f"{self._where()}: it waits there for what is no task, or goes round for "
                    "ever, and nobody else can go on; wait with `await`, for an asyncio.Lock say"
                )
                if self._main:
                    signal.pthread_kill(self._owner, _SIGNAL)
                else:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(self._owner), ctypes.py_object(Stuck)
                    )

            elif now - told > _SILENT:
                told = now
                self.tell(f"leo.explore: one step for {now - since:.0f} s, at {self._where()}")

    def _where(self) -> Any:
        """The user's line at which the step stands, in the thread that has the turn."""
        active = threads.Threads.active
        if active is None:
            return None
        return standing(active.frame(active.loop.running))

    def _at(self) -> tuple[int, int] | None:
        """Which run the owner is in, and how many steps it has taken; this thread keeps no run."""
        active = threads.Threads.active
        if active is None or active._owner != self._owner:
            return None
        return id(active), active.loop.steps

    def _debugged(self) -> bool:
        frame = sys._current_frames().get(self._owner)
        while frame is not None and not frame.f_code.co_filename.endswith(("pdb.py", "bdb.py")):
            frame = frame.f_back
        return frame is not None

    def _strike(self, *_: object) -> None:
        raise Stuck
