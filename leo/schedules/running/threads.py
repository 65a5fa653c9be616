"""Threads that run one at a time: the one that the scheduler chooses.

A thread that is started during a run waits for its turn.  It gives the turn back when it ends, and
where it would wait: before it takes from a queue, waits for a condition (events, semaphores,
results of futures) or sleeps.  So a worker that takes jobs from a queue, as aiosqlite and executors
have, carries out one job each time that it is chosen, and a schedule can be executed again.

The functions at the end replace what threads are made of; `world.py` puts them in place.
"""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import thread as _pool
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from leo.errors import LeoError

if TYPE_CHECKING:
    from leo.schedules.running.choosing import ChoosingLoop

# So many seconds may a thread keep its turn.
PATIENCE = 10.0
# So often may a thread ignore that it is to end.
_TRIES = 100
# Flags of fcntl: not to wait for a file, and to let it go.
_NOT_BLOCKING, _UNLOCK = 4, 8
_start, _join = threading.Thread.start, threading.Thread.join
_submit = _pool.ThreadPoolExecutor.submit
# What the threads of a pool share.
_SHARED = ("_work_queue", "_idle_semaphore", "_threads", "_shutdown_lock", "_shutdown", "_broken")


def file_lock(real: Callable[..., Any]) -> Callable[..., Any]:
    """In place of fcntl.flock and lockf: waiting for a file is waiting for a turn."""

    def lock(file: Any, operation: int, *more: Any) -> None:
        threads = _mine()
        if threads is None or operation & (_NOT_BLOCKING | _UNLOCK):
            real(file, operation, *more)
            return
        got: list[bool] = []

        def ready() -> bool:
            with suppress(BlockingIOError):
                if not got:
                    real(file, operation | _NOT_BLOCKING, *more)
                    got.append(True)
            return bool(got)

        if not ready():
            threads.wait(ready, gives_up=False)

    return lock


_wait = threading.Condition.wait
_new_lock = threading.Lock
_new_rlock = threading.RLock


class Ended(SystemExit):
    """The run is over: the thread that sees this ends."""


class Controlled:
    """A thread: what it waits for (`ready` None: for its turn only), and its turn."""

    def __init__(self, label: str, thread: threading.Thread) -> None:
        self.label = label
        self.thread = thread
        self.turn = _new_lock()
        self.turn.acquire()
        self.ready: Callable[[], bool] | None = None
        self.gives_up = False
        self.fresh = True
        self.begun = self.over = False
        # Does it hang in what blocks?
        self.lost = False
        # Where it waits, if that says all about what it will do next.
        self.stands: Any = None
        self.executor: Callable[[], Any] = lambda: None
        self.jobs: Any = None
        parts: Any = thread
        if getattr(thread, "_target", None) is getattr(_pool, "_worker", 0) and parts._args:
            self.executor, self.jobs = parts._args[:2]


class _Kept:
    """Keeps what is raised inside for the future that somebody waits for."""

    def __init__(self, future: Future[Any]) -> None:
        self.future = future

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None or isinstance(error, Ended):
            return False
        self.future.set_exception(error)
        return True


class Threads:
    """The threads of one run; `log` says which of them had turns, in their order."""

    active: Threads | None = None

    def __init__(self, loop: ChoosingLoop) -> None:
        self.loop = loop
        self.all: dict[str, Controlled] = {}
        self.log: list[str] = []
        self._by_ident: dict[int, Controlled] = {}
        # Pools that were there before the run, with what their own threads share.
        self._pools: list[tuple[Any, dict[str, Any]]] = []
        self._owner = threading.get_ident()
        self._back = _new_lock()
        self._back.acquire()
        self._ending = False

    def mine(self) -> bool:
        """Is this the thread of the loop, or one that the scheduler owns?"""
        ident = threading.get_ident()
        return ident == self._owner or ident in self._by_ident

    def able(self, *, idle: bool) -> list[str]:
        """Who can go on; when nobody can (`idle`) also those that would give up waiting."""
        return [
            label
            for label, it in self.all.items()
            if not it.over and (it.ready is None or (idle and it.gives_up) or it.ready())
        ]

    def go(self, label: str) -> None:
        """Let a thread go on to where it waits or ends.  Raises LeoError if it does neither."""
        it = self.all[label]
        self.log.append(label)
        it.begun = True
        it.turn.release()
        if not self._back.acquire(timeout=PATIENCE):
            it.lost, it.ready = True, bool
            place = self.loop.user_line(self.frame(label))
            self.loop.refused = (
                f"a thread neither ends nor waits for {PATIENCE:g} s, at {place}: a call that "
                "blocks cannot be followed"
            )
            raise LeoError(self.loop.refused)

    def frame(self, label: str) -> FrameType | None:
        """What a thread executes now; the loop's own if nobody has that label."""
        it = self.all.get(label)
        ident = self._owner if it is None else it.thread.ident
        return sys._current_frames().get(ident or 0)

    def end(self) -> None:
        """End all threads, those that wait for their turn with an exception."""
        self._ending = True
        for it in self.all.values():
            if it.jobs is not None and it.executor() is not None:
                # Its worker will take None for its end.
                it.executor()._shutdown = True
            for _ in range(_TRIES):
                if it.over or it.lost:
                    break
                it.turn.release()
                if not self._back.acquire(timeout=PATIENCE):
                    break
        for it in self.all.values():
            if it.over:
                _join(it.thread, PATIENCE)
        for pool, before in self._pools:
            vars(pool).update(before)

    def lend_to(self, pool: Any) -> None:
        """Let a pool that was there before the run have threads of the run, until its end."""
        parts = vars(pool)
        if not isinstance(parts["_work_queue"], HeldQueue):
            self._pools.append((pool, {name: parts[name] for name in _SHARED}))
            fresh = vars(_pool.ThreadPoolExecutor(1))
            parts.update((name, fresh[name]) for name in _SHARED)

    def add_to(self, shape: Any) -> None:
        """Add to the shape of a state what the threads will do next."""
        for label, it in sorted(self.all.items()):
            if it.over:
                continue
            shape.mark("thread", label, it.fresh, it.gives_up, it.ready is None or it.ready())
            if not it.begun:
                thread: Any = it.thread
                shape.add((thread._target, thread._args, thread._kwargs))
            elif it.stands is not None:
                shape.add(it.stands)
            else:
                # It stands in the middle of its work, which cannot be looked into.
                shape.mark("log", *self.log)

    def start(self, thread: threading.Thread) -> None:
        """Start a thread; it does not run before it is chosen."""
        it = Controlled(self.loop.new_thread_label(), thread)
        self.all[it.label] = it
        thread.leo_label = it.label  # type: ignore[attr-defined]
        body = thread.run

        def run() -> None:
            self._by_ident[threading.get_ident()] = it
            it.turn.acquire()
            try:
                if not self._ending:
                    body()
            except Ended:
                pass
            finally:
                it.over = True
                del self._by_ident[threading.get_ident()]
                self._back.release()

        thread.run = run  # type: ignore[method-assign]
        thread.daemon = True
        before, Threads.active = Threads.active, None
        try:
            _start(thread)
        finally:
            Threads.active = before

    def call(self, function: Callable[..., Any], args: Any) -> asyncio.Future[Any]:
        """Call a function in a thread of its own; the future gets what it comes to.

        Once requested it is carried out, even if the task that waits for it is cancelled.
        """
        done: Future[Any] = Future()
        done.set_running_or_notify_cancel()

        def body() -> None:
            with _Kept(done):
                done.set_result(function(*args))

        self.start(threading.Thread(target=body))
        return asyncio.wrap_future(done, loop=self.loop)

    def here(self) -> Controlled | None:
        """The thread that calls this, if it is one of these."""
        return self._by_ident.get(threading.get_ident())

    def wait(self, ready: Callable[[], bool], *, gives_up: bool, stands: Any = None) -> None:
        """Wait until something holds: a thread gives its turn back, the loop lets threads go on."""
        it = self.here()
        if it is None:
            while not ready():
                able = self.able(idle=True)
                if not able:
                    if gives_up:
                        return
                    raise self.loop.refuse(
                        "waiting for ever in the loop's own thread",
                        "everybody stands still there; wait with `await`, for an asyncio.Lock say",
                    )
                self.go(able[0])
            return
        if self._ending:
            raise Ended
        it.ready, it.gives_up, it.stands = ready, gives_up, stands
        self._back.release()
        it.turn.acquire()
        it.ready, it.gives_up = None, False
        if self._ending:
            raise Ended


def _mine() -> Threads | None:
    """The threads of the run that this thread takes part in."""
    threads = Threads.active
    return threads if threads is not None and threads.mine() else None


def start(thread: threading.Thread) -> None:
    """In place of Thread.start."""
    threads = _mine()
    if threads is None or threads._ending:
        _start(thread)
    else:
        threads.start(thread)


def submit(pool: Any, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
    """In place of ThreadPoolExecutor.submit."""
    threads = _mine()
    if threads is not None and not threads._ending:
        threads.lend_to(pool)
    return _submit(pool, function, *args, **kwargs)


def join(thread: threading.Thread, timeout: float | None = None) -> None:
    """In place of Thread.join."""
    threads = _mine()
    if threads is not None:
        it = next((it for it in threads.all.values() if it.thread is thread), None)
        if it is not None:
            threads.wait(lambda: it.over, gives_up=timeout is not None)
            if not it.over:
                return
    _join(thread, timeout)


def wait(condition: threading.Condition, timeout: float | None = None) -> bool:
    """In place of Condition.wait."""
    threads = _mine()
    if threads is None:
        return _wait(condition, timeout)
    parts: Any = condition
    waiter = _new_lock()
    waiter.acquire()
    parts._waiters.append(waiter)
    saved = parts._release_save()
    try:
        threads.wait(lambda: not waiter.locked(), gives_up=timeout is not None)
    finally:
        parts._acquire_restore(saved)
        woken = not waiter.locked()
        if not woken and waiter in parts._waiters:
            parts._waiters.remove(waiter)
    return woken


class HeldLock:
    """In place of threading.Lock: waiting for it is waiting for a turn."""

    def __init__(self) -> None:
        self._lock = _new_lock()
        self.locked, self.release = self._lock.locked, self._lock.release

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        threads = _mine() if blocking else None
        if threads is None:
            return self._lock.acquire(blocking, timeout)
        if self._lock.acquire(False):
            return True
        threads.wait(lambda: not self._lock.locked(), gives_up=timeout >= 0)
        return self._lock.acquire(False)

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class HeldRLock(threading._RLock):  # type: ignore[misc]
    """In place of threading.RLock."""

    def __init__(self) -> None:
        super().__init__()
        self._block = HeldLock()


def lock() -> Any:
    """In place of threading.Lock()."""
    return _new_lock() if _mine() is None else HeldLock()


def rlock() -> Any:
    """In place of threading.RLock()."""
    return _new_rlock() if _mine() is None else HeldRLock()


class HeldQueue(queue.SimpleQueue):  # type: ignore[type-arg]
    """In place of SimpleQueue: taking from it is where a thread waits for its turn.

    `items` are those in it, which nobody could look at otherwise.
    """

    def __init__(self) -> None:
        self.items: deque[Any] = deque()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        self.items.append(item)
        super().put(item)

    def put_nowait(self, item: Any) -> None:
        self.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        threads = _mine() if block else None
        if threads is None:
            item = super().get(block, timeout)
            self.items.popleft()
            return item
        it = threads.here()
        if threads._ending and it is not None and it.jobs is not None and self.empty():
            return None
        # The first job belongs to the first turn: between the two the thread does nothing.
        if it is None or not it.fresh or self.empty():
            try:
                threads.wait(lambda: not self.empty(), gives_up=timeout is not None, stands="queue")
            except Ended:
                if it is None or it.jobs is not self:
                    raise
                # A worker of an executor would complain of an exception.
                return None
        if it is not None:
            it.fresh = False
        item = super().get(False)
        self.items.popleft()
        return item

    def get_nowait(self) -> Any:
        return self.get(False)


def sleep(seconds: float) -> None:
    """In place of time.sleep, for a thread of a run: others may go on."""
    threads = _mine()
    assert threads is not None, "the caller knows that it belongs to a run"
    if threads.here() is None:
        threads.loop.now += seconds
    else:
        threads.wait(lambda: True, gives_up=True)
