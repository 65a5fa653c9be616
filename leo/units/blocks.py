"""Judges units that overlapped: cycles, what is too late, and the patterns that have a name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from leo.units.anomalies import LOST_UPDATE, RW, WW
from leo.units.calls import Edge, Unit
from leo.units.doubt import Doubt
from leo.units.graph import Effort, Graph, cycles_of
from leo.units.patterns import Block, Torn, changed_between, unstable_read
from leo.units.story import of_cycle, of_group, of_path
from leo.units.verdict import UnitsVerdict


def judge_block(said: UnitsVerdict, block: Block, spare: Effort, clock: bool) -> None:
    """Add what a block shows; `clock`: the units opened and ended by one."""
    graph = Graph(block, block.committed)
    open_ = Doubt.needed(block)
    pairs = ((unit, changed_between(block, unit, open_=open_)) for unit in block.committed)
    changed = {unit: pair for unit, pair in pairs if pair != (None, None)}
    circling: set[Unit] = set()
    for group in graph.groups():
        circling.update(group)
        if not all(unit.settled for unit in group):
            for cycle in cycles_of(block, graph, group, changed, spare):
                said.note("Serializable", of_cycle(cycle))
    rest = [unit for unit in block.committed if unit not in circling]
    if circling:
        graph = Graph(block, rest)
    if clock:
        for group, path in graph.too_late():
            if not all(unit.settled for unit in group):
                said.note("StrictlySerializable", of_path(path))
    else:
        graph = Graph(block, rest, _sessions(rest))
        for group in graph.groups():
            if not all(unit.settled for unit in group):
                path = graph.way_back(group)
                said.note("StrictlySerializable", of_path(path) if path else of_group(group))
    torn = Torn(block)
    for unit in block.committed:
        if unit.settled:
            continue
        lost, unstable = changed.get(unit, (None, None))
        if lost is not None and lost[3] and said.again("NoLostUpdate", LOST_UPDATE):
            lost = None
        if lost is not None and (lost[3] or "NoLostUpdate" not in said.broken):
            read, other, write, sure = lost
            update = Edge(read, other, RW, sure), Edge(other, write, WW, sure)
            said.note("NoLostUpdate", of_cycle(update))
        if unstable is not None and (unstable[3] or "StableRead" not in said.broken):
            said.note("StableRead", unstable_read(*unstable))
        if torn:
            found = torn.find(unit, sure=True)
            if found is None and open_ and "NoTornRead" not in said.broken:
                found = torn.find(unit, sure=False)
            if found is not None:
                said.note("NoTornRead", found)
    if torn.effort < 0:
        said.note_unsearched("NoTornRead", block.units)
    if open_ and not circling:
        _doubt(said, block, clock)


def _sessions(units: Sequence[Unit]) -> Iterable[list[Unit]]:
    sessions: dict[str, list[Unit]] = {}
    for unit in units:
        sessions.setdefault(unit.session, []).append(unit)
    return sessions.values()


def _doubt(said: UnitsVerdict, block: Block, clock: bool) -> None:
    """Look for cycles that depend on when the calls acted, until one is found."""
    doubt = Doubt(block)
    for name, in_time in (("Serializable", False), ("StrictlySerializable", True)):
        if "Serializable" in {*said.broken, *said.undecided} or name in said.broken:
            return
        if in_time and not clock:
            return
        for unit in block.committed:
            path = doubt.search(unit, in_time=in_time)
            if doubt.effort < 0:
                said.note_unsearched(name, block.units)
                break
            if path:
                said.note(name, (of_path if in_time else of_cycle)(path))
                break
