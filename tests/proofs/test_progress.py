"""Theorems 23 and 24: what is enabled in z3 is enabled in the machine, and what makes them fall."""

from __future__ import annotations

from dataclasses import replace

import pytest
import z3

from model.disciplines import DISCIPLINES
from model.machine import Move, apply, enabled, is_finished
from model.reachable import bounded_world, explore, initial_state
from model.state import State
from model.steps import World as MachineWorld
from proofs.answered import (
    WAY,
    comes_before,
    helpful,
    ranking_obligations,
    refute_answered,
)
from proofs.deadlock import (
    deadlock_free,
    finished,
    goes_on,
    last_obligations,
    occasions_met,
    refute_deadlock,
)
from proofs.discharge import discharge
from proofs.epr import fragment
from proofs.errors import NotProvedError, VacuousError
from proofs.lasso import starving
from proofs.progress_index import EVERYWHERE, IN_ORDER
from proofs.relation import S, World
from proofs.simulation import has_reply
from proofs.tie import Relation, encode
from proofs.unbounded import CASES, Mutant, explain
from proofs.vocabulary import SESSION, Term, symbols
from proofs.waiting import can_step, queue_has_a_first, queue_obligations, queue_ok

DEADLOCKED = {"threading-lock-in-async", "reentrant"}
WAITING = [
    Mutant("D3", "Call: label"),
    Mutant("D3", "Release: holder stays"),
    Mutant("D3", "Raise: holder stays"),
    Mutant("D4f", "Call: label"),
    Mutant("D4f", "Cancel: holder stays"),
    Mutant("D4f", "Cancel: ahead stays"),
    Mutant("D6", "Release: holder stays"),
    Mutant("D6", "Cancel: waiting stays"),
    Mutant("D7", "Release: holder stays"),
    Mutant("D7", "Crash: holder stays"),
    Mutant("D12", "Release: holder stays"),
    Mutant("D12", "Commit: writing stays"),
    Mutant("D12", "Cancel: writing stays"),
]


def steps(world: MachineWorld, state: State) -> set[str]:
    """Who can take a step of its own in the machine; the world has no faults."""
    return {move.actor for move in enabled(world, state) if move.action not in ("Call", "Recover")}


@pytest.mark.slow
@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_enabled_in_z3_is_enabled_in_the_machine(discipline: str) -> None:
    """On every state that two sessions reach, with all faults: who can step, whether the run is
    finished, and whether it is stuck. Stuck are D8 and D9, as TLC says.
    """
    machine, quiet = bounded_world(discipline, 2, 1), bounded_world(discipline, 2, 1, ())
    world, z = World(machine.rules, machine.faults), symbols()
    ours = Relation(world)
    step, over = can_step(world, z, S), finished(z)
    free, on = deadlock_free(world, z), goes_on(world, z)
    stuck = 0
    for state in explore(machine).states:
        facts, moves, can = encode(machine, state), enabled(quiet, state), steps(quiet, state)
        assert {s for s in state.pc if ours.holds(step, facts, {"P_session": s})} == can
        assert ours.holds(over, facts) == is_finished(machine, state)
        dead = not moves and not is_finished(machine, state)
        assert ours.holds(free, facts) == (not dead)
        waits = any(label != "idle" for label in state.pc.values())
        assert ours.holds(on, facts) == (bool(can) or not waits)
        stuck += dead
    assert bool(stuck) == (discipline in DEADLOCKED)


@pytest.mark.slow
@pytest.mark.parametrize("key", CASES)
def test_what_is_known_of_the_queue_holds(key: str) -> None:
    """Every reachable state satisfies the conjuncts of the queue, and the sentence by hand."""
    case = CASES[key]
    faults = tuple(sorted(case.world.faults))
    machine = bounded_world(case.world.rules.name, 2, 1, faults)
    ours, z = Relation(case.world), case.state
    known = queue_ok(case.world, z) | {"a first": queue_has_a_first(z), "named": has_reply(z)}
    for state in explore(machine).states:
        facts = encode(machine, state)
        for title, conjunct in known.items():
            assert ours.holds(conjunct, facts), title


@pytest.mark.slow
@pytest.mark.parametrize("mutant", WAITING, ids=lambda m: m.text)
def test_a_kept_lock_is_a_deadlock(mutant: Mutant) -> None:
    """In every discipline: a lock that is kept, a queue that is not left, a second call; each does
    not prove and has a real execution into a deadlock.
    """
    text = refute_deadlock(mutant)
    assert text.startswith(f"obligation: mutant {mutant.text}: queue, ")
    assert "a real execution into a deadlock: Call s1" in text


@pytest.mark.slow
def test_deadlocks_do_not_depend_on_the_order_of_the_queue() -> None:
    """The theorem is not shown by a mutant that it does not need: D12 is free of deadlocks whoever
    takes the lock, and a mutant without an execution into one is refused.
    """
    with pytest.raises(NotProvedError, match="the theorem does not need it"):
        refute_deadlock(Mutant("D12", "Acquire: my turn"))
    with pytest.raises(NotProvedError, match="has no deadlock in the bounds"):
        refute_deadlock(Mutant("D12", "Begin: write lock is free"))


def test_an_effect_that_does_not_exist_is_refused() -> None:
    """A mutant in which nothing is dropped would prove for the wrong reason."""
    with pytest.raises(AssertionError, match="Release has no guard or effect"):
        refute_deadlock(Mutant("D4f", "Release: holde stays"))


@pytest.mark.slow
def test_waiting_that_never_occurs_is_refused() -> None:
    """A threading.Lock has no order to wait in, and one store no write lock to wait for."""
    for key, title in (("D3", "waits behind others"), ("D4", "waits for the store")):
        with pytest.raises(VacuousError, match=f"{title}: never has an occasion"):
            occasions_met(key, CASES[key].world, "DeadlockFree", (title,))


@pytest.mark.slow
@pytest.mark.parametrize("key", EVERYWHERE)
def test_only_existence_is_outside_epr(key: str) -> None:
    """All but the statements "somebody can" lie where z3 decides."""
    of = CASES[key]
    asked = [*queue_obligations(of), *last_obligations(of), *ranking_obligations(of)]
    outside = {o.name for o in asked if fragment([*o.hypotheses, z3.Not(o.goal)]) != "EPR"}
    assert {name.partition(": ")[2] for name in outside} == {
        "safety somebody goes on", "safety DeadlockFree", "somebody is helpful",
        "a helpful session can step",
    }  # fmt: skip


def hidden_names(term: Term, outer: frozenset[str] = frozenset()) -> set[str]:
    """The bound names that an inner quantifier binds again."""
    if z3.is_quantifier(term):
        names = {term.var_name(k) for k in range(term.num_vars())}
        return (names & outer) | hidden_names(term.body(), outer | names)
    return set().union(*(hidden_names(child, outer) for child in term.children()))


@pytest.mark.slow
@pytest.mark.parametrize("key", EVERYWHERE)
def test_queries_can_be_written_by_name(key: str) -> None:
    """z3 tells bound variables apart by position, a dumped query by name: no name hides another, or
    the second opinion would be one on another statement.
    """
    of = CASES[key]
    asked = [*queue_obligations(of), *last_obligations(of), *ranking_obligations(of)]
    assert {
        n for o in asked for term in (*o.hypotheses, o.goal) for n in hidden_names(term)
    } == set()
    inner = z3.ForAll([S], can_step(of.world, of.state, S))
    assert hidden_names(z3.ForAll([S], z3.And(inner, S == S))) == {"session"}


@pytest.mark.slow
@pytest.mark.parametrize("key", IN_ORDER)
def test_the_ranking_falls_in_the_machine(key: str) -> None:
    """On every state of the graph in which s1 is in flight one session is helpful, and can step;
    no move raises the rank of anybody, and the helpful session's step lowers its own.
    """
    case = CASES[key]
    machine = bounded_world(case.world.rules.name, 2, 1, tuple(sorted(case.world.faults)))
    quiet = bounded_world(case.world.rules.name, 2, 1, ())
    graph, ours, z = explore(machine), Relation(case.world), symbols()
    someone = z3.Const("someone", SESSION)
    before, helps = comes_before(z, someone), helpful(z, someone)

    def asked(formula: object, state: State) -> set[str]:
        facts = encode(machine, state)
        asker = {"P_asker": "s1"}
        return {s for s in state.pc if ours.holds(formula, facts, {**asker, "P_someone": s})}

    def rank(state: State) -> dict[str, int]:
        left = {s: len(WAY) - 1 - WAY.index(state.pc[s]) for s in asked(before, state)}
        return {s: left.get(s, 0) for s in state.pc}

    lowered = 0
    for source, move, target in graph.edges:
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


@pytest.mark.slow
@pytest.mark.parametrize("key", IN_ORDER)
def test_a_lock_out_of_turn_starves(key: str) -> None:
    """Without its order the lock can pass s1 over for ever; with it, no such behaviour is found."""
    text = refute_answered(Mutant(key, "Acquire: my turn"))
    assert "1 Acquire does not raise the rank" in text.splitlines()[0]
    assert "starves s1: Call s1; then for ever: Call s2, Acquire s2, " in text
    assert starving(CASES[key].world) is None


@pytest.mark.parametrize("key", ["D3", "D12"])
def test_no_ranking_without_an_order(key: str) -> None:
    """threading.Lock and SQLite's busy handler serve in no order: there the rule does not prove."""
    with pytest.raises(NotProvedError, match="does not raise the rank"):
        list(discharge(ranking_obligations(CASES[key]), explain))


@pytest.mark.slow
def test_a_mutant_that_starves_nobody_is_refused() -> None:
    """Nothing weakened proves; and a lock that is kept stops everybody, which is no starvation."""
    with pytest.raises(NotProvedError, match="the theorem does not need it"):
        refute_answered(Mutant("D6"))
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


def test_faults_are_not_counted_on() -> None:
    """What is enabled is asked of the relation without faults: a crash helps nobody out."""
    world = CASES["D4f"].world
    assert world.faults
    with_faults, without = (
        deadlock_free(w, symbols()) for w in (world, replace(world, faults=frozenset()))
    )
    assert with_faults.eq(without)
