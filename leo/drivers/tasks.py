"""How an asynchronous reply is carried out: the lock around it, the awaits in it, the shield.

Rules that the traces depend on:
1. Between two awaits nothing on the loop can interrupt: AssignView, Generate and SwapView are one
   action each.
2. An operation that was issued is awaited to its end, so its event comes before that of a
   cancellation.
3. The end of a reply is recorded and the lock is freed with no await in between: nobody can see a
   lock that is held by a reply that has ended. Only an open transaction is rolled back first, on
   the worker thread, in one atomic step with the record. After Release nothing but a gate is
   awaited, and nothing can keep the reply from its Return.
4. A call enters the queue for the lock before anything else can run: calls are served in order.
5. From the commit until the view has been swapped, a shield delays every cancellation, and every
   error (such as that of a recorder that fails).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Literal, assert_never

from leo.actions import Action
from leo.errors import DeadlockError, StoreClosedError
from leo.reply.commit import operations
from leo.reply.context import InnerReply
from leo.reply.turn import Instance, OnLock, OnStore, Turn
from leo.store.asynchronous import AsyncStore
from leo.store.connection import Connection

# Asked before every action of a session, when there is one: a scheduler decides here who goes on.
Gate = Callable[[str, Action], Awaitable[None]]

LOOP = "the event loop"
BLOCKED = (
    "a threading.Lock was asked for on the event loop, which now stands still, and with it the "
    "reply that should free the lock: hold an asyncio.Lock across an await, never a threading.Lock"
)
REENTERED = (
    "a step asked for the lock that its own reply holds, and asyncio.Lock is not reentrant: the "
    "watchdog cancelled the reply; call the unlocked twin inside a reply"
)


class Lock(asyncio.Lock):
    """An asyncio.Lock which a caller has when no earlier one is in its queue any more.

    asyncio.Lock serves its waiters in order, but it passes over one that was cancelled before that
    one's task has run: a later call could have the lock while an earlier one has not recorded its
    end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._asking: dict[object, None] = {}

    async def acquire(self) -> Literal[True]:
        """Take the lock; always True."""
        ticket = object()
        self._asking[ticket] = None
        try:
            await super().acquire()
            try:
                # Those before were cancelled: the loop is about to run their tasks.
                while next(iter(self._asking)) is not ticket:
                    await asyncio.sleep(0)
            except BaseException:
                self.release()
                raise
        finally:
            del self._asking[ticket]
        return True


class Driver:
    """Carries out replies in their callers' own tasks, under the lock of the discipline."""

    operations = staticmethod(operations)

    def __init__(self, store: AsyncStore, instance: Instance, gate: Gate | None) -> None:
        self.store = store
        self.instance = instance
        self.gate = gate
        self.lock: asyncio.Lock | threading.Lock | None
        match instance.discipline.lock:
            case "asyncio":
                self.lock = Lock()
            case "threading":
                self.lock = threading.Lock()
            case "none" | "actor":
                self.lock = None
            case other:
                assert_never(other)
        # Turns between Acquire and Release; from `close` on none of them takes another step.
        self._under_way: set[Turn] = set()
        self._leaving = False
        self._watchdog = Watchdog()
        self._lock_name = f"the lock of {instance.name}"

    async def reply(self, session: str, prompt: str, inner: InnerReply | None = None) -> str:
        """One reply, from Call to Return."""
        turn = Turn(self.instance, session, prompt, inner)
        try:
            return await self._run(turn)
        finally:
            self.instance.end(session)

    async def alone(self, work: Callable[[], Awaitable[None]]) -> None:
        """Something else than a reply, under the same lock. Raises DeadlockError."""
        self._check_loop()
        await self._take("an observation")
        try:
            await work()
            self._check_loop()
        finally:
            self._free()

    async def close(self) -> None:
        """Roll back what is under way, and record its end in the same moment; the file is closed
        next, and no waiter for the write lock must have it before that event.
        """
        self._leaving = True
        turns, error = tuple(self._under_way), self.closed()

        def end(conn: Connection) -> None:
            for turn in turns:
                if turn.open:
                    turn.abandon(error, conn)

        if turns:
            await self.store.perform(end)

    def closed(self) -> StoreClosedError:
        """What a call after the closing is told."""
        return StoreClosedError(f"{self.store.path}: the field was closed; open it again")

    async def pass_gate(self, turn: Turn, action: Action) -> None:
        """Ask the gate, if there is one."""
        if self.gate is not None:
            await self.gate(turn.session, action)

    async def operate(self, work: Callable[[Connection], None]) -> None:
        """One operation of the store."""
        await self.store.perform(work)

    async def leave(self, turn: Turn) -> str:
        """Return: the lock is free already, so the reply has returned even if the gate raises."""
        try:
            await self.pass_gate(turn, Action.Return)
        finally:
            text = turn.returned()
        return text

    async def carry_out(self, turn: Turn) -> None:
        """The operations of a turn, from the first after Acquire to the last before Release."""
        shield = Shield(turn)

        async def roll_back(kind: object, error: BaseException | None, trace: object) -> None:
            if error is not None and turn.open:
                await self.store.perform(partial(turn.abandon, error))

        async with AsyncExitStack() as block:
            self._under_way.add(turn)
            block.callback(self._under_way.discard, turn)
            block.push_async_exit(roll_back)
            for operation in self.operations(turn):
                with shield:
                    await self.pass_gate(turn, operation.action)
                    self._check_loop()
                    # What is committed goes into the view, and on to its Return.
                    if self._leaving and operation.action is not Action.SwapView:
                        raise self.closed()
                    if isinstance(operation, OnStore):
                        await self.operate(operation.work)
                self._check_loop()
                if not isinstance(operation, OnStore):
                    operation.work()
                if isinstance(operation, OnLock):
                    await self._take_again(turn)
                shield.lower()

    async def _run(self, turn: Turn) -> str:
        mine = False

        def free() -> None:
            if mine:
                self._free()

        with turn.ending(free):
            await self.pass_gate(turn, Action.Call)
            self._check_loop()
            turn.call()
            if self.instance.discipline.lock == "threading":
                # It has no queue: to ask is to have it or to stop the loop, so ask when it is time.
                await self.pass_gate(turn, Action.Acquire)
                self._check_loop()
                await self._take(turn.reply, turn)
                mine = True
            else:
                # After the lock, not before it: a scheduler must not change the order of the queue.
                await self._take(turn.reply, turn)
                mine = True
                await self.pass_gate(turn, Action.Acquire)
                self._check_loop()
            turn.record(Action.Acquire)
            await self.carry_out(turn)
            await self.pass_gate(turn, Action.Release)
            self._check_loop()
        try:
            turn.record(Action.Release)
        finally:
            free()
        return await self.leave(turn)

    async def _take(self, reply: str, turn: Turn | None = None) -> None:
        if isinstance(self.lock, asyncio.Lock):
            await self.lock.acquire()
        elif self.lock is not None and not self.lock.acquire(blocking=False):
            self._stop(reply, turn)
        self._watchdog.holders[self._lock_name] = reply

    def _free(self) -> None:
        self._watchdog.holders.pop(self._lock_name, None)
        if self.lock is not None:
            self.lock.release()

    async def _take_again(self, turn: Turn) -> None:
        self._watchdog.waits[turn.reply] = self._lock_name
        try:
            await self.pass_gate(turn, Action.Acquire)
            self._watchdog.check(turn.reply, REENTERED)
            await self._take(turn.reply)
        finally:
            self._watchdog.waits.pop(turn.reply, None)

    def _stop(self, reply: str, turn: Turn | None) -> None:
        """The blocking `acquire` of a `threading.Lock` that another reply of this loop holds.

        It would stop the loop for ever, and no watchdog on the same loop could tell anybody. So it
        is not made: what it would bring about is. The worker thread finishes what it has begun (it
        does not need the loop), Block is recorded, and from then on the instance is as dead as a
        stopped loop: every reply on it, the holder's too, ends with this DeadlockError and without
        an event, and so does every observation.
        """
        self.store.settle()
        if turn is not None:
            turn.record(Action.Block)
        dog = self._watchdog
        dog.waits |= {reply: self._lock_name, dog.holders[self._lock_name]: LOOP}
        dog.holders[LOOP] = reply
        try:
            dog.check(reply, BLOCKED)
        except DeadlockError as error:
            self.instance.stopped = error
            raise

    def _check_loop(self) -> None:
        if self.instance.stopped is not None:
            raise self.instance.stopped


class Shield:
    """Holds back what strikes a reply between its commit and its swap, until it is lowered."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._held: BaseException | None = None

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None or not self._turn.shielded:
            return False
        # A cancellation has to come back to its sender, before any other error.
        if self._held is None or isinstance(error, asyncio.CancelledError):
            self._held = error
        return True

    def lower(self) -> None:
        """Raise what was held back, if the view has been swapped."""
        if self._held is not None and not self._turn.shielded:
            raise self._held


class Watchdog:
    """The graph of waits of one instance. Resources and replies are named for people.

    A reply that waits for itself, directly or through others, waits for ever. That needs no clock
    to be known: it is a circle in the graph of waits, and it is there at the moment when the last
    of them begins to wait.
    """

    def __init__(self) -> None:
        # Resource -> the reply that holds it; reply -> the resource that it waits for.
        self.holders: dict[str, str] = {}
        self.waits: dict[str, str] = {}

    def check(self, reply: str, advice: str) -> None:
        """Raise DeadlockError, with the chain and the advice, if the reply waits for itself."""
        chain: list[str] = []
        waiting: str | None = reply
        while waiting is not None and waiting in self.waits:
            resource = self.waits[waiting]
            holder = self.holders.get(resource)
            chain.append(f"{waiting} waits for {resource}, held by {holder or 'nobody'}")
            if holder == reply:
                raise DeadlockError(tuple(chain), advice)
            if len(chain) > len(self.waits):
                return
            waiting = holder
