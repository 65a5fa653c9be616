"""The transition system: which action may happen in which state, and what it does.

This file alone decides which actions exist.  ``ACTIONS`` is the whole vocabulary.  A test compares
it with the operators of ``spec/Field.tla`` and with the organism's actions; another compares the
reachable graph with TLC's, state for state and edge for edge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from leo_model.disciplines import Rules
from leo_model.errors import Refused
from leo_model.machine import faults, published, steps
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
    "Refresh": _session(published.refresh, "idle"),
    "Count": _session(published.count, "count"),
    "Locked": _session(published.locked, "ingest", "snapshot"),
    "Statement": _session(published.statement, "statement", "statementAgain"),
    "CommitOpen": _session(published.commit_open, "commit"),
    "RefreshBigrams": _session(published.refresh_bigrams, "refreshBigrams"),
    "RefreshTrigrams": _session(published.refresh_trigrams, "refreshTrigrams"),
    "Swallow": _session(published.swallow, *published.AFTER_FAILURE),
}

# The actions of module Published, under the names of Field where the meaning is the same.
ONLY_PUBLISHED = (
    "Refresh", "Count", "Locked", "Statement", "CommitOpen", "RefreshBigrams", "RefreshTrigrams",
    "Swallow",
)  # fmt: skip
_SHARED = ("Call", "Acquire", "Release", "Return", "Crash", "Recover")
_WAITING = (*published.LOADING, *published.AFTER_FAILURE, *published.RAISES, "called", "recall")
_PUBLISHED: dict[str, Action] = {
    **{name: ACTIONS[name] for name in (*_SHARED, *ONLY_PUBLISHED)},
    "Recall": _session(published.recall, "recall"),
    "Ingest": _session(published.ingest, "ingest", "ingestAgain"),
    "LoadBigrams": _session(published.load_bigrams, *published.LOADING),
    "LoadTrigrams": _session(published.load_trigrams, *published.LOADING),
    "AssignView": _session(published.assign_view, *published.LOADING),
    "Generate": _session(published.generate, "generate"),
    "SaveSnapshot": _session(published.save_snapshot, "snapshot"),
    "Cancel": _session(published.cancel, *_WAITING),
    "CancelApplied": _session(published.cancel_applied, *_WAITING),
    "Raise": _session(published.raise_, *published.RAISES),
}
_FIELD = {name: action for name, action in ACTIONS.items() if name not in ONLY_PUBLISHED}


def actions_of(rules: Rules) -> dict[str, Action]:
    """Return the actions of the program that the discipline executes."""
    return _PUBLISHED if rules.published else _FIELD


class Move(NamedTuple):
    """An action and the session or the instance that takes it."""

    action: str
    actor: str


def apply(world: World, state: State, move: Move) -> None:
    """Take a move, changing the state in place.

    Raises Refused, with the state as it was, when the action is not enabled.
    """
    action = actions_of(world.rules).get(move.action)
    if action is None:
        raise Refused(((f"{move.action} is an action of {world.rules.name}", False),))
    action.apply(world, state, move.actor)


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
    for name, action in actions_of(world.rules).items():
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
