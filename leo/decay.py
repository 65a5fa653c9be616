"""Memory decay: company that is not kept fades (organism, section 3).

Only the co-occurrence decays; tokens, bigrams, trigrams and snapshots never do. A decay takes every
count c to floor(0.95 c), and a count of 0 is forgotten. It happens with every EVERY-th observation
of the store (its version of the n-grams counts them), in the transaction of that observation, after
its counts were added.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

__all__ = ["EVERY", "KEPT", "OF", "decay", "decayed", "is_due"]

EVERY: Final = 100
# In whole numbers: 0.95 is no binary fraction, and Python, SQLite and a prover must agree.
KEPT: Final = 19
OF: Final = 20

Key = TypeVar("Key", bound=Hashable)


def decay(count: int) -> int:
    """What is left of a count: floor(19 count / 20), for count >= 0."""
    return count * KEPT // OF


def decayed(counts: Mapping[Key, int]) -> dict[Key, int]:
    """What is left of some counts; what has come to nothing is left out."""
    return {key: left for key, count in counts.items() if (left := decay(count))}


def is_due(observations: int) -> bool:
    """Whether the observation of this number (1, 2, ...) brings a decay with it."""
    return observations % EVERY == 0
