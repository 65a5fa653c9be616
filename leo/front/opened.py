"""What every opened field shows of itself, whatever runs it."""

from __future__ import annotations

from leo.disciplines import Discipline
from leo.field.view import View
from leo.reply.instance import Instance
from leo.reply.program import ReplyState, Step

__all__ = ["Opened"]


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
