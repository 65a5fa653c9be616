"""Theorems: observations commute, decay and observation do not; how far integer decay drifts.

The decay is that of the organism (section 3): a count c becomes floor(rho c), with rho = p/q and
q = p + 1 for each rate that occurs (0.9 = 9/10, 0.95 = 19/20, 0.998 = 499/500).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import sympy as sp

from proofs.tools.exact import Expr, enumerated, identity, refuted
from proofs.tools.theorem import Discharged

RATES = (Fraction(9, 10), Fraction(19, 20), Fraction(499, 500))
_SMALL = 400


def floor_decay(count: int, rate: Fraction) -> int:
    """One decay of one count: floor(rho c)."""
    return count * rate.numerator // rate.denominator


def decayed(count: int, rate: Fraction, times: int) -> int:
    """The count after so many integer decays, without any observation in between."""
    for _ in range(times):
        count = floor_decay(count, rate)
    return count


def commutator(rate: Fraction, added: int) -> Fraction:
    """Decay after observing minus observing after decay, for the real-valued decay: -(1 - rho)
    a.
    """
    return -(1 - rate) * added


def drift_bound(rate: Fraction, times: int) -> Fraction:
    """The most that k integer decays can fall behind rho^k c: p (1 - rho^k), for rho = p/(p+1)."""
    return rate.numerator * (1 - rate**times)


def extreme_count(rate: Fraction, times: int) -> int:
    """A count at which the bound is reached: q^k - p."""
    return int(rate.denominator**times - rate.numerator)


def prove_commutation(
    observe: Callable[[Expr, Expr], Expr] = lambda c, a: c + a,
) -> list[Discharged]:
    """Observations add counts, so they commute; real-valued decay is off by -(1 - rho) a.

    ``observe`` is the law of an observation: the mutant passes another one.
    """
    c, a, b = sp.symbols("c a b", nonnegative=True, integer=True)
    rho = sp.Symbol("rho", positive=True)

    def integers() -> Iterator[tuple[str, int, int]]:
        for x, y in ((1, 2), (2, 1), (3, 3)):
            for count in range(4):
                one = observe(observe(count, x), y)
                yield (
                    f"{count}, then {x} and {y} in both orders",
                    one,
                    observe(observe(count, y), x),
                )

    found = [
        enumerated("observations commute on small counts", integers()),
        identity("observations commute", observe(observe(c, a), b) - observe(observe(c, b), a)),
        identity(
            "commutator of real-valued decay",
            rho * observe(c, a) - observe(rho * c, a) + (1 - rho) * a,
        ),
    ]
    # floor(x + y) - floor(x) is floor(y) or floor(y) + 1: with x = rho c, y = rho a.
    q, i, j = sp.symbols("q i j", integer=True, positive=True)
    u, v = sp.symbols("u v", integer=True, nonnegative=True)
    whole = sp.floor(sp.expand((q * i + q * j + u + v) / q))
    found.append(identity("floors differ by the floor of the remainders",
                          whole - i - j - sp.floor((u + v) / q)))  # fmt: skip

    def floored() -> Iterator[tuple[str, bool, bool]]:
        for rate in RATES:
            for count in range(_SMALL):
                for added in range(1, 40):
                    off = floor_decay(count + added, rate) - floor_decay(count, rate) - added
                    near = abs(off - commutator(rate, added)) < 1
                    yield f"rate {rate}, count {count}, added {added}", near, True

    found.append(enumerated("integer commutator is within 1 of the real one", floored()))
    return found


def refute_commutation() -> str:
    """When an observation assigns its counts instead of adding them, the order matters."""
    return refuted(lambda: prove_commutation(lambda c, a: a), "an observation assigns")


def prove_drift(largest_loss: int = 1) -> list[Discharged]:
    """0 <= rho^k c - d_k(c) <= p (1 - rho^k), and both ends are reached.

    ``largest_loss``: one floor loses at most (q - largest_loss) / q; the mutant says 2.
    """
    p, k, j = sp.symbols("p k j", positive=True, integer=True)
    q = p + 1
    rho = p / q

    def losses() -> Iterator[tuple[str, bool, bool]]:
        for rate in RATES:
            q_ = rate.denominator
            for count in range(2 * q_):
                lost = rate * count - floor_decay(count, rate)
                small = 0 <= lost <= Fraction(q_ - largest_loss, q_)
                yield (
                    f"rate {rate}, count {count}: one floor loses {lost}; small enough",
                    small,
                    True,
                )

    # d -> rho d + loss: what is behind decays too, and each floor adds its loss.
    bound = p * (1 - rho**k)
    step = p * (1 - rho ** (k + 1))
    extreme = p**j * q ** (k - j) - p
    following = p ** (j + 1) * q ** (k - j - 1) - p

    def reached() -> Iterator[tuple[str, Fraction, Fraction]]:
        for rate in RATES:
            for times in range(1, 13):
                count = extreme_count(rate, times)
                drift = rate**times * count - decayed(count, rate, times)
                yield f"rate {rate}, {times} decays of {count}", drift, drift_bound(rate, times)

    def kept() -> Iterator[tuple[str, bool, bool]]:
        for rate in RATES:
            for count in range(_SMALL):
                value, real = count, Fraction(count)
                for times in range(1, 25):
                    value, real = floor_decay(value, rate), real * rate
                    inside = 0 <= real - value <= drift_bound(rate, times)
                    yield f"rate {rate}, {times} decays of {count}", inside, True

    return [
        # The loss depends on the count modulo q only, so two periods are all there is to see.
        enumerated("one floor loses at most p/q", losses()),
        identity("the bound at k = 0", bound.subs(k, 0)),
        identity("the bound's recurrence", step - (rho * bound + p / q)),
        # p x_j / q is x_{j+1} plus a loss of p/q, the largest there is: so x_{j+1} is the floor.
        identity("the extreme count loses the most at each step",
                 p * extreme / q - following - p / q),
        enumerated("the bound is reached", reached()),
        enumerated("the bound is kept", kept()),
    ]  # fmt: skip


def refute_drift() -> str:
    return refuted(lambda: prove_drift(2), "a floor loses at most (q - 2)/q")
