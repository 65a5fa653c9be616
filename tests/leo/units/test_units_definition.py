"""The judge of units, against the definition: every choice of moments, every order, tried out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leo.units.judge
from leo.units.log import UnitAction, UnitEvent
from leo.units.report import to_fields
from tests.leo.units.test_units import Writer

OBJECTS = ("x", "y")
READS = {"NoAbortedRead", "NoIntermediateRead"}


@dataclass(frozen=True)
class Access:
    """What a call did to one object, at one moment."""

    unit: str
    verb: str
    item: str


@st.composite
def traces(
    draw: st.DrawFn, exact: bool | None, units: int = 3, calls: int = 3, sure: bool = True
) -> Writer:
    """Units that read and write, their calls begun and ended in any order.

    Exact calls, calls with intervals, or (None) some of each; exact reads may look back. Writes may
    raise unless `sure`.
    """
    names = "abc"[: draw(st.integers(2, units))]
    access = st.tuples(
        st.frozensets(st.sampled_from(OBJECTS)), st.frozensets(st.sampled_from(OBJECTS))
    ).filter(lambda both: bool(both[0] or both[1]))
    kinds = st.booleans() if exact is None else st.just(exact)
    plan = st.lists(st.tuples(access, kinds), min_size=1, max_size=calls)
    left = {name: [("Open", None), *draw(plan), ("Close", None)] for name in names}
    trace, begun = Writer(), dict[str, int]()
    while left:
        unit = draw(st.sampled_from(sorted(left)))
        what, now = left[unit][0]
        if now is False and unit not in begun:
            begun[unit] = len(trace.events)
            continue
        left[unit].pop(0)
        if what == "Close":
            trace.add(unit, what, outcome=draw(st.sampled_from(("returned", "returned", "raised"))))
            del left[unit]
        elif what == "Open":
            trace.add(unit, what)
        else:
            reads, writes = what
            may_raise = writes and not sure
            trace.add(
                unit,
                "Write" if writes else "Read",
                reads=reads,
                writes=writes,
                outcome=draw(st.sampled_from(("ok", "ok", "raised"))) if may_raise else "ok",
                since=begun.pop(unit, None),
                seen=draw(looks_back(trace, reads)) if now else None,
            )
    return trace


def looks_back(trace: Writer, reads: Iterable[str]) -> st.SearchStrategy[dict[str, int]]:
    """Versions that an exact call may name: mostly the newest, or an older one."""
    back = {item: trace.versions.get(item, 0) for item in sorted(reads)}
    return st.fixed_dictionaries(
        {item: st.sampled_from([new, new, *range(new)]) for item, new in back.items()}
    )


def committed(trace: Writer) -> set[str]:
    return {e.reply for e in trace.events if e.outcome == "returned"}


def cyclic(order: Sequence[Access], nodes: set[str], also: Iterable[tuple[str, str]] = ()) -> bool:
    """Does this order of accesses have a cycle of conflicts, and of what else is given?"""
    edges = set(also)
    for first, second in itertools.combinations(order, 2):
        apart = first.unit != second.unit and {first.unit, second.unit} <= nodes
        if apart and first.item == second.item and "write" in (first.verb, second.verb):
            edges.add((first.unit, second.unit))
    return any(
        all(pair in edges for pair in zip(ring, (*ring[1:], ring[0]), strict=True))
        for size in range(2, len(nodes) + 1)
        for ring in itertools.permutations(sorted(nodes), size)
    )


def in_time(trace: Writer) -> set[tuple[str, str]]:
    """The pairs of units of which one had returned before the other opened."""
    nodes = committed(trace)
    begun = {e.reply: e.seq for e in trace.events if e.action is UnitAction.Open}
    ended = {e.reply: e.seq for e in trace.events if e.action is UnitAction.Close}
    return {(a, b) for a in nodes for b in nodes if ended[a] < begun[b]}


def bad_reads(order: Sequence[Access], nodes: set[str]) -> set[str]:
    """The properties of reads that fall in this order of accesses: what did each read find?"""
    fell = set()
    for at, access in enumerate(order):
        if access.verb != "read" or access.unit not in nodes:
            continue
        writes = [k for k, w in enumerate(order) if (w.verb, w.item) == ("write", access.item)]
        found = max((k for k in writes if k < at), default=None)
        if found is None or order[found].unit == access.unit:
            continue
        if order[found].unit not in nodes:
            fell.add("NoAbortedRead")
        if any(k > found and order[k].unit == order[found].unit for k in writes):
            fell.add("NoIntermediateRead")
    return fell


def orders(calls: list[UnitEvent]) -> Iterator[list[UnitEvent]]:
    """Every order of the calls in which each can act inside its interval."""
    if not calls:
        yield []
        return
    for call in calls:
        since = call.seq - 1 if call.since is msgspec.UNSET else call.since
        # First is whoever began before any of the others had to be done.
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
            yield accesses(order, missing)


def accesses(order: Sequence[UnitEvent], missing: set[int]) -> list[Access]:
    """What the calls did, in the order of the moments at which they did it."""
    placed: list[tuple[int, int, Access]] = []
    for at, call in enumerate(order):
        for item, version in call.reads.items():
            made = [(w.writes[item], w.seq, k) for k, w in enumerate(order) if item in w.writes]
            newest = max((v for v, seq, _ in made if seq < call.seq), default=0)
            back = call.since is msgspec.UNSET and version < newest
            then = next((k for v, _, k in made if v == version), -1)
            moment = (then, 2) if back else (at, 0)
            placed.append((*moment, Access(call.reply, "read", item)))
        for item in call.writes if call.seq not in missing else ():
            placed.append((at, 1, Access(call.reply, "write", item)))
    return [access for *_, access in sorted(placed, key=lambda entry: entry[:2])]


@given(traces(exact=True))
@settings(max_examples=80)
def test_exact_traces_are_decided(trace: Writer) -> None:
    """Exact calls: Serializable falls exactly when there is a cycle of conflicts, it or its strict
    form when there is one together with real time, and the properties of reads when one found what
    it should not; no doubt is left."""
    verdict = trace.judge()
    [only] = worlds(trace)
    nodes = committed(trace)
    assert ("Serializable" in verdict.broken) == cyclic(only, nodes)
    strict = {"Serializable", "StrictlySerializable"} & set(verdict.broken)
    assert bool(strict) == cyclic(only, nodes, in_time(trace))
    assert set(verdict.broken) & READS == bad_reads(only, nodes)
    assert not verdict.undecided


@given(
    st.sampled_from((True, False, None)).flatmap(
        lambda exact: traces(exact=exact, calls=2, sure=False)
    )
)
@settings(max_examples=200)
def test_doubt_is_never_called_valid(trace: Writer) -> None:
    """Calls with intervals, and writes that raised: broken means that it fell whatever happened,
    and nothing found means that it did not fall whatever happened.
    """
    verdict = trace.judge()
    all_of_them = list(worlds(trace))
    nodes = committed(trace)
    found = {cyclic(world, nodes) for world in all_of_them}
    if "Serializable" in verdict.broken:
        assert found == {True}
    elif "Serializable" not in verdict.undecided:
        assert found == {False}
    strict = {cyclic(world, nodes, in_time(trace)) for world in all_of_them}
    if "StrictlySerializable" in verdict.broken:
        assert strict == {True}
    elif not {"Serializable", "StrictlySerializable"} & {*verdict.undecided, *verdict.broken}:
        assert strict == {False}
    reads = [bad_reads(world, nodes) for world in all_of_them]
    for name in READS:
        if name in verdict.broken:
            assert all(name in fell for fell in reads)
        elif name not in verdict.undecided:
            assert not any(name in fell for fell in reads)


@given(st.data())
@settings(max_examples=40)
def test_names_imply_cycles(data: st.DataObject) -> None:
    """A lost update, an unstable or a torn read between units that returned is on a cycle."""
    trace = data.draw(traces(exact=data.draw(st.booleans())))
    verdict = trace.judge()
    nodes = committed(trace)
    for name in ("NoLostUpdate", "StableRead", "NoTornRead"):
        if name in verdict.broken and set(verdict.broken[name].units) <= nodes:
            assert "Serializable" in verdict.broken


@given(traces(exact=False, calls=2), st.integers(2, 4))
@settings(max_examples=40)
def test_forgetting_changes_nothing(trace: Writer, times: int) -> None:
    """A judge that forgets what it can at every close says the same as one that never does."""
    events = list(trace.events)
    for k in range(1, times):
        for event in events:
            since = event.since if event.since is msgspec.UNSET else event.since + k * len(events)
            trace.add(
                f"{event.reply}{k}",
                event.action,
                reads=event.reads,
                writes=event.writes,
                outcome=event.outcome,
                since=None if since is msgspec.UNSET else since,
            )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leo.units.judge, "SWEEP", 10_000)
        whole = to_fields(trace.judge())
        patch.setattr(leo.units.judge, "SWEEP", 1)
        assert to_fields(trace.judge()) == whole
