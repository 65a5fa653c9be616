"""The name of an equivalence class: the normal form of Foata.

Two schedules are equivalent (Mazurkiewicz) when one becomes the other by exchanging neighbours that
do not depend on each other.  The normal form puts each step into the earliest layer that it can be
in; equivalent schedules have equal normal forms, and others do not (Cartier and Foata, 1969;
Diekert and Rozenberg (eds.), The Book of Traces, 1995, section 2.3).
"""

from __future__ import annotations

from collections.abc import Sequence

from leo.schedules.events import Events

NormalForm = tuple[tuple[int, ...], ...]


def normal_form(events: Events, numbers: Sequence[int]) -> NormalForm:
    """The layers of a schedule that is given as numbers of steps."""
    layers: list[list[int]] = []
    masks: list[int] = []
    for number in numbers:
        depends, level = events.conflicts[number], len(layers)
        while level and not masks[level - 1] & depends:
            level -= 1
        if level == len(layers):
            layers.append([])
            masks.append(0)
        layers[level].append(number)
        masks[level] |= 1 << number
    return tuple(tuple(sorted(layer)) for layer in layers)


def count_classes(events: Events, schedules: Sequence[Sequence[int]]) -> int:
    """How many classes the schedules belong to."""
    return len({normal_form(events, numbers) for numbers in schedules})
