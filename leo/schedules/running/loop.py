"""An event loop that is stepped: each step runs until no task is ready.

It has no clock and no sockets: a task runs until it awaits something that only the scheduler, or a
worker thread whose answer is expected, can provide.  Then the loop stops until the next step.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from queue import SimpleQueue
from typing import Any, TypeVar, TypeVarTuple

from leo.errors import LeoError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class StandstillError(LeoError):
    """Something was awaited that neither the scheduler nor a worker will bring about."""


class SteppedLoop(asyncio.AbstractEventLoop):
    """The part of an event loop that tasks, futures, locks and queues need.

    ``expected`` counts the answers that worker threads still owe: standing still waits for them.
    ``errors`` are those that nobody retrieved.
    """

    def __init__(self) -> None:
        self.expected = 0
        self.errors: list[dict[str, Any]] = []
        self._ready: deque[asyncio.Handle] = deque()
        self._from_threads: SimpleQueue[asyncio.Handle] = SimpleQueue()

    def stand_still(self) -> None:
        """Run everything that can run."""
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            self._run()
        finally:
            events._set_running_loop(before)

    def perform(self, function: Callable[[], T]) -> T:
        """Call a function that wants a running loop, a constructor for example."""
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            return function()
        finally:
            events._set_running_loop(before)

    def complete(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end. Raises StandstillError when it waits for a choice."""
        task = self.create_task(coroutine)
        self.stand_still()
        if not task.done():
            task.cancel()
            self.stand_still()
            raise StandstillError("what was to be carried out at once waits for something else")
        return task.result()

    def _run(self) -> None:
        ready = self._ready
        while True:
            while ready:
                ready.popleft()._run()
            if not self.expected:
                return
            self.expected -= 1
            ready.append(self._from_threads.get())

    # What tasks and futures ask of a loop.

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._from_threads.put(handle)
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        return False

    def time(self) -> float:
        """Time stands still as well."""
        return 0.0
