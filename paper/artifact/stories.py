"""A counterexample as frames: what every step did and what the memory looked like after it.

The schedule is TLC's, the states are those of the transition system, whose graph is TLC's. A frame
is plain data for a page or a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from leo.actions import Action, touched
from leo_model.checking.plan import TEMPORAL
from leo_model.checking.results import closing_step
from leo_model.machine.machine import Move, apply, enabled
from leo_model.machine.narrate import note, witness
from leo_model.machine.properties import name, names
from leo_model.machine.reachable import bounded_world, initial_state
from leo_model.machine.state import UNREAD, Content, State
from leo_model.machine.steps import World

Frame = dict[str, Any]
Story = dict[str, Any]

# Under which disciplines a schedule is shown again: the paper's lock, and the one that is whole.
INSTEAD = ("asyncio-lock", "shielded-unit-of-work")
CANCELLED = frozenset({"Cancel", "CancelApplied"})
FAULTS = CANCELLED | frozenset({"Raise", "Crash", "Recover", "Busy"})
# Whose writes it shows that a step came after them: what it generates from shows those of its view.
READS = {
    "Recall": ("snapshots",),
    "Generate": ("ngrams",),
    "GenerateBegin": ("ngrams",),
    "GenerateEnd": ("ngrams",),
}


def story(found: Mapping[str, Any]) -> Story:
    """Return the frames of a counterexample from the results of `leo check`.

    A behaviour that goes on for ever has no contents: its frames have lanes and labels only. One
    that repeats has the step that closes the circle as its last frame; `back_to` is the first step
    of the circle. `ever`: no finite part of it is a counterexample.
    """
    moves = [Move(action, actor) for action, actor in found["schedule"]]
    world = bounded_world(
        found["discipline"], found["sessions"], found["turns"], tuple(found["faults"])
    )
    closing = closing_step(found)
    moves += [] if closing is None else [closing]
    told = found["turns"] > 0
    shown = (
        frames(world, moves) if told else [_lane(number, m) for number, m in enumerate(moves, 1)]
    )
    return {
        "discipline": found["discipline"],
        "property": found["property"],
        "faults": list(found["faults"]),
        "witness": found["witness"],
        "sessions": list(world.instance_of),
        "instances": sorted(set(world.instance_of.values())),
        "back_to": found["back_to"],
        "ever": found["property"] in TEMPORAL,
        "start": _memory(world, initial_state(world)) if told else None,
        "frames": shown,
    }


def frames(world: World, moves: Sequence[Move]) -> list[Frame]:
    """Return one frame per move. Raises Refused when a move is not one of the discipline."""
    state, out = initial_state(world), []
    for number, move in enumerate(moves, 1):
        state = state.copy()
        apply(world, state, move)
        out.append(_lane(number, move) | {"note": note(world, move, state)} | _memory(world, state))
    return out


def elsewhere(found: Mapping[str, Any], discipline: str) -> Story:
    """Return the same wishes under another discipline: a session that may not move yet waits.

    The sessions are scheduled in the order of the counterexample; a step that the discipline does
    not allow now is put off until it does, and the program's own steps replace those it does not
    have. The property's verdict at the end is that of the last state.
    """
    world = bounded_world(discipline, found["sessions"], found["turns"], tuple(found["faults"]))
    state, done = initial_state(world), []
    for action, actor in found["schedule"]:
        move = _next(world, state, action, actor)
        if move is not None:
            state = state.copy()
            apply(world, state, move)
            done.append(move)
    return _told(world, found["property"], [*done, *_to_the_end(world, state)])


def cancelled_after(discipline: str, title: str, action: str) -> Story:
    """Return the reply of one session whose caller cancels it as soon as `action` is done.

    It goes on for as long as the discipline lets no cancellation strike; the first one that can
    strike does.
    """
    world = bounded_world(discipline, 1, 1)
    state = initial_state(world)
    done: list[Move] = []
    while not done or done[-1].action not in CANCELLED:
        wished = CANCELLED if any(move.action == action for move in done) else frozenset()
        allowed = enabled(world, state)
        struck = [move for move in allowed if move.action in wished]
        done.append((struck or [move for move in allowed if move.action not in FAULTS])[0])
        state = state.copy()
        apply(world, state, done[-1])
    return _told(world, title, done)


def _told(world: World, title: str, moves: Sequence[Move]) -> Story:
    """The moves as a story, with the first witness that the property falls, if it does."""
    last = initial_state(world)
    fell = ""
    for move in moves:
        before = last
        last = last.copy()
        apply(world, last, move)
        fell = fell or _fallen(world, title, before, last)
    return {
        "discipline": world.rules.name,
        "property": title,
        "witness": fell,
        "sessions": list(world.instance_of),
        "start": _memory(world, initial_state(world)),
        "frames": frames(world, moves),
    }


def _fallen(world: World, title: str, before: State, after: State) -> str:
    if title in {"DeadlockFree", "Answered"}:
        return ""
    return witness(world, title, [before, after]) or ""


def _next(world: World, state: State, action: str, actor: str) -> Move | None:
    """The wish itself if it is allowed now, else the actor's own next step, else nothing."""
    allowed = [move for move in enabled(world, state) if move.actor == actor]
    wished = [move for move in allowed if move.action == action]
    if wished:
        return wished[0]
    if action in FAULTS:
        struck = [m for m in allowed if {m.action, action} == CANCELLED]
        return struck[0] if struck else None
    own = [m for m in allowed if m.action not in FAULTS and m.action != "Call"]
    return own[0] if own else None


def _to_the_end(world: World, state: State) -> list[Move]:
    """The steps that everybody in flight still takes, one session after the other."""
    out: list[Move] = []
    while True:
        own = [
            m
            for m in enabled(world, state)
            if m.action not in FAULTS and m.action != "Call" and m.action != "Finished"
        ]
        if not own:
            return out
        # A session goes on until it has to wait: the story stays readable.
        move = next((m for m in own if out and m.actor == out[-1].actor), own[0])
        state = state.copy()
        apply(world, state, move)
        out.append(move)


def _lane(number: int, move: Move) -> Frame:
    return {"n": number, "actor": move.actor, "action": move.action, "note": ""}


def _memory(world: World, state: State) -> Frame:
    """What there is to see of a state, with replies named as in the traces."""
    return {
        "pc": dict(state.pc),
        "holder": dict(state.holder),
        "queue": list(state.arrivals),
        "store": {
            "ngrams": [name(r) for r in state.store.ngrams],
            "snapshots": [name(r) for r in state.store.snapshots],
        },
        "views": {
            i: {"bigrams": _content(v.bigrams), "trigrams": _content(v.trigrams)}
            for i, v in state.view.items()
        },
        "saw": {
            s: {"bigrams": _content(h.sawBigrams), "trigrams": _content(h.sawTrigrams)}
            for s, h in state.local.items()
            if h.sawBigrams != UNREAD
        },
        "up": dict(state.up),
    }


def _content(content: Content) -> str:
    return "–" if content == UNREAD else names(content)


def dependencies(story: Story) -> list[tuple[int, int, bool]]:
    """The edges of the dependency cycle that the witness names, as rows of two frames, counted from
    0, and whether the edge goes back in time; none where the witness is no cycle.
    """
    head, _, cycle = story["witness"].partition("dependency cycle ")
    if head or not cycle:
        return []
    found = (_conflict(story["frames"], *pair) for pair in pairwise(cycle.split(" -> ")))
    return [(one, other, one > other) for ends in found if ends for one, other in [ends]]


def _conflict(frames: Sequence[Frame], one: str, other: str) -> tuple[int, int] | None:
    """The rows of two conflicting steps, one of each reply, that put `one` before `other`."""
    sessions = tuple(reply.split(".", maxsplit=1)[0] for reply in (one, other))
    for number, first in enumerate(frames):
        for target, second in enumerate(frames):
            if (first["actor"], second["actor"]) != sessions:
                continue
            wrote, then = writes(first), writes(second)
            later = number < target
            if later and wrote & (then | _reads(second)) and _saw(second, one):
                return number, target
            if _reads(first) & then and (later or not _saw(first, other)):
                return number, target
    return None


def writes(frame: Frame) -> frozenset[str]:
    """What a step writes. In a unit of work the steps put their writes into a buffer."""
    buffered = frame["note"].startswith("buffers")
    return frozenset() if buffered else touched(Action(frame["action"])).writes - {"view"}


def _reads(frame: Frame) -> frozenset[str]:
    return frozenset(READS.get(frame["action"], ()))


def _saw(frame: Frame, reply: str) -> bool:
    """A writer is after all earlier writers; a generation is after those whose writes it saw."""
    if frame["action"] not in {"Generate", "GenerateBegin", "GenerateEnd"}:
        return True
    seen = frame.get("saw", {}).get(frame["actor"], {})
    return reply in seen.get("bigrams", "") or reply in seen.get("trigrams", "")
