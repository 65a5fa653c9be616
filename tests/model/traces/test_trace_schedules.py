"""Random schedules under another discipline's name: refused where they are none of its own."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from leo.disciplines import DISCIPLINES as RUNNABLE
from leo_model.disciplines import DISCIPLINES, IDEALISED, Rules
from leo_model.errors import Refused
from leo_model.machine.machine import Move, apply
from leo_model.machine.state import Base, State
from leo_model.machine.steps import World
from leo_model.traces.native import Outcome, check
from leo_model.traces.reader import trace_of
from tests.model.traces.synth import Fields, random_trace, trace_world

Schedule = tuple[Fields, list[Fields]]
SCHEDULES = {
    "seed": st.integers(0, 10**9),
    "sessions": st.integers(1, 4),
    "faults": st.sampled_from([0.0, 0.05, 0.2]),
}


def schedule(discipline: str, seed: int, sessions: int, faults: float) -> Schedule:
    """A random trace of the transition system."""
    world = trace_world(discipline, 1 if discipline == "sequential" else sessions)
    return random_trace(world, Random(seed), faults, 80)


def judged(made: Schedule, discipline: str) -> Outcome:
    """The native engine's verdict, under any claim."""
    header, events = made
    claim = {**header, "discipline": discipline, "runtime": RUNNABLE[discipline].runtime}
    return check(trace_of("t", claim, events))


def first_refused(made: Schedule, discipline: str) -> int | None:
    """The line of the first event that the plain transition system does not allow under another
    discipline: nothing is forgotten there, and versions do not matter."""
    header, events = made
    rules = DISCIPLINES[discipline]
    instance_of = {e["session"]: e["instance"] for e in events if e["session"]}
    world = World(rules, instance_of, faults=frozenset(rules.possible_faults))
    state = State.initial(instance_of, header["instances"])
    state.base = Base(**header["start"])
    for number, event in enumerate(events, 2):
        try:
            apply(world, state, Move(event["action"], event["session"] or event["instance"]))
        except Refused:
            return number
    return None


def comparable(one: Rules, other: Rules) -> bool:
    """The lines of both disciplines carry the same, so that only the order can differ, and the
    header of the one names no more instances than the other may have."""
    alike = (one.whole_reply, one.threads) == (other.whole_reply, other.threads)
    return alike and one.instances <= other.instances


PAIRS = [
    (one, other)
    for one in IDEALISED
    for other in IDEALISED
    if one != other and comparable(DISCIPLINES[one], DISCIPLINES[other])
]


@given(pair=st.sampled_from(PAIRS), **SCHEDULES)
def test_schedules_are_refused_where_they_break_another_discipline(
    pair: tuple[str, str], seed: int, sessions: int, faults: float
) -> None:
    """Under another discipline a schedule is refused at the first step that this one does not
    allow, and only there."""
    made = schedule(pair[0], seed, sessions, faults)
    outcome, refused = judged(made, pair[1]), first_refused(made, pair[1])
    found = None if outcome.rejection is None else outcome.rejection.line
    if found != refused:
        # A step that is allowed, and reads another version there: only a later line could differ.
        assert found is not None and outcome.rejection is not None
        assert outcome.rejection.kind == "data"
        assert refused is None or found < refused


@given(
    stricter=st.sampled_from(["asyncio-lock", "reentrant", "threading-lock-in-async"]), **SCHEDULES
)
def test_overlapping_schedules_are_never_accepted_under_a_lock(
    stricter: str, seed: int, sessions: int, faults: float
) -> None:
    """A run in which two replies were inside at once, or that has a cycle, is no run under a lock,
    even if its header claims one; nor, under a fair lock, is one in which a reply overtook another.
    """
    made = schedule("bare", seed, sessions, faults)
    impossible = {"MutualExclusion", "Serializable"}
    if DISCIPLINES[stricter].lock == "fifo":
        impossible.add("NoOvertaking")
    if judged(made, "bare").violations.keys() & impossible:
        assert judged(made, stricter).rejection is not None


def test_the_schedules_do_break_and_do_pass() -> None:
    """The claims above are not empty: of a dozen schedules most are refused, or all pass."""
    for one, other, refused in (("bare", "asyncio-lock", True), ("asyncio-lock", "bare", False)):
        found = [judged(schedule(one, seed, 3, 0.0), other).rejection for seed in range(12)]
        assert (sum(one is not None for one in found) > 6) == refused
