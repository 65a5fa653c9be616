"""The z3 relation is the Python machine's, which has the spec's graph under TLC."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from itertools import product
from random import Random
from typing import Any, TypeVar

import pytest
import z3

from leo_model.disciplines import DISCIPLINES, IDEALISED
from leo_model.machine.machine import ACTIONS, Move, apply, successors
from leo_model.machine.properties import SAFETY, refines
from leo_model.machine.reachable import Graph, bounded_world, explore, initial_state
from leo_model.machine.state import NOBODY, Local, State, Tables
from leo_model.machine.steps import World as MachineWorld
from proofs.invariants.invariants import assumptions, invariant
from proofs.invariants.safety import PROPERTIES
from proofs.invariants.simulation import simulates
from proofs.invariants.unbounded import CASES, Case, Mutant
from proofs.relation.endings import initially, relation
from proofs.relation.relation import I, R, S, World
from proofs.relation.tie import Facts, Relation, encode
from proofs.relation.vocabulary import (
    CONTROL,
    INSTANCE,
    LABELS,
    ONLY_CONTROL,
    REPLY,
    SESSION,
    UNREAD,
    VARIABLES,
    Term,
    equal,
    has_reply,
    instance_of,
    owner,
    symbols,
)
from proofs.relation.vocabulary import State as Symbols
from proofs.tools.discharge import Obligation

# One of each kind: of lock, of transaction, of store, of program.
KINDS = (
    "bare", "threading-lock", "threading-lock-in-async", "shielded-unit-of-work", "optimistic",
    "shared-store-immediate", "reentrant", "published-december-refresh", "published-february",
)  # fmt: skip
KEYS = ("1q", "D4", "D9", "D12", "D13", "P2")
PROVED = (
    "asyncio-lock", "optimistic", "threading-lock", "shared-store-immediate", "unit-of-work",
    "shielded-unit-of-work", "actor",
)  # fmt: skip

Found = TypeVar("Found")


def rest_long(few: Collection[Found], every: Iterable[Found]) -> list[Any]:
    """Every case as a parameter of a test; all but a few are left to `make test-long`."""
    return [pytest.param(one, marks=[pytest.mark.long] * (one not in few)) for one in every]


def shares(few: Collection[str], every: Iterable[str]) -> list[Any]:
    """A few cases with a share of their graphs; `make test-long` takes all, with the whole."""
    some = [pytest.param(one, 60, id=f"{one}-share") for one in few]
    return some + [pytest.param(one, None, marks=pytest.mark.long) for one in every]


def world_of(machine: MachineWorld, *dropped: str) -> World:
    return World(machine.rules, machine.faults, frozenset(dropped))


def spread(found: list[Found], most: int | None) -> list[Found]:
    """So many states or edges, all over the graph; all of them without a number."""
    return found if most is None else found[:: -(-len(found) // most)]


def bounded_case(case: Case, turns: int = 1) -> tuple[MachineWorld, Graph]:
    faults = tuple(sorted(case.world.faults))
    alone, published = case.world.alone, case.world.rules.published
    sessions = 1 if alone else 3 if published and not faults else 2
    machine = bounded_world(case.world.rules.name, sessions, turns + alone, faults)
    return machine, explore(machine)


def followed(world: MachineWorld) -> tuple[str, ...]:
    """The variables that the relation has: all of Field, the control of Published."""
    return tuple(n for n in VARIABLES if (
        n in CONTROL if world.rules.published else n not in ONLY_CONTROL
    ))  # fmt: skip


def _named(facts: Facts, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: facts[name] for name in names}


def disagreements(machine: MachineWorld, ours: Relation, state: State) -> list[str]:
    """Compare all moves of the two systems from one state; an empty list says that they agree."""
    names = followed(machine)
    theirs = {
        (move.action, move.actor): _named(encode(machine, after), names)
        for move, after in successors(machine, state)
    }
    mine: dict[tuple[str, str], dict[str, Any]] = {}
    for move, after in ours.successors(encode(machine, state)):
        assert move not in mine, f"two branches of {move} are enabled at once"
        mine[move] = _named(after, names)
    found = [f"{' '.join(move)}: only the machine takes it" for move in theirs.keys() - mine.keys()]
    found += [f"{' '.join(move)}: only z3 takes it" for move in mine.keys() - theirs.keys()]
    for move in theirs.keys() & mine.keys():
        found += [
            f"{' '.join(move)}: {name} becomes {mine[move][name]} in z3, {value} in the machine"
            for name, value in theirs[move].items()
            if mine[move][name] != value
        ]
    return sorted(found)


def numbered(discipline: str, *bound: int) -> tuple[str, int, int]:
    """A discipline at a bound (sessions, calls of each)."""
    return (discipline, 1 if discipline == "sequential" else bound[0], bound[1])


# What no search of minutes gets through is followed without faults there.
QUIET_BEYOND = ("bare", "gil", "shared-store", "shared-store-unit-of-work", "published-december")


def agree(discipline: str, sessions: int, turns: int, most: int | None = None) -> None:
    """From every state of a bounded graph, or so many of them, both systems take exactly the same
    moves; with fields, the formulas say of it what the machine's properties say. Serializable is
    stronger here: the edges go along the versions, so they have no cycle.
    """
    quiet = sessions * turns > 2 and discipline in QUIET_BEYOND
    machine = bounded_world(discipline, sessions, turns, () if quiet else None)
    world = world_of(machine)
    ours = Relation(world)
    titles = PROPERTIES.keys() & SAFETY.keys() if discipline in IDEALISED else ()
    formulas = {title: PROPERTIES[title](world, symbols()) for title in titles}
    for state in spread(explore(machine).states, most):
        assert disagreements(machine, ours, state) == []
        facts = encode(machine, state)
        for title, formula in formulas.items():
            mine = ours.holds(formula, facts)
            theirs = SAFETY[title](machine, state) is None
            assert mine == theirs or (title == "Serializable" and theirs), (title, state)


@pytest.mark.parametrize(
    ("discipline", "bound", "most"),
    [
        *((name, (2, 1), 60) for name in KINDS),
        *(
            pytest.param(name, bound, None, marks=pytest.mark.long)
            for name, bound in product(DISCIPLINES, [(2, 1), (2, 2), (3, 1)])
        ),
    ],
)
def test_moves_and_properties_agree_on_reachable_states(
    discipline: str, bound: tuple[int, int], most: int | None
) -> None:
    """On a share of the bounded graph; in `make test-long` on all of it, and of larger graphs."""
    agree(*numbered(discipline, *bound), most)


def perturbed(state: State, machine: MachineWorld, rng: Random) -> State:
    """A state that need not be reachable: some variables are set at random."""
    z = state.copy()
    replies = [(s, 1) for s in z.pc]

    def content() -> frozenset[tuple[str, int]]:
        return frozenset(r for r in replies if rng.random() < 0.5)

    field = list(LABELS)[: list(LABELS).index("count")]
    labels = [label for label in field if label != "blocked" or machine.rules.lock == "blocking"]
    for s in z.pc:
        if rng.random() < 0.5:
            z.pc[s] = rng.choice(labels)
            # A reply in flight has been called.
            z.calls[s] = 1 if z.pc[s] != "idle" else z.calls[s]
        if rng.random() < 0.3:
            z.local[s] = Local(*(content() for _ in Local._fields))
        z.moved[s] = rng.random() < 0.3
    z.arrivals = tuple(s for s in rng.sample(sorted(z.pc), len(z.pc)) if rng.random() < 0.5)
    z.overtaken = frozenset(s for s in z.pc if rng.random() < 0.2)
    z.left = frozenset(s for s in z.pc if rng.random() < 0.2)
    z.writing = rng.choice([NOBODY, *z.pc])
    for i in z.up:
        z.holder[i] = rng.choice([NOBODY, *z.pc])
        z.up[i] = rng.random() < 0.8
        z.view[i] = Tables(content(), content())
    z.store = z.store._replace(ngrams=tuple(rng.sample(replies, rng.randrange(len(replies) + 1))))
    z.readers = z.readers._replace(ngrams=content(), snapshots=content())
    z.returned = content()
    z.dsg = frozenset((a, b) for a in replies for b in replies if a != b and rng.random() < 0.3)
    return z


@pytest.mark.parametrize("count", rest_long([25], [25, 500]))
@pytest.mark.parametrize("discipline", rest_long(set(IDEALISED) - set(KINDS), IDEALISED))
def test_moves_agree_on_random_unreachable_states(discipline: str, count: int) -> None:
    """The two systems are the same function, not only where executions lead. The test above has a
    share of the others.
    """
    machine, rng = bounded_world(discipline, 2, 1), Random(7)
    ours = Relation(world_of(machine))
    states = explore(bounded_world(discipline, 2, 1, ())).states
    moves = 0
    for _ in range(count):
        state = perturbed(rng.choice(states), machine, rng)
        assert disagreements(machine, ours, state) == []
        moves += len(list(ours.successors(encode(machine, state))))
    assert moves > count


def test_a_dropped_guard_is_noticed() -> None:
    """The comparison can fail: without the lock the relation takes a refused move."""
    machine = bounded_world("asyncio-lock", 2, 1)
    ours = Relation(world_of(machine, "Acquire: lock is free"))
    assert any(
        "Acquire s2: only z3 takes it" in disagreements(machine, ours, state)
        for state in explore(machine).states
    )


def test_a_changed_effect_is_noticed() -> None:
    """The comparison can fail: a unit of work's relation has other effects than a step commit's."""
    machine = bounded_world("asyncio-lock", 2, 1)
    ours = Relation(World(DISCIPLINES["shielded-unit-of-work"], machine.faults))
    found = (d for state in explore(machine).states for d in disagreements(machine, ours, state))
    assert any(d.startswith("Acquire s1: pc becomes") for d in found)


def test_action_names_are_the_specs() -> None:
    """One vocabulary: every action of the relation is one of the machine's, and all occur."""
    names = {
        action.name
        for rules in DISCIPLINES.values()
        for action in relation(World(rules, frozenset(rules.possible_faults)), symbols())
    }
    assert names == set(ACTIONS)


@pytest.mark.parametrize(("key", "most"), shares(KEYS, CASES))
def test_invariants_hold_and_are_not_vacuous(key: str, most: int | None) -> None:
    """Reachable states satisfy the hypotheses; the actions of the machine occur in them."""
    case = CASES[key]
    machine, graph = bounded_case(case)
    ours = Relation(case.world)
    taken: set[str] = set()
    known = {**invariant(case.world, case.state), "a reply exists": has_reply(case.state)}
    known |= {f"assumption {k}": term for k, term in enumerate(assumptions(case.world))}
    chosen = spread(list(range(len(graph.states))), most)
    for state in (graph.states[number] for number in chosen):
        facts = encode(machine, state)
        for title, conjunct in known.items():
            assert ours.holds(conjunct, facts), title
        taken.update(move for (move, _), _ in ours.successors(facts))
    start = encode(machine, graph.states[0])
    assert ours.holds(initially(case.state), start)
    assert taken == {move.action for source, move, _ in graph.edges if source in set(chosen)}


@pytest.mark.parametrize(
    ("key", "most"), shares(KEYS[:-1], [k for k in CASES if not k.startswith("P")])
)
def test_simulation_agrees_with_refines(key: str, most: int | None) -> None:
    """A transition is a step of AtomicReply in z3 exactly when the machine says so."""
    case = CASES[key]
    machine, graph = bounded_case(case)
    ours = Relation(case.world)
    goals: dict[str, list[tuple[Term, Term]]] = {}
    for action in relation(case.world, case.state):
        goal = simulates(case.world, case.state, action)
        goals.setdefault(action.name, []).append((action.enabled, goal))
    for source, move, target in spread(graph.edges, most and 3 * most):
        before, after = graph.states[source], graph.states[target]
        facts = encode(machine, before)
        actor: dict[str, object] = {"P_instance": move.actor}
        if move.actor in before.pc:
            actor = {"P_session": move.actor, "P_reply": after.reply(move.actor)}
        verdicts = [
            ours.holds(goal, facts, actor)
            for enabled, goal in goals[move.action]
            if ours.holds(enabled, facts, actor)
        ]
        assert verdicts == [refines(machine, before, after) is None], move


def test_a_return_of_what_was_not_done_is_no_step_of_the_ideal() -> None:
    """A mutant whose Return asks for no label takes it from a reply that has only called."""
    case = Case("mutant", Mutant("D6", "Return: label").world)
    machine = bounded_world("shielded-unit-of-work", 1, 1)
    called = initial_state(machine)
    apply(machine, called, Move("Call", "s1"))
    facts, ours = encode(machine, called), Relation(case.world)
    actor: dict[str, object] = {"P_instance": "i1", "P_session": "s1", "P_reply": ("s1", 1)}
    (taken,) = (a for a in relation(case.world, case.state) if a.name == "Return")
    assert ours.holds(taken.enabled, facts, actor)
    assert not ours.holds(simulates(case.world, case.state, taken), facts, actor)


def fixed(
    facts: dict[str, object], z: Symbols, constants: dict[object, Term], names: Collection[str]
) -> list[Term]:
    """The facts of these names as formulas about named constants."""
    sorts = {SESSION: "D_s", INSTANCE: "D_i", REPLY: "D_r"}
    found: list[Term] = []
    for f in (f for f in fields(Symbols) if f.name in names):
        _, arguments, _ = VARIABLES[f.name]
        domains: list[tuple[object, ...]] = [()]
        for sort in arguments:
            elements = facts["domains"][sorts[sort]]  # type: ignore[index]
            domains = [(*d, e) for d in domains for e in elements]
        for d in domains:
            term = getattr(z, f.name)(*(constants[e] for e in d))
            value = facts[f.name]
            if f.name == "pc":
                found.append(term == LABELS[value[d[0]]])  # type: ignore[index]
            else:
                found.append(term if d in value else z3.Not(term))  # type: ignore[operator]
    return found


def universe(facts: dict[str, object]) -> tuple[dict[object, Term], list[Term]]:
    """A constant for every element, all different, and nothing else exists."""
    constants: dict[object, Term] = {}
    formulas: list[Term] = [z3.Distinct(*LABELS.values())]
    for sort, name in ((SESSION, "D_s"), (INSTANCE, "D_i"), (REPLY, "D_r")):
        elements = facts["domains"][name]  # type: ignore[index]
        for element in elements:
            constants[element] = z3.Const(f"the {element}", sort)
        mine = [constants[e] for e in elements]
        x = z3.Const("x", sort)
        formulas += [z3.Distinct(*mine), z3.ForAll([x], z3.Or(*(x == m for m in mine)))]
    for table, function in (("owner", owner), ("InstanceOf", instance_of)):
        for element, value in facts[table].items():  # type: ignore[attr-defined]
            formulas.append(function(constants[element]) == constants[value])
    formulas.append(constants[(NOBODY, 0)] == UNREAD)
    return constants, formulas


@pytest.mark.parametrize("discipline", rest_long(PROVED[:2], PROVED))
def test_solver_accepts_transitions_and_refuses_others(discipline: str) -> None:
    """Asked about two states written out as models, z3 itself says which pairs are transitions."""
    machine, rng = bounded_world(discipline, 2, 1), Random(3)
    graph = explore(machine)
    pairs = {(a, b) for a, _, b in graph.edges}
    yes = rng.sample(sorted(pairs), 6)
    size = len(graph.states)
    no = [
        p for p in ((rng.randrange(size), rng.randrange(size)) for _ in range(10)) if p not in pairs
    ]
    # The hardest ones: close to a transition, but into another successor's successor.
    no += [(a, c) for a, b in yes[:4] for x, c in sorted(pairs) if x == b and (a, c) not in pairs][
        :5
    ]
    now, then = symbols(), symbols("'")
    step = z3.Or(*(
        z3.Exists([S, R, I], z3.And(action.enabled, equal(action.after, then)))
        for action in relation(world_of(machine), now)
    ))  # fmt: skip
    for (source, target), expected in [(p, z3.sat) for p in yes] + [(p, z3.unsat) for p in no]:
        before = encode(machine, graph.states[source])
        after = encode(machine, graph.states[target])
        constants, formulas = universe(before)
        solver = z3.Solver()
        names = followed(machine)
        solver.add(*formulas, *fixed(before, now, constants, names), step)
        solver.add(*fixed(after, then, constants, names))
        assert solver.check() == expected, (source, target)


def test_obligation_is_a_query_of_its_own() -> None:
    """A solver of an obligation holds the hypotheses and the negated goal, nothing else."""
    x = z3.Bool("x")
    solver = Obligation("x implies x", (x,), x, (), ()).solver()
    assert [str(a) for a in solver.assertions()] == ["x", "Not(x)"]
