"""What the check of a trace forgets: schedules on which forgetting more would be wrong."""

from __future__ import annotations

from pathlib import Path

from leo_model.disciplines import DISCIPLINES
from leo_model.machine.forget import Links, tidy
from leo_model.machine.state import Local, Objects, Reply, State, Store, Tables
from leo_model.machine.steps import World
from leo_model.traces.native import Checker, Outcome, check
from leo_model.traces.reader import trace_of
from leo_model.traces.tlc_engine import judge, record
from tests.model.traces.synth import Fields, moves, scripted_trace, trace_world

UNIT = "Call Acquire Begin Recall Ingest Generate SaveSnapshot Commit SwapView Release Return"


def both(
    discipline: str, sessions: int, *parts: str
) -> tuple[tuple[Fields, list[Fields]], Outcome]:
    """The trace of a schedule, and its verdict, which must not depend on forgetting."""
    schedule = scripted_trace(trace_world(discipline, sessions), moves(*parts))
    outcome, full = (check(trace_of("t", *schedule), forgetting=f) for f in (True, False))
    assert outcome.accepted and full.accepted
    lines = {name: (v.line, v.count) for name, v in outcome.violations.items()}
    assert lines == {name: (v.line, v.count) for name, v in full.violations.items()}
    return schedule, outcome


# s1 has written; s2 is half-applied after it, and every copy holds s2's observation when s3 ends
# and the state is tidied. Only now does s1 read what s2 wrote: s1 -> s2 -> s1.
LATE_READ = (
    "s1 Call Acquire Recall Ingest",
    "s2 Call Acquire Recall Ingest CancelApplied",
    "s1 LoadBigrams LoadTrigrams AssignView",
    "s3 Call Cancel",
    "s1 Generate SaveSnapshot Release Return",
)

# Instance i2 (s2, s4) sees its own commits and never those of i1 (s1, s3). Somebody is always in
# flight at i2, and at i1 until it crashes, so that the views are compared with the store only at
# the last line: the view of i2 is {s4.1, s2.1}, and the store's first writes are s4.1, s1.1.
GAP_IN_A_VIEW = (
    f"s4 {UNIT.removesuffix(' Return')}", "s2 Call", "s4 Return",
    f"s1 {UNIT.removesuffix(' Return')}", "s3 Call", "s1 Return",
    f"s2 {UNIT.removeprefix('Call ').removesuffix(' Return')}", "s4 Call", "s2 Return",
    "i1 Crash Recover", "s4 Cancel",
)  # fmt: skip


def test_reply_with_something_upstream_is_not_forgotten() -> None:
    """A reply that is in every copy, but follows one in flight, can still come on a cycle."""
    _, outcome = both("bare", 3, *LATE_READ)
    assert "s1.1 -> s2.1 -> s1.1" in outcome.violations["Serializable"].witness


def test_only_the_first_writes_are_forgotten() -> None:
    """A view with a gap stays a view with a gap: what is behind the gap is not forgotten."""
    schedule, outcome = both("shared-store-unit-of-work", 4, *GAP_IN_A_VIEW)
    assert outcome.violations["ViewAgreesWithStore"].line == len(schedule[1]) + 1


def test_tlc_forgets_no_more_than_that(tmp_path: Path) -> None:
    """The same two schedules under TLC: the same properties fall."""
    found = [both("bare", 3, *LATE_READ), both("shared-store-unit-of-work", 4, *GAP_IN_A_VIEW)]
    verdicts = judge([record(trace_of("t", *schedule)) for schedule, _ in found], work=tmp_path)
    assert [v.broken for v in verdicts] == [frozenset(o.violations) for _, o in found]


def test_merged_replies_keep_the_paths_through_them() -> None:
    """Two absorbed replies on a cycle with one in flight become one, and the cycle stays."""
    u, m, r = ("u", 1), ("m", 1), ("r", 1)
    everything = frozenset({u, m, r})
    world = World(DISCIPLINES["bare"], dict.fromkeys("umr", "i1"))
    z = State(
        pc={"u": "snapshot", "m": "idle", "r": "idle"},
        calls={"u": 1, "m": 1, "r": 1},
        store=Store((m, u, r), (m, r)),
        view={"i1": Tables(everything, everything)},
        local={"u": Local(recalled=everything), "m": Local(), "r": Local()},
        up={"i1": True},
        readers=Objects(everything, everything),
        dsg=frozenset({(u, m), (m, r), (r, u)}),
    )
    cyclic: set[Reply] = {u, m, r}
    links = Links()
    # Only the first writes may be merged, and u's is between the two.
    tidy(world, z, cyclic, links)
    assert cyclic == {u, m, r}
    z.store = Store((m, r, u), (m, r))
    tidy(world, z, cyclic, links)
    links.update(z.dsg)
    assert cyclic == {u, r} == links.component(u, z.wrote)
    assert z.store == Store((r, u), (r,)) and z.base == (1, 1)


def test_half_applied_reply_does_not_hold_the_memory() -> None:
    """A reply that was cancelled half-way precedes all later ones and is forgotten with them."""
    step = "Call Acquire Recall Ingest LoadBigrams LoadTrigrams AssignView Generate SaveSnapshot"
    trace = trace_of(
        "t",
        *scripted_trace(
            trace_world("asyncio-lock", 1),
            moves("s1 Call Acquire Recall Ingest CancelApplied", f"s1 {step} Release Return"),
        ),
    )
    checker = Checker(trace.header)
    for line in trace:
        assert checker.feed(line) is None
    assert checker.state.store == Store() and checker.state.dsg == frozenset()
    assert checker.state.base == (2, 1)
