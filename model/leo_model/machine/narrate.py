"""Tells a schedule in words: which session did what, and what it read and wrote.

The notes give versions, as the traces do: the number of writes that an object contains.  Where a
version is ambiguous (two views with one write each), the note names the replies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from leo.trace.lanes import LaneStep
from leo_model.machine.machine import ACTIONS, Move, apply
from leo_model.machine.properties import MORE, SAFETY, Witness, name, names, refines
from leo_model.machine.reachable import initial_state
from leo_model.machine.state import Content, State
from leo_model.machine.steps import World
from leo_model.tlc.messages import Trace
from leo_model.tlc.value import Fn

ENDINGS = {
    "Cancel": "cancelled",
    "CancelApplied": "cancelled, and applied",
    "Raise": "the step raises",
    "Busy": "SQLITE_BUSY: gives up",
    "BusySnapshot": "SQLITE_BUSY_SNAPSHOT: gives up",
    "Block": "waits, and the event loop with it",
    "Reenter": "waits for its own lock",
    "Retry": "versions moved: starts again",
    "Crash": "the process dies",
    "Recover": "reopened from the store",
    "Locked": "database is locked: swallowed",
    "Swallow": "the step raises: swallowed",
}


def note(world: World, move: Move, after: State) -> str:
    """Say what a move read or wrote, from the state that it led to."""
    if move.action in ENDINGS:
        return ENDINGS[move.action]
    if ACTIONS[move.action].actor == "instance":
        return ""
    s = move.actor
    held, view = after.local[s], after.view[world.instance_of[s]]
    versions = {
        o: len(written) for o, written in zip(after.store._fields, after.store, strict=True)
    }
    buffered = world.rules.whole_reply
    match move.action:
        case "Recall":
            return f"reads snapshots v{len(held.recalled)}"
        case "Ingest":
            return "buffers its n-grams" if buffered else f"writes ngrams v{versions['ngrams']}"
        case "LoadBigrams":
            return f"reads bigrams v{len(held.bigrams)}"
        case "LoadTrigrams":
            return f"reads trigrams v{len(held.trigrams)}"
        case "AssignView" | "SwapView":
            return f"view := {_pair(view.bigrams, view.trigrams)}"
        case "Generate" | "GenerateBegin" | "GenerateEnd":
            return f"reads view {_pair(view.bigrams, view.trigrams)}"
        case "Statement":
            return f"writes {name(after.open.writes[-1])}, not committed"
        case "CommitOpen":
            return f"commits: ngrams v{versions['ngrams']}"
        case "RefreshBigrams":
            return f"view.bigrams := v{len(view.bigrams)}"
        case "RefreshTrigrams":
            return f"view.trigrams := v{len(view.trigrams)}"
        case "Count":
            return f"marks what it recalled as used: snapshots v{versions['snapshots']}"
        case "SaveSnapshot":
            return (
                "buffers its snapshot" if buffered else f"writes snapshots v{versions['snapshots']}"
            )
        case "Commit":
            return f"writes ngrams v{versions['ngrams']}, snapshots v{versions['snapshots']}"
        case "Acquire" if world.rules.lock != "none":
            return "has the lock"
        case "Release" if world.rules.lock != "none":
            return "frees the lock"
        case _:
            return ""


def _pair(bigrams: Content, trigrams: Content) -> str:
    if bigrams == trigrams:
        return f"v{len(bigrams)} {names(bigrams)}"
    return f"v{len(bigrams)}/v{len(trigrams)} {names(bigrams)}/{names(trigrams)}"


def schedule_of(trace: Trace) -> list[Move]:
    """Return the moves of a counterexample: the actor is the one that an action changed."""
    moves = []
    for before, after in zip(trace.steps, trace.steps[1:], strict=False):
        moves.append(Move(after.action, _actor(before.state, after.state)))
    return moves


def _actor(before: Mapping[str, object], after: Mapping[str, object]) -> str:
    for variable in ("up", "pc"):
        old, new = before[variable], after[variable]
        assert isinstance(old, Fn) and isinstance(new, Fn)
        changed = [str(key) for key in new if old[key] != new[key]]
        if changed:
            return changed[0]
    old, new = before["local"], after["local"]
    assert isinstance(old, Fn) and isinstance(new, Fn)
    for key in new:
        if old[key] != new[key]:
            return str(key)
    old_left, new_left = before["left"], after["left"]
    assert isinstance(old_left, frozenset) and isinstance(new_left, frozenset)
    return str(next(iter(new_left - old_left)))


def replay(world: World, schedule: Sequence[Move]) -> list[State]:
    """Run a schedule on the transition system; return the states, the initial one first.

    Raises Refused when the schedule is not one of the discipline.
    """
    states = [initial_state(world)]
    for move in schedule:
        following = states[-1].copy()
        apply(world, following, move)
        states.append(following)
    return states


def lanes(world: World, schedule: Sequence[Move], states: Sequence[State]) -> list[LaneStep]:
    """Return the rows of a lane table for a schedule; without its states there are no notes."""
    rows = []
    for number, move in enumerate(schedule, 1):
        told = note(world, move, states[number]) if states else ""
        known = move.actor in world.instance_of
        action = move.action if known or not states else f"{move.action} {move.actor}"
        rows.append(LaneStep(number, move.actor if known else "", action, told))
    return rows


def witness(world: World, title: str, states: Sequence[State]) -> Witness:
    """Say how the last state, or the last transition, breaks a property; None when it does not."""
    if title == "Refines":
        return refines(world, states[-2], states[-1])
    if title == "DeadlockFree":
        return "nothing can move any more"
    holds = SAFETY.get(title) or MORE[title]
    return None if holds is None else holds(world, states[-1])
