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
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, repeat
from operator import mul

from leo.ranks import Ranked

__all__ = ["CLOSE", "close_counts", "draw", "draw_ranked"]

# Two followers are close when the lesser has this share of the largest count.
CLOSE = 0.7


def close_counts(ranked: Ranked) -> dict[int, int]:
    """The followers whose counts have at least CLOSE of the largest, with these counts."""
    near = CLOSE * ranked.largest()
    return {id: n for n in ranked.counts() if n >= near for id in ranked.members(n)}


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
    return ids[place], _evenness(heated, repeat(1), len(ids), sums[-1])


def draw_ranked(
    ranked: Ranked,
    close: Mapping[int, tuple[int, float]],
    scale: float,
    boosts: Mapping[int, float],
    power: float,
    fraction: float,
) -> tuple[int, float]:
    """Likewise, from a large row: the cost is that of its different counts, and of the followers
    that are close or boosted.

    A follower weighs `scale` times its count, or what `close` (id -> count, weight) says.
    """
    sizes: dict[float, int] = {}
    counts: dict[float, int] = {}
    for count, size in ranked.sizes().items():
        weight = scale * count
        sizes[weight] = size
        counts[weight] = count
    row, changed = ranked.row, ranked.changed
    own = dict(close)
    # Most of the boosted are in no one row, and most of a row is not boosted.
    boosted = boosts.keys() & row.keys()
    for id in boosted | (boosts.keys() & changed.keys()) if changed else boosted:
        if id in close:
            count, weight = close[id]
        else:
            count = changed[id][1] if id in changed else row[id]
            weight = scale * count
        own[id] = count, weight * (1.0 + boosts[id])
    for count, weight in own.values():
        sizes[scale * count] -= 1
        sizes[weight] = sizes.get(weight, 0) + 1
    order = sorted([weight for weight, size in sizes.items() if size])
    largest = order[-1]
    heat = [(weight / largest) ** power for weight in order]
    times = [sizes[weight] for weight in order]
    sums = list(accumulate(map(mul, heat, times)))
    group = min(bisect(sums, fraction * sums[-1]), len(order) - 1)
    weight = order[group]
    members: list[int] = []
    if weight in counts:
        usual = counts[weight]
        members = ranked.members(usual)
        for id in [id for id, (count, _) in own.items() if count == usual]:
            del members[bisect_left(members, id)]
    for id in [id for id, (_, other) in own.items() if other == weight]:
        insort(members, id)
    begin = sums[group - 1] if group else 0.0
    # A low temperature may leave nothing of the lightest; then the group was not hit.
    place = int((fraction * sums[-1] - begin) / heat[group]) if heat[group] else 0
    return members[min(place, len(members) - 1)], _evenness(heat, times, sum(times), sums[-1])


def _evenness(heat: Iterable[float], times: Iterable[int], candidates: int, total: float) -> float:
    """Shannon entropy of the shares over that of an even choice; 0 for a single candidate."""
    if candidates < 2:
        return 0.0
    shares = [(h / total, many) for h, many in zip(heat, times, strict=False) if h]
    return -math.fsum([many * share * math.log(share) for share, many in shares]) / math.log(
        candidates
    )
