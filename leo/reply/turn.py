"""An instance of the field (`Instance`), and one execution of its program (`Turn`).

One event loop owns an instance, or several threads do, which take its latch for each use of the
view. The store's worker thread runs only the closures that a turn made for it.

The operations of a turn (`leo.reply.commit`) are the program's actions in order. A driver takes
them one by one and carries each out on the right thread. So every driver performs the same actions,
and drivers differ only in what may happen between two of them. Each operation records its own event
when and where it happens. `Turn.end` decides from the last action how an interrupted reply ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from leo.actions import Action
from leo.disciplines import Discipline
from leo.errors import (
    CallerError,
    DeadlockError,
    ObserveWhileRecordingError,
    SessionBusyError,
    StepError,
)
from leo.field.counts import compute_delta
from leo.field.seed import SEED_NAME, SEED_TEXT
from leo.field.text import whole
from leo.field.view import Centres, Loaded, View
from leo.reply.context import InnerReply
from leo.reply.given import check_time
from leo.reply.module import Module
from leo.reply.program import ReplyState, Step, chorus_for, program_for
from leo.store.connection import Connection, reading
from leo.store.ngrams import load_bigrams, load_trigrams
from leo.store.operations import Versions, get_versions, load_all, moved, process_seed, process_text
from leo.trace.events import Beginning, Happened, Tracer

# In the names of inner sessions only: a trace must not confuse them with the callers' own.
INNER: Final = "~"
# Never changed.
NOTHING: Final[dict[str, int]] = {}


class Contents(NamedTuple):
    """The store's versions and the whole field, as they were when it was opened."""

    versions: dict[str, int]
    field: Loaded


class Instance:
    """One field object: view, discipline, tracer, clock, and the sessions that talk to it."""

    def __init__(
        self,
        *,
        discipline: Discipline,
        seed: int,
        tracer: Tracer,
        clock: Callable[[], float],
        name: str,
        store: str,
        modules: Sequence[Module[Any]] = (),
        centres: Centres = "weight",
        program: tuple[Step, ...] | None = None,
    ) -> None:
        self.discipline: Final = discipline
        self.seed: Final = seed
        self.tracer: Final = tracer
        self.clock: Final = clock
        self.name: Final = name
        self.store: Final = store
        self.modules: Final = tuple(modules)
        # A scheduler may want shorter answers than those of the program.
        self.program: Final = program_for(self.modules) if program is None else program
        self.centres: Final = centres
        self.view = View(centres)
        # The last versions that this instance has committed or read as a whole; empty when that is
        # not known for sure.
        self._known: dict[str, int] = {}
        # Set when the event loop was stopped by a blocking lock: nothing happens any more.
        self.stopped: DeadlockError | None = None
        # The state of the reply that returned last: why it said what it said.
        self.latest: ReplyState | None = None
        # For as long as the instance lives: a session that comes again goes on counting, because a
        # reply's name is never used twice.
        self._counts: dict[str, int] = {}
        # Sessions with a reply under way, each with its owner (`admit`), None where there is none.
        self._busy: dict[str, object] = {}
        # Inner replies that wait for their turn, by the session that they belong to.
        self._waiting: dict[str, list[InnerReply]] = {}

    @staticmethod
    def open_work(conn: Connection) -> Contents:
        """On the store: give an empty field its seed text, then read everything."""
        process_seed(conn, compute_delta((SEED_TEXT,)), SEED_NAME)
        return Contents(*load_all(conn))

    def take(self, opened: Contents) -> None:
        """Make the view anew from what was read."""
        self.view = View(self.centres, opened.field)
        self._known = dict(opened.versions)

    def known(self, conn: Connection) -> Versions:
        """The versions of the store, as far as this instance has made or seen them."""
        if not self._known:
            self._known = get_versions(conn)
        return self._known

    def expected(self, conn: Connection) -> Versions | None:
        """The versions that the store must have, where it is not shared."""
        return self.known(conn) if self.discipline.instances == 1 else None

    def check_read(self, conn: Connection, name: str, version: int) -> None:
        """Raise StoreMovedError when a version that was read is not the expected one."""
        expected = self.expected(conn)
        if expected is not None and expected[name] != version:
            raise moved(conn, {**expected, name: version}, expected)

    def wrote(self, **versions: int) -> None:
        """This instance has committed these versions."""
        if self._known:
            self._known = {**self._known, **versions}

    def forget_versions(self) -> None:
        """An operation of the store was left in the middle: it may have committed."""
        self._known = {}

    def begin(self, opened: Contents) -> None:
        """Take what was read and tell the tracer where the recording starts."""
        self.take(opened)
        if self.tracer.enabled:
            self.tracer.begin(
                Beginning(
                    instance=self.name,
                    store=self.store,
                    discipline=self.discipline.id,
                    runtime=self.discipline.runtime,
                    program=tuple(step.name for step in self.program),
                    start=opened.versions,
                    seed=self.seed,
                )
            )

    def observe_work(self, text: str, path: Path) -> Callable[[Connection], Callable[[], None]]:
        """An observation outside a reply: a closure for the store that returns one for the view.

        Raises ObserveWhileRecordingError: the trace has no event for it.
        """
        if self.tracer.enabled:
            raise ObserveWhileRecordingError(
                f"{path}: an observation outside a reply is not recorded, and the trace would "
                "miss a version; observe before the field is opened with a tracer"
            )
        delta = compute_delta((text,))
        view = self.view
        alone = self.discipline.transaction in ("none", "deferred")
        if self.discipline.commit == "reply" and alone:
            # Increments, as after a commit: such a view need not be a version of the store.
            def add(conn: Connection) -> Callable[[], None]:
                done = process_text(conn, delta, self.expected(conn))
                self.wrote(ngrams=done.version)
                return lambda: view.swap(done.growth, done.decayed)

            return add
        bigrams, trigrams = view.bigrams.now, view.trigrams.now

        def work(conn: Connection) -> Callable[[], None]:
            done = process_text(conn, delta, self.expected(conn))
            self.wrote(ngrams=done.version)
            if bigrams.version == trigrams.version == done.version - 1:
                # Nothing else happened: what was written needs no reading.
                layers = view.after(bigrams, trigrams, done.growth, done.decayed)
                return lambda: view.assign(*layers)
            with reading(conn):
                two = load_bigrams(conn, bigrams.version)
                three = load_trigrams(conn, trigrams.version)
            self.wrote(ngrams=two[0])
            return lambda: view.assign(
                view.bigrams.loaded(bigrams, *two), view.trigrams.loaded(trigrams, *three)
            )

        return work

    def admit(self, session: str, inner: InnerReply | None, owner: object) -> None:
        """Make a session busy with its next reply. `end` with the same owner frees it, and does
        nothing otherwise.

        Raises SessionBusyError while the last one lasts, DeadlockError when the loop was stopped,
        CallerError for a name that no session of a caller may have.
        """
        if not session:
            raise CallerError(
                "a session needs a name: the empty one stands for the process in a trace"
            )
        if INNER in session and inner is None:
            raise CallerError(
                f"the session {session!r} has a {INNER!r} in its name, as only inner sessions do; "
                "use another name"
            )
        if self.stopped is not None:
            raise self.stopped
        if session in self._busy:
            raise SessionBusyError(
                f"the session {session!r} called again before its reply had ended; "
                "one reply at a time per session: await the first, or use another session"
            )
        self._busy[session] = owner

    def moment(self) -> AbstractContextManager[object]:
        """Inside, an operation of the store and its event are one for all instances."""
        shared = self.tracer.enabled and self.discipline.instances > 1
        return self.tracer.moment() if shared else nullcontext()

    def call(self, session: str, prompt: str, inner: InnerReply | None) -> tuple[str, ReplyState]:
        """Number the reply and give it its own randomness: equal seeds and calls, equal replies."""
        count = self._counts.get(session, 0) + 1
        reply = f"{session}.{count}"
        state = self.state(reply, prompt, check_time(self.clock()), inner)
        # Last, so that a clock that fails uses up no number.
        self._counts[session] = count
        return reply, state

    def state(self, reply: str, prompt: str, now: float, inner: InnerReply | None) -> ReplyState:
        """A reply's state before its first step."""
        key = f"{self.seed}:{reply}"
        chorus = chorus_for(self.modules, reply, prompt, now, key, inner) if self.modules else None
        return ReplyState(prompt, now, Random(key), chorus)

    def returned(self, session: str, state: ReplyState, inner: InnerReply | None) -> None:
        """What a reply wishes to follow waits, in the place of the last reply's wishes."""
        if inner is None:
            self.latest = state
            self._waiting[session] = list(state.inner)
        else:
            self._waiting.setdefault(inner.root, []).extend(state.inner)

    def following(self, session: str) -> InnerReply | None:
        """The next inner reply of a session, taken out of those that wait."""
        waiting = self._waiting.get(session)
        if waiting:
            return waiting.pop(0)
        self._waiting.pop(session, None)
        return None

    def drop(self, session: str) -> int:
        """Forget the inner replies of a session that wait. Return their number."""
        return len(self._waiting.pop(session, ()))

    def end(self, session: str, owner: object = None) -> None:
        """The session's reply has ended; another owner's goes on."""
        if self._busy.get(session) is owner:
            self._busy.pop(session, None)

    def record(
        self,
        action: Action,
        session: str,
        reply: str,
        reads: dict[str, int],
        writes: dict[str, int],
        outcome: str,
    ) -> None:
        """Tell the tracer, if there is one; nothing on a stopped event loop."""
        if self.tracer.enabled and self.stopped is None:
            self.tracer.record(
                Happened(action, self.name, self.store, session, reply, reads, writes, outcome)
            )


class Opened:
    """A field over one instance, for reading between two replies."""

    _instance: Instance

    @property
    def view(self) -> View:
        """The instance's view."""
        return self._instance.view

    @property
    def latest(self) -> ReplyState | None:
        """What the reply that returned last carried, inner replies aside."""
        return self._instance.latest

    @property
    def program(self) -> tuple[Step, ...]:
        """The steps of a reply, with the objects that they read and write."""
        return self._instance.program

    @property
    def discipline(self) -> Discipline:
        """How replies are executed."""
        return self._instance.discipline


@dataclass(frozen=True, slots=True)
class OnStore:
    """An action that is one operation of the store."""

    action: Action
    work: Callable[[Connection], None]


@dataclass(frozen=True, slots=True)
class OnLoop:
    """An action in memory, which nothing on the same loop (or latch) can interrupt."""

    action: Action
    work: Callable[[], None]


class OnLock(OnLoop):
    """An action after which the reply asks for the lock that it holds."""


Operation = OnStore | OnLoop


class Turn:
    """A reply on its way. `last` is the action carried out last, `step` the step being run.

    `open`: a transaction of the store is open from one operation to the next. `ended`: how the
    reply ended early has been recorded. `inner` describes the reply if a module asked for it.
    """

    def __init__(
        self,
        instance: Instance,
        session: str,
        prompt: str,
        inner: InnerReply | None = None,
        owner: object = None,
    ) -> None:
        """A turn for the session's next reply, an `inner` one if that is given.

        Raises what `Instance.admit` raises. Threads call this under their latch: to look whether
        the session is busy and to make it busy is one step. `owner` is for a caller that may be
        interrupted before the turn has reached it.
        """
        self.instance = instance
        self.session = session
        # No file can hold a lone surrogate.
        self.prompt = whole(prompt)
        self.inner = inner
        self.reply = ""
        self.step = "call"
        self.last: Action | None = None
        self.open = False
        self.ended = False
        self._state: ReplyState | None = None
        # Last: a call that is refused leaves no session busy.
        instance.admit(session, inner, owner)

    @property
    def state(self) -> ReplyState:
        """What the reply carries from step to step."""
        assert self._state is not None, "a turn is called first"
        return self._state

    @property
    def shielded(self) -> bool:
        """Committed, and the view has not taken it yet: a cancellation has to wait."""
        return self.last is Action.Commit and self.instance.discipline.shielded

    def call(self) -> None:
        """Call: the reply gets its number."""
        self.reply, self._state = self.instance.call(self.session, self.prompt, self.inner)
        self.record(Action.Call)

    def restart(self) -> None:
        """Forget what an attempt made, its use of chance included."""
        now = self.state.now
        self._state = self.instance.state(self.reply, self.prompt, now, self.inner)

    def record(
        self,
        action: Action,
        reads: dict[str, int] = NOTHING,
        writes: dict[str, int] = NOTHING,
        *,
        outcome: str = "ok",
    ) -> None:
        """An action of this reply was carried out just now. Nobody changes what is given."""
        self.last = action
        self.instance.record(action, self.session, self.reply, reads, writes, outcome)

    def end(self, error: BaseException) -> None:
        """The reply ends early: record how, once."""
        if self.last is None or self.ended:
            return
        self.ended = True
        if isinstance(error, asyncio.CancelledError):
            applied = self.last in self.instance.discipline.carried_out
            self.record(Action.CancelApplied if applied else Action.Cancel, outcome="cancelled")
        elif isinstance(error, DeadlockError):
            self.record(Action.Cancel, outcome="cancelled")
        else:
            self.record(Action.Raise, outcome="raised")

    def abandon(self, error: BaseException, conn: Connection) -> None:
        """On the store: roll back, and record the end in the same moment.

        The next writer has the lock as soon as it is free; its event must not come before the one
        that freed it.
        """
        with self.instance.moment():
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            self.open = False
            self.end(error)

    def ending(self, free: Callable[[], None] = lambda: None) -> ExitStack:
        """A block around the reply's actions: an exception that leaves it ends the reply.

        CancelledError: `Cancel`, or `CancelApplied` when the last action was a write carried out. A
        deadlock is ended by its watchdog's cancellation. Anything else: `Raise`, and an ordinary
        exception goes on as a StepError. A reply that was not called yet leaves no event. `free`
        gives back the lock; it is called together with the record, nothing comes in between.
        """

        def leave(kind: object, error: BaseException | None, trace: object) -> None:
            if error is None:
                return
            # Even a recorder that fails must not leave the lock with a reply that has ended.
            try:
                self.end(error)
            finally:
                free()
            ordinary = isinstance(error, Exception) and not isinstance(error, DeadlockError)
            if self.last is not None and ordinary:
                raise StepError(self.step, self.reply, error) from error

        block = ExitStack()
        block.push(leave)
        return block

    def returned(self) -> str:
        """Return: the reply ends with an answer."""
        self.record(Action.Return, outcome="returned")
        self.instance.returned(self.session, self.state, self.inner)
        return self.state.text
