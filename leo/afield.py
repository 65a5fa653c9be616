"""AsyncLeoField: the asynchronous organism. Every operation of the store is an await; the rest is
not.

Rules that the traces depend on:
1. Between two awaits nothing on the loop can interrupt: AssignView and Generate are one action
   each.
2. An operation that was issued is awaited to its end, so its event comes before that of a
   cancellation.
3. How a reply ends is recorded and the lock is freed with no await in between, and after Release
   there is none before Return: nobody can see a lock that is held by a reply that has ended.
4. A call takes its place in the queue for the lock before anything else can run: calls are served
   in order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from leo.actions import Action
from leo.astore import AsyncStore
from leo.disciplines import get_discipline
from leo.instance import Instance
from leo.schema import BUSY_TIMEOUT
from leo.trace import NO_TRACE, Tracer
from leo.turn import OnStore, Turn
from leo.view import View

__all__ = ["AsyncLeoField", "Gate"]

# Asked before every action of a session, when there is one: a scheduler decides here who goes on.
Gate = Callable[[str, Action], Awaitable[None]]


class AsyncLeoField:
    """A field that answers many sessions. Made by `await AsyncLeoField.open(...)`.

    Use it as an asynchronous context manager, or `await close()`.
    """

    def __init__(self, store: AsyncStore, instance: Instance, gate: Gate | None) -> None:
        self._store = store
        self._instance = instance
        self._gate = gate
        self._lock = asyncio.Lock() if instance.discipline.lock == "asyncio" else None

    @classmethod
    async def open(
        cls,
        path: str | Path,
        *,
        seed: int = 0,
        discipline: str = "asyncio-lock",
        tracer: Tracer = NO_TRACE,
        clock: Callable[[], float] = time.time,
        timeout: float = BUSY_TIMEOUT,
        instance: str = "i1",
        store: str = "main",
        gate: Gate | None = None,
    ) -> Self:
        """Open the field at `path`; the arguments are those of `LeoField.open`.

        `gate` is awaited before every action of every session but Return; without one, the only
        awaits are those of the lock and the store. Raises StoreError or DisciplineError.
        """
        chosen = get_discipline(discipline, "asyncio")
        async with AsyncExitStack() as undo:
            opened = await AsyncStore.open(path, timeout)
            undo.push_async_callback(opened.close)
            me = Instance(
                discipline=chosen,
                seed=seed,
                tracer=tracer,
                clock=clock,
                name=instance,
                store=store,
            )
            me.begin(await opened.perform(Instance.open_work))
            undo.pop_all()
        return cls(opened, me, gate)

    @property
    def view(self) -> View:
        """The instance's view, for reading between two awaits."""
        return self._instance.view

    async def observe(self, text: str) -> None:
        """Take in a text outside a reply, under the lock if there is one.

        Raises StoreError, or ObserveWhileRecordingError. When it is cancelled while the store is at
        work, the text has been taken in and the view has not seen it yet: the next reply loads it.
        """
        if self._lock is not None:
            await self._lock.acquire()
        try:
            work = self._instance.observe_work(text, self._store.path)
            assign = await self._store.perform(work)
            assign()
        finally:
            if self._lock is not None:
                self._lock.release()

    async def reply(self, prompt: str, session: str = "s1") -> str:
        """Answer. Raises StepError when a step fails, SessionBusyError for a second call at a time.

        What was committed before a failure or a cancellation stays committed.
        """
        turn = self._instance.start(session, prompt)
        try:
            return await self._run(turn)
        finally:
            self._instance.end(session)

    async def close(self) -> None:
        """Close the file after the operations already issued. A second call does nothing.

        A reply that is still under way finds the store closed at its next operation.
        """
        await self._store.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _run(self, turn: Turn) -> str:
        gate, lock = self._gate, self._lock
        held = False

        def free() -> None:
            if held and lock is not None:
                lock.release()

        with turn.ending(free):
            if gate is not None:
                await gate(turn.session, Action.Call)
            turn.call()
            if lock is not None:
                await lock.acquire()
                held = True
            # After the lock, not before it: a scheduler must not change the order of the queue.
            if gate is not None:
                await gate(turn.session, Action.Acquire)
            turn.record(Action.Acquire)
            for operation in turn.operations():
                if gate is not None:
                    await gate(turn.session, operation.action)
                if isinstance(operation, OnStore):
                    await self._store.perform(operation.work)
                else:
                    operation.work()
            if gate is not None:
                await gate(turn.session, Action.Release)
        try:
            turn.record(Action.Release)
        finally:
            free()
        return turn.returned()
