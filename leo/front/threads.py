"""LeoField: the synchronous organism, for one thread or for several at a time.

With threads, each read or write of the view is one action under a latch, because Python's dicts
must not change while they are read. The latch is not the discipline's lock: it protects the tables,
not the reply, and another thread may run between any two actions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, Self, TypeVar

from leo.actions import Action
from leo.disciplines import SEQUENTIAL, get_discipline
from leo.errors import LeoError, StoreError
from leo.field.view import Centres
from leo.reply.commit import operations
from leo.reply.context import InnerReply
from leo.reply.given import check_call, check_text
from leo.reply.module import Module
from leo.reply.turn import Instance, OnStore, Opened, Turn
from leo.store.connection import Connection
from leo.store.owner import Owner
from leo.store.schema import BUSY_TIMEOUT, check_kept
from leo.store.synchronous import Store
from leo.trace.events import NO_TRACE, Tracer

T = TypeVar("T")

# Called before every action of a session, when there is one, on the session's thread.
ThreadGate = Callable[[str, Action], None]


class LeoField(Opened):
    """A field that answers. Made by `LeoField.open`; use it as a context manager or `close` it."""

    operations = staticmethod(operations)

    def __init__(
        self,
        store: Store,
        instance: Instance,
        gate: ThreadGate | None,
        owner: Owner | None = None,
    ) -> None:
        self._owner = owner
        self._store = store
        self._instance = instance
        self._gate = gate
        threads = instance.discipline.runtime == "threads"
        # threading.Lock serves its waiters in no order.
        self._lock = {"none": None, "threading": Lock()}[instance.discipline.lock]
        self._latch: AbstractContextManager[object] = Lock() if threads else nullcontext()
        # What went wrong with a session's inner replies, until somebody is told.
        self._failed: dict[str, LeoError] = {}
        # An interrupt came in the middle of a change of the view, which is not mended yet.
        self._half_done = False

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        seed: int = 0,
        discipline: str = SEQUENTIAL,
        modules: Sequence[Module[Any]] = (),
        centres: Centres = "weight",
        tracer: Tracer = NO_TRACE,
        clock: Callable[[], float] = time.time,
        timeout: float = BUSY_TIMEOUT,
        full_sync: bool = False,
        instance: str = "i1",
        store: str = "main",
        gate: ThreadGate | None = None,
    ) -> Self:
        """Open the field at `path`; an empty or missing file becomes a field with the seed text.

        Equal `seed`, prompts and store give equal replies. `clock` gives seconds and is read once
        per reply; `timeout` is how long, in seconds, another process may keep the file locked. A
        commit survives the death of the process; with `full_sync` a power cut as well, and each one
        waits for the disk. With `gil` or `threading-lock`, threads may call `reply` at the same
        time, one session each.
        `modules` are asked in each reply, in their order: `leo.MODULES`, some of them, or none.
        `centres` says where replies begin (`leo.field.view.View`).
        Others are refused while the field is open, except by disciplines that share it.
        Raises StoreError when the file cannot be used, DisciplineError when the discipline cannot
        run here.
        """
        chosen = get_discipline(discipline, "sync", "threads")
        check_kept(path)
        with ExitStack() as undo:
            owner = Owner.take(path, chosen.id, shared=chosen.instances > 1)
            undo.callback(owner.release)
            opened = Store(path, timeout, full_sync, modules)
            undo.callback(opened.close)
            opened.perform(owner.watch)
            me = Instance(
                discipline=chosen, modules=modules, centres=centres, seed=seed,
                tracer=tracer, clock=clock, name=instance, store=store,
            )  # fmt: skip
            me.begin(opened.perform(Instance.open_work))
            undo.pop_all()
        return cls(opened, me, gate, owner)

    def observe(self, text: str) -> None:
        """Take in a text outside a reply. Raises StoreError, CallerError for what is no text, or
        ObserveWhileRecordingError.
        """
        check_text(text, "what is observed")
        self._check_owner()
        with self._lock or nullcontext():
            with self._latch:
                self._mend()
                work = self._instance.observe_work(text, self._store.path)
            self._on_view(self._perform(work))

    def reply(self, prompt: str, session: str = "s1") -> str:
        """Answer. Raises StepError when a step fails; what was committed before stays committed.
        Raises CallerError, before anything is done, for a prompt or a session that is no text.

        The inner replies that the modules wish for come after the reply's own Return, each an
        ordinary reply, and before this returns: nobody else would carry them out. What goes wrong
        with one drops the rest, and is raised by the session's next call instead of an answer, by
        `settle` or by `close`: this reply has returned. Only Ctrl-C ends them at once and takes the
        text along.
        """
        check_call(session, prompt)
        self._check_owner()
        self.settle(session)
        text = self._one(session, prompt)
        try:
            while (inner := self._instance.following(session)) is not None:
                self._one(inner.session, inner.prompt, inner)
        except LeoError as error:
            self._failed[session] = error
        finally:
            self._instance.drop(session)
        return text

    @property
    def dropped(self) -> int:
        """None: inner replies belong to the call that they follow."""
        return 0

    def settle(self, session: str = "s1") -> None:
        """Raise what went wrong with an inner reply of a session, which ended with its reply."""
        failed = self._failed.pop(session, None)
        if failed is not None:
            raise failed

    def _check_owner(self) -> None:
        if self._owner is not None:
            self._owner.check()

    def _one(self, session: str, prompt: str, inner: InnerReply | None = None) -> str:
        # Ctrl-C may come when the session is busy and nobody has the turn yet: so the block begins
        # before the start, and the owner tells a session made busy here from somebody else's.
        owner = object()
        try:
            with self._latch:
                turn = Turn(self._instance, session, prompt, inner, owner)
            return self._run(turn)
        finally:
            self._instance.end(session, owner)

    def close(self) -> None:
        """Close the file. A second call does nothing.

        Raises what went wrong with inner replies and nobody was told of: the first error, with
        notes about the others.
        """
        with ExitStack() as undo:
            if self._owner is not None:
                undo.callback(self._owner.release)
            self._store.close()
        failed, self._failed = tuple(self._failed.values()), {}
        if failed:
            for other in failed[1:]:
                failed[0].add_note(f"and: {other}")
            raise failed[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def _run(self, turn: Turn) -> str:
        mine = False

        def free() -> None:
            if mine and self._lock is not None:
                self._lock.release()

        with turn.ending(free):
            self._pass_gate(turn, Action.Call)
            turn.call()
            if self._lock is not None:
                self._lock.acquire()
                mine = True
            with self._latch:
                self._mend()
            self._pass_gate(turn, Action.Acquire)
            turn.record(Action.Acquire)
            for operation in self.operations(turn):
                self._pass_gate(turn, operation.action)
                if isinstance(operation, OnStore):
                    self._perform(operation.work)
                else:
                    self._on_view(operation.work)
            self._pass_gate(turn, Action.Release)
        try:
            turn.record(Action.Release)
        finally:
            free()
        try:
            self._pass_gate(turn, Action.Return)
        finally:
            # The lock is free already, so the reply has returned even if the gate raises.
            text = turn.returned()
        return text

    def _perform(self, work: Callable[[Connection], T]) -> T:
        """One operation of the store. Ctrl-C may come when it has committed and before anybody has
        noted that.
        """
        try:
            return self._store.perform(work)
        except KeyboardInterrupt:
            self._instance.forget_versions()
            raise

    def _on_view(self, work: Callable[[], None]) -> None:
        """Something that nobody sees the middle of, not even when Ctrl-C ends it there."""
        with self._latch:
            try:
                work()
            except KeyboardInterrupt as interrupt:
                self._half_done = True
                try:
                    self._mend()
                except StoreError as error:
                    interrupt.add_note(f"the view is read anew by the next call only: {error}")
                raise

    def _mend(self) -> None:
        """Under the latch: if the view is half changed make it anew, for the store is whole."""
        if self._half_done:
            self._instance.take(self._store.perform(Instance.open_work))
            self._half_done = False

    def _pass_gate(self, turn: Turn, action: Action) -> None:
        if self._gate is not None:
            self._gate(turn.session, action)
