"""Tells cycles of dependencies in words: a summary first, then the accesses with their lines."""

from __future__ import annotations

from collections.abc import Sequence

from leo.units.anomalies import (
    G0,
    G1C,
    G2_ITEM,
    G_NONADJACENT,
    G_SINGLE,
    LOST_UPDATE,
    RW,
    WR,
)
from leo.units.calls import Unit, shown
from leo.units.graph import Cycle, named
from leo.units.patterns import Found, plainly


def of_cycle(cycle: Cycle) -> Found:
    """A cycle with its name."""
    units = tuple(dict.fromkeys(edge.source.unit for edge in cycle))
    sure = all(edge.sure for edge in cycle)
    name = named(cycle)
    return Found(
        lambda: (_said(name, cycle, units), tuple(edge.tell() for edge in cycle)), units, sure, name
    )


def of_path(path: Cycle) -> Found:
    """A path of dependencies from a unit to one that had ended before it opened."""
    late, early = path[0].source.unit, path[-1].target.unit
    units = tuple(dict.fromkeys((late, *(edge.target.unit for edge in path))))
    opened = f"{late.name} opened (line {late.begin})"
    if early.kept:
        in_time = f"what it missed was there before {opened}"
    else:
        in_time = f"{early.name} had returned (line {early.end}) before {opened}"
    sure = all(edge.sure for edge in path)
    if len(path) == 1 and path[0].kind == RW:
        said = (
            f"{late.name} {'' if sure else 'perhaps '}read {shown(path[0].source.item)} as it was "
            f"before {early.name} changed it, and {early.name} had ended before it began"
        )
    else:
        said = (
            f"{early.name} had ended before {late.name} began, and {'' if sure else 'perhaps '}"
            f"depends on it all the same"
        )
    return Found(plainly(said, *(edge.tell() for edge in path), in_time), units, sure)


def of_group(group: Sequence[Unit]) -> Found:
    """Units whose dependencies contradict the orders of several sessions together."""
    who = _listed([unit.name for unit in group])
    said = f"{who} depend on one another in an order that their sessions do not have"
    return Found(plainly(said), tuple(group[:8]), sure=True)


def _said(name: str, cycle: Cycle, units: tuple[Unit, ...]) -> str:
    who = _listed([unit.name for unit in units])
    perhaps = "" if all(edge.sure for edge in cycle) else "perhaps "
    if name == LOST_UPDATE:
        over = next(edge for edge in cycle if edge.kind != RW)
        return (
            f"{over.target.unit.name} {perhaps}overwrote {over.source.unit.name}'s "
            f"{shown(over.source.item)} v{over.source.version} without having seen it"
        )
    if name == G0:
        last = _listed([f"{shown(e.target.item)} is {e.target.unit.name}'s" for e in cycle])
        return f"{who} {perhaps}overwrote each other: in the end {last}"
    if name == G1C:
        return f"{who} {perhaps}each saw what the one before had written: none can be the first"
    if name == G_SINGLE:
        missed = next(edge for edge in cycle if edge.kind == RW)
        reader, writer = missed.source.unit, missed.target.unit
        rest = [edge for edge in cycle if edge is not missed]
        if len(cycle) == 2 and rest[0].kind == WR and rest[0].source.item == missed.source.item:
            return (
                f"{reader.name} {perhaps}read {shown(missed.source.item)} before "
                f"{writer.name} wrote it, and again after that"
            )
        if len(cycle) == 2 and rest[0].kind == WR:
            return (
                f"{reader.name} {perhaps}saw a part of what {writer.name} did: "
                f"{shown(rest[0].source.item)} after {rest[0].source.unit.name} wrote it, and "
                f"{shown(missed.source.item)} before {writer.name} wrote it"
            )
        return (
            f"{reader.name} {perhaps}read {shown(missed.source.item)} before {writer.name} wrote "
            f"it, and came after {writer.name} all the same"
        )
    if name == G_NONADJACENT:
        return f"{who} {perhaps}saw the same changes in different orders"
    assert name == G2_ITEM, f"{name} has no words"
    return f"{who} {perhaps}each read what another of them then changed: none saw the other"


def _listed(words: list[str], most: int = 4) -> str:
    words = list(dict.fromkeys(words))
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    return " and ".join([", ".join(words[:-1]), words[-1]]) if words[1:] else words[0]
