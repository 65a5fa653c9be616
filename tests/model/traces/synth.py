"""Traces that no organism recorded: random schedules of the Python transition system."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from leo.disciplines import DISCIPLINES as RUNNABLE
from leo.disciplines import PUBLISHED
from leo.trace.events import SCHEMA, SPEC
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import Refused
from leo_model.machine.forget import Links, tidy
from leo_model.machine.machine import ACTIONS, Move, apply, candidates
from leo_model.machine.state import Base, State
from leo_model.machine.steps import World
from leo_model.traces.events import ENDS, PROGRAM, carries
from leo_model.traces.explain import FAULTS
from leo_model.traces.mutate import Fields

__all__ = ["BEHIND", "Fields", "moves", "random_trace", "scripted_trace", "trace_world"]

# A unit of work that is cancelled in its commit: the view stays behind the store.
BEHIND = "s1 Call Acquire Begin Recall Ingest Generate SaveSnapshot Commit CancelApplied"


def trace_world(discipline: str, sessions: int, instances: int | None = None) -> World:
    """Return a world for traces: no bound on the calls, every fault that can strike.

    ``instances`` None means as many as the discipline is about; sessions are dealt out in turn.
    """
    rules = DISCIPLINES[discipline]
    count = rules.instances if instances is None else instances
    asks = {f"s{k + 1}": rules.asks[k % len(rules.asks)] for k in range(sessions)}
    # What a session calls is the end of its name.
    asks = {s if call == "reply" else f"{s}~{call}": call for s, call in asks.items()}
    instance_of = {s: f"i{k % count + 1}" for k, s in enumerate(asks)}
    return World(rules, instance_of, faults=frozenset(rules.possible_faults), asks=asks)


def random_trace(
    world: World, rng: Random, fault_rate: float, length: int
) -> tuple[Fields, list[Fields]]:
    """Return the header and at most ``length`` events of a random schedule.

    ``fault_rate`` is the chance, at each step, that a fault is tried first.  The schedule ends
    early when nothing but faults can happen (a discipline that deadlocks).
    """
    instances = sorted(set(world.instance_of.values()))
    state = State.initial(world.instance_of, instances)
    state.base = Base(rng.randrange(50), rng.randrange(50))
    header = make_header(world, instances, state.base, seed=rng.randrange(1000))
    events: list[Fields] = []
    # A whole reply between two steps of another one is as telling as the finest interleaving.
    patience = rng.choice((0.0, 0.6, 0.95))
    actor = ""
    while len(events) < length:
        preferred = actor if rng.random() < patience else ""
        move = _step(world, state, rng, fault_rate, preferred)
        if move is None:
            break
        actor = move.actor
        events.append(_event(world, state, move, len(events) + 1, header["run"]))
        if move.action in ENDS:
            tidy(world, state, set(), Links())
    return header, events


def moves(*parts: str) -> Iterator[Move]:
    """A schedule; each part is an actor and the actions that it takes one after the other."""
    for part in parts:
        actor, *actions = part.split()
        yield from (Move(action, actor) for action in actions)


def scripted_trace(world: World, schedule: Iterable[Move]) -> tuple[Fields, list[Fields]]:
    """Return the header and the events of one schedule. Raises Refused where it is not possible."""
    instances = sorted(set(world.instance_of.values()))
    state = State.initial(world.instance_of, instances)
    header = make_header(world, instances, state.base, seed=0)
    events: list[Fields] = []
    for move in schedule:
        apply(world, state, move)
        events.append(_event(world, state, move, len(events) + 1, header["run"]))
    return header, events


def make_header(world: World, instances: list[str], start: Base, seed: int) -> Fields:
    """Return the header of a trace, as the recorder would write it."""
    return {
        "schema": SCHEMA, "kind": "header", "spec": SPEC, "run": f"random-{seed}",
        "discipline": world.rules.name, "runtime": (RUNNABLE | PUBLISHED)[world.rules.name].runtime,
        "program": list(PROGRAM), "instances": instances, "stores": ["main"],
        "start": start._asdict(), "seed": seed,
    }  # fmt: skip


def _step(
    world: World, state: State, rng: Random, fault_rate: float, preferred: str
) -> Move | None:
    """Take a random move, one of the preferred actor if it has any; None when there is none."""
    moves = list(candidates(world, state))
    rng.shuffle(moves)
    moves.sort(key=lambda move: move.actor != preferred)
    if rng.random() < fault_rate:
        moves.sort(key=lambda move: move.action not in FAULTS)
    else:
        moves = [move for move in moves if move.action not in FAULTS]
    for move in moves:
        try:
            apply(world, state, move)
        except Refused:
            continue
        return move
    return None


def _event(world: World, state: State, move: Move, seq: int, run: str) -> Fields:
    """Return the line of a move, told from the state after it."""
    rule = carries(world.rules.name, move.action)
    by_session = ACTIONS[move.action].actor == "session"
    instance = world.instance_of[move.actor] if by_session else move.actor
    versions = _versions(state, instance)
    return {
        "seq": seq, "writer": "w1", "run": run, "time": seq / 1000, "instance": instance,
        "store": "main", "session": move.actor if by_session else "",
        "reply": f"{move.actor}.{state.calls[move.actor]}" if by_session else "",
        "action": move.action,
        "reads": {item: versions[item] for item in rule.order if item in rule.reads},
        "writes": {item: versions[item] for item in rule.order if item in rule.writes},
        "outcome": rule.outcome,
    }  # fmt: skip


def _versions(state: State, instance: str) -> dict[str, int]:
    """Return the version of every object in the state, as that instance sees them."""
    ngrams = state.base.ngrams + len(state.store.ngrams)
    view = state.view[instance]
    return {
        "ngrams": ngrams,
        "bigrams": ngrams,
        "trigrams": ngrams,
        "snapshots": state.base.snapshots + len(state.store.snapshots),
        "view.bigrams": state.base.ngrams + len(view.bigrams),
        "view.trigrams": state.base.ngrams + len(view.trigrams),
        "buffer": 1,
    }
