"""How far two fields are apart: the next-token distributions of every context, by name.

The closed forms are those of the theorems on sensitivity (`leo prove`): one stale or lost
observation of m tokens moves the distribution of a context with n counts by at most m / (n + m) in
total variation, one counted twice by at most n m / ((n + m)(n + 2m)), a reordered one not at all.
`proofs` cannot be imported here; a test compares the forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, NamedTuple

from leo.field.view import View

# The tokens before, one or two; what follows them, and how often.
Context = tuple[str, ...]
Picture = Mapping[Context, Mapping[str, int]]
NOTHING: Final[Mapping[str, int]] = {}


class Gap(NamedTuple):
    """A context in which two pictures differ: its counts in the one without the observation, what
    the observation adds there, the distance, and the bound on it.
    """

    context: Context
    counts: int
    added: int
    distance: Fraction
    bound: Fraction


def picture_of(view: View) -> dict[Context, dict[str, int]]:
    """Every context of a view with what follows it."""
    names = view.words.names
    found: dict[Context, dict[str, int]] = {}
    for source, row in view.words.followers.items():
        found[names[source],] = {names[id]: count for id, count in row.items() if count}
    for (first, second), row in view.chains.followers.items():
        found[names[first], names[second]] = {
            names[id]: count for id, count in row.items() if count
        }
    return found


def stale_bound(counts: int, added: int) -> Fraction:
    """m / (n + m): one stale or lost observation."""
    return Fraction(added, counts + added)


def doubled_bound(counts: int, added: int) -> Fraction:
    """n m / ((n + m)(n + 2m)): one observation counted twice."""
    return Fraction(counts * added, (counts + added) * (counts + 2 * added))


def no_bound(counts: int, added: int) -> Fraction:
    """0: observations that only came in another order."""
    return Fraction(0)


BOUNDS: Final = {
    "stale": stale_bound,
    "lost": stale_bound,
    "doubled": doubled_bound,
    "reordered": no_bound,
}


def distance(one: Mapping[str, int], other: Mapping[str, int]) -> Fraction:
    """Total variation: half the sum of the absolute differences of the shares, exactly."""
    sums = sum(one.values()), sum(other.values())
    tokens = one.keys() | other.keys()
    return (
        sum(
            (
                abs(Fraction(one.get(t, 0), sums[0]) - Fraction(other.get(t, 0), sums[1]))
                for t in tokens
            ),
            Fraction(0),
        )
        / 2
    )


def gaps(kind: str, without: Picture, right: Picture, wrong: Picture) -> list[Gap]:
    """Every context that the observation adds to, with the distance from right to wrong.

    `without` is the field before the observation, `right` the field that it should have made,
    `wrong` the field with the defect. Contexts that are new have no distribution without the
    observation: their counts are 0, and their distance is 1 where the wrong field lacks them.
    """
    found: list[Gap] = []
    for context, row in right.items():
        before = sum(without.get(context, NOTHING).values())
        added = sum(row.values()) - before
        other = wrong.get(context, NOTHING)
        if added or other != row:
            apart = distance(row, other) if other else Fraction(1)
            found.append(Gap(context, before, added, apart, BOUNDS[kind](before, added)))
    return found
