"""The actor: one task owns the field, requests wait in a queue, callers wait for answers.

Cancelling a caller ends its wait and leaves its request in the queue, so no cancellation of a
caller cuts a reply short. The price: an abandoned request is carried out all the same, and a
session that calls again waits until its abandoned request has ended.

Cancelling the owner task, as a closing event loop does, cuts no reply short either. The owner
carries the current reply to its Return and takes no other. The waiting requests end by Raise: their
callers get StoreClosedError, as do later callers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

from leo.actions import Action
from leo.drivers.tasks import Driver, Gate
from leo.reply.context import InnerReply
from leo.reply.turn import Instance, Turn
from leo.store.asynchronous import AsyncStore, end_of, over
from leo.store.connection import Connection

Answer = asyncio.Future[str]


@dataclass(frozen=True, slots=True)
class _Request:
    """What the owner is asked to do, where the answer goes, and the reply that it is, if it is."""

    work: Callable[[Answer], Awaitable[None]]
    answer: Answer
    turn: Turn | None


class Actor(Driver):
    """Carries out replies one after the other in a task of its own.

    The gate is awaited in that task: to cancel a caller, cancel the caller's task.
    """

    def __init__(self, store: AsyncStore, instance: Instance, gate: Gate | None) -> None:
        super().__init__(store, instance, gate)
        self._requests: asyncio.Queue[_Request | None] = asyncio.Queue()
        self._closing = False
        # The owner has ended, and nobody waits in the queue.
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._owner = asyncio.create_task(self._own(), name=f"the owner of {instance.name}")
        # Not in the task itself, which may be cancelled before it has begun.
        self._owner.add_done_callback(self._refuse_the_rest)
        # Requests whose callers left, by session.
        self._left: dict[str, Answer] = {}
        # Answers on their way, where a gate holds them.
        self._deliveries: set[asyncio.Task[None]] = set()

    async def reply(self, session: str, prompt: str, inner: InnerReply | None = None) -> str:
        """One reply: asked for here, carried out by the owner.

        Raises StoreClosedError, before anything was called, from the moment on when `close` begins.
        """
        while (abandoned := self._left.get(session)) is not None:
            await asyncio.wait((abandoned,))
        self._check_open()
        turn = Turn(self.instance, session, prompt, inner)
        answer: Answer | None = None
        try:
            with turn.ending():
                await super().pass_gate(turn, Action.Call)
                # From here to the request nothing is awaited: every reply that is called is served.
                self._check_open()
                turn.call()
                answer = self._request(partial(self._serve, turn), turn)
        finally:
            if answer is None:
                self.instance.end(session)
        answer.add_done_callback(lambda _: self._finished(session))
        try:
            await asyncio.wait((answer,))
        except asyncio.CancelledError:
            if not answer.done():
                # Not through the turn: the program goes on as if nothing had happened.
                self._left[session] = answer
                self.instance.record(Action.Cancel, session, turn.reply, {}, {}, "cancelled")
            raise
        return answer.result()

    async def alone(self, work: Callable[[], Awaitable[None]]) -> None:
        """Something else than a reply, by the owner in its turn."""
        self._check_open()

        async def wordless(answer: Answer) -> None:
            await self._steadily(work())
            answer.set_result("")

        await end_of(self._request(wordless))

    async def close(self) -> None:
        """Finish the requests that were made, refuse those that come; the owner then ends.

        Not an error of this: an owner that was cancelled, an answer that could not be delivered.
        """
        self._closing = True
        self._requests.put_nowait(None)
        interrupted = await over(self._over)
        for delivery in tuple(self._deliveries):
            interrupted = await over(delivery) or interrupted
        if interrupted is not None:
            raise interrupted

    async def pass_gate(self, turn: Turn, action: Action) -> None:
        """Ask the gate in the owner's task; an owner that is to end asks nobody."""
        if not self._owner.cancelling():
            await self._steadily(super().pass_gate(turn, action))

    async def operate(self, work: Callable[[Connection], None]) -> None:
        """One operation of the store, with no end before its own."""
        await self._steadily(super().operate(work))

    async def _steadily(self, part: Awaitable[None]) -> None:
        """In the owner's task: a part of a request, which a cancellation of the owner does not end.

        An operation of the store has been carried out when it raises a cancellation, and what went
        wrong with it is the cause of that.
        """
        failed: BaseException | None = None
        try:
            await part
        except asyncio.CancelledError as cancelled:
            failed = cancelled.__cause__
        if failed is not None:
            raise failed

    def _check_open(self) -> None:
        if self._closing or self._owner.done() or self._owner.cancelling():
            raise self.closed()

    def _request(
        self, work: Callable[[Answer], Awaitable[None]], turn: Turn | None = None
    ) -> Answer:
        answer: Answer = asyncio.get_running_loop().create_future()
        self._requests.put_nowait(_Request(work, answer, turn))
        return answer

    def _finished(self, session: str) -> None:
        self.instance.end(session)
        answer = self._left.pop(session, None)
        if answer is not None and not answer.cancelled():
            # A failure that nobody waits for any more is in the trace; the loop need not warn.
            answer.exception()

    async def _own(self) -> None:
        while (request := await self._requests.get()) is not None:
            with _failing(request.answer):
                await request.work(request.answer)
            if self._owner.cancelling():
                return

    def _refuse_the_rest(self, owner: asyncio.Task[None]) -> None:
        """The owner has ended: refuse the requests that nobody will carry out."""
        while not self._requests.empty():
            request = self._requests.get_nowait()
            if request is not None:
                with _failing(request.answer):
                    closed = self.closed()
                    if request.turn is not None:
                        request.turn.end(closed)
                    raise closed
                # Its caller may be cancelled as well, and then nobody looks.
                request.answer.exception()
        self._over.set_result(None)

    async def _serve(self, turn: Turn, answer: Answer) -> None:
        with turn.ending():
            await self.pass_gate(turn, Action.Acquire)
            turn.record(Action.Acquire)
            await self.carry_out(turn)
            await self.pass_gate(turn, Action.Release)
        turn.record(Action.Release)
        if self.gate is None or self._owner.cancelling():
            answer.set_result(turn.returned())
            return
        # The owner does not wait for a caller to be handed its answer.
        delivery = asyncio.create_task(super().pass_gate(turn, Action.Return))
        self._deliveries.add(delivery)
        delivery.add_done_callback(partial(self._deliver, turn, answer))

    def _deliver(self, turn: Turn, answer: Answer, delivery: asyncio.Task[None]) -> None:
        """The gate has let the reply return, or the loop ends and no gate is waited for."""
        self._deliveries.discard(delivery)
        with _failing(answer):
            text = turn.returned()
            if not delivery.cancelled():
                delivery.result()
            answer.set_result(text)


def _failing(answer: Answer) -> ExitStack[bool]:
    """A block: an exception that leaves it goes to the waiter for the answer, not to the owner."""

    def leave(kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            answer.set_exception(error)
            return True
        if error is not None:
            answer.cancel()
        return False

    block: ExitStack[bool] = ExitStack()
    block.push(leave)
    return block
