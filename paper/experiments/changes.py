"""The test for one change of the mean of a series, in which neighbours may be alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from paper.experiments.errors import ExperimentError
from paper.experiments.stats import Floats, floats_of

__all__ = ["Change", "block_of", "change_point"]


class Change(NamedTuple):
    """Where a series changes its mean most: the number of values before the change, the means on
    both sides, and how often a shuffled series shows as large a change.
    """

    at: int
    before: float
    after: float
    p: float


def block_of(values: int) -> int:
    """How many neighbours to shuffle together in a series of so many values: the root, rounded
    down, which grows with the series as fast as the number of blocks does.
    """
    return max(1, math.isqrt(values))


def change_point(
    values: Sequence[float], seed: int, *, block: int = 1, resamples: int = 2000
) -> Change:
    """The most likely single change of the mean (largest standardised CUSUM) and its p-value.

    `block` values in a row are shuffled together, so that a series in which neighbours are alike is
    compared with series in which they are as well. Raises ExperimentError for fewer than 4 blocks.
    """
    data = floats_of(values)
    if block < 1 or len(data) < 4 * block:
        raise ExperimentError(
            f"a change in {len(data)} values by blocks of {block} cannot be tested; give at least "
            "4 blocks"
        )
    whole = len(data) - len(data) % block
    rng = np.random.default_rng(seed)
    found, at = _cusum(data)
    blocks = data[:whole].reshape(-1, block)
    largest = 0
    for _ in range(resamples):
        shuffled = np.concatenate([rng.permutation(blocks).ravel(), data[whole:]])
        largest += _cusum(shuffled)[0] >= found - 1e-12
    p = (1 + largest) / (1 + resamples)
    return Change(at, float(data[:at].mean()), float(data[at:].mean()), p)


def _cusum(data: Floats) -> tuple[float, int]:
    """The largest |sum so far - expected| over the deviation that chance gives it, and its place.

    The first and the last 2 % are left out: there a single value would be a change.
    """
    n = len(data)
    margin = max(1, n // 50)
    sums = np.cumsum(data - data.mean())[:-1]
    places = np.arange(1, n)
    scaled = np.abs(sums) / np.sqrt(places * (n - places) / n)
    inner = scaled[margin - 1 : n - margin]
    place = int(inner.argmax())
    return float(inner[place]), place + margin
