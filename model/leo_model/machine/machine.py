"""The transition system: which action may happen in which state, and what it does.

This file owns legality.  ``ACTIONS`` is the whole vocabulary; a test compares it with the operators
of ``spec/Field.tla`` and with the organism's, and another compares the reachable graph with TLC's,
state for state and edge for edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from leo_model.errors import Refused
from leo_model.machine import faults, steps
from leo_model.machine.state import State
from leo_model.machine.steps import World

Effect = Callable[[World, State, str], None]


class Action(NamedTuple):
    """One action: its function, who acts, and the labels at which it can be worth trying."""

    apply: Effect
    actor: str
    labels: frozenset[str]


def _session(apply: Effect, *labels: str) -> Action:
    return Action(apply, "session", frozenset(labels))


_ANYWHERE = (
    "called", "begin", "recall", "ingest", "reenter", "loadBigrams", "loadTrigrams", "assign",
    "generate", "generateEnd", "snapshot", "commit", "swap", "release", "return", "blocked",
)  # fmt: skip

ACTIONS: dict[str, Action] = {
    "Call": _session(steps.call, "idle"),
    "Acquire": _session(steps.acquire, "called"),
    "Block": _session(steps.block, "called"),
    "Begin": _session(steps.begin, "begin"),
    "Recall": _session(steps.recall, "recall"),
    "Ingest": _session(steps.ingest, "ingest"),
    "Reenter": _session(steps.reenter, "ingest"),
    "LoadBigrams": _session(steps.load_bigrams, "loadBigrams"),
    "LoadTrigrams": _session(steps.load_trigrams, "loadTrigrams"),
    "AssignView": _session(steps.assign_view, "assign"),
    "Generate": _session(steps.generate, "generate"),
    "GenerateBegin": _session(steps.generate_begin, "generate"),
    "GenerateEnd": _session(steps.generate_end, "generateEnd"),
    "SaveSnapshot": _session(steps.save_snapshot, "snapshot"),
    "Commit": _session(steps.commit, "commit"),
    "SwapView": _session(steps.swap_view, "swap"),
    "Release": _session(steps.release, "release"),
    "Return": _session(steps.return_, "return"),
    "Cancel": _session(faults.cancel, *_ANYWHERE),
    "CancelApplied": _session(faults.cancel_applied, "loadBigrams", "swap", "release"),
    "Raise": _session(faults.raise_, *_ANYWHERE),
    "Busy": _session(faults.busy, "begin"),
    "BusySnapshot": _session(faults.busy_snapshot, "commit"),
    "Retry": _session(faults.retry, "commit"),
    "Crash": Action(faults.crash, "instance", frozenset()),
    "Recover": Action(faults.recover, "instance", frozenset()),
}


class Move(NamedTuple):
    """An action and the session or the instance that takes it."""

    action: str
    actor: str


def apply(world: World, state: State, move: Move) -> None:
    """Take a move, changing the state in place.

    Raises Refused, with the state as it was, when the action is not enabled.
    """
    ACTIONS[move.action].apply(world, state, move.actor)


def successors(world: World, state: State) -> Iterator[tuple[Move, State]]:
    """Yield every enabled move with the state that it leads to."""
    for move in candidates(world, state):
        following = state.copy()
        try:
            apply(world, following, move)
        except Refused:
            continue
        yield move, following


def candidates(world: World, state: State) -> Iterator[Move]:
    """Yield the moves whose label fits; their guards may still refuse."""
    for name, action in ACTIONS.items():
        if action.actor == "instance":
            yield from (Move(name, instance) for instance in state.up)
        else:
            yield from (Move(name, s) for s, label in state.pc.items() if label in action.labels)


def enabled(world: World, state: State) -> list[Move]:
    """Return the moves that are enabled in the state."""
    return [move for move, _ in successors(world, state)]


def is_finished(world: World, state: State) -> bool:
    """The spec's ``Finished``: a bounded run has come to its end, which is not a deadlock."""
    return (
        world.turns is not None
        and all(label == "idle" for label in state.pc.values())
        and all(calls == world.turns for calls in state.calls.values())
        and all(state.up.values())
    )
