"""One step of a walk: a choice among weighted followers, at a temperature (organism, section 8.3).

Where several counts are close, the published rule adds company to the weight of every follower. In
a large row that would be a look at each of them again; there it is added where it decides, to the
close ones.

Weights are taken to the power 1 / T after they were divided by the largest of them, so that a low
temperature cannot overflow. A row of few followers is drawn from in the order of their ids; in a
large one those with a weight of their own come first, by ids, and then the others by groups of
equal counts, the smallest first, and by ids within a group. Either way the choice depends on
counts, ids, boosts and the random number, not on how the row came to be.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from operator import add, mul

from leo.plain import plain_sum
from leo.ranks import Ranked

__all__ = ["CLOSE", "Scale", "close_counts", "draw", "draw_ranked"]

# Two followers are close when the lesser has this share of the largest count.
CLOSE = 0.7


def close_counts(ranked: Ranked) -> dict[int, int]:
    """The followers whose counts have at least CLOSE of the largest, with these counts."""
    near = CLOSE * ranked.largest()
    return {id: count for count in ranked.counts(near) for id in ranked.members(count)}


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
    largest = max(weights)
    if largest == min(weights):
        # Most rows of a large field: nobody followed twice.
        return ids[int(fraction * len(ids))], 1.0 if len(ids) > 1 else 0.0
    heat = {weight: (weight / largest) ** power for weight in set(weights)}
    heated = list(map(heat.__getitem__, weights))
    sums = list(accumulate(heated))
    place = min(bisect(sums, fraction * sums[-1]), len(ids) - 1)
    return ids[place], _evenness(heated, sums[-1])


class Scale(dict[int, float]):
    """The weights of one walk as logarithms: count -> power * log(count), and `boosts` by id.

    A walk draws from many large rows whose counts are the same few whole numbers, so each logarithm
    is taken once. `power` is 1 / T; `boosts` (id -> b) multiply a weight by 1 + b.
    """

    def __init__(self, boosts: Mapping[int, float], power: float) -> None:
        super().__init__()
        self.power = power
        self.boosts = {id: power * math.log1p(boost) for id, boost in boosts.items()}

    def __missing__(self, count: int) -> float:
        found = self[count] = self.power * math.log(count)
        return found


def draw_ranked(
    ranked: Ranked, close: Mapping[int, float], scale: Scale, fraction: float
) -> tuple[int, float]:
    """Likewise, from a large row: the cost is that of its different counts, and of the followers
    that are close or boosted.

    A follower weighs as much as its count, or what `close` (id -> weight) says.
    """
    row, changed, boosts = ranked.row, ranked.changed, scale.boosts
    # Most of the boosted are in no one row, and most of a row is not boosted.
    named = boosts.keys() & row.keys()
    if changed:
        named |= boosts.keys() & changed.keys()
    own = sorted(named.union(close) if close else named)
    if changed:
        counts = [changed[id][1] if id in changed else row[id] for id in own]
    else:
        counts = list(map(row.__getitem__, own))
    log_of = scale.__getitem__
    if close:
        log = math.log
        logs = [
            (scale.power * log(close[id]) if id in close else log_of(count)) + boosts.get(id, 0.0)
            for id, count in zip(own, counts, strict=True)
        ]
    else:
        logs = list(map(add, map(log_of, counts), map(boosts.__getitem__, own)))
    sizes = ranked.sizes()
    for count in counts:
        sizes[count] -= 1
    order = [count for count in sorted(sizes) if sizes[count]]
    first = len(own)
    times = [1] * first + [sizes[count] for count in order]
    logs += map(log_of, order)
    # Divided by the largest, so that a low temperature cannot overflow.
    largest = max(logs)
    logs = [log - largest for log in logs]
    heat = list(map(math.exp, logs))
    mass = list(map(mul, heat, times))
    sums = list(accumulate(mass))
    total = sums[-1]
    group = min(bisect(sums, fraction * total), len(sums) - 1)
    evenness = _ranked_evenness(logs, mass, sum(times), total)
    if group < first:
        return own[group], evenness
    count = order[group - first]
    begin = sums[group - 1] if group else 0.0
    # A low temperature may leave nothing of the lightest; then the group was not hit.
    place = int((fraction * total - begin) / heat[group]) if heat[group] else 0
    without = [id for id, its in zip(own, counts, strict=True) if its == count]
    return ranked.member(count, min(place, times[group] - 1), without), evenness


def _evenness(heated: Sequence[float], total: float) -> float:
    """Shannon entropy of the shares over that of an even choice; 0 for a single candidate."""
    if len(heated) < 2:
        return 0.0
    shares = [heat / total for heat in heated if heat]
    return -math.fsum([share * math.log(share) for share in shares]) / math.log(len(heated))


def _ranked_evenness(
    logs: Iterable[float], mass: Iterable[float], candidates: int, total: float
) -> float:
    """Likewise, of groups: `mass` is how often each is there times exp of its `logs`."""
    if candidates < 2:
        return 0.0
    entropy = math.log(total) - plain_sum(map(mul, mass, logs)) / total
    evenness: float = entropy / math.log(candidates)
    return max(0.0, evenness)
