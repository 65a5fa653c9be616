"""Theorems: what one stale, lost, doubled or reordered observation does to a next-token
distribution.

A context has counts c_i with sum n; an observation adds a_i with sum m. Total variation is half the
sum of the absolute differences. With temperature T the weights are c_i^(1/T).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product

import sympy as sp

from proofs.tools.exact import enumerated, identity, refuted
from proofs.tools.theorem import Discharged


def total_variation(one: Sequence[Fraction], other: Sequence[Fraction]) -> Fraction:
    """Half the sum of the absolute differences of two distributions over the same tokens."""
    return sum((abs(x - y) for x, y in zip(one, other, strict=True)), Fraction(0)) / 2


def stale_bound(n: int, m: int) -> Fraction:
    """One stale or lost observation of m tokens on n counts: m / (n + m). Reached by new tokens."""
    return Fraction(m, n + m)


def doubled_bound(n: int, m: int) -> Fraction:
    """One observation counted twice: n m / ((n + m)(n + 2m)). Reached by new tokens."""
    return Fraction(n * m, (n + m) * (n + 2 * m))


def _counts(tokens: int, largest: int) -> Iterator[tuple[int, ...]]:
    return (c for c in product(range(largest + 1), repeat=tokens) if any(c))


def _shares(counts: Sequence[int]) -> list[Fraction]:
    total = sum(counts)
    return [Fraction(c, total) for c in counts]


def prove_stale(subset: bool = False) -> list[Discharged]:
    """The differences are m/(n+m) times a difference of distributions, so at most m/(n+m).

    ``subset``: the mutant claims that the bound is reached by tokens that were known already.
    """
    c, a, n, m = sp.symbols("c a n m", positive=True)
    fresh, stale = (c + a) / (n + m), c / n
    mixed = m / (n + m) * (a / m - c / n)
    twice = (c + 2 * a) / (n + 2 * m)
    again = n * m / ((n + m) * (n + 2 * m)) * (a / m - c / n)

    def within() -> Iterator[tuple[str, bool, bool]]:
        for before in _counts(3, 3):
            for added in _counts(3, 2):
                n_, m_ = sum(before), sum(added)
                after = [x + y for x, y in zip(before, added, strict=True)]
                double = [x + 2 * y for x, y in zip(before, added, strict=True)]
                old, new = _shares(before), _shares(after)
                kept = total_variation(old, new) <= stale_bound(n_, m_)
                kept &= total_variation(new, _shares(double)) <= doubled_bound(n_, m_)
                yield f"counts {before}, added {added}", kept, True

    def reached() -> Iterator[tuple[str, Fraction, Fraction]]:
        for n_, m_ in product(range(1, 30), range(1, 10)):
            added = (m_, 0) if subset else (0, m_)
            before, after = (n_, 0), (n_ + added[0], added[1])
            twice_ = (n_ + 2 * added[0], 2 * added[1])
            text = f"{n_} counts, {m_} tokens {'known' if subset else 'new'}"
            gap = total_variation(_shares(before), _shares(after))
            yield text, gap, stale_bound(n_, m_)
            gap = total_variation(_shares(after), _shares(twice_))
            yield f"{text}, doubled", gap, doubled_bound(n_, m_)

    return [
        identity("a stale observation mixes", fresh - stale - mixed),
        identity("a doubled observation mixes", twice - fresh - again),
        identity("k stale observations are one of their sum",
                 (m / (n + m)).subs(m, a + c) - (a + c) / (n + a + c)),
        enumerated("reordered observations change nothing", (
            (f"{x}, {y}", [sum(t) for t in zip(x, y, strict=True)],
             [sum(t) for t in zip(y, x, strict=True)])
            for x in _counts(2, 2) for y in _counts(2, 2)
        )),
        enumerated("the bounds are kept", within()),
        enumerated("the bounds are reached", reached()),
    ]  # fmt: skip


def refute_stale() -> str:
    return refuted(lambda: prove_stale(subset=True), "the tokens were known")


def prove_heated(temperature_power: int = 2) -> list[Discharged]:
    """The same with temperature: for T >= 1 from the growth of the weights, for any T from
    their ratio.

    ``temperature_power`` is T, exactly; the mutant says T = 1/2 where T >= 1 is needed.
    """
    x, root = sp.symbols("x r", positive=True)
    # Weights in a set of share x grow by L = r^2 at most, those outside do not shrink.
    gain = root**2 * x / (root**2 * x + 1 - x) - x
    best = 1 / (1 + root)
    z, grown = sp.symbols("Z A", positive=True)
    half = sp.Rational(1, temperature_power) if temperature_power else sp.Integer(2)

    def small() -> Iterator[tuple[str, bool, bool]]:
        def heated(count: int) -> sp.Expr:
            return sp.Float(count, 30) ** half

        for before in _counts(2, 4):
            for added in _counts(2, 3):
                n_, m_ = sum(before), sum(added)
                old = [heated(c) for c in before]
                new = [heated(c + a) for c, a in zip(before, added, strict=True)]
                gaps = (abs(p / sum(old) - q / sum(new)) for p, q in zip(old, new, strict=True))
                kept = bool(sum(gaps) / 2 <= m_ / (heated(n_) + m_) + sp.Float("1e-12"))
                yield f"counts {before}, added {added}, power {half}", kept, True

    def reached() -> Iterator[tuple[str, sp.Expr, sp.Expr]]:
        for n_, m_ in product(range(1, 10), range(1, 6)):
            old = sp.Integer(n_) ** half
            gap = 1 - old / (old + m_)
            rest = sp.cancel(sp.together(gap - m_ / (old + m_)))
            yield f"{n_} of one token, {m_} new ones", rest, 0

    return [
        identity("the gain is stationary at x = 1/(1 + r)", sp.diff(gain, x).subs(x, best)),
        identity("its value there", gain.subs(x, best) - (root - 1) / (root + 1)),
        identity("it vanishes at both ends", gain.subs(x, 0) + gain.subs(x, 1)),
        identity("growing weights bound the distance", 1 - z / (z + grown) - grown / (z + grown)),
        enumerated("m / (n^(1/T) + m) is kept, to 12 digits", small()),
        enumerated("m / (n^(1/T) + m) is reached", reached()),
    ]


def refute_heated() -> str:
    return refuted(lambda: prove_heated(0), "T = 1/2")
