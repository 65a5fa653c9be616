"""Checks a result file of `leo check` before it is quoted: a file can be edited by hand.

Its verdicts must be those of the claims, decided by the planned searches, with the recorded
numbers. Each counterexample must break its property when the transition system takes its steps
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from leo_model.checking.claims import Claims, Numbers
from leo_model.checking.plan import Run, plan
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import Refused
from leo_model.machine.machine import Move, enabled, successors
from leo_model.machine.narrate import replay, witness
from leo_model.machine.reachable import bounded_world
from leo_model.machine.state import State
from leo_model.machine.steps import World

__all__ = ["closing_step", "problems"]


class _Cell(msgspec.Struct):
    discipline: str
    property: str
    verdict: str
    reason: str = ""


class _Row(msgspec.Struct):
    verdict: str
    titles: list[str]
    distinct: int | None
    depth: int | None
    property: str | None = None


class _Told(msgspec.Struct):
    discipline: str
    property: str
    faults: list[str]
    sessions: int
    turns: int
    back_to: int | None
    witness: str
    schedule: list[tuple[str, str]]


class _Results(msgspec.Struct):
    claims: list[_Cell]
    runs: dict[str, _Row]
    counterexamples: list[_Told]


def problems(data: object, claims: Claims) -> list[str]:
    """Say what in a result file is not as it must be; empty when all is."""
    try:
        results = msgspec.convert(data, _Results)
    except msgspec.ValidationError as error:
        return [f"it has not the form of a result: {error}"]
    runs = {run.name: run for run in plan(claims)}
    found = [*_cells(results, claims), *_rows(results, claims, runs)]
    falling = {(run.discipline, run.falls): run for run in runs.values() if run.falls}
    told = [(one.discipline, one.property) for one in results.counterexamples]
    if len(set(told)) != len(told):
        found.append("a property of a discipline has two counterexamples")
    for one in results.counterexamples:
        run = falling.get((one.discipline, one.property))
        named = f"{one.discipline} / {one.property}"
        if run is None:
            found.append(f"{named}: a counterexample, and it is not claimed to fall")
        elif (why := _again(one, run, claims)) is not None:
            found.append(f"{named}: the counterexample is none: {why}")
    return found


def _cells(results: _Results, claims: Claims) -> Iterator[str]:
    cells = {(cell.discipline, cell.property): cell for cell in results.claims}
    for key in sorted(cells.keys() ^ claims.cells.keys()):
        yield f"{' / '.join(key)} {'is missing' if key in claims.cells else 'is no claim'}"
    for key in cells.keys() & claims.cells.keys():
        said, claimed = cells[key].verdict, claims.cells[key].verdict
        if said != claimed:
            yield f"{' / '.join(key)}: it says {said!r}, and {claimed!r} is claimed"


def _rows(results: _Results, claims: Claims, runs: dict[str, Run]) -> Iterator[str]:
    for name in sorted(results.runs.keys() ^ runs.keys()):
        yield f"the run {name} {'is missing' if name in runs else 'is none of them'}"
    for name in results.runs.keys() & runs.keys():
        row, run = results.runs[name], runs[name]
        fell = run.falls is not None
        if fell and run.falls == "DeadlockFree":
            right = row.verdict == "deadlock"
        elif fell:
            right = row.verdict not in {"ok", "error", "deadlock"} and row.property == run.falls
        else:
            right = row.verdict == "ok"
        if not right or tuple(row.titles) != run.titles:
            yield (
                f"run {name}: it says {row.verdict} of {row.property or ', '.join(row.titles)}, "
                f"and {'the fall' if fell else 'that all holds'} of {', '.join(run.titles)} is "
                "expected"
            )
        recorded = claims.numbers.get(name)
        # 0: TLC's speed decides how far it has searched (`Numbers`).
        if recorded is not None and recorded.distinct not in (0, row.distinct):
            yield (
                f"run {name}: it says {row.distinct} states, and {recorded.distinct} are recorded"
            )


_LOADS = ("LoadBigrams", "LoadTrigrams", "AssignView")


def _again(told: _Told, run: Run, claims: Claims) -> str | None:
    """Take a counterexample's steps again; say why it is none."""
    bound, faults = (told.sessions, told.turns), tuple(told.faults)
    if bound != (run.bound.sessions, run.bound.turns) or set(faults) != set(run.faults):
        return f"it is of {bound}, {', '.join(faults) or 'no faults'}, and not of {run.name}"
    depth = claims.numbers.get(run.name, Numbers(0, None)).depth
    if depth is not None and depth != len(told.schedule) + 1:
        return f"it has {len(told.schedule)} steps, and {depth - 1} are recorded"
    world, schedule, back_to = _taken_by(told)
    try:
        states = replay(world, schedule)
    except (Refused, KeyError) as error:
        return f"its steps cannot be taken: {error}"
    last = states[-1]
    if run.kind == "alone":
        return None
    if told.property == "DeadlockFree":
        return "something can move at its end" if enabled(world, last) else None
    if told.turns:
        return None if witness(world, told.property, states) else "nothing is broken at its end"
    # A call is not answered: somebody waits, for ever or round and round.
    if back_to is not None:
        if not 0 < back_to <= len(states):
            return f"there is no state {back_to} to come back to"
        if _closing(world, states, back_to) is None:
            return f"its end does not lead back to state {back_to}"
    return None if any(map(last.in_flight, last.pc)) else "nobody waits at its end"


def _taken_by(told: _Told) -> tuple[World, list[Move], int | None]:
    """The world in which a counterexample can be taken again, its steps there, and the number of
    the state that it comes back to.
    """
    schedule, faults = [Move(*move) for move in told.schedule], tuple(told.faults)
    world = bounded_world(told.discipline, told.sessions, told.turns, faults)
    if told.turns:
        return world, schedule, told.back_to
    back_to = told.back_to
    if world.rules.transaction == "immediate":
        # The specification that forgets contents leaves open whether a view is behind when its
        # transaction begins; this one remembers, and loads only then.
        loads = [n for n, move in enumerate(schedule) if move.action in _LOADS]
        schedule = [move for n, move in enumerate(schedule) if n not in loads]
        back_to = back_to and back_to - sum(n < back_to - 1 for n in loads)
    # Sessions that call for ever.
    rules, strikes = DISCIPLINES[told.discipline], frozenset(faults)
    ever = World(rules, world.instance_of, faults=strikes, asks=world.asks)
    return ever, schedule, back_to


def _closing(world: World, states: Sequence[State], back_to: int) -> Move | None:
    back = states[back_to - 1].pc
    return next((move for move, after in successors(world, states[-1]) if after.pc == back), None)


def closing_step(found: Mapping[str, object]) -> Move | None:
    """The step with which a counterexample that repeats comes back: TLC names the state only.

    None for one that does not repeat, whose end does not lead back, or that cannot be taken.
    """
    world, schedule, back_to = _taken_by(msgspec.convert(found, _Told))
    if back_to is None:
        return None
    try:
        return _closing(world, replay(world, schedule), back_to)
    except Refused:
        return None
