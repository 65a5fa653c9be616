"""The statistics of the experiments. Each takes its seed; equal data and seed give equal answers.

They are tested on data with a known answer: a planted effect is found, and where there is none the
p-values are uniform (tests/paper/experiments/test_experiments_stats.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from paper.experiments.errors import ExperimentError
from paper.experiments.summary import Estimate

Floats = NDArray[np.float64]
RESAMPLES = 4000
LEVEL = 0.95
# How often an effect of the size that is called detectable is found.
POWER = 0.8


class Comparison(NamedTuple):
    """Two samples compared. `difference` is the mean of the first less that of the second; `p` is
    two-sided, from permutations; the effect size is Cliff's delta. `least` is the smallest
    difference that would have been found (`detectable`).
    """

    difference: Estimate
    p: float
    cliff: float
    least: float


def bootstrap(values: Sequence[float], seed: int, *, resamples: int = RESAMPLES) -> Estimate:
    """The mean with its 95 % interval (bias-corrected and accelerated; Efron 1987).

    Values that are all equal have an interval of length 0. Raises ExperimentError for none.
    """
    data = floats_of(values)
    middle = float(data.mean())
    if len(data) < 2 or np.ptp(data) == 0:
        return Estimate(middle, middle, middle)
    # By a power of two, which rounds nothing: cubes of very small differences would be 0.
    exponent = math.frexp(float(np.ptp(data)))[1]
    found = stats.bootstrap(
        (np.ldexp(data, -exponent),),
        np.mean,
        n_resamples=resamples,
        confidence_level=LEVEL,
        method="BCa",
        rng=np.random.default_rng(seed),
    )
    interval = found.confidence_interval
    low, high = (float(np.ldexp(end, exponent)) for end in (interval.low, interval.high))
    return Estimate(middle, low, high)


def bootstrap_difference(
    first: Sequence[float], second: Sequence[float], seed: int, *, paired: bool = False
) -> Estimate:
    """The difference of the means, first less second, with its 95 % interval.

    Paired samples are resampled as pairs (BCa), others each on its own (percentiles).
    """
    one, two = floats_of(first), floats_of(second)
    if paired:
        _same_length(one, two)
        return bootstrap((one - two).tolist(), seed)
    rng = np.random.default_rng(seed)
    means = [
        data[rng.integers(0, len(data), (RESAMPLES, len(data)))].mean(axis=1) for data in (one, two)
    ]
    return _percentiles(float(one.mean() - two.mean()), means[0] - means[1])


def resampled(
    units: int,
    statistic: Callable[[NDArray[np.int64]], Floats],
    seed: int,
    *,
    strata: Sequence[int] = (),
    resamples: int = 2000,
) -> list[Estimate]:
    """Intervals (95 %, percentiles) of several statistics at once over resampled units.

    `statistic` is given the indices of the units drawn, and returns the values of all statistics;
    with the indices 0 ... units - 1 it gives the estimates themselves. For clusters, matched seeds
    and any other than a plain mean. `strata` are sizes of groups of neighbours, each of which keeps
    its size and its place.
    """
    rng = np.random.default_rng(seed)
    sizes = list(strata) or [units]
    starts = np.cumsum([0, *sizes[:-1]])

    def draw() -> NDArray[np.int64]:
        parts = [rng.integers(0, n, n) + start for n, start in zip(sizes, starts, strict=True)]
        return np.concatenate(parts)

    middle = statistic(np.arange(units))
    drawn = np.array([statistic(draw()) for _ in range(resamples)])
    return [_percentiles(float(value), drawn[:, n]) for n, value in enumerate(middle)]


def detectable(
    first: Sequence[float], second: Sequence[float] | None = None, *, comparisons: int = 1
) -> float:
    """The smallest difference of means that a two-sided test at 5 % finds in 80 of 100 experiments
    like this one: (t(1 - a/2) + t(0.8)) standard errors, a being 5 % divided by the number of
    comparisons (Cohen 1988, chapter 2; Bonferroni, which asks no less than Holm).

    The standard error is that of these samples; one sample alone holds differences of pairs.
    Infinite where a sample has one value.
    """
    samples = [floats_of(values) for values in (first, second) if values is not None]
    freedom = sum(len(data) - 1 for data in samples)
    if min(map(len, samples)) < 2:
        return math.inf
    error = math.sqrt(sum(float(data.var(ddof=1)) / len(data) for data in samples))
    tail = (1 - LEVEL) / (2 * comparisons)
    return float((stats.t.ppf(1 - tail, freedom) + stats.t.ppf(POWER, freedom)) * error)


def rarest(trials: int) -> float:
    """The smallest rate of something that shows itself at least once in so many independent trials,
    in 95 of 100 experiments: 1 - 0.05 ** (1 / n), about 3 / n (the rule of three).
    """
    return -math.expm1(math.log(1 - LEVEL) / trials)


def permutation(
    first: Sequence[float],
    second: Sequence[float],
    seed: int,
    *,
    paired: bool = False,
    resamples: int = RESAMPLES,
) -> float:
    """The two-sided p-value of the difference of the means.

    Unpaired: the labels are exchanged; paired: the signs of the differences. All permutations where
    there are no more of them than `resamples`, else as many at random.
    """
    one, two = floats_of(first), floats_of(second)
    if paired:
        _same_length(one, two)
        if not np.any(one - two):
            return 1.0

    def difference(a: Floats, b: Floats, axis: int = -1) -> Any:
        return np.mean(a, axis=axis) - np.mean(b, axis=axis)

    found = stats.permutation_test(
        (one, two),
        difference,
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=resamples,
        # In portions, so that thousands of permutations do not lie in memory at once.
        batch=max(1, 4_000_000 // (len(one) + len(two))),
        alternative="two-sided",
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def compare(
    first: Sequence[float],
    second: Sequence[float],
    seed: int,
    *,
    paired: bool = False,
    comparisons: int = 1,
) -> Comparison:
    """Difference with interval, p-value and effect size of two samples, or of the differences
    within pairs: then the effect size is that of pairs as well. `comparisons`: p is going to be
    corrected for so many.
    """
    samples = [_differences(first, second).tolist()] if paired else [first, second]
    return Comparison(
        bootstrap_difference(first, second, seed, paired=paired),
        permutation(first, second, seed, paired=paired),
        cliffs_delta(first, second, paired=paired),
        detectable(*samples, comparisons=comparisons),
    )


def cliffs_delta(first: Sequence[float], second: Sequence[float], *, paired: bool = False) -> float:
    """P(x > y) - P(x < y) for x of the first and y of the second sample (Cliff 1993); with pairs,
    for x and y of one pair.
    """
    if paired:
        return float(np.sign(_differences(first, second)).mean())
    one, two = floats_of(first), np.sort(floats_of(second))
    below = np.searchsorted(two, one, side="left").sum()
    above = (len(two) - np.searchsorted(two, one, side="right")).sum()
    return float((below - above) / (len(one) * len(two)))


def _differences(first: Sequence[float], second: Sequence[float]) -> Floats:
    one, two = floats_of(first), floats_of(second)
    _same_length(one, two)
    difference: Floats = one - two
    return difference


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """Each p-value corrected for the number of comparisons (Holm 1979), by the same names."""
    corrected: dict[str, float] = {}
    largest = 0.0
    for rank, (name, value) in enumerate(sorted(values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, value * (len(values) - rank)))
        corrected[name] = largest
    return {name: corrected[name] for name in values}


def _percentiles(middle: float, drawn: Floats) -> Estimate:
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Estimate(middle, float(low), float(high))


def floats_of(values: Sequence[float]) -> Floats:
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or not len(data) or not np.isfinite(data).all():
        raise ExperimentError(
            f"a sample has the shape {data.shape}; expected one or more finite numbers in a row"
        )
    return data


def _same_length(one: Floats, two: Floats) -> None:
    if len(one) != len(two):
        raise ExperimentError(
            f"paired samples have {len(one)} and {len(two)} values; expected equally many"
        )


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
    [found], [at] = _cusum(data[None])
    blocks = data[:whole].reshape(-1, block)
    shuffled = [
        np.concatenate([rng.permutation(blocks).ravel(), data[whole:]]) for _ in range(resamples)
    ]
    largest = int((_cusum(np.array(shuffled))[0] >= found - 1e-12).sum())
    p = (1 + largest) / (1 + resamples)
    return Change(int(at), float(data[:at].mean()), float(data[at:].mean()), p)


def detectable_step(
    values: Sequence[float], seed: int, *, block: int = 1, comparisons: int = 1, series: int = 100
) -> float | None:
    """The smallest step in the middle of such a series that the test of `change_point` finds at 5 %
    divided by the comparisons in 80 of 100 series: steps are put into the shuffled means of its
    blocks, and these are tested. None where no step is found so often: with few blocks, too many
    of their orders keep the two sides apart.
    """
    rng = np.random.default_rng(seed)
    count = len(values) // block
    means = floats_of(values)[: count * block].reshape(count, block).mean(axis=1)
    shuffles = np.array([rng.permutation(count) for _ in range(500)])
    noise = np.array([rng.permutation(means) for _ in range(series)])
    half = np.clip(np.arange(count) + 1 - count / 2, 0.0, 1.0)

    def share(step: float) -> float:
        planted = noise + step * half
        found = _cusum(planted)[0]
        as_large = [
            (_cusum(one[shuffles])[0] >= mine - 1e-12).sum()
            for one, mine in zip(planted, found, strict=True)
        ]
        p = (1 + np.array(as_large)) / (1 + len(shuffles))
        return float((p <= (1 - LEVEL) / comparisons).mean())

    low, high = 0.0, 32 * float(means.std())
    if share(high) < POWER:
        return None
    while high - low > 0.02 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if share(middle) >= POWER else (middle, high)
    return high


def _cusum(rows: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Row by row the largest |sum so far - expected| over the deviation that chance gives it, and
    its place.

    The first and the last 2 % are left out: there a single value would be a change.
    """
    n = rows.shape[1]
    margin = max(1, n // 50)
    sums = np.cumsum(rows - rows.mean(axis=1, keepdims=True), axis=1)[:, :-1]
    places = np.arange(1, n)
    scaled = np.abs(sums) / np.sqrt(places * (n - places) / n)
    inner = scaled[:, margin - 1 : n - margin]
    place = inner.argmax(axis=1)
    return inner[np.arange(len(rows)), place], place + margin
