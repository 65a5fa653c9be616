"""Theorems: how many interleavings there are, and how few of them are serializable.

k replies of s steps each. The core program reads the snapshots first and writes them last, so two
replies that overlap at all depend on each other in both directions: nothing but a serial
execution is conflict-serializable. Without the recall the snapshot may be saved while the next
reply already observes, and the count is a Fuss-Catalan number.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import comb, factorial, prod

import sympy as sp

from proofs.tools.exact import enumerated, identity, refuted
from proofs.tools.theorem import Discharged

# (object, is it written) for each step.
Program = tuple[tuple[str, bool], ...]
CORE: Program = (("snapshots", False), ("ngrams", True), ("ngrams", False), ("snapshots", True))
WITHOUT_RECALL: Program = CORE[1:]

_REACH = {4: 3, 3: 4}  # steps -> the number of replies up to which everything is enumerated


def interleavings(k: int, s: int) -> int:
    """All orders of k replies of s steps: (ks)! / (s!)^k."""
    return factorial(k * s) // int(factorial(s) ** k)


def serial(k: int) -> int:
    """One reply after the other: k!."""
    return factorial(k)


def exclusive(k: int, s: int) -> int:
    """Executions of k replies of one free step (the call) and s steps under the lock.

    k! times the product of i (s + 1) + 1 for i < k: the call of the i-th to enter may stand
    anywhere before its own entrance.
    """
    return factorial(k) * prod(i * (s + 1) + 1 for i in range(k))


def serializable_core(k: int) -> int:
    """Conflict-serializable interleavings of the core program: the serial ones, k!."""
    return serial(k)


def serializable_without_recall(k: int) -> int:
    """Conflict-serializable interleavings of observe, generate, snapshot: k! C(3k, k) / (2k +
    1).
    """
    return factorial(k) * comb(3 * k, k) // (2 * k + 1)


def _orders(left: tuple[int, ...], begun: int | None = None) -> Iterator[tuple[int, ...]]:
    """All interleavings, as sequences of reply numbers; ``left`` says how many steps each has. With
    ``begun`` only those in which the replies begin in order, that many having begun.
    """
    if not any(left):
        yield ()
        return
    for reply, steps in enumerate(left):
        if steps and (begun is None or reply <= begun):
            rest = (*left[:reply], steps - 1, *left[reply + 1 :])
            for tail in _orders(rest, begun if begun is None else max(begun, reply + 1)):
                yield (reply, *tail)


def _acyclic(edges: set[tuple[int, int]], nodes: int) -> bool:
    left = set(range(nodes))
    while left:
        free = {n for n in left if not any(b == n and a in left for a, b in edges)}
        if not free:
            return False
        left -= free
    return True


def is_serializable(order: tuple[int, ...], program: Program, k: int) -> bool:
    """The conflict graph of the interleaving is acyclic."""
    place, steps = [0] * k, []
    for reply in order:
        steps.append((reply, *program[place[reply]]))
        place[reply] += 1
    edges = {
        (a, b)
        for n, (a, object_a, writes_a) in enumerate(steps)
        for b, object_b, writes_b in steps[n + 1 :]
        if a != b and object_a == object_b and (writes_a or writes_b)
    }
    return _acyclic(edges, k)


@cache
def count_by_enumeration(program: Program, k: int) -> int:
    """Enumerate all interleavings and count the conflict-serializable ones, without the formula.

    The replies are alike, so those that begin in a given order are one in k!.
    """
    orders = _orders((len(program),) * k, begun=0)
    return factorial(k) * sum(is_serializable(order, program, k) for order in orders)


def _exclusive_by_enumeration(k: int, s: int) -> int:
    def allowed(order: tuple[int, ...]) -> bool:
        place, inside = [0] * k, -1
        for reply in order:
            place[reply] += 1
            if place[reply] == 1:
                continue
            if inside not in (-1, reply):
                return False
            inside = -1 if place[reply] == s + 1 else reply
        return True

    return sum(map(allowed, _orders((s + 1,) * k)))


def prove_counting(free_calls: bool = True) -> list[Discharged]:
    """Interleavings, serial ones and mutually exclusive ones, against enumeration.

    The mutant forgets that a call may wait: it counts the serial ones only.
    """

    def all_of_them() -> Iterator[tuple[str, int, int]]:
        reach = ((1, 4), *((2, s) for s in range(1, 6)), (3, 1), (3, 2), (3, 3), (4, 2))
        for k, s in reach:
            yield f"k = {k}, s = {s}", sum(1 for _ in _orders((s,) * k)), interleavings(k, s)

    def locked() -> Iterator[tuple[str, int, int]]:
        for k, s in ((1, 3), (2, 1), (2, 2), (2, 3), (2, 4), (3, 1), (3, 2), (4, 1)):
            formula = exclusive(k, s) if free_calls else serial(k)
            yield f"k = {k}, s = {s}", _exclusive_by_enumeration(k, s), formula

    k, s = sp.symbols("k s", positive=True, integer=True)
    total = sp.factorial(k * s) / sp.factorial(s) ** k
    grown = total.subs(k, k + 1) / total
    binomial = sp.binomial(k * s + s, s)
    return [
        enumerated("interleavings", all_of_them()),
        enumerated("mutually exclusive executions", locked()),
        identity("one more reply multiplies by C((k+1)s, s)",
                 sp.gammasimp((grown / binomial).rewrite(sp.gamma)) - 1),
    ]  # fmt: skip


def refute_counting() -> str:
    return refuted(lambda: prove_counting(free_calls=False), "calls do not wait")


def prove_serializable(program: Program = CORE) -> list[Discharged]:
    """k! for the core program, k! C(3k, k)/(2k+1) without its recall, and both shares vanish.

    ``program``: the mutant puts the recall after the observation.
    """

    def core() -> Iterator[tuple[str, int, int]]:
        for k in range(1, _REACH[4] + 1):
            yield f"{k} replies of the core", count_by_enumeration(program, k), serializable_core(k)

    def shorter() -> Iterator[tuple[str, int, int]]:
        for k in range(1, _REACH[3] + 1):
            found = count_by_enumeration(WITHOUT_RECALL, k)
            yield f"{k} replies without recall", found, serializable_without_recall(k)

    k = sp.Symbol("k", positive=True, integer=True)
    z = sp.Symbol("z")
    share = sp.factorial(k) * sp.factorial(4) ** k / sp.factorial(4 * k)
    ratio = sp.gammasimp((share.subs(k, k + 1) / share).rewrite(sp.gamma))
    ratio_closed = 24 * (k + 1) / ((4 * k + 4) * (4 * k + 3) * (4 * k + 2) * (4 * k + 1))
    shorter_share = (
        sp.binomial(3 * k, k) / (2 * k + 1) * sp.factorial(k) * 6**k / sp.factorial(3 * k)
    )
    shorter_ratio = sp.gammasimp((shorter_share.subs(k, k + 1) / shorter_share).rewrite(sp.gamma))
    # The Fuss-Catalan series T = 1 + z T^3, up to the twelfth term.
    terms = sum(sp.Rational(comb(3 * n, n), 2 * n + 1) * z**n for n in range(13))
    series = sp.series(1 + z * terms**3 - terms, z, 0, 13).removeO()
    return [
        enumerated("core: only serial executions are serializable", core()),
        enumerated("without recall: a Fuss-Catalan number", shorter()),
        identity("the generating function satisfies T = 1 + z T^3", series),
        identity("the share of one more reply (core)", ratio - ratio_closed),
        identity("it vanishes (core)", sp.limit(ratio_closed, k, sp.oo)),
        identity("it vanishes (without recall)", sp.limit(shorter_ratio, k, sp.oo)),
    ]


def refute_serializable() -> str:
    late = (CORE[1], CORE[0], *CORE[2:])
    return refuted(lambda: prove_serializable(late), "recall after observe")
