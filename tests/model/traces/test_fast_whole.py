"""Whole replies that are taken at once: as the full checker takes them, and nothing else with them.

Every trace here is one that `leo_model.traces.fast.whole` takes, or one that is such a trace but
for one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leo.trace import lines as fast_blocks
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import Move
from leo_model.traces.fast import engine as fast
from leo_model.traces.fast import whole as fast_whole
from leo_model.traces.mutate import renumber
from tests.model.traces.mutation import mutate
from tests.model.traces.synth import Fields, random_trace, scripted_trace, trace_world
from tests.model.traces.test_fast import FAST, assert_same, said, to_bytes

LOCKED = [name for name in FAST if DISCIPLINES[name].lock == "fifo"]
PLAIN, UNIT = "asyncio-lock", "unit-of-work"
SESSIONS = [f"s{k + 1}" for k in range(5)]


def steps(discipline: str) -> list[str]:
    """The actions of a reply that nothing disturbs, from its call on."""
    world = trace_world(discipline, 1)
    return [event["action"] for event in random_trace(world, Random(0), 0.0, 11)[1]]


def moves(discipline: str, text: str) -> list[Move]:
    """A schedule in short: ``c1`` a call of s1, ``w1`` all the rest of its reply, ``a1`` the part
    up to the step before the return, ``r1`` the return.
    """
    rest = [Move(action, "") for action in steps(discipline)[1:]]
    parts = {"c": [Move("Call", "")], "w": rest, "a": rest[:-1], "r": rest[-1:]}
    return [Move(move.action, f"s{word[1]}") for word in text.split() for move in parts[word[0]]]


def traced(discipline: str, schedule: list[Move]) -> tuple[Fields, list[Fields]]:
    return scripted_trace(trace_world(discipline, len(SESSIONS)), schedule)


def chance(discipline: str, rng: Random, replies: int) -> Iterator[Move]:
    """One reply after the other, and calls of the others at any time."""
    idle, waiting = SESSIONS[:], list[str]()
    for _ in range(replies):
        for action in steps(discipline)[1:]:
            while idle and (not waiting or rng.random() < 0.3):
                waiting.append(idle.pop(rng.randrange(len(idle))))
                yield Move("Call", waiting[-1])
            yield Move(action, waiting[0])
        idle.append(waiting.pop(0))


@contextmanager
def eager(block: int = 1 << 16) -> Iterator[list[int]]:
    """No patience, and blocks of a size; yields how many rows were taken at once each time."""
    taken: list[int] = []
    walk = fast_whole.walk_whole

    def noted(*args: object) -> tuple[int, int]:
        result = walk(*args)  # type: ignore[arg-type]
        taken.append(result[0])
        return result

    with (
        patch.multiple(fast, BLOCK=block, PATIENCE=1, MOST_PATIENCE=4, walk_whole=noted),
        patch.object(fast_blocks, "PIECE", 500),
    ):
        yield taken


@given(
    seed=st.integers(0, 10**9),
    discipline=st.sampled_from(LOCKED),
    replies=st.integers(3, 14),
    block=st.sampled_from([2000, 5000, 1 << 16]),
)
@settings(max_examples=25, deadline=None)
def test_whole_replies_are_taken_as_by_the_full_checker(
    seed: int, discipline: str, replies: int, block: int
) -> None:
    """All that is said is the same, and so is the state at the end; they are taken at once."""
    header, events = traced(discipline, list(chance(discipline, Random(seed), replies)))
    with eager(block) as taken:
        assert_same(to_bytes(header, events))
    # Up to the first return it is the full checker's turn.
    first = next(event["seq"] for event in events if event["action"] == "Return")
    assert sum(taken) == len(events) - first


def wrong_word(events: list[Fields], at: int, rng: Random) -> list[Fields]:
    """One word of a line, as it stands on some other line."""
    word = rng.choice(["seq", "session", "reply", "action", "reads", "writes", "outcome"])
    return [
        {**event, word: rng.choice(events)[word]} if k == at else event
        for k, event in enumerate(events)
    ]


def moved(events: list[Fields], at: int, rng: Random) -> list[Fields]:
    """One line somewhere else."""
    rest = events[:at] + events[at + 1 :]
    rest.insert(max(0, at + rng.randint(-9, 9)), events[at])
    return renumber(rest)


def exchanged(events: list[Fields], at: int, rng: Random) -> list[Fields]:
    """Two lines with the sessions of each other."""
    other = rng.randrange(len(events))
    names = {at: events[other], other: events[at]}
    return [
        {**event, "session": names.get(k, event)["session"], "reply": names.get(k, event)["reply"]}
        for k, event in enumerate(events)
    ]


@given(
    seed=st.integers(0, 10**9),
    discipline=st.sampled_from(LOCKED),
    kind=st.sampled_from([wrong_word, moved, exchanged, None]),
)
@settings(max_examples=60, deadline=None)
def test_one_wrong_line_among_whole_replies_is_refused_in_the_same_words(
    seed: int, discipline: str, kind: Callable[[list[Fields], int, Random], list[Fields]] | None
) -> None:
    """A word, a place or a name that is wrong anywhere; every mutation of `leo_model.traces.mutate`
    too."""
    rng = Random(seed)
    header, events = traced(discipline, list(chance(discipline, rng, 6)))
    if kind is None:
        _, changed = mutate(discipline, events, rng)
    else:
        changed = kind(events, rng.randrange(11, len(events)), rng)
    with eager():
        assert_same(to_bytes(header, changed))


def refused(header: Fields, events: list[Fields], line: int) -> None:
    """Both refuse the trace, at this line of the file."""
    data = to_bytes(header, events)
    with eager():
        outcome, _ = said(data, by_fast=True)
    assert outcome == said(data, by_fast=False)[0]
    if isinstance(outcome, str):
        assert f"line {line}:" in outcome
    else:
        assert outcome.rejection is not None
        assert outcome.rejection.line == line


@pytest.mark.parametrize("discipline", [PLAIN, UNIT])
@pytest.mark.parametrize("word", ["seq", "session", "reply", "action", "outcome"])
def test_each_word_of_each_line_is_looked_at(discipline: str, word: str) -> None:
    """A single wrong word is noticed on every line of a reply, when nothing else is wrong."""
    header, events = traced(discipline, moves(discipline, "c1 w1 c1 w1 c2 w2"))
    for at in range(11, 33):
        event = events[at]
        # Of the actions that read and write the same, another one.
        like = [e["action"] for e in events if (e["reads"], e["writes"]) == ({}, {})]
        others = {
            "seq": event["seq"] + 1,
            "session": "s3",
            "reply": f"{event['session']}.7",
            "action": next(a for a in like if a not in ("Call", "Return", event["action"])),
            "outcome": "returned" if event["outcome"] == "ok" else "ok",
        }
        changed = [*events[:at], {**event, word: others[word]}, *events[at + 1 :]]
        refused(header, changed, at + 2)


@pytest.mark.parametrize("discipline", [PLAIN, UNIT])
@pytest.mark.parametrize("step", [-1, 1])
def test_each_version_is_looked_at(discipline: str, step: int) -> None:
    """One too small or too large is noticed at every position."""
    header, events = traced(discipline, moves(discipline, "c1 w1 c1 w1 c2 w2"))
    seen = 0
    for at in range(11, 33):
        for word in ("reads", "writes"):
            for item, version in events[at][word].items():
                wrong = {**events[at], word: {**events[at][word], item: version + step}}
                refused(header, [*events[:at], wrong, *events[at + 1 :]], at + 2)
                seen += 1
    assert seen == 2 * (9 if discipline == PLAIN else 8)


@pytest.mark.parametrize("discipline", LOCKED)
def test_lock_is_fair(discipline: str) -> None:
    """Who called later does not go first."""
    header, right = traced(discipline, moves(discipline, "c1 w1 c1 c2 w1 w2 c1 w1"))
    with eager() as taken:
        assert_same(to_bytes(header, right))
    assert sum(taken) == 33
    names = {"s1": "s2", "s2": "s1"}
    wrong = [
        {**event, "session": names[event["session"]], "reply": f"{names[event['session']]}.{turn}"}
        if 13 <= k < 33 and (turn := 3 - int(event["reply"][3:]))
        else event
        for k, event in enumerate(right)
    ]
    refused(header, wrong, 13 + 2)


@pytest.mark.parametrize("discipline", LOCKED)
def test_lock_is_fair_while_a_reply_has_still_to_return(discipline: str) -> None:
    """Where replies are not whole, and lines are walked one by one, the same is refused."""
    header, right = traced(discipline, moves(discipline, "c1 w1 c1 a1 c2 w2 c2 c3 w2 w3 r1"))
    with eager() as taken:
        assert_same(to_bytes(header, right))
    assert sum(taken) == 0
    names = {"s2.2": ("s3", "s3.1"), "s3.1": ("s2", "s2.2"), "s1.2": ("s1", "s1.2")}
    begin = 1 + next(k for k, event in enumerate(right) if event["reply"] == "s3.1")
    wrong = right[:begin]
    for event in right[begin:]:
        session, reply = names[event["reply"]]
        wrong.append({**event, "session": session, "reply": reply})
    refused(header, wrong, begin + 2)


@pytest.mark.parametrize("discipline", LOCKED)
def test_session_that_did_not_call_does_not_go_in(discipline: str) -> None:
    """Neither when nobody waits nor under the number of another reply."""
    header, events = traced(discipline, moves(discipline, "c1 w1 c1 w1 c2 w2"))
    refused(header, renumber(events[:22] + events[23:]), 22 + 2)
    later = [
        {**event, "reply": "s2.2"} if event["session"] == "s2" and k > 22 else event
        for k, event in enumerate(events)
    ]
    refused(header, later, 23 + 2)


@pytest.mark.parametrize("discipline", LOCKED)
def test_lock_that_is_held_is_not_free(discipline: str) -> None:
    """Where a block begins while somebody is inside, nobody else goes in."""
    header, events = traced(discipline, moves(discipline, "c1 a1 r1 c3 w3"))
    entered = [{**event, "session": "s2", "reply": "s2.1"} for event in events[:2]]
    assert [event["action"] for event in entered] == ["Call", "Acquire"]
    refused(header, renumber([*events[:10], *entered, *events[10:]]), 14 + 2)


@pytest.mark.parametrize("discipline", LOCKED)
def test_reply_that_has_not_returned_keeps_others_remembered(discipline: str) -> None:
    """A reply that freed the lock and has not returned is still in flight: replies that come and
    go meanwhile are not forgotten before it has returned.
    """
    schedule = "c1 w1 c1 a1 c2 w2 c3 w3 c2 w2 c3 w3 c2 w2"
    header, events = traced(discipline, moves(discipline, schedule))
    for block in range(3000, 9000, 1000):
        with eager(block):
            assert_same(to_bytes(header, events))


def test_who_was_overtaken_goes_in_by_the_walk_that_knows_of_it() -> None:
    """Without a lock a session may be overtaken, and is so no longer once it goes in."""
    header, events = traced("bare", moves("bare", "c3 w3 c1 c2 w2 w1 c2 w2 c1 w1"))
    for block in range(1000, 9000, 1000):
        with eager(block):
            assert_same(to_bytes(header, events))


def test_view_that_is_behind_stays_behind() -> None:
    """A view that a cancelled reply left behind is not read as if it were current."""
    cut = [*moves(UNIT, "c1 w1 c2 a2")[:-2], Move("CancelApplied", "s2"), *moves(UNIT, "c3 w3")]
    header, events = traced(UNIT, cut)
    with eager():
        assert_same(to_bytes(header, events))
    actions = [event["action"] for event in events]
    at, swap = actions.index("Generate", 20), actions.index("SwapView", 20)
    assert events[at]["reads"] == {"view.bigrams": 1, "view.trigrams": 1, "buffer": 1}
    events[at]["reads"] = {"view.bigrams": 2, "view.trigrams": 2, "buffer": 1}
    events[swap]["writes"] = {"view.bigrams": 3, "view.trigrams": 3}
    refused(header, events, at + 2)


def test_rows_of_a_line_are_one() -> None:
    """Two events on a line are none, even with a comma between them."""
    header, events = traced(PLAIN, moves(PLAIN, "c1 w1 c1 w1 c1 w1"))
    lines = to_bytes(header, events).splitlines(keepends=True)
    joined = b"".join([*lines[:20], lines[20][:-1] + b"," + lines[21], *lines[22:]])
    with eager():
        assert_same(joined)
        outcome, _ = said(joined, by_fast=True)
    assert isinstance(outcome, str) and "line 21" in outcome
