"""The watchdog: who holds what, who waits for what, and whether that can ever end.

A reply that waits for itself, directly or through others, waits for ever. That needs no clock to be
known: it is a circle in the graph of waits, and it is there at the moment when the last of them
begins to wait.
"""

from __future__ import annotations

from leo.errors import DeadlockError

__all__ = ["LOOP", "Watchdog"]

LOOP = "the event loop"


class Watchdog:
    """The graph of waits of one instance. Resources and replies are named for people."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}
        self._waits: dict[str, str] = {}

    def took(self, resource: str, reply: str) -> None:
        """The reply holds the resource from now on."""
        self._holders[resource] = reply

    def freed(self, resource: str) -> None:
        """Nobody holds it any more."""
        self._holders.pop(resource, None)

    def holder(self, resource: str) -> str | None:
        """The reply that holds the resource."""
        return self._holders.get(resource)

    def waits(self, reply: str, resource: str) -> None:
        """The reply begins to wait for a resource."""
        self._waits[reply] = resource

    def gave_up(self, reply: str) -> None:
        """The reply waits for nothing any more."""
        self._waits.pop(reply, None)

    def check(self, reply: str, advice: str) -> None:
        """Raise DeadlockError, with the chain and the advice, if the reply waits for itself."""
        chain: list[str] = []
        waiting: str | None = reply
        while waiting is not None and waiting in self._waits:
            resource = self._waits[waiting]
            holder = self._holders.get(resource)
            chain.append(f"{waiting} waits for {resource}, held by {holder or 'nobody'}")
            if holder == reply:
                raise DeadlockError(tuple(chain), advice)
            if len(chain) > len(self._waits):
                return
            waiting = holder
