"""A run of the asynchronous organism: each session is a task on an event loop that is stepped."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from leo.actions import Action
from leo.front.tasks import AsyncLeoField
from leo_model.organism.recording import Seat
from leo_model.organism.run import Injected, Killed, OrganismRun, Setting


class TaskRun(OrganismRun):
    """The gates are futures; a choice resolves one, or cancels the caller's task."""

    def __init__(self, organism: Setting) -> None:
        super().__init__(organism)
        self._loop = organism.loop
        self._gates: dict[str, asyncio.Future[None]] = {}
        self._calls: dict[str, asyncio.Task[str]] = {}
        self._callers: dict[str, AsyncLeoField] = {}
        for instance in organism.instances:
            self.revive(instance)

    def revive(self, instance: str) -> None:
        self._callers[instance] = self._loop.perform(lambda: self._field(instance))

    def _field(self, instance: str) -> AsyncLeoField:
        organism = self.organism
        field = AsyncLeoField(organism.shelf.store(instance), self.fields[instance], self._gate)
        if organism.alter is not None:
            organism.alter(field)
        return field

    async def _gate(self, session: str, action: Action) -> None:
        gate = self._gates[session] = self._loop.create_future()
        self.seats[session].at = action
        await gate

    def go_on(self, seat: Seat, what: str) -> None:
        if what == "cancel":
            if not self.rules.detached:
                seat.at = None
            self._calls[seat.name].cancel()
            return
        seat.at = None
        if what == "raise":
            self._gates[seat.name].set_exception(Injected("the scheduler made this step raise"))
        else:
            self._gates[seat.name].set_result(None)

    def settle(self) -> None:
        loop, calls = self._loop, self._calls
        loop.stand_still()
        while True:
            started = False
            for name, seat in self.seats.items():
                call = calls.get(name)
                if call is not None and call.done():
                    self.note_answer(seat, call)
                    del calls[name]
                    call = None
                if call is None and self.wants_to_call(seat):
                    field = self._callers[seat.instance]
                    calls[name] = loop.create_task(field.reply(self.organism.prompt(seat), name))
                    started = True
            if not started:
                return
            loop.stand_still()

    def kill(self, instance: str) -> None:
        mine = [s.name for s in self.seats.values() if s.instance == instance]
        tasks: Iterable[asyncio.Task[Any]] = [self._calls[n] for n in mine if n in self._calls]
        if self.rules.detached:
            tasks = asyncio.all_tasks(self._loop)
            # A cancelled owner would finish its reply; a dead process finishes nothing.
            for name in mine:
                if self.seats[name].at not in (None, Action.Call, Action.Return):
                    self._gates[name].set_exception(Killed())
            self._loop.stand_still()
        for name in mine:
            if self.seats[name].last is Action.Reenter and self.seats[name].at is not None:
                # It waits for itself: let the watchdog have a word before the end.
                self._gates[name].set_result(None)
                self._loop.stand_still()
        # A cancellation that a shield holds back is over as soon as the shield is.
        for task in tasks:
            task.cancel()
        self._loop.stand_still()
        for task in tasks:
            if task.done() and not task.cancelled():
                # That it was killed is no news to anybody.
                task.exception()
        for name in mine:
            call = self._calls.pop(name, None)
            if call is not None and self.seats[name].calls:
                self.note_answer(self.seats[name], call)
