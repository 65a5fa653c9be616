"""The lock of an event loop, in the order that traces say.

asyncio.Lock serves its waiters in order, but it passes over one that was cancelled before that
one's task has run: a later call could have the lock while an earlier one has not recorded its end.
"""

from __future__ import annotations

import asyncio
from typing import Literal


class Lock(asyncio.Lock):
    """An asyncio.Lock which a caller has when no earlier one is in its queue any more."""

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
