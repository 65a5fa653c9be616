"""States up to names: what is left of a state when it does not matter who is who.

The shape of a state is the state without what is over and absorbed
(``leo_model.machine.absorbed``), without versions and numbers of calls, and with sessions,
instances and replies numbered: of all ways to number them, the one that gives the least value.  Two
states of the same shape have the same future up to names, so a state of a long run with many
sessions can have the shape of a state of the small bounded graph.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from itertools import permutations, product

from leo_model.machine.absorbed import get_absorbed
from leo_model.machine.dsg import upstream
from leo_model.machine.forget import forget
from leo_model.machine.state import NOBODY, UNREAD, Content, Reply, State
from leo_model.machine.steps import World

Number = tuple[int, int]
_UNREAD: tuple[Number, ...] = ((-1, -1),)


def shape(world: World, state: State, most: int) -> Hashable | None:
    """Return the shape of a state; None when more than ``most`` sessions take part in it."""
    if sum(map(state.in_flight, state.pc)) > most:
        return None
    z = state.copy()
    forget(z, frozenset(upstream(get_absorbed(world, z), z.dsg)))
    mentioned = z.wrote | z.returned | z.readers.ngrams | z.readers.snapshots
    turns: dict[str, set[int]] = {}
    for s, turn, *_ in mentioned:
        turns.setdefault(s, set()).add(turn)
    for s in z.pc:
        if z.in_flight(s):
            turns.setdefault(s, set()).add(z.calls[s])
    if len(turns) > most:
        return None
    rank: dict[Reply, int] = {
        (s, turn): k for s in turns for k, turn in enumerate(sorted(turns[s]))
    }
    return min(
        _written(z, instances, sessions, rank)
        for instances, sessions in _numberings(world, z, list(turns))
    )


def _numberings(world: World, z: State, live: list[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield every order of the instances, and of the sessions that belong to each."""
    for instances in permutations(z.view):
        homes = [[s for s in live if world.instance_of[s] == i] for i in instances]
        for order in product(*map(permutations, homes)):
            yield list(instances), [s for home in order for s in home]


def _written(
    z: State, instances: list[str], sessions: list[str], rank: dict[Reply, int]
) -> tuple[object, ...]:
    number = {s: k for k, s in enumerate(sessions)}
    number[NOBODY] = -1

    def reply(of: Reply) -> Number:
        return (number[of[0]], rank[of])

    def content(of: Content) -> tuple[Number, ...]:
        return _UNREAD if of == UNREAD else tuple(sorted(map(reply, of)))

    def names(
        of: Iterable[str], order: Callable[[Iterable[int]], Iterable[int]]
    ) -> tuple[int, ...]:
        return tuple(order(number[s] for s in of if s in number))

    return (
        tuple(
            (z.up[i], number[z.holder[i]], content(z.view[i].bigrams), content(z.view[i].trigrams))
            for i in instances
        ),
        tuple((z.pc[s], z.moved[s], *map(content, z.local[s])) for s in sessions),
        tuple(tuple(map(reply, writers)) for writers in z.store),
        names(z.arrivals, tuple),
        names(z.overtaken, sorted),
        names(z.left, sorted),
        number[z.writing],
        content(z.returned),
        content(z.readers.ngrams),
        content(z.readers.snapshots),
        tuple(sorted((reply(a), reply(b)) for a, b in z.dsg)),
    )
