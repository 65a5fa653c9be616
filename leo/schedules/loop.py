"""Event loops that go on only when they are told to, and then until nothing is left to do.

`SteppedLoop` has no clock and no sockets: a task runs until it awaits something that only the
scheduler, or a worker thread whose answer is expected, can bring about.  Then it stands still.
`ChoosingLoop` runs one task at a time, the one that a scheduler chooses.
"""

from __future__ import annotations

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from queue import SimpleQueue
from typing import Any, TypeVar, TypeVarTuple

from leo.errors import LeoError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
CLOCK = "clock"
# A cancelled call that is still not over after so many steps will never be.
_PATIENCE = 1000


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


class ChoosingLoop(SteppedLoop):
    """An event loop that runs one task at a time, the one that a scheduler chooses.

    Tasks, futures, locks, events, queues, timeouts and task groups are asyncio's own.  What
    differs: a task that could go on is held until it is chosen, and time passes only when the clock
    is chosen.  There are no sockets, threads or processes: what waits for one never goes on, and
    that is found as a deadlock.  `held`: what each task would do next.  Tasks made by a task are
    named after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, deque[asyncio.Handle]] = {}
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        self._running = ""
        self._children: dict[str, int] = {}
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._made = 0
        self._now = 0.0

    def begin(self, name: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Make a task of the scheduler's own; it does not run yet."""
        self._make(coroutine, name, None)

    def names(self) -> list[str]:
        """Who can go on, in the order in which they were made; the clock last."""
        found = [name for name, handles in self.held.items() if handles]
        return [*found, CLOCK] if self._next_timer() is not None else found

    def go_on(self, name: str) -> None:
        """Run one task to its next suspension, or the clock to the next timer."""
        self._running = name
        if name == CLOCK:
            timer = self._next_timer()
            assert timer is not None, "the clock is offered only when there is a timer"
            self._now = timer.when()
            heappop(self._timers)
            self._ready.append(timer)
        else:
            self._ready.append(self.held[name].popleft())
        self.stand_still()

    def end(self) -> None:
        """Cancel whatever is not over. Raises LeoError when that does not end it."""
        going = [task for task in self.tasks.values() if not task.done()]
        for attempt in range(_PATIENCE):
            if not going:
                return
            able = self.names()
            if not able or not attempt:
                for task in going:
                    task.cancel()
                self.stand_still()
            else:
                self.go_on(able[0])
            going = [task for task in self.tasks.values() if not task.done()]
        for task in self.tasks.values():
            # Nobody will look at it again, and asyncio would complain when it is collected.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        names = ", ".join(name for name, task in self.tasks.items() if not task.done())
        raise LeoError(
            f"{names}: cancelled at the end of a schedule, and not over after {_PATIENCE} steps; "
            "a call must end when it is cancelled"
        )

    def _next_timer(self) -> asyncio.TimerHandle | None:
        while self._timers and self._timers[0][2].cancelled():
            heappop(self._timers)
        return self._timers[0][2] if self._timers else None

    def _make(
        self, coroutine: Coroutine[Any, Any, T], name: str, context: Context | None
    ) -> asyncio.Task[T]:
        self.held[name] = deque()
        task = asyncio.Task(coroutine, loop=self, name=name, context=context)
        self.tasks[name] = task
        return task

    # What tasks and futures ask of a loop.

    def create_task(  # type: ignore[override]
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        number = self._children[self._running] = self._children.get(self._running, 0) + 1
        return self._make(coro, f"{self._running}.{number}", context)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        # The same look at a callback by which asyncio names tasks in its own messages.
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            self.held[task.get_name()].append(handle)
        else:
            self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._made += 1
        heappush(self._timers, (when, self._made, timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is left out when its turn comes."""

    def time(self) -> float:
        """The time to which the clock has been chosen."""
        return self._now
