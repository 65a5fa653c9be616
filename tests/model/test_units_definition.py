"""The judge of units, against the definition: every choice of moments, every order, tried out."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import model.units
from leo.instrument_log import UnitAction, UnitEvent
from model.units_report import to_fields
from tests.model.test_units import Writer

OBJECTS = ("x", "y")
READS = {"NoAbortedRead", "NoIntermediateRead"}


@st.composite
def traces(draw: st.DrawFn, exact: bool, units: int = 3, calls: int = 3) -> Writer:
    """Units that read and write, their calls begun and ended in any order."""
    names = "abc"[: draw(st.integers(2, units))]
    access = st.tuples(
        st.frozensets(st.sampled_from(OBJECTS)), st.frozensets(st.sampled_from(OBJECTS))
    ).filter(lambda both: bool(both[0] or both[1]))
    plans = {name: draw(st.lists(access, min_size=1, max_size=calls)) for name in names}
    # Each unit: open, then begin and end of every call, then close.
    left = {name: 2 + len(plan) * (1 if exact else 2) for name, plan in plans.items()}
    trace, begun = Writer(), dict.fromkeys(names, -1)
    done = dict.fromkeys(names, 0)
    while left:
        unit = draw(st.sampled_from(sorted(left)))
        left[unit] -= 1
        if begun[unit] == -1:
            trace.add(unit, "Open")
            begun[unit] = 0
        elif not left[unit]:
            outcome = draw(st.sampled_from(("returned", "returned", "raised")))
            trace.add(unit, "Close", outcome=outcome)
            del left[unit]
        elif not exact and begun[unit] == 0:
            begun[unit] = len(trace.events)
        else:
            reads, writes = plans[unit][done[unit]]
            trace.add(
                unit,
                "Write" if writes else "Read",
                reads=reads,
                writes=writes,
                since=None if exact else begun[unit],
            )
            begun[unit] = 0
            done[unit] += 1
    return trace


def committed(trace: Writer) -> set[str]:
    return {e.reply for e in trace.events if e.outcome == "returned"}


def cyclic(
    order: Sequence[UnitEvent], nodes: set[str], also: Iterable[tuple[str, str]] = ()
) -> bool:
    """Does this order of calls, each in one moment, have a cycle of conflicts, and of what else is
    given?
    """
    edges = set(also)
    for first, second in itertools.combinations(order, 2):
        if first.reply == second.reply or not {first.reply, second.reply} <= nodes:
            continue
        shared = first.writes.keys() & (second.writes.keys() | second.reads.keys())
        if shared or first.reads.keys() & second.writes.keys():
            edges.add((first.reply, second.reply))
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


def bad_reads(order: Sequence[UnitEvent], nodes: set[str]) -> set[str]:
    """The properties of reads that fall in this order of calls: what did each read find?"""
    fell = set()
    for at, call in enumerate(order):
        for item in call.reads if call.reply in nodes else ():
            write = next((w for w in reversed(order[:at]) if item in w.writes), None)
            if write is None or write.reply == call.reply:
                continue
            if write.reply not in nodes:
                fell.add("NoAbortedRead")
            after = order[order.index(write) + 1 :]
            if any(w.reply == write.reply and item in w.writes for w in after):
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


@given(traces(exact=True))
@settings(max_examples=80)
def test_exact_traces_are_decided(trace: Writer) -> None:
    """Exact calls: Serializable falls exactly when there is a cycle of conflicts, it or its strict
    form when there is one together with real time, and the properties of reads when one found what
    it should not; no doubt is left."""
    verdict = trace.judge()
    calls = [event for event in trace.events if event.reads or event.writes]
    nodes = committed(trace)
    assert ("Serializable" in verdict.broken) == cyclic(calls, nodes)
    strict = {"Serializable", "StrictlySerializable"} & set(verdict.broken)
    assert bool(strict) == cyclic(calls, nodes, in_time(trace))
    assert set(verdict.broken) & READS == bad_reads(calls, nodes)
    assert not verdict.undecided


@given(traces(exact=False, calls=2))
@settings(max_examples=80)
def test_doubt_is_never_called_valid(trace: Writer) -> None:
    """Calls with intervals: broken means that every choice of moments has a cycle, and nothing
    found means that none has.
    """
    verdict = trace.judge()
    calls = [event for event in trace.events if event.reads or event.writes]
    nodes = committed(trace)
    found = {cyclic(order, nodes) for order in orders(calls)}
    if "Serializable" in verdict.broken:
        assert found == {True}
    elif "Serializable" not in verdict.undecided:
        assert found == {False}
    strict = {cyclic(order, nodes, in_time(trace)) for order in orders(calls)}
    if "StrictlySerializable" in verdict.broken:
        assert strict == {True}
    elif not {"Serializable", "StrictlySerializable"} & {*verdict.undecided, *verdict.broken}:
        assert strict == {False}
    reads = [bad_reads(order, nodes) for order in orders(calls)]
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
        patch.setattr(model.units, "SWEEP", 10_000)
        whole = to_fields(trace.judge())
        patch.setattr(model.units, "SWEEP", 1)
        assert to_fields(trace.judge()) == whole
