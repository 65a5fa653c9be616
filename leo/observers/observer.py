"""What an observer is: somebody who speaks to a field, theme after theme, turn after turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Exchange(NamedTuple):
    """What the observer said in a turn, and what the field answered."""

    message: str
    reply: str


class Observer(Protocol):
    """Says the next message of a conversation."""

    def say(self, theme: str, turn: int, so_far: Sequence[Exchange] = ()) -> str:
        """The message of a turn, counted from 0, after the turns `so_far` of the same theme.

        Raises LeoError when there is nothing to say or nobody to ask.
        """
