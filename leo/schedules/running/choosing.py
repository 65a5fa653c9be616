"""An event loop that runs one task at a time: the one that the scheduler chooses.

Tasks, futures, locks, events, queues, timeouts and task groups are asyncio's own, and what is built
on them (anyio) runs unchanged.  What differs: a task that could go on is held until it is chosen, a
thread runs when it is chosen (`threads.py`), and time passes when the clock is chosen.
Sockets and processes are refused by name.
"""

from __future__ import annotations

import asyncio
import sys
from abc import update_abstractmethods
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import suppress
from contextvars import Context, copy_context
from heapq import heappop, heappush
from types import FrameType
from typing import Any, Self, TypeVar

from leo.errors import LeoError
from leo.schedules.running.loop import SteppedLoop
from leo.schedules.running.places import place_of, rank, standing
from leo.schedules.running.threads import Threads

T = TypeVar("T")
Callback = Callable[..., object]
CLOCK = "clock"
# Tasks of the scheduler's own, beside the calls.
_SETTING_UP = ("make", "to-state", "at-end", "tear-down")
# A cancelled task that is still not over after so many steps will never be.
_PATIENCE = 1000
# One that polls may lose a cancellation, which comes again after so many steps.
_AGAIN = 100
# Callbacks that call each other go on for so many rounds in one step.
_ROUNDS = 50
# Timers so near to each other are due at once, as asyncio's clock sees them.
_RESOLUTION = 1e-9
# A step that reads a clock so often waits for it to move; by so much it does then, in seconds.
_READS, _MOVES, _AT_MOST = 1000, 1e-6, 60.0
# What a timer of asyncio.sleep calls: it makes a task able to go on, and nothing else.
_WAKE = asyncio.futures._set_result_unless_cancelled  # type: ignore[attr-defined]
_INSTEAD = "put something in its place that awaits asyncio.sleep(0), a fake client for example"


class Refused(LeoError):
    """Something was asked of the loop that an exploration cannot follow."""


class ChoosingLoop(SteppedLoop):
    """`held`: what each task would do next, `tasks`: all tasks, both by label.

    A task made by another one is labelled after it (`ada.1`), a thread too (`ada.thread1`).  The
    task's own name is no label: two tasks may have the same one.  `refused`: what could not be
    followed, which ends the run.  A context manager: inside, it is the running loop.
    """

    def __init__(self, clock: str = "idle") -> None:
        super().__init__()
        self.held: dict[str, deque[asyncio.Handle]] = {}
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        self.labels: dict[asyncio.Task[Any], str] = {}
        self.refused: str | None = None
        self.running = "make"
        self.context = copy_context()
        self.threads = Threads(self)
        self.later: list[asyncio.Handle] = []
        self.timers: list[tuple[float, int, asyncio.TimerHandle, str]] = []
        # Whose timers struck last.
        self.struck: list[str] = []
        self.now = 0.0
        # What is added to the time for those who read it, and whether anybody has.
        self.base = 0.0
        # How late timers strike, in seconds.
        self.late = 0.0
        self.read = False
        # In which step a clock was read last, and how often in it.
        self._reading = (0, 0)
        self.steps = 0
        # The databases that were opened, what is committed, and how often each call drew by chance.
        self.connections: list[Any] = []
        # The files that were opened, by their paths.
        self.files: dict[str, None] = {}
        self.contents: dict[str, bytes] = {}
        self.drawn: dict[str, int] = {}
        # The objects whose ids were asked for.
        self.asked: list[Any] = []
        self._any_time = clock == "any"
        self._children: dict[str, int] = {}
        self._made = 0
        self._label = ""
        self._callback: tuple[Any, Any] | None = None
        self._factory: Any = None
        self._on_error: Any = None

    # What the scheduler asks.

    def begin(self, label: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Make a task of the scheduler's own; it does not run yet.

        It sees what `make` has set in context variables; what it sets there is its own.
        """
        self._label = label
        own = self.context if label in _SETTING_UP else self.context.copy()
        asyncio.Task(coroutine, loop=self, name=label, context=own)

    def names(self, without: Collection[str] = ()) -> list[str]:
        """The labels of those that can go on, in the order in which they were made; the clock last.

        Time passes when nobody can go on, or, with `clock="any"`, at any moment.  A timer that is
        due waits for nobody.  `without` has those that do not count.
        """
        found = [label for label, handles in self.held.items() if handles]
        if without:
            found = [label for label in found if label not in without]
        if self.threads.all:
            found += self.threads.able(idle=False) or (
                [] if found else self.threads.able(idle=True)
            )
        if self._any_time or not found or (self.timers and self._due()):
            found += self.clock()
        return found

    def clock(self) -> list[str]:
        """The clock, if there is a timer."""
        return [CLOCK] if self.next_timer() is not None else []

    def can(self, label: str) -> bool:
        """Is somebody among `names`?"""
        return bool(self.held.get(label)) or label in (*self.threads.able(idle=True), *self.clock())

    def go_on(self, label: str) -> None:
        """Run one task to its next suspension, a thread to its next, or the clock to a timer."""
        self.running = label
        self.steps += 1
        if self.later:
            self._ready.extend(self.later)
            self.later.clear()
        if label == CLOCK:
            assert self.next_timer() is not None, "the clock is offered only when there is a timer"
            self.now = max(self.now, self.timers[0][0]) + self.late
            self._strike_due()
        elif label in self.held:
            self._ready.append(self.held[label].popleft())
        else:
            self.threads.go(label)
        self.stand_still()

    def strike(self, label: str) -> None:
        """Ask for the cancellation of a task."""
        self.running = label
        self.tasks[label].cancel()
        self.stand_still()

    def run_out(self, label: str) -> None:
        """Go on, the first that can, until a task is over.  Raises LeoError if it never is."""
        for _ in range(_PATIENCE):
            if self.tasks[label].done():
                return
            able = self.names()
            if not able or self.refused is not None:
                break
            self.go_on(able[0])
        how = f"is not over after {_PATIENCE:,} steps" if self.names() else "waits for nobody"
        why = self.refused or f"it {how}, at {place_of(self.tasks[label])}"
        raise Refused(f"{label}: {why}")

    def end(self, labels: Iterable[str]) -> None:
        """Cancel tasks that are not over. Raises LeoError when that does not end them."""
        labels = list(labels)
        going = self._going(labels)
        for attempt in range(_PATIENCE):
            if not going:
                break
            able = self.names()
            if not able or not attempt % _AGAIN:
                for task in going:
                    task.cancel()
                self.stand_still()
            else:
                # In turn: one that polls must not keep the others from ending.
                self.go_on(able[attempt % len(able)])
            going = self._going(labels)
        for task in map(self.tasks.__getitem__, labels):
            # Nobody will look at it again, and asyncio would complain when it is collected.
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            task._log_traceback = False
        if going:
            names = ", ".join(label for label in labels if not self.tasks[label].done())
            raise Refused(
                f"{names}: cancelled at the end of a schedule, and not over after {_PATIENCE} "
                "steps; a call must end when it is cancelled"
            )

    def drop(self) -> None:
        """Close what is not over: it would not end when it is cancelled, but go on."""
        for task in self._going(list(self.tasks)):
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            with suppress(RuntimeError):
                # It may go on all the same, or be what runs now.
                task.get_coro().close()
        self.tasks.clear()
        self.held.clear()

    def forget(self) -> None:
        """Let go of all that the run has made, which is over: nobody else's steps must end it."""
        self.labels.clear()
        for them in (self.tasks, self.held, self.timers, self.later, self.asked, self.errors):
            them.clear()
        self._callback = None

    def _going(self, labels: Iterable[str]) -> list[asyncio.Task[Any]]:
        return [task for task in map(self.tasks.__getitem__, labels) if not task.done()]

    def next_timer(self) -> asyncio.TimerHandle | None:
        """The timer that time would come to."""
        while self.timers and self.timers[0][2].cancelled():
            heappop(self.timers)
        return self.timers[0][2] if self.timers else None

    def _due(self) -> bool:
        """Is a timer due by now?"""
        return self.next_timer() is not None and self.timers[0][0] <= self.now + _RESOLUTION

    def _strike_due(self) -> None:
        """Strike the next timer, and wake all that sleep until now: who goes on first is a choice.

        Other timers that are due (a timeout, a callback) strike one at a time: something can happen
        before them.
        """
        kept, self.struck = [], [self.timers[0][3]]
        self._ready.append(heappop(self.timers)[2])
        while self._due():
            entry = heappop(self.timers)
            if entry[2]._callback is _WAKE:  # type: ignore[attr-defined]
                self._ready.append(entry[2])
                self.struck.append(entry[3])
            else:
                kept.append(entry)
        for entry in kept:
            heappush(self.timers, entry)

    def __enter__(self) -> Self:
        """Be the running loop of this thread."""
        self._before = events._get_running_loop(), sys.get_asyncgen_hooks()
        events._set_running_loop(self)
        sys.set_asyncgen_hooks(firstiter=None, finalizer=self._left_open)
        return self

    def __exit__(self, *_: object) -> None:
        events._set_running_loop(self._before[0])
        sys.set_asyncgen_hooks(*self._before[1])

    def perform(self, function: Callable[[], T]) -> T:
        return self.context.run(function)

    def stand_still(self) -> None:
        """Run what the step has made ready."""
        ready = self._ready
        for _ in range(_ROUNDS):
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle._cancelled:
                    self._callback = (handle._callback, handle._args)  # type: ignore[attr-defined]
                    try:
                        handle._run()
                    except SystemExit as error:
                        # A task keeps it as its exception; asyncio would end the program.
                        if not isinstance(getattr(self._callback[0], "__self__", 0), asyncio.Task):
                            self.errors.append({"exception": error, "handle": handle})
            if ready:
                continue
            if not self.later or any(self.held.values()):
                break
            # Nobody can go on: what has put itself off goes round once more.
            ready.extend(self.later)
            self.later.clear()
        self._callback = None
        self.later.extend(ready)
        ready.clear()

    def _label_of(self, task: asyncio.Task[Any]) -> str:
        """The label of a task, which gets one when it is seen for the first time."""
        known = self.labels.get(task)
        if known is None:
            known, self._label = self._label or self._new_label(), ""
            self.labels[task] = known
            self.tasks[known] = task
            self.held[known] = deque()
        return known

    def _new_label(self, kind: str = "") -> str:
        owner = self.running
        current = asyncio.current_task(self) if events._get_running_loop() is self else None
        if current is not None:
            owner = self.labels.get(current, owner)
        number = self._children[owner + kind] = self._children.get(owner + kind, 0) + 1
        return f"{owner}.{kind}{number}"

    def _left_open(self, generator: AsyncGenerator[Any, Any]) -> None:
        """An async generator was dropped before its end: a task closes it, as in asyncio."""
        self.create_task(generator.aclose())

    # What tasks and futures ask of a loop.

    def create_task(self, coro: Any, *, name: str | None = None, **more: Any) -> asyncio.Task[Any]:
        if more.get("context") is None:
            more.pop("context", None)
        if self._factory is None:
            task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, **more)
        else:
            task = self._factory(self, coro, **more)
        if isinstance(task, asyncio.Task):
            # The default name counts all tasks of the process: it would differ from run to run.
            task.set_name(name or self._label_of(task))
        return task

    def get_task_factory(self) -> Any:
        return self._factory

    def set_task_factory(self, factory: Any) -> None:
        self._factory = factory

    def call_soon(  # type: ignore[override]
        self, callback: Callback, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        # The same look at a callback by which asyncio names tasks in its own messages.
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            self.held[self._label_of(task)].append(handle)
        elif self._callback is not None and self._callback == (callback, args):
            # It puts itself off, to the next turn of a loop: the next step.
            self.later.append(handle)
        else:
            self._ready.append(handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Callback, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if not self.threads.mine():
            self.refused = (
                f"{getattr(callback, '__qualname__', callback)} is called back by a thread that "
                "was started before the exploration, and cannot be followed; start it in `make`"
            )
        return self.call_soon(callback, *args, context=context)

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callback, *args: Any, **more: Any
    ) -> asyncio.TimerHandle:
        return self._timer(self.now + max(delay, 0.0), callback, *args, **more)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callback, *args: Any, **more: Any
    ) -> asyncio.TimerHandle:
        return self._timer(when - self.base, callback, *args, **more)

    def _timer(
        self, when: float, callback: Callback, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(self.base + when, callback, args, self, context)
        self._made += 1
        heappush(self.timers, (when, self._made, timer, self.running))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """A cancelled timer is left out when its turn comes."""

    def time(self) -> float:
        """The time to which the clock has been chosen; it moves for who reads it all the time."""
        self.read = True
        step, times = self._reading
        self._reading = (self.steps, times := times + 1 if step == self.steps else 0)
        if times > _READS:
            self.now += _MOVES * (times - _READS)
        return self.base + self.now

    def passes(self, rounds: int) -> None:
        """Let a moment pass, twice as long each time, for those who go round until time passes."""
        self.now += min(_MOVES * 2.0**rounds, _AT_MOST)

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        if isinstance(executor, ProcessPoolExecutor):
            raise self.refuse("a pool of processes")
        if executor is not None:
            return asyncio.wrap_future(executor.submit(func, *args), loop=self)
        return self.threads.call(func, args)

    def new_thread_label(self) -> str:
        return self._new_label("thread")

    # What is asked of a loop as a whole.

    def set_default_executor(self, executor: Any) -> None:
        """Every call in a thread has a thread of its own here."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    async def shutdown_asyncgens(self) -> None:
        """They are closed by tasks when they are dropped."""

    def set_exception_handler(self, handler: Any) -> None:
        self._on_error = handler

    def get_exception_handler(self) -> Any:
        return self._on_error

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._on_error is None:
            self.errors.append(context)
        else:
            self._on_error(self, context)

    def set_debug(self, enabled: bool) -> None:
        """There is no debug mode."""

    def refuse(self, what: str, instead: str = _INSTEAD) -> Refused:
        """The error for something that cannot be followed; it also ends the run."""
        self.refused = f"{what} cannot be followed ({self.user_line()}): {instead}"
        return Refused(self.refused)

    def user_line(self, frame: FrameType | None = None) -> str:
        """The user's line of a frame (default: the caller's), or of the task that it works for."""
        place, label = standing(frame or sys._getframe(1)), self.running
        while label and (place is None or rank(place.file) < 2):
            if label in self.tasks:
                place = place_of(self.tasks[label]) or place
            label = label.rpartition(".")[0]
        return "in a library" if place is None else str(place)


def _refusing(name: str, what: str) -> Callable[..., Any]:
    def method(self: ChoosingLoop, *args: Any, **kwargs: Any) -> Any:
        raise self.refuse(f"{what} ({name})")

    async def coroutine(self: ChoosingLoop, *args: Any, **kwargs: Any) -> Any:
        raise self.refuse(f"{what} ({name})")

    of_base = getattr(asyncio.AbstractEventLoop, name)
    return coroutine if asyncio.iscoroutinefunction(of_base) else method


_WHAT = {
    "subprocess": "a process", "pipe": "a pipe", "signal": "a signal",
    **dict.fromkeys(("run_", "stop", "close"), "running a loop inside the loop"), "": "a socket",
}  # fmt: skip
for _name, _method in vars(asyncio.AbstractEventLoop).items():
    if not _name.startswith("_") and getattr(ChoosingLoop, _name) is _method:
        _what = next(what for part, what in _WHAT.items() if part in _name)
        setattr(ChoosingLoop, _name, _refusing(_name, _what))
# Nothing of a loop is left out: what is not above is refused.
update_abstractmethods(ChoosingLoop)  # type: ignore[type-abstract]
