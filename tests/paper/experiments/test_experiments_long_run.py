"""What is said of a long run: its cost by the place in the conversation, its drift by blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from paper.experiments.experiment import Row
from paper.experiments.long_run.experiment import EXPERIMENT
from paper.experiments.long_run.report import changes, cost
from paper.experiments.stats import block_of, change_point

SERIES = ("tokens", "types", "words")


def test_the_long_conversation_is_one_more_and_costly() -> None:
    """It has a cell of its own, which a share of the result leaves out."""
    config = {"seeds": 2, "long": 100_000}
    assert EXPERIMENT.cells(config) == [(0,), (1,), (2,)]
    assert [EXPERIMENT.costly(config, key) for key in EXPERIMENT.cells(config)] == [
        False,
        False,
        True,
    ]
    assert EXPERIMENT.cells({**config, "long": 0}) == [(0,), (1,)]


def timings(conversations: int, early: float, late: float) -> list[Row]:
    """Conversations whose turns take `early`, then `late` seconds."""
    return [
        {"seed": seed, "turn": turn, "seconds": early if turn < 10 else late,
         "peak_kib": 1024 * (100 + turn)}
        for seed in range(conversations)
        for turn in range(20)
    ]  # fmt: skip


@pytest.mark.parametrize("conversations", [1, 3, 4])
def test_cost_is_compared_within_each_conversation(conversations: int) -> None:
    """Turns that take twice as long at the end are said to, however many conversations there are:
    early turns of one are never compared with late turns of another.
    """
    found = cost(timings(conversations, 0.010, 0.020))
    assert found is not None
    assert [found["first"], found["second"]] == pytest.approx([10.0, 20.0])
    assert (found["conversations"], found["least"], found["most"]) == (conversations, 100, 119)


def test_nothing_is_said_of_cost_without_timings() -> None:
    """Without timings, or with too few to have two halves, there is no sentence."""
    assert cost([]) is None and cost(timings(1, 0.01, 0.01)[:1]) is None


def alike(seed: int, n: int, neighbour: float) -> list[float]:
    """A series without a change in which neighbours are alike (autoregression)."""
    noise = np.random.default_rng(seed).normal(size=n + 50)
    for k in range(1, n + 50):
        noise[k] += neighbour * noise[k - 1]
    return [float(x) for x in noise[50:]]


@pytest.mark.parametrize(("neighbour", "most"), [(0.3, 0.1), (0.6, 0.16)])
def test_the_drift_test_rarely_raises_a_false_alarm(neighbour: float, most: float) -> None:
    """On 50 cycles without a change, of 100 series about 5 are called changed, and not 40, although
    neighbouring cycles are alike.
    """
    block = block_of(50)
    alarms = [
        change_point(alike(n, 50, neighbour), n, block=block, resamples=99).p <= 0.05
        for n in range(100)
    ]
    assert sum(alarms) / 100 <= most


def conversation(level: Sequence[float], seed: int = 0) -> list[Row]:
    """Cycles that have these means in every series, and a little noise."""
    rng = np.random.default_rng(seed)
    return [
        {"seed": seed, "turns": 20, **{name: mean + 0.002 * rng.normal() for name in SERIES}}
        for mean in level
    ]


def test_a_drift_is_found_by_blocks() -> None:
    """A level that moves in the middle of 50 cycles is found in all series, and said with the
    blocks by which it was tested.
    """
    found = changes({"seed": 7}, conversation([0.2] * 25 + [0.4] * 25))
    assert len(found) == 3
    assert all(p < 0.05 for _, p in found.values())


def test_a_run_without_enough_blocks_says_so() -> None:
    """Where not even the clearest drift could be told from chance, no drift is not an answer."""
    assert changes({"seed": 7}, conversation([0.2] * 4 + [0.9] * 4)) == {}
