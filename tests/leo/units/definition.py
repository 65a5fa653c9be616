"""What the judge of units must say, by the definition: every choice of moments, tried out.

A *world* is one way in which a recording can have happened: an order of the accesses in which each
call acts at one moment of its interval, with or without each write that raised. In a world it is
known what every read found; there the dependencies are Adya's, and nothing is left open.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import msgspec
from hypothesis import strategies as st

from leo.units.log import UnitAction, UnitEvent
from tests.leo.units.writer import Writer

OBJECTS = ("x", "y")


@dataclass(frozen=True)
class Access:
    """What a call did to one object, at one moment; `call` is the number of its event."""

    unit: str
    verb: str
    item: str
    call: int


def history(
    rng: Random,
    *,
    exact: bool | None,
    units: int,
    calls: int,
    sure: bool,
    updates: bool = False,
) -> Writer:
    """Units that read and write, their calls begun and ended in any order; with `updates` each
    reads x and then writes it.

    Exact calls, calls with intervals, or (None) some of each; exact reads may look back, also to
    before the recording. Writes may raise unless `sure`.
    """
    start = {item: rng.choice((0, 0, 1, 2)) for item in OBJECTS}
    trace = Writer(start=start, versions=dict(start))
    left: dict[str, list[tuple[str, str, bool]]] = {}
    for name in "abcd"[: rng.randint(2, units)]:
        plan = [("Open", "", False)]
        for k in range(2 if updates else rng.randint(1, calls)):
            reads = "".join(item for item in OBJECTS if rng.random() < 0.45)
            writes = "".join(item for item in OBJECTS if rng.random() < 0.4)
            if not reads and not writes:
                reads = rng.choice(OBJECTS)
            if updates:
                reads, writes = ("x", "") if k == 0 else ("", "x")
            plan.append((reads, writes, rng.random() < 0.5 if exact is None else exact))
        # With doubtful writes a unit may not have ended when the recording is closed.
        left[name] = [*plan, ("Close", "", False)] if sure or rng.random() < 0.9 else plan
    begun: dict[str, int] = {}
    while left:
        unit = rng.choice(sorted(left))
        reads, writes, now = left[unit][0]
        call = reads not in ("Open", "Close")
        if call and not now and unit not in begun:
            begun[unit] = len(trace.events)
            continue
        left[unit].pop(0)
        if not left[unit]:
            del left[unit]
        if not call:
            outcome = rng.choice(("returned", "returned", "raised")) if reads == "Close" else "ok"
            trace.add(unit, reads, outcome=outcome)
            continue
        newest = {item: trace.versions[item] for item in reads}
        seen = {item: rng.choice([new, new, *range(new)]) for item, new in newest.items()}
        trace.add(
            unit,
            "Write" if writes else "Read",
            reads=reads,
            writes=writes,
            outcome="raised" if writes and not sure and rng.random() < 0.33 else "ok",
            since=begun.pop(unit, None),
            seen=seen if now else None,
        )
    return trace


def traces(
    exact: bool | None, units: int = 3, calls: int = 3, sure: bool = True
) -> st.SearchStrategy[Writer]:
    """Histories for Hypothesis."""
    return st.integers(0, 1 << 32).map(
        lambda seed: history(Random(seed), exact=exact, units=units, calls=calls, sure=sure)
    )


def committed(trace: Writer) -> set[str]:
    """The units that returned, and those that wrote before the recording."""
    returned = {e.reply for e in trace.events if e.outcome == "returned"}
    return returned | {f"#{item}{v}" for item, last in trace.start.items() for v in range(last + 1)}


def dependencies(world: Sequence[Access], nodes: set[str]) -> set[tuple[str, str]]:
    """Adya's direct dependencies between units that committed."""
    edges = set()
    for item in {access.item for access in world}:
        line = [access for access in world if access.item == item]
        counting = [k for k, a in enumerate(line) if a.verb == "write" and a.unit in nodes]
        edges |= {(line[j].unit, line[k].unit) for j, k in itertools.pairwise(counting)}
        for at, access in enumerate(line):
            if access.verb != "read" or access.unit not in nodes:
                continue
            found = max((k for k in range(at) if line[k].verb == "write"), default=None)
            if found is not None and line[found].unit in nodes:
                edges.add((line[found].unit, access.unit))
            later = [k for k in counting if k > (at if found is None else found)]
            edges |= {(access.unit, line[k].unit) for k in later[:1]}
    return {(a, b) for a, b in edges if a != b}


def cyclic(edges: Iterable[tuple[str, str]]) -> bool:
    """Is there a cycle?"""
    after: dict[str, set[str]] = {}
    for one, other in edges:
        after.setdefault(one, set()).add(other)
    while True:
        last = [node for node in {n for e in after.values() for n in e} if not after.get(node)]
        if not last:
            return any(after.values())
        for ways in after.values():
            ways.difference_update(last)


def in_time(trace: Writer) -> set[tuple[str, str]]:
    """The pairs of units of which one had returned before the other opened."""
    nodes = committed(trace)
    begun = {e.reply: e.seq for e in trace.events if e.action is UnitAction.Open}
    ended = {e.reply: e.seq for e in trace.events if e.action is UnitAction.Close}
    ended |= {node: 0 for node in nodes if node.startswith("#")}
    return {(a, b) for a in nodes for b in nodes & begun.keys() if ended[a] < begun[b]}


def fallen(trace: Writer, world: Sequence[Access]) -> set[str]:
    """The properties that fell in a world."""
    nodes, fell = committed(trace), set()
    edges = dependencies(world, nodes)
    if cyclic(edges):
        fell |= {"Serializable", "StrictlySerializable"}
    if cyclic(edges | in_time(trace)):
        fell.add("StrictlySerializable")
    for item in OBJECTS:
        line = [access for access in world if access.item == item]
        fell |= _fallen_reads(line, nodes)
        # What a unit wrote that never ended is judged as a dirty read.
        ended = {e.reply for e in trace.events if e.action is UnitAction.Close}
        fell |= _fallen_pairs([a for a in line if a.unit in nodes | ended], nodes)
    return fell | _torn(world, nodes)


def _fallen_reads(line: Sequence[Access], nodes: set[str]) -> set[str]:
    """What did each read of an object find?"""
    fell = set()
    for at, access in enumerate(line):
        if access.verb != "read" or access.unit not in nodes:
            continue
        writes = [k for k, write in enumerate(line) if write.verb == "write"]
        if any(
            line[k].unit == access.unit and line[k].call < access.call and k > at for k in writes
        ):
            fell.add("ReadsOwnWrites")
        found = max((k for k in writes if k < at), default=None)
        if found is None or line[found].unit == access.unit:
            continue
        if line[found].unit not in nodes:
            fell.add("NoAbortedRead")
        if any(k > found and line[k].unit == line[found].unit for k in writes):
            fell.add("NoIntermediateRead")
    return fell


def _fallen_pairs(line: Sequence[Access], nodes: set[str]) -> set[str]:
    """What came between the latest read of an object and the next access to it?"""
    fell = set()
    for unit in {access.unit for access in line} & nodes:
        mine = sorted((k for k, a in enumerate(line) if a.unit == unit), key=lambda k: line[k].call)
        latest = None
        for k in sorted(mine, key=lambda k: (line[k].call, line[k].verb)):
            if latest is not None:
                between = line[min(latest, k) : max(latest, k)]
                others = [a for a in between if a.verb == "write" and a.unit != unit]
                if line[k].verb == "read" and others:
                    fell.add("StableRead")
                if line[k].verb == "write" and any(a.unit in nodes for a in others) and k > latest:
                    fell.add("NoLostUpdate")
            if line[k].verb == "read":
                latest = k
    return fell


def _torn(world: Sequence[Access], nodes: set[str]) -> set[str]:
    """Did a unit see what another wrote to one object, and not to the other?"""
    for (i, seen), (j, missed) in itertools.permutations(enumerate(world), 2):
        same = seen.unit == missed.unit and {seen.verb, missed.verb} == {"read"}
        if not same or seen.item == missed.item or seen.unit not in nodes:
            continue
        found = [a for a in world[:i] if (a.verb, a.item) == ("write", seen.item)]
        if not found or found[-1].unit not in nodes:
            continue
        there = {a.unit for a in found} & nodes - {seen.unit}
        later = {a.unit for a in world[j:] if (a.verb, a.item) == ("write", missed.item)}
        if there & later:
            return {"NoTornRead"}
    return set()


def with_values(trace: Writer, rng: Random) -> list[list[Access]]:
    """Give each write a value, its own or one of a few, and each read the value that it found in
    one of the worlds; return the worlds in which the reads found these.
    """
    of_call = {event.seq: event for event in trace.events}
    few = rng.choice((1_000, 1_000, 3))
    all_worlds = list(worlds(trace))
    told = [
        {
            (access.call, access.item): next(
                (
                    w.call % few
                    for w in reversed(world[:at])
                    if (w.verb, w.item) == ("write", access.item)
                ),
                0,
            )
            for at, access in enumerate(world)
            if access.verb == "read"
        }
        for world in all_worlds
    ]
    chosen = rng.choice(told)
    for seq, event in of_call.items():
        # A call that does both gives no value, as in a recording.
        alone = not (event.reads and event.writes)
        saw = {item: f"of {chosen[seq, item]}" for item in event.reads if alone}
        gave = {item: f"of {seq % few}" for item in event.writes if alone}
        trace.events[seq - 1] = msgspec.structs.replace(
            event, saw=saw or msgspec.UNSET, gave=gave or msgspec.UNSET
        )
    trace.values = True
    known = {at for at in chosen if trace.events[at[0] - 1].saw is not msgspec.UNSET}
    return [
        world
        for world, found in zip(all_worlds, told, strict=True)
        if all(found[at] == chosen[at] for at in known)
    ]


def orders(calls: list[UnitEvent]) -> Iterator[list[UnitEvent]]:
    """Every order of the calls in which each can act inside its interval."""
    if not calls:
        yield []
        return
    for call in calls:
        since = call.seq - 1 if call.since is msgspec.UNSET else call.since
        # First is one that began before any of the others had to be done.
        if all(other is call or other.seq > since for other in calls):
            for rest in orders([other for other in calls if other is not call]):
                yield [call, *rest]


def worlds(trace: Writer) -> Iterator[list[Access]]:
    """Everything that can have happened: every order of the calls, with and without each write that
    raised. An exact read of a version that had been overwritten comes right after what made it.
    """
    calls = [event for event in trace.events if event.reads or event.writes]
    doubtful = [call.seq for call in calls if call.outcome == "raised"]
    chosen = [
        set(some)
        for size in range(len(doubtful) + 1)
        for some in itertools.combinations(doubtful, size)
    ]
    for order in orders(calls):
        for missing in chosen:
            yield accesses(order, missing, trace.start)


def accesses(
    order: Sequence[UnitEvent], missing: set[int], start: dict[str, int] | None = None
) -> list[Access]:
    """What the calls did, in the order of the moments at which they did it."""
    start = start or {}
    placed: list[tuple[int, int, Access]] = [
        (v - last - 1, 1, Access(f"#{item}{v}", "write", item, 0))
        for item, last in start.items()
        for v in range(1, last + 1)
    ]
    for at, call in enumerate(order):
        for item, version in call.reads.items():
            first = start.get(item, 0)
            made = [(w.writes[item], w.seq, k) for k, w in enumerate(order) if item in w.writes]
            newest = max((v for v, seq, _ in made if seq < call.seq), default=first)
            back = call.since is msgspec.UNSET and version < newest
            then = next((k for v, _, k in made if v == version), version - first - 1)
            moment = (then, 2) if back else (at, 0)
            placed.append((*moment, Access(call.reply, "read", item, call.seq)))
        for item in call.writes if call.seq not in missing else ():
            placed.append((at, 1, Access(call.reply, "write", item, call.seq)))
    return [access for *_, access in sorted(placed, key=lambda entry: entry[:2])]
