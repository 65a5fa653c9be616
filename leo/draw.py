"""One step of a walk: a choice among weighted followers, at a temperature (organism, section 8.3).

Where several counts are close, the published rule adds company to the weight of every follower. In
a large row that would be a look at each of them again; there it is added where it decides, to the
close ones.

Weights are taken to the power 1 / T after they were divided by the largest of them, so that a low
temperature cannot overflow. A row of few followers is drawn from in the order of their ids; a large
one by groups of equal weight, the lightest first, and by ids within a group. Either way the choice
depends on counts, ids, boosts and the random number, not on how the row came to be.
"""

from __future__ import annotations

import math
from bisect import bisect, bisect_left, insort
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from leo.ranks import Ranked

__all__ = ["CLOSE", "close_ids", "draw", "draw_ranked"]

# Two followers are close when the lesser has this share of the largest count.
CLOSE = 0.7


def close_ids(ranked: Ranked) -> list[int]:
    """The followers whose counts have at least CLOSE of the largest."""
    near = CLOSE * ranked.largest()
    return [id for n in ranked.sizes() if n >= near for id in ranked.members(n)]


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
    if len(boosts) < len(ids):
        for id, boost in boosts.items():
            place = bisect_left(ids, id)
            if place < len(ids) and ids[place] == id:
                weights[place] *= 1.0 + boost
    else:
        for place, id in enumerate(ids):
            weights[place] *= 1.0 + boosts.get(id, 0.0)
    largest = max(weights)
    heat = {weight: (weight / largest) ** power for weight in set(weights)}
    heated = list(map(heat.__getitem__, weights))
    sums = list(accumulate(heated))
    place = min(bisect(sums, fraction * sums[-1]), len(ids) - 1)
    return ids[place], _evenness(Counter(heated), len(ids), sums[-1])


def draw_ranked(
    ranked: Ranked,
    weights: Mapping[int, float],
    scale: float,
    boosts: Mapping[int, float],
    power: float,
    fraction: float,
) -> tuple[int, float]:
    """Likewise, from a large row: the cost is that of its different counts and of the boosts.

    A follower weighs what `weights` (id -> weight) says, and otherwise `scale` times its count.
    """
    sizes: dict[float, int] = {}
    counts: dict[float, int] = {}
    for count, size in ranked.sizes().items():
        sizes[scale * count] = size
        counts[scale * count] = count
    own: dict[int, float] = {}
    row, changed = ranked.row, ranked.changed
    for id in {*weights, *boosts}:
        count = changed[id][1] if id in changed else row.get(id, 0)
        if count:
            sizes[scale * count] -= 1
            weight = weights.get(id, scale * count) * (1.0 + boosts.get(id, 0.0))
            own[id] = weight
            sizes[weight] = sizes.get(weight, 0) + 1
    order = sorted(weight for weight, size in sizes.items() if size)
    heat = [(weight / order[-1]) ** power for weight in order]
    sums = list(accumulate(h * sizes[weight] for h, weight in zip(heat, order, strict=True)))
    group = min(bisect(sums, fraction * sums[-1]), len(order) - 1)
    weight = order[group]
    members = ranked.members(counts[weight]) if weight in counts else []
    for id, other in own.items():
        if weight in counts and ranked.count(id) == counts[weight]:
            del members[bisect_left(members, id)]
        if other == weight:
            insort(members, id)
    begin = sums[group - 1] if group else 0.0
    # A low temperature may leave nothing of the lightest; then the group was not hit.
    place = int((fraction * sums[-1] - begin) / heat[group]) if heat[group] else 0
    times: Counter[float] = Counter()
    for h, weight in zip(heat, order, strict=True):
        times[h] += sizes[weight]
    return members[min(place, len(members) - 1)], _evenness(times, times.total(), sums[-1])


def _evenness(times: Counter[float], candidates: int, total: float) -> float:
    """Shannon entropy of the shares over that of an even choice; 0 for a single candidate."""
    if candidates < 2:
        return 0.0
    shares = [(heat / total, many) for heat, many in times.items() if heat]
    return -math.fsum(many * share * math.log(share) for share, many in shares) / math.log(
        candidates
    )
