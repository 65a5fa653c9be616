"""Theorems 1 to 11 and 26: safety for any number of sessions, and the refinement.

For each discipline there is one inductive invariant; its initiation and its consecution, action by
action, are obligations that all theorems of the discipline share. What a theorem adds is that the
invariant implies its property (for the refinement: that every action is a step of ``AtomicReply``),
and an execution to a state of which the property speaks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import z3

from leo_model.disciplines import DISCIPLINES
from proofs.invariants.execution import occasion, shortest_violation
from proofs.invariants.invariants import assumptions, done_labels, invariant
from proofs.invariants.safety import PROPERTIES, has_generated
from proofs.invariants.simulation import (
    atomic_initially,
    mapping_is_the_specs,
    simulates,
)
from proofs.relation.endings import initially, relation
from proofs.relation.relation import World
from proofs.relation.vocabulary import State, Term, at, every, has_reply, symbols
from proofs.tools.countermodel import failing_parts, render, small_universe
from proofs.tools.discharge import Obligation, conjoined, counter_example, discharge
from proofs.tools.errors import NotProvedError
from proofs.tools.theorem import Cell, Discharged


@dataclass(frozen=True)
class Case:
    """A discipline with or without faults, and its relation from a symbolic state."""

    name: str
    world: World

    @property
    def state(self) -> State:
        return symbols()


@cache
def known_of(world: World) -> tuple[Term, ...]:
    """The assumptions and the invariant."""
    return (*assumptions(world), *invariant(world, symbols()).values())


def case(discipline: str, faults: bool = True) -> Case:
    """Return a case with all the faults that can strike, or with none."""
    rules = DISCIPLINES[discipline]
    strikes = frozenset(rules.possible_faults) if faults else frozenset()
    number = "one session" if rules.name == "sequential" else rules.number
    world = World(rules, strikes, alone=rules.name == "sequential")
    return Case(f"{number} {'with faults' if strikes else 'no faults'}", world)


# What every theorem about the relation assumes.
TIED = "the relation is the spec's, as far as it is compared (README, How far the tie goes)"
ASSUMED = (
    "one instance, but any number of them on one store in D10, D11 and D12",
    "the paper's order of the four steps (P1 to P3: their own programs)",
    "a session makes one call at a time; sessions (one in D0) and calls are unbounded",
    TIED,
)

# Every discipline with all of its faults by its number; under the number and "q" without any, where
# a property holds without them only.
HALF = ("D1", "D2", "D3", "D4", "D5", "D8", "D10")
CASES: dict[str, Case] = {"1q": case("sequential")}
for _name, _rules in DISCIPLINES.items():
    if _name != "sequential":
        CASES[_rules.number] = case(_name)
    if _rules.number in HALF:
        CASES[f"{_rules.number}q"] = case(_name, faults=False)


def named(text: str) -> tuple[str, ...]:
    """The keys of several cases, written apart."""
    return tuple(text.split())


def scope(keys: Iterable[str]) -> str:
    """Say which disciplines are meant, with all faults and without any."""

    def listed(names: list[str]) -> str:
        return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])

    loud = [key for key in keys if not key.endswith("q")]
    quiet = ["D0 (one session)" if key == "1q" else key[:-1] for key in keys if key.endswith("q")]
    parts = [f"with all faults under {listed(loud)}"]
    return "; ".join([*parts, f"without faults under {listed(quiet)}"] if quiet else parts)


def cells_of(title: str, keys: Iterable[str]) -> tuple[Cell, ...]:
    """The cells of the table that a theorem about these cases decides."""
    worlds = [CASES[key].world for key in keys]
    return tuple(Cell(world.rules.name, title, bool(world.faults)) for world in worlds)


@dataclass(frozen=True)
class Mutant:
    """A weakened hypothesis: a guard or an effect that is dropped, or faults let in."""

    of: str
    dropped: str = ""
    faults: bool = False

    @property
    def world(self) -> World:
        world = CASES[self.of].world
        faults = frozenset(world.rules.possible_faults) if self.faults else world.faults
        return replace(
            world, faults=faults, dropped=frozenset({self.dropped} if self.dropped else ())
        )

    @property
    def text(self) -> str:
        """Say what was weakened."""
        what = "effect" if self.dropped.endswith(" stays") else "guard"
        name = self.dropped.removesuffix(" stays")
        parts = [f"without the {what} {name!r}"] if name else []
        parts += ["with faults"] if self.faults else []
        return f"{self.of.removesuffix('q')} {' and '.join(parts)}"


def inductive_obligations(of: Case, invariant_of: World | None = None) -> Iterator[Obligation]:
    """Initiation, and consecution for every action.

    ``invariant_of`` is the world whose invariant is tried: for a mutant, that of the original.
    """
    judge, z = invariant_of or of.world, of.state
    start = (*assumptions(judge), initially(z))
    yield conjoined(f"{of.name}: initiation", start, invariant(judge, z))
    for k, action in enumerate(relation(of.world, z)):
        name, known = (
            f"{of.name}: consecution {k} {action.name}",
            (*known_of(judge), action.enabled),
        )
        yield conjoined(name, known, invariant(judge, action.after))


def name_obligations(of: Case) -> Iterator[Obligation]:
    """Every session in flight has a reply: what lets an action name it by a parameter.

    The one statement with an existential under a universal, so these lie outside EPR.
    """
    z = of.state
    start = (*assumptions(of.world), initially(z))
    yield Obligation(f"{of.name}: reply exists, initiation", start, has_reply(z))
    for k, action in enumerate(relation(of.world, z)):
        known = (*known_of(of.world), action.enabled, has_reply(z))
        yield Obligation(
            f"{of.name}: reply exists, {k} {action.name}", known, has_reply(action.after)
        )


def safety_obligation(of: Case, title: str) -> Obligation:
    goal = PROPERTIES[title](of.world, of.state)
    return Obligation(f"{of.name}: safety {title}", known_of(of.world), goal, ((title, goal),))


def refinement_obligations(of: Case, invariant_of: World | None = None) -> Iterator[Obligation]:
    """The mapping is the spec's (who has taken effect has generated, too), the initial states
    correspond, every action simulates.
    """
    judge, z = invariant_of or of.world, of.state
    known = known_of(judge)
    generated = every("s r", lambda s, r: z3.Implies(
        z3.And(z.current(s, r), at(z, s, done_labels(judge))), has_generated(z, s)
    ))  # fmt: skip
    mapping = z3.And(mapping_is_the_specs(judge, z), generated)
    yield Obligation(f"{of.name}: mapping", known, mapping)
    start = (*assumptions(judge), initially(z))
    yield Obligation(f"{of.name}: atomic init", start, atomic_initially(judge, z))
    for k, action in enumerate(relation(of.world, z)):
        given = (*known, action.enabled)
        yield Obligation(
            f"{of.name}: {k} {action.name} is {action.atomic} in AtomicReply", given,
            simulates(judge, z, action),
        )  # fmt: skip


def explain(obligation: Obligation, model: z3.ModelRef) -> Exception:
    return NotProvedError("; ".join(failing_parts(obligation, model)), render(obligation, model))


@cache
def inductive(key: str) -> tuple[Discharged, ...]:
    """Discharge the induction of a case once; every theorem about the case counts it."""
    of = CASES[key]
    return tuple(discharge([*inductive_obligations(of), *name_obligations(of)], explain))


def prove_property(title: str, cases: tuple[str, ...]) -> list[Discharged]:
    """Discharge the induction, the safety obligation and a non-vacuity witness for every case."""
    found: list[Discharged] = []
    for key in cases:
        of = CASES[key]
        found += inductive(key)
        found += discharge([safety_obligation(of, title)], explain)
        found.append(occasion(of.name, of.world, title))
    return found


def prove_refinement(cases: tuple[str, ...]) -> list[Discharged]:
    found: list[Discharged] = []
    for key in cases:
        found += inductive(key)
        of = CASES[key]
        found += discharge(refinement_obligations(of), explain)
        found.append(occasion(of.name, of.world, "Refines"))
    return found


def failing_step(weaker: str, attempt: Iterable[Obligation]) -> str:
    """Return the counter-model of the first obligation that fails. Raises NotProvedError when a
    weakened statement proves.
    """
    found = counter_example(attempt, small_universe)
    if found is None:
        raise NotProvedError(f"the mutant ({weaker}) proves", "the theorem does not need it")
    return render(*found)


def attempted(mutant: Mutant, *parts: Callable[[Case, World], Iterator[Obligation]]) -> str:
    """The step that fails when the original's proof is tried of the mutant, part by part. Raises as
    ``failing_step`` does.
    """
    original = CASES[mutant.of].world
    changed = Case(f"mutant {mutant.text}", mutant.world)
    return failing_step(mutant.text, (o for part in parts for o in part(changed, original)))


def refute_property(title: str, mutant: Mutant) -> str:
    """Show that the mutant does not prove: the step that fails, and a real execution.

    Raises NotProvedError when the mutant proves, or when no execution in the bound breaks the
    property: then the mutant would only show that this invariant is the wrong one for it.
    """

    def last(changed: Case, original: World) -> Iterator[Obligation]:
        goal = PROPERTIES[title](original, changed.state)
        yield Obligation(f"{changed.name}: safety", known_of(original), goal)

    step = attempted(mutant, inductive_obligations, last)
    schedule = shortest_violation(mutant.world, PROPERTIES[title](mutant.world, symbols()))
    if schedule is None:
        raise NotProvedError(f"the mutant ({mutant.text}) keeps {title} in the bound", step)
    return f"{step}\na real execution that breaks {title}: {', '.join(schedule)}"


def refute_refinement(mutant: Mutant) -> str:
    """Show that the refinement does not go through for the mutant."""
    return attempted(mutant, inductive_obligations, refinement_obligations)
