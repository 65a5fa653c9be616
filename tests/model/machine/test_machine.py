"""The transition system: refusals leave the state alone, the graph has the claimed verdicts, and
states that the VIEW of MCField takes for one have the same future and the same verdict.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, load_claims
from leo_model.checking.plan import Bound, Run, config, job, negative_bound
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import Refused
from leo_model.files import spec_folder
from leo_model.machine.machine import ACTIONS, Move, apply, enabled
from leo_model.machine.narrate import replay
from leo_model.machine.properties import SAFETY, refines
from leo_model.machine.reachable import bounded_world, explore, initial_state
from leo_model.tlc.driver import run_many
from leo_model.tlc.job import TlcJob
from tests.model.fallen import violations

DECIDED = {*SAFETY, "DeadlockFree", "Refines"}


# Its graph with faults is ten times as large as any other; test_extras.py has a part of it.
CASES = [(name, name != "published-february") for name in DISCIPLINES]


@pytest.mark.parametrize(
    ("discipline", "faults"),
    [*CASES, pytest.param("published-february", True, marks=pytest.mark.long)],
)
def test_the_graph_has_the_verdicts_of_the_table(discipline: str, faults: bool) -> None:
    """Explored without VIEW or symmetry, exactly the claimed properties fall, and no others:
    without faults, and with them."""
    fallen, verdicts = set[str](), (FALLS, FALLS_WITH_FAULTS)
    for strikes in (False, True) if faults else (False,):
        bound = negative_bound(discipline, strikes)
        world = bounded_world(discipline, bound.sessions, bound.turns, None if strikes else ())
        fallen |= {violation.property for violation in violations(world, explore(world))}
        claimed = set(load_claims().titles(discipline, *verdicts[: 1 + strikes]))
        # With faults a cancellation can always help a reply that waits for itself.
        undecided = {"DeadlockFree"} if strikes else set()
        assert fallen - undecided == claimed & DECIDED - undecided


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_every_refusal_leaves_the_state_as_it_was(discipline: str) -> None:
    """Off-table pairs of reachable states, all over the graph, are refused, and change nothing: the
    table of labels only saves time."""
    world = bounded_world(discipline, 2, 1)
    refused, states = 0, explore(world).states
    for state in states[:: len(states) // 40 + 1]:
        before = state.key()
        possible = set(enabled(world, state))
        for name, action in ACTIONS.items():
            actors = state.up if action.actor == "instance" else state.pc
            for move in (Move(name, actor) for actor in actors):
                if move not in possible:
                    with pytest.raises(Refused, match=r"^refused: "):
                        apply(world, state, move)
                    refused += 1
                    assert state.key() == before
    assert refused > 100


def test_shortest_paths_are_schedules() -> None:
    """A path of the explorer, replayed, ends in its state."""
    world = bounded_world("unit-of-work", 2, 1)
    graph = explore(world)
    for number in (0, 1, 50, len(graph.states) - 1):
        assert replay(world, graph.path(number))[-1].key() == graph.states[number].key()


def test_a_copy_shares_nothing_that_changes() -> None:
    """Taking a move on a copy leaves the original alone."""
    world = bounded_world("bare", 2, 1)
    state = initial_state(world)
    before = state.key()
    apply(world, state.copy(), Move("Call", "s1"))
    assert state.key() == before


def test_a_reply_that_did_nothing_may_end_and_not_return() -> None:
    """The ideal ends a reply at any moment, and returns only one that has been done."""
    world = bounded_world("shielded-unit-of-work", 1, 1)
    called = initial_state(world)
    apply(world, called, Move("Call", "s1"))
    ended = replace(called, pc={"s1": "idle"})
    assert refines(world, called, ended) is None
    returned = replace(ended, returned=frozenset({("s1", 1)}))
    assert refines(world, called, returned) == "s1.1 returned and had not taken effect"


# Prints a line for every value of the view, and one for each that it has in a state in which the
# property holds, and in one in which it does not.
COUNT = r"""---- MODULE CountViews ----
EXTENDS MCField
ASSUME \A k \in 1 .. 3 : TLCSet(k, {})
New(k, name) == \/ EssentialState \in TLCGet(k)
                \/ TLCSet(k, TLCGet(k) \cup {EssentialState}) /\ PrintT(name)
Counted == New(1, "value") /\ IF PROPERTY THEN New(2, "good") ELSE New(3, "bad")
===="""


def searches(run: Run) -> tuple[TlcJob, TlcJob]:
    """The search by VIEW alone, and a plain one that counts the kinds of states it meets.

    Neither checks the property, which would end them at the first state that breaks it; from such
    a state they do not go on.
    """
    (title,) = run.titles
    lines = [line for line in config(run).splitlines() if line.strip() != title]
    lines.append(f"CONSTRAINT {title}")
    by_view = "\n".join(line for line in lines if not line.startswith("SYMMETRY"))
    plain = by_view.replace("VIEW EssentialState\n", "").replace("    TypeOK", "    Counted")
    root = COUNT.replace("PROPERTY", title)
    made = replace(job(run), deadlock=False)
    return (
        replace(made, name="view", config=by_view + "\n"),
        replace(made, name="plain", root=root, config=plain + "\n", library=(spec_folder(),)),
    )


@pytest.mark.parametrize(
    ("discipline", "title", "turns", "faults"),
    [
        pytest.param("shared-store-immediate", "MutualExclusion", 2, (), marks=pytest.mark.long),
        ("shared-store-unit-of-work", "ViewAgreesWithStore", 1, ("Crash",)),
    ],
)
def test_view_of_one_property_misses_nothing(
    tmp_path: Path, discipline: str, title: str, turns: int, faults: tuple[str, ...]
) -> None:
    """Up to the first states that break the property, the search by VIEW meets every value that a
    plain search meets, and no two states of one value differ in the property."""
    run = Run(discipline, "holds", Bound(2, turns), faults, (title,))
    by_view, plain = run_many(searches(run), parallel=2, work=tmp_path)
    assert (by_view.verdict, plain.verdict) == ("ok", "ok"), (by_view.reason, plain.reason)
    value, good, bad = (plain.output.count(f'"{word}"') for word in ("value", "good", "bad"))
    assert value == good + bad
    assert by_view.distinct == good > 20
