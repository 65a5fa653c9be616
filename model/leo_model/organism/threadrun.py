"""A run of the synchronous organism: each session is a thread, and one runs at a time."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Self

from leo.actions import Action
from leo.front.threads import LeoField
from leo_model.organism.recording import Seat
from leo_model.organism.run import Injected, Killed, OrganismRun, Setting
from leo_model.organism.stores import MemoryShelf


class Pool:
    """Threads that are there for every run, and the baton that says who goes on."""

    def __init__(self, size: int) -> None:
        self._executor = ThreadPoolExecutor(size, thread_name_prefix="session")
        self._back = Lock()
        self._back.acquire()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._executor.shutdown()

    def begin(self, field: LeoField, prompt: str, name: str) -> Future[str]:
        """Start a call in a thread, and wait until it hands the baton back."""
        call = self._executor.submit(field.reply, prompt, name)
        call.add_done_callback(lambda _: self._back.release())
        self._back.acquire()
        return call

    def hold(self, baton: Lock) -> None:
        """On a session's thread: let the scheduler go on, and wait to be chosen."""
        self._back.release()
        baton.acquire()

    def release(self, baton: Lock) -> None:
        """Let a held thread go on, and wait until the baton is back."""
        baton.release()
        self._back.acquire()


class ScheduledLock:
    """The `threading.Lock` of the organism, with the scheduler in the place of the system's: who
    waits is served when it is chosen, in no order.
    """

    def __init__(self, run: ThreadRun) -> None:
        self.held = False
        self._run = run

    def acquire(self) -> bool:
        self._run.hold_for_lock()
        self.held = True
        return True

    def release(self) -> None:
        self.held = False

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *raised: object) -> None:
        self.release()


class ThreadRun(OrganismRun):
    """The gates are locks that only the scheduler releases."""

    def __init__(self, organism: Setting, pool: Pool) -> None:
        super().__init__(organism)
        self._pool = pool
        self._batons = {name: _closed() for name in self.seats}
        self._strikes: dict[str, BaseException] = {}
        self._calls: dict[str, Future[str]] = {}
        self._locks: dict[str, ScheduledLock] = {}
        self._callers: dict[str, LeoField] = {}
        self._turn: Seat | None = None
        # Sessions that have been given the lock: they pass the gate behind it at once.
        self._served: set[str] = set()
        for instance in organism.instances:
            self.revive(instance)

    def revive(self, instance: str) -> None:
        assert isinstance(self.organism.shelf, MemoryShelf), "threads share one store"
        field = LeoField(self.organism.shelf.plain, self.fields[instance], self._gate)
        if self.organism.discipline.lock == "threading":
            lock = self._locks[instance] = ScheduledLock(self)
            field._lock = lock  # type: ignore[assignment]
        if self.organism.alter is not None:
            self.organism.alter(field)
        self._callers[instance] = field

    def _gate(self, session: str, action: Action) -> None:
        if session in self._served:
            self._served.discard(session)
            return
        self._hold(self.seats[session], action)

    def _hold(self, seat: Seat, action: Action) -> None:
        seat.at = action
        self._pool.hold(self._batons[seat.name])
        strike = self._strikes.pop(seat.name, None)
        if strike is not None:
            raise strike

    def hold_for_lock(self) -> None:
        """On a session's thread: wait for the lock until the scheduler hands it out."""
        seat = self._turn
        assert seat is not None, "only a session that was chosen asks for the lock"
        self._hold(seat, Action.Acquire)
        self._served.add(seat.name)

    def _can_step(self, seat: Seat) -> bool:
        lock = self._locks.get(seat.instance)
        waits = seat.at is Action.Acquire and lock is not None and lock.held
        return not waits and super()._can_step(seat)

    def go_on(self, seat: Seat, what: str) -> None:
        if what == "raise":
            self._strikes[seat.name] = Injected("the scheduler made this step raise")
        self._release(seat)

    def _release(self, seat: Seat) -> None:
        seat.at = None
        self._turn = seat
        self._pool.release(self._batons[seat.name])

    def settle(self) -> None:
        for name, seat in self.seats.items():
            call = self._calls.get(name)
            if call is not None and call.done():
                self.note_answer(seat, call)
                del self._calls[name]
                call = None
            if call is None and self.wants_to_call(seat):
                self._turn = seat
                field = self._callers[seat.instance]
                self._calls[name] = self._pool.begin(field, self.organism.prompt(seat), name)

    def kill(self, instance: str) -> None:
        for name, seat in self.seats.items():
            if seat.instance == instance and name in self._calls:
                if seat.at is not None:
                    self._strikes[name] = Killed()
                    self._release(seat)
                self.note_answer(seat, self._calls.pop(name))


def _closed() -> Lock:
    lock = Lock()
    lock.acquire()
    return lock
