"""Memory decay: co-occurrence that is not renewed fades (after section 3 of the organism).

Only the co-occurrence decays. A decay takes every count c to floor(0.95 c); a count of 0 is
forgotten. Every EVERY-th observation of the store (the version of the n-grams counts them) ends
with a decay, after its own counts were added. Neither published program had this rule: one forgot
counts below 2, the other had three factors by the size of the count.

Decay is lazy: each count is kept with the number of decays that it has been through, and catches up
when it is read or added to.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

EVERY: Final = 100
# In whole numbers: 0.95 is no binary fraction, and Python, SQLite and a prover must agree.
KEPT: Final = 19
OF: Final = 20


def decay(count: int) -> int:
    """What is left of a count: floor(19 count / 20), for count >= 0."""
    return count * KEPT // OF


# A few thousand pairs are asked for again and again. Of tens of thousands the rest never comes
# back, and would fill megabytes for hours.
@lru_cache(maxsize=1 << 12)
def faded(count: int, times: int) -> int:
    """What is left of a count after so many decays; 0 at the latest after about 20 (ln c + 1)."""
    while count and times > 0:
        count = decay(count)
        times -= 1
    return count


def forgotten(times: int) -> list[int]:
    """For 0, 1, ..., `times` decays the largest count of which nothing is left after them.

    floor(19 c / 20) <= m exactly when 19 c < 20 (m + 1), for whole numbers.
    """
    counts = [0]
    for _ in range(times):
        counts.append((OF * (counts[-1] + 1) - 1) // KEPT)
    return counts


def is_due(observations: int) -> bool:
    """Whether the observation of this number (1, 2, ...) brings a decay with it."""
    return observations % EVERY == 0


def age(observations: int) -> int:
    """The number of decays that these observations have brought."""
    return observations // EVERY
