"""Why a line is no step of the specification, and which versions it must carry.

The versions are told from the state before the step, so that a line with other versions can be
explained by that state; ``ExpectedVersions`` of the specification tells them from the state after
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from leo.trace.events import Event
from leo_model.errors import Refused
from leo_model.machine.machine import ACTIONS, Move, apply, enabled
from leo_model.machine.properties import name
from leo_model.machine.state import NOBODY, UNREAD, State
from leo_model.machine.steps import World
from leo_model.traces.events import Line, carries


def _snapshots(w: World, z: State, s: str) -> tuple[int, ...]:
    return (z.base.snapshots + len(z.store.snapshots),)


def _ngrams(w: World, z: State, s: str) -> tuple[int, ...]:
    return (z.base.ngrams + len(z.store.ngrams),)


def _next_ngrams(w: World, z: State, s: str) -> tuple[int, ...]:
    return () if w.rules.whole_reply else (z.base.ngrams + len(z.store.ngrams) + 1,)


def _next_snapshots(w: World, z: State, s: str) -> tuple[int, ...]:
    return () if w.rules.whole_reply else (z.base.snapshots + len(z.store.snapshots) + 1,)


def _next_both(w: World, z: State, s: str) -> tuple[int, ...]:
    ngrams, snapshots = z.base
    return (ngrams + len(z.store.ngrams) + 1, snapshots + len(z.store.snapshots) + 1)


def _view(w: World, z: State, s: str) -> tuple[int, ...]:
    bigrams, trigrams = z.view[w.instance_of[s]]
    return (z.base.ngrams + len(bigrams), z.base.ngrams + len(trigrams))


def _loaded(w: World, z: State, s: str) -> tuple[int, ...]:
    held = z.local[s]
    return (z.base.ngrams + len(held.bigrams), z.base.ngrams + len(held.trigrams))


def _swapped(w: World, z: State, s: str) -> tuple[int, ...]:
    reply = z.reply(s)
    view = z.view[w.instance_of[s]]
    return tuple(z.base.ngrams + len(table) + (reply not in table) for table in view)


def _published(w: World, z: State, s: str) -> tuple[int, ...]:
    """The version of the n-grams after the open transaction was committed."""
    return (z.base.ngrams + len(z.store.ngrams) + len(z.open.writes),)


_EXPECTED: dict[str, Callable[[World, State, str], tuple[int, ...]]] = {
    "Recall": _snapshots,
    "Ingest": _next_ngrams,
    "LoadBigrams": _ngrams,
    "LoadTrigrams": _ngrams,
    "AssignView": _loaded,
    "Generate": _view,
    "GenerateBegin": _view,
    "GenerateEnd": _view,
    "SaveSnapshot": _next_snapshots,
    "Commit": _next_both,
    "SwapView": _swapped,
    "Count": _next_snapshots,
    "CommitOpen": _published,
    "RefreshBigrams": _ngrams,
    "RefreshTrigrams": _ngrams,
}


def expected_versions(world: World, z: State, line: Line) -> tuple[int, ...]:
    """Return the versions that the line must carry, in the order of ``Carries.order``.

    Only meant for an action that is enabled in ``z``; for another one the answer says nothing.
    """
    tell = _EXPECTED.get(line.event.action)
    return () if tell is None else tell(world, z, line.actor)


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


def explain(world: World, z: State, line: Line) -> Rejection:
    """Say what is wrong with a line that is known to be no step of the state ``z``, left as it
    is.
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
        due = expected_versions(world, z, line)
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
