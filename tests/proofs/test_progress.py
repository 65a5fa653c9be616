"""Theorems 23 and 24: what is enabled in z3 is enabled in the machine, the ranking falls there, and
what makes them fall.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import z3

from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move, apply, enabled, is_finished
from leo_model.machine.reachable import bounded_world, explore, initial_state
from leo_model.machine.state import State
from leo_model.machine.steps import World as MachineWorld
from proofs.invariants.unbounded import CASES, Case, Mutant, explain
from proofs.progress import deadlock
from proofs.progress.answered import (
    comes_before,
    helpful,
    needs_strong_fairness,
    ranking_obligations,
    refute_answered,
    starving,
    strong_obligations,
    way,
)
from proofs.progress.deadlock import (
    BEGINS,
    calls_go_on,
    can_step,
    deadlock_free,
    finished,
    goes_on,
    last_obligations,
    occasions_met,
    queue_has_a_first,
    queue_obligations,
    queue_ok,
    refute_deadlock,
)
from proofs.progress.index import BY_LUCK, EVERYWHERE, IN_ORDER
from proofs.relation.relation import S, World
from proofs.relation.tie import Relation, encode
from proofs.relation.vocabulary import SESSION, Term, has_reply, symbols
from proofs.tools.discharge import discharge, fragment
from proofs.tools.errors import NotProvedError, VacuousError
from tests.proofs.test_tie import KINDS, rest_long, shares, spread

DEADLOCKED = {"threading-lock-in-async", "reentrant"}
KEPT = [
    Mutant("D3", "Call: label"),
    Mutant("D3", "Raise: holder stays"),
    Mutant("D4", "Cancel: holder stays"),
    Mutant("D4", "Cancel: ahead stays"),
    Mutant("D6", "Cancel: waiting stays"),
    Mutant("D7", "Release: holder stays"),
    Mutant("D7", "Crash: holder stays"),
    Mutant("D12", "Commit: writing stays"),
    # The same mistakes in other disciplines.
    Mutant("D3", "Release: holder stays"),
    Mutant("D4", "Call: label"),
    Mutant("D6", "Release: holder stays"),
    Mutant("D12", "Release: holder stays"),
    Mutant("D12", "Cancel: writing stays"),
]


def steps(world: MachineWorld, state: State) -> set[str]:
    """Who can take a step of its own in the machine; the world has no faults."""
    return {move.actor for move in enabled(world, state) if move.action not in BEGINS}


@pytest.mark.parametrize(("discipline", "most"), shares(KINDS, DISCIPLINES))
def test_enabled_in_z3_is_enabled_in_the_machine(discipline: str, most: int | None) -> None:
    """On states that two sessions reach, with all faults: who can step, whether the run is
    finished, and whether it is stuck. Stuck are D8 and D9, as TLC says.
    """
    sessions = 1 if discipline == "sequential" else 2
    machine = bounded_world(discipline, sessions, 1)
    quiet = bounded_world(discipline, sessions, 1, ())
    world, z = World(machine.rules, machine.faults), symbols()
    ours = Relation(world)
    step, over = can_step(world, z, S), finished(z)
    free, on, calls = (f(world, z) for f in (deadlock_free, goes_on, calls_go_on))
    stuck = 0
    for state in spread(explore(machine).states, most):
        facts, moves, can = encode(machine, state), enabled(quiet, state), steps(quiet, state)
        assert {s for s in state.pc if ours.holds(step, facts, {"P_session": s})} == can
        assert ours.holds(over, facts) == is_finished(machine, state)
        dead = not moves and not is_finished(machine, state)
        assert ours.holds(free, facts) == (not dead)
        waits = any(label != "idle" for label in state.pc.values())
        assert ours.holds(on, facts) == (bool(can) or not waits)
        assert not (ours.holds(on, facts) and ours.holds(calls, facts)) or not dead
        stuck += dead
    assert bool(stuck) == (discipline in DEADLOCKED)


@pytest.mark.parametrize(("key", "most"), shares(("D4", "D12"), EVERYWHERE))
def test_what_is_known_of_the_queue_holds(key: str, most: int | None) -> None:
    """Reachable states satisfy the conjuncts of the queue, and the sentence by hand."""
    case = CASES[key]
    faults = tuple(sorted(case.world.faults))
    machine = bounded_world(case.world.rules.name, 1 if case.world.alone else 2, 1, faults)
    ours, z = Relation(case.world), case.state
    known = queue_ok(case.world, z) | {"a first": queue_has_a_first(z), "named": has_reply(z)}
    for state in spread(explore(machine).states, most):
        facts = encode(machine, state)
        for title, conjunct in known.items():
            assert ours.holds(conjunct, facts), title


@pytest.mark.parametrize("mutant", rest_long(KEPT[1:3], KEPT), ids=lambda m: m.text)
def test_a_kept_lock_is_a_deadlock(mutant: Mutant) -> None:
    """In every discipline: a lock that is kept, a queue that is not left, a second call; each does
    not prove and has a real execution into a deadlock.
    """
    text = refute_deadlock(mutant)
    assert text.startswith(f"obligation: mutant {mutant.text}: queue, ")
    assert "a real execution into a deadlock: Call s1" in text


def test_a_mutant_without_an_execution_into_a_deadlock_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One session alone waits for nobody, although its mutant does not prove."""
    monkeypatch.setattr(deadlock, "BOUNDS", ((1, 1),))
    with pytest.raises(NotProvedError, match="has no deadlock in the bounds"):
        refute_deadlock(KEPT[3])


@pytest.mark.long
def test_deadlocks_do_not_depend_on_the_order_of_the_queue() -> None:
    """The theorem is not shown by a mutant that it does not need: D12 is free of deadlocks in any
    order of taking the lock.
    """
    with pytest.raises(NotProvedError, match="the theorem does not need it"):
        refute_deadlock(Mutant("D12", "Acquire: my turn"))


def test_an_effect_that_does_not_exist_is_refused() -> None:
    """A mutant in which nothing is dropped would prove for the wrong reason."""
    with pytest.raises(AssertionError, match="Release has no guard or effect"):
        refute_deadlock(Mutant("D4", "Release: holde stays"))


def test_waiting_that_never_occurs_is_refused() -> None:
    """A threading.Lock has no order to wait in, and one store no write lock to wait for."""
    for key, title in (("D3", "waits behind others"), ("D4q", "waits for the store")):
        with pytest.raises(VacuousError, match=f"{title}: no non-vacuity witness"):
            occasions_met(key, CASES[key].world, "DeadlockFree", (title,))


@cache
def hidden_names(term: Term, outer: frozenset[str] = frozenset()) -> frozenset[str]:
    """The bound names that an inner quantifier binds again."""
    if z3.is_quantifier(term):
        names = frozenset(term.var_name(k) for k in range(term.num_vars()))
        return (names & outer) | hidden_names(term.body(), outer | names)
    return frozenset[str]().union(*(hidden_names(child, outer) for child in term.children()))


@pytest.mark.parametrize("key", rest_long(("D4",), EVERYWHERE))
def test_only_existence_is_outside_epr_and_every_query_can_be_written_by_name(key: str) -> None:
    """All but the statements "somebody can" lie where z3 decides. z3 tells bound variables apart by
    position, a dumped query by name: no name hides another, or the second opinion would be one on
    another statement.
    """
    of = CASES[key]
    asked = [*queue_obligations(of), *last_obligations(of)]
    # Under optimism a call may be outrun for ever: there is no rank.
    ranked = of.world.rules.transaction != "checked"
    asked += ranking_obligations(of) if ranked else []
    outside = {o.name for o in asked if fragment([*o.hypotheses, z3.Not(o.goal)]) != "EPR"}
    beside = {"its owner can step"} if needs_strong_fairness(of.world) else set()
    beside |= {"somebody is helpful", "a helpful session can step"} if ranked else set()
    assert {name.partition(": ")[2] for name in outside} == beside | {
        "safety somebody is unhindered", "safety the unhindered can step", "safety calls go on",
    }  # fmt: skip
    assert not {n for o in asked for term in (*o.hypotheses, o.goal) for n in hidden_names(term)}
    inner = z3.ForAll([S], can_step(of.world, of.state, S))
    assert hidden_names(z3.ForAll([S], z3.And(inner, S == S))) == {"session"}


def test_faults_are_not_counted_on() -> None:
    """What is enabled is asked of the relation without faults: a crash helps nobody out."""
    world = CASES["D4"].world
    assert world.faults
    with_faults, without = (
        deadlock_free(w, symbols()) for w in (world, replace(world, faults=frozenset()))
    )
    assert with_faults.eq(without)


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
