"""Random schedules with a seed: uniform, and by priorities (PCT).

A schedule depends on the seed and on its own number, not on those before it, so that a search can
be cut anywhere and go on.

PCT is the scheduler of Burckhardt, Kothari, Musuvathi and Nagarakatte (A randomized scheduler with
probabilistic guarantees of finding bugs, ASPLOS 2010): sessions get priorities by chance, the
highest that is enabled goes on, and at `depth` - 1 steps chosen by chance the running one falls
below all others.  With n sessions and k steps a run finds a bug of that depth with a probability
of at least 1 / (n k^(depth - 1)).  Faults are not sessions: at a step chosen by chance one of those
that are possible strikes, and the next one some steps later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from leo.schedules.engine.system import Choice, Step, check_length

Choose = Callable[[Sequence[Choice], int], Choice]


def by_chance(
    start: Callable[[], Any], seed: int, depth: int | None = None
) -> Iterator[tuple[Any, list[Step]]]:
    """Yield runs without an end, not closed, each with its steps.

    `start` begins a run.  `depth` None: every enabled choice is as likely as the others.
    """
    # The guarantee of PCT needs the length of a run: that of the first choices is taken for it.
    run, taken = _carry_out(start, lambda enabled, _: enabled[0])
    run.close()
    length, index = max(2, len(taken)), 0
    while True:
        chance = Random(f"{seed}:{index}")
        index += 1
        choose = _evenly(chance) if depth is None else Priorities(chance, length, depth).choose
        yield _carry_out(start, choose)


def _carry_out(start: Callable[[], Any], choose: Choose) -> tuple[Any, list[Step]]:
    run, taken = start(), list[Step]()
    try:
        while enabled := run.enabled():
            taken.append(run.take(choose(enabled, len(taken))))
            check_length(len(taken))
    except BaseException:
        run.close()
        raise
    return run, taken


def _evenly(chance: Random) -> Choose:
    return lambda enabled, _: enabled[chance.randrange(len(enabled))]


class Priorities:
    """The priorities of one run."""

    def __init__(self, chance: Random, length: int, depth: int) -> None:
        self._chance = chance
        self._length = length
        self._changes = sorted(chance.randrange(length) for _ in range(depth - 1))
        self._lowest = 0.0
        self._priority: dict[str, float] = {}
        self._strike = chance.randrange(length)

    def choose(self, enabled: Sequence[Choice], position: int) -> Choice:
        """The choice of the highest priority at a step; a fault whose time has come goes first."""
        chance, sessions, faults = self._chance, [], []
        for choice in enabled:
            if choice.what in ("step", "recover"):
                self._priority.setdefault(choice.who, 1.0 + chance.random())
                sessions.append(choice)
            else:
                faults.append(choice)
        if faults and position >= self._strike:
            self._strike = position + chance.randrange(1, self._length)
            return chance.choice(faults)
        if not sessions:
            return enabled[0]
        found = max(sessions, key=lambda choice: self._priority[choice.who])
        while self._changes and self._changes[0] <= position:
            self._changes.pop(0)
            self._lowest -= 1.0
            self._priority[found.who] = self._lowest
            found = max(sessions, key=lambda choice: self._priority[choice.who])
        return found
