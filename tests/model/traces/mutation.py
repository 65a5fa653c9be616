"""Random mutations of a trace: what a wrong organism, or a wrong recorder, would have written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from leo_model.traces.mutate import Fields, others, renamed, renumber

Events = list[Fields]
Mutation = Callable[[Events, int, Random, str], bool]


def _drop(events: Events, at: int, rng: Random, discipline: str) -> bool:
    del events[at]
    return True


def _repeat(events: Events, at: int, rng: Random, discipline: str) -> bool:
    events.insert(at, dict(events[at]))
    return True


def _swap(events: Events, at: int, rng: Random, discipline: str) -> bool:
    if at + 1 == len(events):
        return False
    events[at], events[at + 1] = events[at + 1], events[at]
    return True


def _version(events: Events, at: int, rng: Random, discipline: str) -> bool:
    event = events[at]
    for word in ("reads", "writes"):
        versions: dict[str, int] = event[word]
        if versions:
            item = rng.choice(sorted(versions))
            old = versions[item]
            new = rng.choice([old - 1, old + 1, rng.randrange(60), old + rng.randrange(2, 9)])
            if new < 0 or new == old:
                return False
            events[at] = {**event, word: {**versions, item: new}}
            return True
    return False


def _rename(events: Events, at: int, rng: Random, discipline: str) -> bool:
    action = rng.choice(others(events[at]["action"]))
    events[at] = renamed(events[at], action, discipline, rng.randrange(60))
    return True


def _session(events: Events, at: int, rng: Random, discipline: str) -> bool:
    event = events[at]
    peers = sorted(
        {
            e["session"]
            for e in events
            if e["session"] not in ("", event["session"]) and e["instance"] == event["instance"]
        }
    )
    if not event["session"] or not peers:
        return False
    session = rng.choice(peers)
    turn = event["reply"].rpartition(".")[2]
    events[at] = {**event, "session": session, "reply": f"{session}.{turn}"}
    return True


def _turn(events: Events, at: int, rng: Random, discipline: str) -> bool:
    event = events[at]
    if not event["session"]:
        return False
    turn = int(event["reply"].rpartition(".")[2]) + rng.choice([-1, 1])
    events[at] = {**event, "reply": f"{event['session']}.{turn}"}
    return turn > 0


MUTATIONS: dict[str, Mutation] = {
    "drop": _drop, "repeat": _repeat, "swap": _swap, "version": _version, "rename": _rename,
    "session": _session, "turn": _turn,
}  # fmt: skip


def mutate(discipline: str, events: Sequence[Fields], rng: Random) -> tuple[str, Events]:
    """Return the name of a mutation and the events with it, renumbered; ``events`` is left alone.

    Raises ValueError when there are no events.
    """
    if not events:
        raise ValueError("a trace without events cannot be mutated")
    while True:
        name = rng.choice(sorted(MUTATIONS))
        mutated = list(events)
        if MUTATIONS[name](mutated, rng.randrange(len(events)), rng, discipline):
            return name, renumber(mutated)
