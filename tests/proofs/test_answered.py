"""Theorem 24: the ranking falls in the machine, and a lock that serves out of turn starves."""

from __future__ import annotations

import pytest
import z3

from leo_model.machine.machine import Move, apply, enabled
from leo_model.machine.reachable import bounded_world, explore, initial_state
from leo_model.machine.state import State
from proofs.invariants.unbounded import CASES, Case, Mutant, explain
from proofs.progress.answered import (
    comes_before,
    helpful,
    ranking_obligations,
    refute_answered,
    starving,
    strong_obligations,
    way,
)
from proofs.progress.index import BY_LUCK, IN_ORDER
from proofs.relation.tie import Relation, encode
from proofs.relation.vocabulary import SESSION, symbols
from proofs.tools.discharge import discharge
from proofs.tools.errors import NotProvedError
from tests.proofs.test_progress import steps
from tests.proofs.test_tie import rest_long, shares, spread


@pytest.mark.parametrize(("key", "most"), shares(("D4", "D10"), IN_ORDER))
def test_the_ranking_falls_in_the_machine(key: str, most: int | None) -> None:
    """On the states of the graph in which s1 is in flight one session is helpful, and can step;
    no move raises the rank of anybody, and the helpful session's step lowers its own.
    """
    case = CASES[key]
    name, sessions = case.world.rules.name, 1 if case.world.alone else 2
    machine = bounded_world(name, sessions, 1, tuple(sorted(case.world.faults)))
    quiet = bounded_world(name, sessions, 1, ())
    graph, ours, z = explore(machine), Relation(case.world), symbols()
    someone, order = z3.Const("someone", SESSION), way(case.world)
    before, helps = comes_before(case.world, z, someone), helpful(case.world, z, someone)

    def asked(formula: object, state: State) -> set[str]:
        facts = encode(machine, state)
        asker = {"P_asker": "s1"}
        return {s for s in state.pc if ours.holds(formula, facts, {**asker, "P_someone": s})}

    def rank(state: State) -> dict[str, int]:
        left = {s: len(order) - 1 - order.index(state.pc[s]) for s in asked(before, state)}
        return {s: left.get(s, 0) for s in state.pc}

    lowered = 0
    for source, move, target in spread(graph.edges, most and 5 * most):
        state, after = graph.states[source], graph.states[target]
        if state.pc["s1"] == "idle" or after.pc["s1"] == "idle":
            continue
        (helper,) = asked(helps, state)
        assert helper in steps(quiet, state)
        old, new = rank(state), rank(after)
        assert all(new[s] <= old[s] for s in old), move
        if move.actor == helper and move in enabled(quiet, state):
            assert new[helper] < old[helper], move
            lowered += 1
        if new == old:
            assert asked(helps, after) == {helper}, move
    assert lowered


@pytest.mark.parametrize("key", rest_long(["D4"], ["D4", "D5", "D6", "D7"]))
def test_a_lock_out_of_turn_starves(key: str) -> None:
    """Without its order the lock can pass s1 over for ever; with it, no such behaviour is found."""
    text = refute_answered(Mutant(key, "Acquire: my turn"))
    assert "1 Acquire does not raise the rank" in text.splitlines()[0]
    assert "starves s1: Call s1; then for ever: Call s2, Acquire s2, " in text
    assert starving(CASES[key].world) is None


@pytest.mark.parametrize("key", rest_long(["D3"], BY_LUCK))
def test_no_answer_under_weak_fairness(key: str) -> None:
    """threading.Lock, SQLite's busy handler and a busy event loop serve in no order: under weak
    fairness the rule does not prove, because the helpful session's step is not always enabled.
    """
    with pytest.raises(NotProvedError, match="a helpful session can step"):
        list(discharge(ranking_obligations(CASES[key], strong=False), explain))


def test_who_never_gives_up_the_lock_is_noticed() -> None:
    """Strong fairness helps only if the lock is given up: an owner that does not step forward."""
    case, stuck = CASES["D3"], Mutant("D3", "LoadBigrams: pc stays")
    changed = Case("stuck", stuck.world)
    with pytest.raises(NotProvedError, match="LoadBigrams of its owner comes nearer"):
        list(discharge(strong_obligations(changed, case.world), explain))


def test_a_mutant_that_starves_nobody_is_refused() -> None:
    """Nothing weakened proves; and a lock that is kept stops everybody, which is no starvation."""
    with pytest.raises(NotProvedError, match="the theorem does not need it"):
        refute_answered(Mutant("1q"))
    with pytest.raises(NotProvedError, match="starves nobody"):
        refute_answered(Mutant("D6", "Release: holder stays"))


def test_the_machine_starves_as_often_as_one_likes() -> None:
    """The schedule that starves under threading.Lock is the machine's too: after each round s1
    waits as before, and in each there was a moment at which it could not take the lock.
    """
    found = starving(CASES["D3"].world)
    assert found is not None
    first, again = ([Move(*move.split()) for move in part] for part in found)
    bounded = bounded_world("threading-lock", 2, 9, ())
    state = initial_state(bounded)
    for move in first:
        apply(bounded, state, move)
    where = dict(state.pc)
    for _ in range(9):
        could = []
        for move in again:
            could.append("s1" in steps(bounded, state))
            apply(bounded, state, move)
        assert state.pc == where and where["s1"] == "called"
        assert not all(could)
