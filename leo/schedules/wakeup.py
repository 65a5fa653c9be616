"""Wakeup trees: what is still to be done at a node, in its order.

A branch is a step's number with the branches that follow it; a branch that nothing follows is a
leaf, after which the search goes on freely.  The order is that of the search: nothing may be
planted before what stands there.
"""

from __future__ import annotations

from collections.abc import Sequence

Branch = tuple[int, list["Branch"]]
Place = tuple[list[Branch], list[int]]


def find_place(tree: list[Branch], sequence: list[int], conflicts: Sequence[int]) -> Place | None:
    """Where a sequence is to be planted, and what of it; None when a leaf covers it.

    The place is below the first branches that can come before the sequence or in it (POPL 2014,
    definition 6.1 and lemma 6.2).
    """
    while True:
        for number, following in tree:
            rest = without_initial(sequence, number, conflicts[number])
            if rest is None:
                continue
            if not following:
                return None
            tree, sequence = following, rest
            break
        else:
            return tree, sequence


def without_initial(sequence: list[int], number: int, depends: int) -> list[int] | None:
    """The sequence after a step that can come first: without it when it is in the sequence, whole
    when nothing in the sequence depends on it; None when it cannot come first.
    """
    for position, other in enumerate(sequence):
        if other == number:
            return sequence[:position] + sequence[position + 1 :]
        if depends >> other & 1:
            return None
    return sequence


def plant(tree: list[Branch], sequence: Sequence[int]) -> None:
    """Add a sequence as the last branch."""
    following: list[Branch] = []
    for number in reversed(sequence[1:]):
        following = [(number, following)]
    tree.append((sequence[0], following))


def leaves(tree: Sequence[Branch]) -> list[list[int]]:
    """The sequences of a tree, from the root to each leaf, in order."""
    found = []
    for number, following in tree:
        found += [[number, *rest] for rest in leaves(following)] if following else [[number]]
    return found
