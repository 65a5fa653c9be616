"""Adya's names for the anomalies between transactions, and the isolation levels that forbid them.

The names and their definitions are those of Adya's thesis (Weak Consistency, 1999) and of Adya,
Liskov, O'Neil (Generalized Isolation Level Definitions, 2000); G-nonadjacent, the cycles that
snapshot isolation forbids as well, and the lost update are named as isolation checkers name them.
Here a unit, or a reply, stands where they have a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

# Adya's dependencies: reads what was written, overwrites what was read, or what was written.
WR: Final = "wr"
RW: Final = "rw"
WW: Final = "ww"

G0: Final = "G0 dirty write"
G1A: Final = "G1a aborted read"
G1B: Final = "G1b intermediate read"
G1C: Final = "G1c circular information flow"
G_SINGLE: Final = "G-single read skew"
G_NONADJACENT: Final = "G-nonadjacent long fork"
G2_ITEM: Final = "G2-item write skew"
LOST_UPDATE: Final = "lost update"
# None of Adya's: a read returned an older value than that which was there.
STALE: Final = "stale read"
# What Elle finds in the values of a history, before any order of it.
GARBAGE: Final = "garbage read"
DUPLICATE: Final = "duplicate elements"
INCOMPATIBLE: Final = "incompatible orders"
# The gravest first: that which the weakest level forbids.
NAMES: Final = (G0, G1A, G1B, G1C, LOST_UPDATE, G_SINGLE, G_NONADJACENT, G2_ITEM)

# The levels from the weakest to the strongest. Each forbids what those before it forbid, and more.
LEVELS: Final = (
    "read-uncommitted",
    "read-committed",
    "read-atomic",
    "snapshot-isolation",
    "serializable",
    "strict-serializable",
)
# For a person who calls methods of one object, strict serializability has this name.
ALSO: Final = {"linearizable": "strict-serializable"}
# The weakest level that forbids what has this name; each name has one.
FORBIDDEN_FROM: Final = {
    G0: "read-uncommitted",
    G1A: "read-committed",
    G1B: "read-committed",
    G1C: "read-committed",
    LOST_UPDATE: "snapshot-isolation",
    G_SINGLE: "snapshot-isolation",
    G_NONADJACENT: "snapshot-isolation",
    G2_ITEM: "serializable",
    STALE: "strict-serializable",
    GARBAGE: "read-uncommitted",
    DUPLICATE: "read-uncommitted",
    INCOMPATIBLE: "read-committed",
}


def name_of(kinds: Sequence[str]) -> str:
    """Return the name of a cycle, given the kind of each of its dependencies in their order.

    A lost update is a G-single whose two edges are on one object: who sees the objects says so.
    """
    overwritten = kinds.count(RW)
    if overwritten == 0:
        return G1C if WR in kinds else G0
    if overwritten == 1:
        return G_SINGLE
    adjacent = any(one == other == RW for one, other in pairwise((*kinds, kinds[0])))
    return G2_ITEM if adjacent else G_NONADJACENT
