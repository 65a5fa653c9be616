"""Random schedules of random programs: accepted as what they are, refused as what they are not."""

from __future__ import annotations

from itertools import permutations
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from leo.disciplines import DISCIPLINES as RUNNABLE
from leo_model.disciplines import DISCIPLINES, IDEALISED, Rules
from leo_model.errors import Refused
from leo_model.machine.machine import Move, apply
from leo_model.machine.state import Base, State
from leo_model.machine.steps import PAPER_PROGRAM, World
from leo_model.traces.native import Checker, Outcome
from leo_model.traces.reader import trace_of
from tests.model.traces.synth import Fields, random_trace, trace_world

SCHEDULES = {
    "seed": st.integers(0, 10**9),
    "program": st.sampled_from(list(permutations(PAPER_PROGRAM))),
    "sessions": st.integers(1, 4),
    "faults": st.sampled_from([0.0, 0.05, 0.2]),
}


def schedule(
    discipline: str, seed: int, program: tuple[str, ...], sessions: int, faults: float
) -> tuple[Fields, list[Fields]]:
    """A random trace of the transition system, with the program in its header."""
    world = trace_world(discipline, 1 if discipline == "sequential" else sessions)
    other = World(world.rules, world.instance_of, faults=world.faults, program=program)
    header, events = random_trace(other, Random(seed), faults, 80)
    return {**header, "program": list(program)}, events


def judged(header: Fields, events: list[Fields], discipline: str) -> Outcome:
    """The native engine's verdict, under any claim; the reader knows the paper's program only."""
    runtime = RUNNABLE[discipline].runtime
    claim = {**header, "discipline": discipline, "runtime": runtime, "program": PAPER_PROGRAM}
    trace = trace_of("t", claim, events)
    checker = Checker(msgspec.structs.replace(trace.header, program=tuple(header["program"])))
    rejection = None
    for line in trace:
        rejection = checker.feed(line)
        if rejection is not None:
            break
    return checker.outcome("t", trace.notices, rejection)


def first_refused(header: Fields, events: list[Fields], discipline: str) -> int | None:
    """The line of the first event that the plain transition system does not allow under another
    discipline: nothing is forgotten there, and versions do not matter."""
    rules = DISCIPLINES[discipline]
    instance_of = {e["session"]: e["instance"] for e in events if e["session"]}
    world = World(
        rules,
        instance_of,
        faults=frozenset(rules.possible_faults),
        program=tuple(header["program"]),
    )
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


@given(discipline=st.sampled_from(list(IDEALISED)), **SCHEDULES)
@settings(max_examples=25)
def test_schedules_are_accepted_under_their_own_discipline(
    discipline: str, seed: int, program: tuple[str, ...], sessions: int, faults: float
) -> None:
    """For any program, discipline, interleaving and faults."""
    header, events = schedule(discipline, seed, program, sessions, faults)
    outcome = judged(header, events, discipline)
    assert outcome.rejection is None
    assert outcome.events == len(events)


@given(pair=st.sampled_from(PAIRS), **SCHEDULES)
@settings(max_examples=30)
def test_schedules_are_refused_where_they_break_another_discipline(
    pair: tuple[str, str], seed: int, program: tuple[str, ...], sessions: int, faults: float
) -> None:
    """Under another discipline a schedule is refused at the first step that this one does not
    allow, and only there."""
    header, events = schedule(pair[0], seed, program, sessions, faults)
    outcome = judged(header, events, pair[1])
    refused = first_refused(header, events, pair[1])
    found = None if outcome.rejection is None else outcome.rejection.line
    if found != refused:
        # A step that is allowed, and reads another version there: only a later line could differ.
        assert found is not None and outcome.rejection is not None
        assert outcome.rejection.kind == "data"
        assert refused is None or found < refused


@given(stricter=st.sampled_from(["asyncio-lock", "reentrant"]), **SCHEDULES)
@settings(max_examples=25)
def test_overlapping_schedules_are_never_accepted_under_a_lock(
    stricter: str, seed: int, program: tuple[str, ...], sessions: int, faults: float
) -> None:
    """A run in which two replies were inside at once, or one overtook another, is no run under a
    fair lock, even if its header claims one; nor is one with a cycle, if the program is the paper's
    (one that generates before it observes has cycles under the lock too, once a reply was cut).
    """
    header, events = schedule("bare", seed, program, sessions, faults)
    broken = judged(header, events, "bare").violations.keys()
    impossible = {"MutualExclusion", "NoOvertaking"}
    if program == PAPER_PROGRAM:
        impossible.add("Serializable")
    if broken & impossible:
        assert judged(header, events, stricter).rejection is not None


def test_the_schedules_do_break_and_do_pass() -> None:
    """The claims above are not empty: of a dozen schedules most are refused and many pass."""
    refused = {pair: 0 for pair in (("bare", "asyncio-lock"), ("asyncio-lock", "bare"))}
    for seed in range(12):
        for one, other in refused:
            header, events = schedule(one, seed, PAPER_PROGRAM, 3, 0.0)
            refused[one, other] += judged(header, events, other).rejection is not None
    assert refused["bare", "asyncio-lock"] > 6
    assert refused["asyncio-lock", "bare"] == 0
