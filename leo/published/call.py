"""What both published programs share: the field in memory, the lock, a call and its events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Final

from leo.actions import Action
from leo.disciplines import PUBLISHED
from leo.drivers.tasks import Lock
from leo.field.counts import compute_delta
from leo.field.recall import Memory
from leo.field.seed import SEED_NAME, SEED_TEXT
from leo.field.view import Loaded, View
from leo.reply.program import PROGRAM, speak
from leo.store.connection import Connection
from leo.store.operations import NewSnapshot, get_memories, load_all, process_seed
from leo.trace.events import NO_TRACE, Beginning, Happened, Tracer

# Asked before every action that an await precedes; who is asked may cancel the call.
Gate = Callable[[str, Action], Awaitable[None]]
# Asked before every operation that may fail; what it raises is what the operation would have.
Fail = Callable[[str, Action], None]

TEMPERATURE: Final = 1.0
NOTHING: Final[dict[str, int]] = {}


def fails_never(session: str, action: Action) -> None:
    """Let every operation succeed."""


class Published:
    """A published program on one field file; equal seeds and calls give equal words."""

    # After these actions a cancellation finds a commit carried out.
    carried_out: frozenset[Action] = frozenset()

    def __init__(
        self,
        discipline: str,
        path: Path,
        opened: tuple[dict[str, int], Loaded],
        *,
        seed: int = 0,
        clock: Callable[[], float] = lambda: 0.0,
        tracer: Tracer = NO_TRACE,
        gate: Gate | None = None,
        fail: Fail = fails_never,
    ) -> None:
        versions, loaded = opened
        self.path = path
        self.view = View("contexts", loaded)
        self.lock: asyncio.Lock = Lock()
        self.fail = fail
        self._seed = seed
        self._clock = clock
        self.tracer = tracer
        self._gate = gate
        self.counts: dict[str, int] = {}
        if tracer.enabled:
            runtime = PUBLISHED[discipline].runtime
            program = tuple(step.name for step in PROGRAM)
            tracer.begin(Beginning("i1", "main", discipline, runtime, program, versions, seed))

    @staticmethod
    def open_work(conn: Connection) -> tuple[dict[str, int], Loaded]:
        """On the store: give an empty field its seed text, then read everything."""
        process_seed(conn, compute_delta((SEED_TEXT,)), SEED_NAME)
        return load_all(conn)

    async def pass_gate(self, call: Call, action: Action) -> None:
        """Ask the gate, if there is one."""
        if self._gate is not None:
            await self._gate(call.session, action)

    def recall(self, call: Call, count: int, conn: Connection) -> list[Memory]:
        """Recall: the newest snapshots, so many of them at most."""
        version, memories = get_memories(conn)
        call.record(Action.Recall, reads={"snapshots": version})
        return memories[:count]

    def generate(self, call: Call) -> str:
        """Generate: a walk through the view. Nothing is awaited."""
        self.fail(call.session, Action.Generate)
        rng = Random(f"{self._seed}:{call.session}.{call.number}")
        spoken = speak(self.view, rng, TEMPERATURE, {})
        call.record(Action.Generate, reads=self.view.versions())
        return spoken.text

    def snapshot(self, text: str) -> NewSnapshot:
        """What a reply keeps of itself."""
        return NewSnapshot(text, "leo", 1.0, 0.0, self._clock(), ())


def texts_of(memories: list[Memory], count: int) -> list[str]:
    """The recalled texts; the seed text where there are fewer than `count`."""
    found = [memory.text for memory in memories]
    return [*found, *[SEED_TEXT] * (count - len(found))]


class Call:
    """One call of a session, from its beginning to how it ends: a block around its actions.

    An exception that leaves the block ends the call: its end is recorded and the lock is freed with
    no await in between. A transaction that is open on a shared connection stays open.
    """

    def __init__(self, field: Published, session: str) -> None:
        self.session = session
        field.counts[session] = self.number = field.counts.get(session, 0) + 1
        self.last: Action | None = None
        self._field = field
        self._locked = False

    def record(
        self,
        action: Action,
        reads: dict[str, int] = NOTHING,
        writes: dict[str, int] = NOTHING,
        outcome: str = "ok",
    ) -> None:
        """An action of this call was carried out just now."""
        self.last = action
        tracer, name = self._field.tracer, f"{self.session}.{self.number}"
        if tracer.enabled:
            event = Happened(action, "i1", "main", self.session, name, reads, writes, outcome)
            tracer.record(event)

    async def acquire(self) -> None:
        """Call, then the lock."""
        self.record(Action.Call)
        await self._field.lock.acquire()
        self._locked = True
        await self._field.pass_gate(self, Action.Acquire)
        self.record(Action.Acquire)

    def release(self) -> None:
        """Release and Return: nothing comes in between."""
        self.record(Action.Release)
        self._locked = False
        self._field.lock.release()
        self.returned()

    def returned(self) -> None:
        """Return."""
        self.record(Action.Return, outcome="returned")

    def __enter__(self) -> Call:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if isinstance(error, asyncio.CancelledError):
            applied = self.last in self._field.carried_out
            self.record(Action.CancelApplied if applied else Action.Cancel, outcome="cancelled")
        else:
            self.record(Action.Raise, outcome="raised")
        if self._locked:
            self._field.lock.release()
