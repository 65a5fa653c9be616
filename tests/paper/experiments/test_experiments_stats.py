"""The statistics of the experiments, on data whose answer is known."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from paper.experiments import stats
from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import seed_of

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


def normal(seed: int, size: int, mean: float = 0.0) -> list[float]:
    return [float(x) for x in np.random.default_rng(seed).normal(mean, 1.0, size)]


def uniform(p: list[float]) -> float:
    """The p-value of a Kolmogorov-Smirnov test of p-values against the even distribution."""
    return float(scipy_stats.kstest(p, "uniform").pvalue)


@pytest.mark.parametrize("paired", [False, True])
def test_a_planted_effect_is_found(paired: bool) -> None:
    """A shift of one deviation between samples of 60 is found by interval, test and sizes."""
    found = stats.compare(normal(1, 60, 1.0), normal(2, 60), 3, paired=paired)
    assert found.p < 0.001
    assert found.difference.low > 0.3
    assert found.difference.low < 1.0 < found.difference.high
    assert found.cliff > 0.3


@pytest.mark.parametrize("paired", [False, True])
def test_without_an_effect_p_values_are_uniform(paired: bool) -> None:
    """150 comparisons of samples from one distribution have evenly distributed p-values; those of
    a shifted distribution have not.
    """

    def p(n: int, shift: float) -> float:
        one, two = normal(2 * n, 12, shift), normal(2 * n + 1, 12)
        return stats.permutation(one, two, n, paired=paired, resamples=400)

    assert uniform([p(n, 0.0) for n in range(150)]) > 0.05
    assert uniform([p(n, 0.5) for n in range(150)]) < 0.001


def test_intervals_cover_the_mean_as_often_as_they_say() -> None:
    """Of 200 intervals of 95 %, between 88 and 99 % have the true mean."""
    hits = sum(
        not stats.bootstrap(normal(n, 30, 5.0), n, resamples=500).excludes(5.0) for n in range(200)
    )
    assert 0.88 * 200 <= hits <= 0.99 * 200


def test_a_change_of_the_mean_is_found_where_it_is() -> None:
    """A series that moves by two deviations after 60 of 100 values changes near 60."""
    change = stats.change_point(normal(4, 60) + normal(5, 40, 2.0), 6, resamples=300)
    assert abs(change.at - 60) <= 3
    assert change.p < 0.01
    assert change.after - change.before > 1.5


def test_without_a_change_p_values_are_uniform() -> None:
    """120 series without a change have evenly distributed p-values."""
    p = [stats.change_point(normal(n, 40), n, resamples=200).p for n in range(120)]
    assert uniform(p) > 0.05


def test_blocks_keep_neighbours_together() -> None:
    """A slow wave has no change point by blocks as long as it, and seems to have one by values."""
    wave = [float(x) for x in np.sin(np.arange(120) / 120 * 8 * np.pi)]
    assert stats.change_point(wave, 1, block=30, resamples=300).p > 0.2
    assert stats.change_point(wave, 1, block=1, resamples=300).p < 0.05


@given(VALUES, VALUES)
def test_cliffs_delta_is_the_count_of_pairs(one: list[float], two: list[float]) -> None:
    """Cliff's delta equals its definition over all pairs."""
    pairs = list(product(one, two))
    expected = sum((x > y) - (x < y) for x, y in pairs) / len(pairs)
    assert stats.cliffs_delta(one, two) == pytest.approx(expected)


def test_holm_by_hand() -> None:
    """The textbook's example: 0.01, 0.04, 0.03 become 0.03, 0.06, 0.06."""
    assert stats.holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx(
        {"a": 0.03, "b": 0.06, "c": 0.06}
    )


@settings(max_examples=25)
@given(VALUES, st.integers(0, 2**32))
@example([0.0, 3.9558508528260704e-258], 0)
def test_equal_seeds_give_equal_answers(values: list[float], seed: int) -> None:
    """Equal seeds give equal random draws; the interval holds the mean of
    values that do not vary.
    """
    assert stats.bootstrap(values, seed, resamples=100) == stats.bootstrap(
        values, seed, resamples=100
    )
    same = [values[0]] * 3
    assert stats.bootstrap(same, seed).low == stats.bootstrap(same, seed).high


def test_few_pairs_are_permuted_exactly() -> None:
    """Three positive differences of eight sign patterns: p is exactly 2/8."""
    assert stats.permutation([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], 1, paired=True) == 0.25
    assert stats.permutation([1.0, 2.0], [1.0, 2.0], 1, paired=True) == 1.0


def test_resampled_clusters_are_wider_than_values() -> None:
    """Ten clusters of ten equal values have the interval of ten values, not of a hundred."""
    means = np.array(normal(8, 10))
    (clusters,) = stats.resampled(10, lambda drawn: np.array([means[drawn].mean()]), 1)
    plain = stats.bootstrap([float(x) for x in np.repeat(means, 10)], 1)
    assert clusters.value == pytest.approx(plain.value)
    assert clusters.high - clusters.low > 2 * (plain.high - plain.low)


@pytest.mark.parametrize("bad", [[], [float("nan")], [float("inf"), 1.0]])
def test_what_is_no_sample_is_refused(bad: list[float]) -> None:
    """No values, and values that are no numbers, are errors and not answers."""
    with pytest.raises(ExperimentError):
        stats.bootstrap(bad, 1)


def test_samples_that_cannot_be_compared_are_refused() -> None:
    """Pairs of which one half is missing, and too few values for two sides of a change."""
    with pytest.raises(ExperimentError):
        stats.permutation([1.0, 2.0], [1.0], 1, paired=True)
    with pytest.raises(ExperimentError):
        stats.change_point([1.0, 2.0, 3.0], 1)


@given(st.lists(st.one_of(st.integers(), st.text(max_size=4)), min_size=1, max_size=4))
def test_seeds_depend_on_every_part(parts: list[int | str]) -> None:
    """Another part, or another order, is another seed; the seed is a number of 63 bits."""
    seed = seed_of(*parts)
    assert 0 <= seed < 2**63
    assert seed != seed_of(*parts, 0)
    if parts != parts[::-1]:
        assert seed != seed_of(*reversed(parts))


def test_effect_sizes_of_pairs_are_of_their_differences() -> None:
    """Seeds that differ much from one another hide a difference within each of them from the
    measures of two samples, and not from those of pairs.
    """
    second = [float(n) for n in range(20)]
    first = [value + 0.1 + 0.01 * (n % 2) for n, value in enumerate(second)]
    apart, pairs = (stats.compare(first, second, 1, paired=paired) for paired in (False, True))
    assert abs(apart.cliff) < 0.1 and pairs.cliff == 1.0
    assert stats.compare(second, first, 1, paired=True).cliff == -1.0
    assert stats.cliffs_delta([1.0, 2.0], [2.0, 1.0], paired=True) == 0.0


def found_of(size: float, draws: int, sizes: tuple[int, ...], level: float) -> float:
    """How often a difference of that size is found by a t test between samples of deviation 1."""
    rng = np.random.default_rng(5)
    first = rng.normal(size, 1.0, (draws, sizes[0]))
    if len(sizes) == 1:
        return float((scipy_stats.ttest_1samp(first, 0.0, axis=1).pvalue < level).mean())
    second = rng.normal(0.0, 1.0, (draws, sizes[1]))
    return float((scipy_stats.ttest_ind(first, second, axis=1).pvalue < level).mean())


@pytest.mark.parametrize("sizes", [(30,), (20, 12), (8, 8)])
@pytest.mark.parametrize("comparisons", [1, 10])
def test_the_detectable_difference_is_found_in_four_of_five(
    sizes: tuple[int, ...], comparisons: int
) -> None:
    """A planted difference of the size that the formula gives is found in 77 to 83 of 100
    experiments, at the corrected level; half of it in far fewer.
    """
    samples = []
    for size in sizes:
        data = np.array(normal(size, size))
        samples.append(((data - data.mean()) / data.std(ddof=1)).tolist())
    least = stats.detectable(*samples, comparisons=comparisons)
    assert 0.77 < found_of(least, 4000, sizes, 0.05 / comparisons) < 0.83
    assert found_of(least / 2, 4000, sizes, 0.05 / comparisons) < 0.35


def test_one_value_detects_nothing() -> None:
    """Without a spread there is no size; values that never vary would show anything."""
    assert stats.detectable([0.3]) == stats.detectable([0.1, 0.2], [0.3]) == math.inf
    assert stats.detectable([0.2] * 5) == 0.0
    assert stats.compare([1.0, 2.0], [1.0, 2.0], 3, paired=True).least == 0.0


@given(st.integers(1, 10**6))
def test_the_rarest_rate_is_missed_once_in_twenty(trials: int) -> None:
    """(1 - r) ** n is 0.05; for many trials that is the rule of three."""
    rate = stats.rarest(trials)
    assert trials * math.log1p(-rate) == pytest.approx(math.log(0.05))
    assert trials < 100 or rate == pytest.approx(3 / trials, rel=0.02)


def test_the_detectable_step_is_found_in_four_of_five() -> None:
    """A step of the given size in the middle of 60 values is found in 70 to 92 of 100 series by
    blocks; half of it in far fewer. With 6 blocks no step is found at a tenth of the level.
    """

    def share(step: float) -> float:
        planted = step * (np.arange(60) >= 30)
        p = [
            stats.change_point(list(normal(n, 60) + planted), n, block=5, resamples=199).p
            for n in range(100)
        ]
        return sum(one <= 0.05 for one in p) / 100

    sizes = [stats.detectable_step(normal(n, 60), n, block=5, series=40) for n in range(10)]
    least = float(np.mean([size for size in sizes if size is not None]))
    assert None not in sizes and 0.7 <= share(least) <= 0.92
    assert share(least / 2) < 0.5
    assert stats.detectable_step(normal(1, 60), 1, block=10, comparisons=10, series=40) is None
