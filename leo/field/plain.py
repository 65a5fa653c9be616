"""Addition that is the same under every Python.

From 3.12 on, `sum` of floats makes up for rounding errors as it goes, and so gives other numbers
than before. What a field keeps and says must not depend on that: sums of floats that it keeps or
draws by are made here.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

__all__ = ["plain_sum"]


def plain_sum(values: Iterable[float], start: float = 0) -> float:
    """`start` and the values, added from left to right and rounded each time."""
    return reduce(add, values, start)
