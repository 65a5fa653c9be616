"""Theorems: how often replies overlap without a lock, and how long they wait with one.

Replies arrive as a Poisson process of rate lambda and last d each. Without a lock they overlap as
they please (M/D/infinity); with one they queue (M/D/1, Pollaczek and Khinchine).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from random import Random

import sympy as sp

from proofs.tools.exact import enumerated, identity, refuted
from proofs.tools.theorem import Discharged

_REPLIES, _SEED = 60_000, 7


def alone(rate: float, duration: float) -> float:
    """The probability that a reply runs alone: exp(-2 lambda d)."""
    return math.exp(-2.0 * rate * duration)


def overlaps(rate: float, duration: float) -> float:
    """The expected number of other replies that overlap a given one: 2 lambda d."""
    return 2.0 * rate * duration


def waiting(rate: float, duration: float) -> float:
    """The mean wait for the lock, lambda d^2 / (2 (1 - lambda d)); needs lambda d < 1."""
    return rate * duration**2 / (2.0 * (1.0 - rate * duration))


def _arrivals(rate: float, rng: Random) -> list[float]:
    now, times = 0.0, []
    for _ in range(_REPLIES):
        now += rng.expovariate(rate)
        times.append(now)
    return times


def simulate_overlaps(rate: float, duration: float, seed: int = _SEED) -> tuple[float, float]:
    """Return (share of replies alone, mean number of overlaps) of a seeded simulation."""
    times = _arrivals(rate, Random(seed))
    counts = [
        bisect_left(times, t + duration) - bisect_right(times, t - duration) - 1 for t in times
    ]
    return sum(c == 0 for c in counts) / len(counts), sum(counts) / len(counts)


def simulate_waiting(rate: float, duration: float, seed: int = _SEED) -> float:
    """Return the mean wait of a seeded queue in which everyone needs ``duration``."""
    free, waited = 0.0, 0.0
    for t in _arrivals(rate, Random(seed)):
        start = max(t, free)
        waited += start - t
        free = start + duration
    return waited / _REPLIES


def prove_load(constant_duration: bool = True) -> list[Discharged]:
    """Derive the formulas; compare with the simulation within 5 %.

    The mutant lets the durations vary (exponentially, with the same mean).
    """
    lam, d, s = sp.symbols("lambda d s", positive=True)
    rho = lam * d
    service = sp.exp(-s * d) if constant_duration else 1 / (1 + s * d)
    # Laplace transform of the wait: (1 - rho) s / (s - lambda + lambda B(s)); its mean is minus
    # the derivative at 0, read off the series.
    transform = (1 - rho) * s / sp.series(s - lam + lam * service, s, 0, 4).removeO()
    mean = -sp.diff(sp.cancel(transform), s).subs(s, 0)
    expected = lam * d**2 / (2 * (1 - rho))
    # Nobody arrives in the d before nor in the d after; the number that does is Poisson.
    n = sp.Symbol("n", integer=True, nonnegative=True)
    poisson = sp.exp(-2 * rho) * (2 * rho) ** n / sp.factorial(n)

    def simulated() -> Iterator[tuple[str, bool, bool]]:
        for load in (0.1, 0.3, 0.6):
            share, others = simulate_overlaps(load, 1.0)
            for name, seen, formula in (
                ("alone", share, alone(load, 1.0)),
                ("overlaps", others, overlaps(load, 1.0)),
                ("wait", simulate_waiting(load, 1.0), waiting(load, 1.0)),
            ):
                yield f"load {load}, {name}: {seen:.4f}", abs(seen - formula) < 0.05 * formula, True

    queue = identity("mean wait", mean - expected) if constant_duration else enumerated(
        "mean wait at lambda = 1/2, d = 1",
        [("mean", mean.subs({lam: sp.Rational(1, 2), d: 1}), sp.Rational(1, 2))],
    )  # fmt: skip
    return [
        queue,
        identity("alone", poisson.subs(n, 0) - sp.exp(-2 * rho)),
        identity("overlaps", sp.summation(n * poisson, (n, 0, sp.oo)) - 2 * rho),
        enumerated("a seeded simulation of 60,000 replies agrees within 5 %", simulated()),
    ]


def refute_load() -> str:
    return refuted(lambda: prove_load(constant_duration=False), "durations vary")
