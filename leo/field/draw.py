"""One step of a walk: a choice among weighted followers, at a temperature (organism, section 8.3).

Where several counts are close, the published rule adds co-occurrence to the weight of every
follower. A large row would have to be read once more for that; there only the close followers get
it, since only among them does it decide.

A weight is raised to the power 1 / T. In a small row it is first divided by the largest weight, so
that a low temperature cannot overflow, and the draw follows the order of the ids. A large row is
drawn from in two layers. The first has what some followers weigh beyond their counts: the boosted
by ids, then the close ones by counts and ids. The second has all followers by groups of equal
counts, the smallest first, and by ids within a group. Either way the choice depends on counts, ids,
boosts and the random number, not on the history of the row.
"""

from __future__ import annotations

import math
from bisect import bisect, bisect_left
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import accumulate, repeat
from operator import add, mul

from leo.field.ranks import Ranked

# Two followers are close when the lesser has this share of the largest count.
CLOSE = 0.7
# Logarithms: of the largest count there can be, with co-occurrence, and of a number that leaves
# room for the sum of a row.
LARGEST, STEEP = math.log(2**32), 600.0


def close_counts(ranked: Ranked) -> dict[int, int]:
    """The followers whose counts have at least CLOSE of the largest, with these counts."""
    order = ranked.order
    first = bisect_left(order, CLOSE * order[-1])
    return {id: count for count in order[first:] for id in ranked.members(count)}


def draw(
    ids: Sequence[int],
    weights: list[float],
    boosts: Mapping[int, float],
    power: float,
    fraction: float,
) -> tuple[int, float]:
    """The choice, and how even it was (in [0, 1]). `ids` are in order; `weights` are changed.

    `boosts` (id -> b) multiply a weight by 1 + b; `fraction` is the random number, in [0, 1).
    """
    if not boosts.keys().isdisjoint(ids):
        for place, id in enumerate(ids):
            if id in boosts:
                weights[place] *= 1.0 + boosts[id]
    candidates, largest = len(ids), max(weights)
    if largest == min(weights):
        # Most rows of a large field: nobody followed twice.
        return ids[int(fraction * candidates)], 1.0 if candidates > 1 else 0.0
    # Few different weights: each is raised, and its term of the entropy made, once.
    heat = {weight: (weight / largest) ** power for weight in set(weights)}
    terms = {weight: its * math.log(its) if its else 0.0 for weight, its in heat.items()}
    sums = list(accumulate(map(heat.__getitem__, weights)))
    total = sums[-1]
    place = min(bisect(sums, fraction * total), candidates - 1)
    inner = plain_sum(map(terms.__getitem__, weights))
    return ids[place], _evenness(total, inner, candidates)


class Scale:
    """What a walk knows of weights before it meets them: `power` is 1 / T; `boosts` (id -> b >= 0)
    multiply a weight by 1 + b.

    `steep`: the power is so high that a weight might be too large for a number, and every row has
    to be scaled by itself.
    """

    def __init__(self, boosts: Mapping[int, float], power: float) -> None:
        self.power = power
        logs = {id: power * math.log1p(boost) for id, boost in boosts.items()}
        self.steep = power * LARGEST + max(logs.values(), default=0.0) > STEEP
        # What a weight of 1 gains by the boost, and what its term of the entropy does.
        self.gains = {} if self.steep else {id: math.expm1(log) for id, log in logs.items()}
        self.terms = {id: (1.0 + gain) * logs[id] for id, gain in self.gains.items()}


def draw_ranked(
    ranked: Ranked, close: Mapping[int, float], scale: Scale, fraction: float
) -> tuple[int, float]:
    """Likewise, from a large row: the cost is that of its different counts, and of the followers
    that are close or boosted. Not for a steep scale.

    A follower weighs as much as its count, or what `close` (id -> weight, no less) says. What it
    weighs beyond its count is a part of its own; the rest of it stays in the group of its count.
    """
    row, changed, gains = ranked.row, ranked.changed, scale.gains
    power, log, exp = repeat(scale.power), math.log, math.exp
    # Most of the boosted are in no one row, and most of a row is not boosted.
    named = gains.keys() & row.keys()
    if changed:
        named |= gains.keys() & changed.keys()
    if close:
        named -= close.keys()
    own = sorted(named)
    logs = list(map(mul, map(log, ranked.counts(own)), power))
    weights = list(map(exp, logs))
    parts = list(map(mul, weights, map(gains.__getitem__, own)))
    # Of weight * log(weight), over all followers.
    terms = _products(parts, logs) + _products(weights, map(scale.terms.__getitem__, own))
    for (id, blended), count in zip(close.items(), ranked.counts(close), strict=True):
        before, now = scale.power * log(count), scale.power * log(blended)
        weight = exp(now) * (1.0 + gains.get(id, 0.0))
        own.append(id)
        parts.append(weight - exp(before))
        terms += weight * now + exp(now) * scale.terms.get(id, 0.0) - exp(before) * before
    sizes = ranked.sizes
    logs = list(map(mul, map(log, ranked.order), power))
    weights = list(map(exp, logs))
    mass = list(map(mul, sizes, weights))
    terms += _products(mass, logs)
    parts += mass
    sums = list(accumulate(parts))
    total, candidates = sums[-1], sum(sizes)
    evenness = _evenness(total, terms, candidates)
    point = fraction * total
    part = min(bisect(sums, point), len(sums) - 1)
    group = part - len(own)
    if group < 0:
        return own[part], evenness
    begin = sums[part - 1] if part else 0.0
    place = min(int((point - begin) / weights[group]), sizes[group] - 1)
    return ranked.members(ranked.order[group])[place], evenness


def _products(values: Iterable[float], others: Iterable[float]) -> float:
    return plain_sum(map(mul, values, others))


def _evenness(total: float, terms: float, candidates: int) -> float:
    """Shannon entropy of the shares over that of an even choice; 0 for a single candidate. `total`
    is the sum of all weights, `terms` that of each times its logarithm.
    """
    if candidates < 2:
        return 0.0
    return max(0.0, (math.log(total) - terms / total) / math.log(candidates))


def plain_sum(values: Iterable[float], start: float = 0) -> float:
    """`start` and the values, added from left to right and rounded each time: the same under every
    Python. From 3.12 on, `sum` of floats makes up for rounding errors as it goes.
    """
    return reduce(add, values, start)
