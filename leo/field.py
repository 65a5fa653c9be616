"""LeoField: the synchronous organism. One thread, one reply at a time, the program's steps in a
row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from leo.actions import Action
from leo.disciplines import get_discipline
from leo.instance import Instance
from leo.schema import BUSY_TIMEOUT
from leo.store import Store
from leo.trace import NO_TRACE, Tracer
from leo.turn import OnStore, Turn
from leo.view import View

__all__ = ["LeoField"]


class LeoField:
    """A field that answers. Made by `LeoField.open`; use it as a context manager or `close` it."""

    def __init__(self, store: Store, instance: Instance) -> None:
        self._store = store
        self._instance = instance

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        seed: int = 0,
        discipline: str = "sequential",
        tracer: Tracer = NO_TRACE,
        clock: Callable[[], float] = time.time,
        timeout: float = BUSY_TIMEOUT,
        instance: str = "i1",
        store: str = "main",
    ) -> Self:
        """Open the field at `path`; an empty or missing file becomes a field with the seed text.

        Equal `seed`, prompts and store give equal replies. `clock` gives seconds and is read once
        per reply; `timeout` is how long, in seconds, another process may keep the file locked.
        Raises StoreError when the file cannot be used, DisciplineError when the discipline cannot
        run here.
        """
        chosen = get_discipline(discipline, "sync")
        with ExitStack() as undo:
            opened = Store(path, timeout)
            undo.callback(opened.close)
            me = Instance(
                discipline=chosen,
                seed=seed,
                tracer=tracer,
                clock=clock,
                name=instance,
                store=store,
            )
            me.begin(opened.perform(Instance.open_work))
            undo.pop_all()
        return cls(opened, me)

    @property
    def view(self) -> View:
        """The instance's view, for reading."""
        return self._instance.view

    def observe(self, text: str) -> None:
        """Take in a text outside a reply. Raises StoreError, or ObserveWhileRecordingError."""
        work = self._instance.observe_work(text, self._store.path)
        self._store.perform(work)()

    def reply(self, prompt: str, session: str = "s1") -> str:
        """Answer. Raises StepError when a step fails; what was committed before stays committed."""
        turn = self._instance.start(session, prompt)
        try:
            return self._run(turn)
        finally:
            self._instance.end(session)

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _run(self, turn: Turn) -> str:
        try:
            with turn.ending():
                turn.call()
                turn.record(Action.Acquire)
                for operation in turn.operations():
                    if isinstance(operation, OnStore):
                        self._store.perform(operation.work)
                    else:
                        operation.work()
        except KeyboardInterrupt:
            # It may have come in the middle of an assignment; the store is whole.
            self._instance.take(self._store.perform(Instance.open_work))
            raise
        turn.record(Action.Release)
        return turn.returned()
