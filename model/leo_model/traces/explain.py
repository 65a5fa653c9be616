"""Explains in words why a line is no step of the specification."""

from __future__ import annotations

from dataclasses import dataclass

from leo.trace.events import Event
from leo_model.errors import Refused
from leo_model.machine.machine import ACTIONS, Move, apply, enabled
from leo_model.machine.properties import name
from leo_model.machine.state import NOBODY, UNREAD, State
from leo_model.machine.steps import World
from leo_model.traces.events import Line, carries

FAULTS = frozenset({"Cancel", "CancelApplied", "Raise", "Busy", "Crash"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """The first line that is no step.

    ``kind`` is "guard" when the action is not enabled and "data" when it is, but with other
    versions or another number of the reply.  ``reasons`` are the conjuncts that fail.  ``expected``
    and ``observed`` are versions by object.  ``enabled`` are all moves that were possible,
    ``nearest`` the one that the same actor would take.  ``state`` is the state before the line, one
    sentence each.
    """

    line: int
    event: Event
    kind: str
    reasons: tuple[str, ...]
    expected: dict[str, int]
    observed: dict[str, int]
    enabled: tuple[Move, ...]
    nearest: str | None
    state: tuple[str, ...]


def explain(world: World, z: State, line: Line, due: tuple[int, ...]) -> Rejection:
    """Say what is wrong with a line that is known to be no step of the state ``z``, left as it is.

    ``due`` are the versions that the line must carry if its action is enabled.
    """
    action = line.event.action.value
    reasons: tuple[str, ...] = ()
    try:
        apply(world, z.copy(), Move(action, line.actor))
    except Refused as refusal:
        reasons = tuple(text for text, holds in refusal.guard if not holds)
    kind = "guard" if reasons else "data"
    expected: dict[str, int] = {}
    observed: dict[str, int] = {}
    if kind == "data":
        order = carries(world.rules.name, action).order
        for item, wanted, found in zip(order, due, line.versions, strict=True):
            if wanted != found:
                expected[item], observed[item] = wanted, found
                reasons = (*reasons, f"the version of {item} is {wanted}, not {found}")
        if ACTIONS[action].actor == "session":
            turn = z.calls[line.actor] + (action == "Call")
            if turn != line.turn:
                reasons = (*reasons, f"the reply is {line.actor}.{turn}, not {line.event.reply}")
    moves = tuple(enabled(world, z))
    own = [move.action for move in moves if move.actor == line.actor]
    steps = [step for step in own if step not in FAULTS] or own
    return Rejection(
        line=line.number,
        event=line.event,
        kind=kind,
        reasons=reasons,
        expected=expected,
        observed=observed,
        enabled=moves,
        nearest=action if kind == "data" else steps[0] if steps else None,
        state=describe(world, z),
    )


def describe(world: World, z: State) -> tuple[str, ...]:
    """Describe a state: the store, each instance, each reply in flight.

    Contents are named by the replies that are not forgotten; versions count the others too.
    """
    base = z.base
    lines = [
        f"store: ngrams version {base.ngrams + len(z.store.ngrams)}, snapshots version "
        f"{base.snapshots + len(z.store.snapshots)}"
    ]
    if z.writing != NOBODY:
        lines.append(f"SQLite's write lock: {z.writing}")
    for instance, view in z.view.items():
        if not z.up[instance]:
            lines.append(f"{instance}: down")
            continue
        text = (
            f"{instance}: view bigrams version {base.ngrams + len(view.bigrams)}, trigrams version "
            f"{base.ngrams + len(view.trigrams)}"
        )
        if world.rules.lock != "none":
            text += f"; lock: {z.holder[instance]}"
        lines.append(text)
    if z.arrivals:
        lines.append(f"waiting to start: {', '.join(z.arrivals)}")
    for s, label in z.pc.items():
        if label != "idle":
            lines.append(f"{name(z.reply(s))}: at {label}{_held(z, s)}")
    if not any(map(z.in_flight, z.pc)):
        lines.append("no reply is in flight")
    return tuple(lines)


def _held(z: State, s: str) -> str:
    held, base = z.local[s], z.base
    parts = []
    for word, content, offset in (
        ("snapshots", held.recalled, base.snapshots),
        ("loaded bigrams", held.bigrams, base.ngrams),
        ("loaded trigrams", held.trigrams, base.ngrams),
        ("saw bigrams", held.sawBigrams, base.ngrams),
        ("saw trigrams", held.sawTrigrams, base.ngrams),
    ):
        if content != UNREAD:
            parts.append(f"{word} {offset + len(content)}")
    if s in z.left:
        parts.append("its caller is gone")
    return f" ({', '.join(parts)})" if parts else ""
