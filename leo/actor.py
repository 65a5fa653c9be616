"""The actor: one task owns the field, requests wait in a queue, callers wait for answers.

A caller that is cancelled goes away; its request does not. That is all a cancellation can do here,
and why no reply is ever cut short. The price: the work of a caller who left is done all the same,
and a session that calls again waits until its abandoned request has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType

from leo.actions import Action
from leo.adriver import Driver, Gate
from leo.astore import AsyncStore, end_of
from leo.errors import StoreClosedError
from leo.instance import Instance
from leo.organs.context import InnerReply
from leo.turn import Turn

__all__ = ["Actor"]

Answer = asyncio.Future[str]
Work = Callable[[Answer], Awaitable[None]]


class Actor(Driver):
    """Carries out replies one after the other in a task of its own.

    The gate is awaited in that task: to cancel a caller, cancel the caller's task.
    """

    def __init__(self, store: AsyncStore, instance: Instance, gate: Gate | None) -> None:
        super().__init__(store, instance, gate)
        self._requests: asyncio.Queue[tuple[Work, Answer] | None] = asyncio.Queue()
        self._closing = False
        self._owner = asyncio.create_task(self._own(), name=f"the owner of {instance.name}")
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
        turn = self.instance.start(session, prompt, inner)
        answer: Answer | None = None
        try:
            with turn.ending():
                await self.pass_gate(turn, Action.Call)
                # From here to the request nothing is awaited: whoever has called is served.
                self._check_open()
                turn.call()
                answer = self._request(partial(self._serve, turn))
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
            await work()
            answer.set_result("")

        await end_of(self._request(wordless))

    async def close(self) -> None:
        """Finish the requests that were made, refuse those that come; the owner then ends."""
        self._closing = True
        if not self._owner.done():
            self._requests.put_nowait(None)
            await end_of(self._owner)
        for delivery in tuple(self._deliveries):
            await end_of(delivery)

    def _check_open(self) -> None:
        if self._closing or self._owner.done() or self._owner.cancelling():
            raise self._closed()

    def _closed(self) -> StoreClosedError:
        return StoreClosedError(f"{self.store.path}: the field was closed; open it again")

    def _request(self, work: Work) -> Answer:
        answer: Answer = asyncio.get_running_loop().create_future()
        self._requests.put_nowait((work, answer))
        return answer

    def _finished(self, session: str) -> None:
        self.instance.end(session)
        answer = self._left.pop(session, None)
        if answer is not None and not answer.cancelled():
            # A failure that nobody waits for any more is in the trace; the loop need not warn.
            answer.exception()

    async def _own(self) -> None:
        try:
            while (request := await self._requests.get()) is not None:
                work, answer = request
                with _Failing(answer):
                    await work(answer)
        finally:
            # After `close` there are none. After a cancellation of this very task (the loop ends)
            # nobody will ever carry these out.
            while not self._requests.empty():
                left = self._requests.get_nowait()
                if left is not None:
                    left[1].set_exception(self._closed())
                    # Its caller may be cancelled as well, and then nobody looks.
                    left[1].exception()

    async def _serve(self, turn: Turn, answer: Answer) -> None:
        with turn.ending():
            await self.pass_gate(turn, Action.Acquire)
            turn.record(Action.Acquire)
            await self.carry_out(turn)
            await self.pass_gate(turn, Action.Release)
        turn.record(Action.Release)
        if self.gate is None:
            answer.set_result(turn.returned())
            return
        # The owner does not wait for a caller to be handed its answer.
        delivery = asyncio.create_task(self._deliver(turn, answer))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, turn: Turn, answer: Answer) -> None:
        with _Failing(answer):
            answer.set_result(await self.leave(turn))


class _Failing:
    """What an ordinary request raises goes to whoever waits for its answer, not to the owner."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if isinstance(error, Exception):
            self._answer.set_exception(error)
            return True
        if error is not None:
            self._answer.cancel()
        return False
