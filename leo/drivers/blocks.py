"""The two blocks around the actions of an asynchronous reply: its shield, and its transaction."""

from __future__ import annotations

import asyncio
from functools import partial
from types import TracebackType

from leo.reply.turn import Turn
from leo.store.asynchronous import AsyncStore

__all__ = ["Shield", "Transaction"]


class Shield:
    """Holds back what strikes a reply between its commit and its swap, until it is lowered."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._held: BaseException | None = None

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if error is None or not self._turn.shielded:
            return False
        # Whoever cancels wants to see the cancellation come back, whatever else went wrong.
        if self._held is None or isinstance(error, asyncio.CancelledError):
            self._held = error
        return True

    def lower(self) -> None:
        """Raise what was held back, if the view has been swapped."""
        if self._held is not None and not self._turn.shielded:
            raise self._held


class Transaction:
    """Whatever leaves the block early finds the store's transaction rolled back, if one is open.

    For as long as the block lasts the turn is among those `under_way`.
    """

    def __init__(self, turn: Turn, store: AsyncStore, under_way: set[Turn]) -> None:
        self._turn = turn
        self._store = store
        self._under_way = under_way

    async def __aenter__(self) -> None:
        # The discipline decides when the transaction begins.
        self._under_way.add(self._turn)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is not None and self._turn.open:
                await self._store.perform(partial(self._turn.abandon, error))
        finally:
            self._under_way.discard(self._turn)
