"""What every driver has in common: an instance with its view, and the one reply of each session.

An instance is owned by one event loop, or by threads that take its latch for whatever they do with
the view; the store's worker thread only ever runs the closures that a turn made for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from leo.actions import Action
from leo.disciplines import Discipline
from leo.errors import CallerError, DeadlockError, ObserveWhileRecordingError, SessionBusyError
from leo.field.counts import compute_delta
from leo.field.seed import SEED_NAME, SEED_TEXT
from leo.field.text import whole
from leo.field.view import Centres, View
from leo.reply.context import InnerReply
from leo.reply.modular import chorus_for, program_for
from leo.reply.module import Module
from leo.reply.program import ReplyState, Step
from leo.reply.stepwise import step_commit
from leo.reply.turn import Operation, Turn
from leo.reply.unit import unit_of_work
from leo.store import operations as sql
from leo.store.connection import Connection, reading
from leo.store.loading import Loaded
from leo.trace.events import Beginning, Happened, Tracer

__all__ = ["Contents", "Instance"]

# In the names of inner sessions only: a trace must not confuse them with the callers' own.
INNER: Final = "~"


@dataclass(frozen=True, slots=True)
class Contents:
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
        # The last version of the n-grams that this instance has committed or read as a whole; only
        # a discipline that checks versions asks.
        self.known = 0
        # Set when the event loop was stopped by a blocking lock: nothing happens any more.
        self.stopped: DeadlockError | None = None
        # The state of the reply that returned last, for whoever asks why it said what it said.
        self.latest: ReplyState | None = None
        # For as long as the instance lives: a session that comes again goes on counting, because a
        # reply's name is never used twice.
        self._counts: dict[str, int] = {}
        # Sessions with a reply under way, each with whoever began it (None: a driver that asked for
        # no token).
        self._busy: dict[str, object] = {}
        # Inner replies that wait for their turn, by the session that they belong to.
        self._waiting: dict[str, list[InnerReply]] = {}

    @staticmethod
    def open_work(conn: Connection) -> Contents:
        """On the store: give an empty field its seed text, then read everything."""
        sql.process_seed(conn, compute_delta((SEED_TEXT,)), SEED_NAME)
        return Contents(*sql.load_all(conn))

    def take(self, opened: Contents) -> None:
        """Make the view anew from what was read."""
        self.view = View(self.centres, opened.field)
        self.known = opened.field.version

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
        if self.discipline.commit == "reply" and self.discipline.transaction in (
            "none",
            "deferred",
        ):
            # Increments, as after a commit: such a view need not be a version of the store.
            def add(conn: Connection) -> Callable[[], None]:
                done = sql.process_text(conn, delta)
                return lambda: view.swap(done.growth, done.decayed)

            return add
        bigrams, trigrams = view.bigrams.now, view.trigrams.now

        def work(conn: Connection) -> Callable[[], None]:
            done = sql.process_text(conn, delta)
            self.known = done.version
            if bigrams.version == trigrams.version == done.version - 1:
                # Nothing else happened: what was written needs no reading.
                layers = view.after(bigrams, trigrams, done.growth, done.decayed)
                return lambda: view.assign(*layers)
            with reading(conn):
                two = sql.load_bigrams(conn, bigrams.version)
                three = sql.load_trigrams(conn, trigrams.version)
            self.known = two[0]
            return lambda: view.assign(
                view.bigrams.loaded(bigrams, *two), view.trigrams.loaded(trigrams, *three)
            )

        return work

    def start(
        self,
        session: str,
        prompt: str,
        inner: InnerReply | None = None,
        owner: object = None,
    ) -> Turn:
        """A turn for the session's next reply, an `inner` one if that is given.

        `owner` is for whoever may be interrupted before the turn has reached it: `end` with the
        same owner frees the session if it was made busy, and does nothing otherwise.

        Raises SessionBusyError while the last one lasts, DeadlockError when the loop was stopped.
        Threads call this under their latch: to look whether the session is busy and to make it busy
        is one step.
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
        # Half of a sign can be said in Python, and in no file.
        turn = Turn(self, session, whole(prompt), inner)
        # Last: a call that is refused leaves no session busy.
        self._busy[session] = owner
        return turn

    def operations(self, turn: Turn) -> Iterator[Operation]:
        """The actions of a turn under the discipline, in order."""
        return unit_of_work(turn) if self.discipline.commit == "reply" else step_commit(turn)

    def moment(self) -> AbstractContextManager[object]:
        """Inside, an operation of the store and its event are one for all instances on the
        store.
        """
        shared = self.tracer.enabled and self.discipline.instances > 1
        return self.tracer.moment() if shared else nullcontext()

    def call(self, session: str, prompt: str, inner: InnerReply | None) -> tuple[str, ReplyState]:
        """Number the reply and give it its own randomness: equal seeds and calls give equal
        replies.
        """
        count = self._counts.get(session, 0) + 1
        reply = f"{session}.{count}"
        state = self.state(reply, prompt, self.clock(), inner)
        # Last, so that a clock that fails uses up no number.
        self._counts[session] = count
        return reply, state

    def state(self, reply: str, prompt: str, now: float, inner: InnerReply | None) -> ReplyState:
        """A reply's state before its first step."""
        key = f"{self.seed}:{reply}"
        chorus = chorus_for(self.modules, reply, prompt, now, key, inner) if self.modules else None
        return ReplyState(prompt, now, Random(key), chorus)

    def returned(self, turn: Turn) -> None:
        """A reply has returned: what it wishes to follow waits. A session's new reply puts an end
        to what the one before it still wished for.
        """
        inner, wishes = turn.inner, turn.state.inner
        if inner is None:
            self.latest = turn.state
            self._waiting[turn.session] = list(wishes)
        else:
            self._waiting.setdefault(inner.root, []).extend(wishes)

    def following(self, session: str) -> InnerReply | None:
        """The next inner reply of a session, taken out of those that wait."""
        waiting = self._waiting.get(session)
        if waiting:
            return waiting.pop(0)
        self._waiting.pop(session, None)
        return None

    def drop(self, session: str) -> None:
        """Forget the inner replies of a session that wait: nobody carries them out any more."""
        self._waiting.pop(session, None)

    def end(self, session: str, owner: object = None) -> None:
        """The session's reply has ended, in whatever way; another owner's goes on."""
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
        """Tell the tracer, if there is one. A stopped event loop does nothing, so nothing is
        told.
        """
        if self.tracer.enabled and self.stopped is None:
            self.tracer.record(
                Happened(action, self.name, self.store, session, reply, reads, writes, outcome)
            )
