"""The native engine: what it accepts, what it refuses and why; what it forgets changes nothing."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from leo_model.disciplines import DISCIPLINES
from leo_model.machine.forget import Links, tidy
from leo_model.machine.machine import Move, apply
from leo_model.machine.properties import SAFETY, refines
from leo_model.machine.state import Local, Objects, Reply, State, Store, Tables
from leo_model.machine.steps import World
from leo_model.traces.events import Line
from leo_model.traces.mutate import renumber
from leo_model.traces.native import CONCERNED, SWALLOWED, Checker, Outcome, check
from leo_model.traces.reader import trace_of
from leo_model.traces.tlc_engine import judge, record
from tests.model.traces.synth import Fields, moves, random_trace, scripted_trace, trace_world

Schedule = tuple[Fields, list[Fields]]


def schedules(discipline: str, count: int, length: int, seed: int = 1) -> list[Schedule]:
    """Random schedules of one to four sessions, with no, few or many faults."""
    rng = Random(f"{discipline} {seed}")
    most = 1 if discipline == "sequential" else 4
    return [
        random_trace(
            trace_world(discipline, rng.randint(1, most)), rng, rng.choice([0.0, 0.03, 0.2]), length
        )
        for _ in range(count)
    ]


def check_schedule(schedule: Schedule, *, forgetting: bool = True) -> Outcome:
    return check(trace_of("t", *schedule), forgetting=forgetting)


def first_lines(schedule: Schedule) -> dict[str, int]:
    """For each property the first line after which it is false: every property after every line."""
    trace = trace_of("t", *schedule)
    checker = Checker(trace.header, forgetting=False)
    world, z = checker.world, checker.state
    found: dict[str, int] = {}
    for line in trace:
        if line.turn:
            checker.admit(line)
        before = z.copy()
        apply(world, z, Move(line.event.action.value, line.actor))
        fallen = [name for name, holds in SAFETY.items() if holds(world, z) is not None]
        if refines(world, before, z) is not None:
            fallen.append("Refines")
        for name in fallen:
            found.setdefault(name, line.number)
    return found


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_random_schedules_are_accepted_and_properties_fall_where_they_fall(discipline: str) -> None:
    """A schedule of the transition system is accepted under its own discipline, and each property
    falls at the first line after which its plain definition is false."""
    for schedule in schedules(discipline, 6, 70):
        outcome = check_schedule(schedule)
        assert outcome.rejection is None
        assert outcome.events == len(schedule[1])
        assert {v.property: v.line for v in outcome.violations.values()} == first_lines(schedule)


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_forgetting_changes_no_verdict(discipline: str) -> None:
    """With and without forgetting: the same lines, and the same number of replies concerned."""

    def verdict(schedule: Schedule, *, forgetting: bool) -> dict[str, tuple[int, int]]:
        found = check_schedule(schedule, forgetting=forgetting).violations
        return {name: (v.line, v.count) for name, v in found.items()}

    for schedule in schedules(discipline, 4, 120, seed=2):
        assert verdict(schedule, forgetting=True) == verdict(schedule, forgetting=False)


@pytest.mark.parametrize("discipline", ["bare", "optimistic"])
def test_memory_does_not_grow_with_the_trace(discipline: str) -> None:
    """What is kept depends on the replies in flight: also with faults, also with cycles."""
    header, events = random_trace(trace_world(discipline, 4), Random(5), 0.03, 3000)
    trace = trace_of("t", header, events)
    checker = Checker(trace.header)
    kept = 0
    for line in trace:
        assert checker.feed(line) is None
        z: State = checker.state
        kept = max(
            kept, len(z.dsg), len(z.store.ngrams), len(z.returned), len(checker.watch.cyclic)
        )
    assert checker.replies > 150
    assert kept < 100


def test_cycle_under_bare_is_refused_as_asyncio_lock() -> None:
    """A run without a lock, claimed to have had one, is refused where the lock was not held."""
    schedule = next(
        s for s in schedules("bare", 40, 60) if "Serializable" in check_schedule(s).violations
    )
    header, events = schedule
    outcome = check_schedule(({**header, "discipline": "asyncio-lock"}, events))
    assert outcome.rejection is not None
    assert outcome.rejection.kind == "guard"
    assert outcome.rejection.event.action == "Acquire"
    assert any(
        "the lock is free (held by" in r or "called this instance earlier" in r
        for r in outcome.rejection.reasons
    )


def locked() -> Schedule:
    """Two sessions under the lock, no faults, three replies or so."""
    return random_trace(trace_world("asyncio-lock", 2), Random(8), 0.0, 40)


def place_of(schedule: Schedule, action: str) -> int:
    return next(k for k, event in enumerate(schedule[1]) if event["action"] == action)


def test_version_from_the_future_is_refused_with_both_versions() -> None:
    """A version that the store does not have yet: the line, the versions, the state before."""
    header, events = locked()
    place = place_of((header, events), "LoadBigrams")
    true = events[place]["reads"]["bigrams"]
    events[place] = {**events[place], "reads": {"bigrams": true + 5}}
    found = check_schedule((header, events)).rejection
    assert found is not None
    assert (found.line, found.kind, found.nearest) == (place + 2, "data", "LoadBigrams")
    assert (found.expected, found.observed) == ({"bigrams": true}, {"bigrams": true + 5})
    assert found.reasons == (f"the version of bigrams is {true}, not {true + 5}",)
    assert f"store: ngrams version {true}, " in found.state[0]


def test_missing_step_is_refused_with_what_was_possible() -> None:
    """A step left out: the failing conjunct, the moves that were enabled, the nearest of them."""
    header, events = locked()
    place = place_of((header, events), "Ingest")
    session = events[place]["session"]
    del events[place]
    # The other session may take steps in between.
    found = check_schedule((header, renumber(events))).rejection
    assert found is not None
    assert (found.event.action, found.event.session) == ("LoadBigrams", session)
    assert found.reasons == (f"{session} is at loadBigrams",)
    assert found.nearest == "Ingest"
    assert Move("Ingest", session) in found.enabled and Move("Cancel", session) in found.enabled
    assert any(f"{session}.1: at ingest" in sentence for sentence in found.state)


def test_reply_number_is_checked() -> None:
    """The second call of a session is its second reply."""
    header, events = locked()
    place = place_of((header, events), "Call")
    session = events[place]["session"]
    events[place] = {**events[place], "reply": f"{session}.2"}
    found = check_schedule((header, events)).rejection
    assert found is not None and found.line == place + 2
    assert found.reasons == (f"the reply is {session}.1, not {session}.2",)


def test_refused_line_leaves_the_state_as_it_was() -> None:
    """After a refusal the checker can say what the state was, and go on with the right line."""
    header, events = locked()
    trace = trace_of("t", header, events)
    checker = Checker(trace.header)
    for line in trace:
        key = checker.state.key()
        wrong = _wrong(line)
        if line.actor in checker.state.pc:
            assert checker.feed(wrong) is not None
            assert checker.state.key() == key
        assert checker.feed(line) is None


def _wrong(line: Line) -> Line:
    versions = tuple(version + 1 for version in line.versions) or line.versions
    turn = line.turn if line.versions else line.turn + 7
    return line._replace(versions=versions, turn=turn)


def test_outcomes_are_counted() -> None:
    """Every reply is counted once by how it ended, or is open at the end of the trace."""
    for discipline in DISCIPLINES:
        for schedule in schedules(discipline, 2, 80, seed=9):
            outcome = check_schedule(schedule)
            ended = sum(outcome.outcomes.values()) - outcome.outcomes[SWALLOWED]
            assert ended + outcome.open == outcome.replies


def test_reply_whose_caller_left_counts_as_cancelled() -> None:
    """In an actor the program goes on without its caller: one reply, counted as cancelled."""
    cancelled = 0
    for header, events in schedules("actor", 20, 80):
        left = {event["reply"] for event in events if event["action"] == "Cancel"}
        ended = [event["reply"] for event in events if event["action"] == "Return"]
        outcomes = check_schedule((header, events)).outcomes
        assert outcomes["cancelled"] == len(left & set(ended))
        assert outcomes["returned"] == len(set(ended) - left)
        cancelled += outcomes["cancelled"]
    assert cancelled > 5


def test_every_count_has_a_meaning() -> None:
    """The report can say of each property what its number counts."""
    assert set(CONCERNED) == {*SAFETY, "Refines"}


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
