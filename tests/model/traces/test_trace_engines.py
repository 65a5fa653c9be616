"""Two engines, one verdict: TLC on a generated module is the reference for the native checker, also
for damaged bytes: never a traceback, a hang, or "valid" for what TLC does not accept.
"""

from __future__ import annotations

import io
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from leo.errors import TraceError
from leo_model.disciplines import DISCIPLINES
from leo_model.machine.machine import ACTIONS
from leo_model.machine.state import State
from leo_model.machine.steps import World
from leo_model.traces import native
from leo_model.traces.events import Line
from leo_model.traces.reader import TraceReader, trace_of
from leo_model.traces.tlc_engine import (
    EngineError,
    Recorded,
    TlcVerdict,
    judge,
    make_batches,
    read_verdicts,
    record,
)
from leo_model.traces.validate import run_native
from tests.model.traces.agreement import Case, compare, mutated
from tests.model.traces.mutation import MUTATIONS, mutate
from tests.model.traces.synth import random_trace, trace_world
from tests.model.traces.test_trace_reader import encode, end

# One of each kind: a run of TLC for each takes a second. The long test has all, `leo verify`
# recorded runs of all, and test_conformance.py has `bare` and `asyncio-lock`.
KINDS = (
    "threading-lock", "threading-lock-in-async", "reentrant", "optimistic",
    "shared-store-unit-of-work", "shared-store-immediate", "published-december-refresh",
)  # fmt: skip


def cases(disciplines: Iterable[str], per_discipline: int, length: int, seed: int) -> list[Case]:
    """Random traces of these disciplines."""
    found = []
    for discipline in disciplines:
        rng = Random(f"{discipline} {seed}")
        for k in range(per_discipline):
            sessions = 1 if discipline == "sequential" else rng.randint(1, 4)
            rate = rng.choice([0.0, 0.05, 0.2])
            header, events = random_trace(trace_world(discipline, sessions), rng, rate, length)
            found.append(Case(f"{discipline} {k}", header, events))
    # The one action that chance hardly meets: a transaction that a cancellation left open.
    locked = random_trace(trace_world("published-february", 2), Random(8), 0.03, 80)
    # A run in which nothing happened is a behaviour.
    empty = random_trace(trace_world("optimistic", 2), Random(0), 0.0, 0)
    return [*found, Case("locked", *locked), Case("empty", *empty)]


def test_engines_agree_on_valid_and_mutated_traces(tmp_path: Path) -> None:
    """Both engines say the same of each trace: accepted or not, the line, guard or data, and which
    properties fell. Traces of the transition system are accepted; every action and every kind of
    mutation occurs, so that none is missing in TraceField, and most mutations are refused (a swap
    of independent steps, or the last line dropped, is a behaviour too).
    """
    valid = cases(KINDS, 3, 50, seed=1)
    agreement = compare([*valid, *mutated(valid, 50, Random(2))], work=tmp_path)
    assert agreement.disagreements == []
    assert agreement.traces == len(valid) + 50
    assert agreement.accepted[""] == agreement.total[""] == len(valid)
    assert {event["action"] for case in valid for event in case.events} == set(ACTIONS)
    assert set(agreement.total) == {"", *MUTATIONS}
    for kind in ("version", "repeat", "turn", "rename"):
        assert agreement.accepted[kind] <= agreement.total[kind] // 4
    assert sum(agreement.accepted[kind] for kind in MUTATIONS) < 50 // 3


def test_engines_refuse_a_reply_that_did_not_read_its_own_buffer(tmp_path: Path) -> None:
    """Generated from the view alone: refused by both.  An older recorder did not tell it: assumed,
    with a notice."""
    header, events = random_trace(trace_world("unit-of-work", 2), Random(3), 0.0, 40)
    at = next(k for k, event in enumerate(events) if event["action"] == "Generate")

    def told(**own: int) -> list[dict[str, object]]:
        view = {item: v for item, v in events[at]["reads"].items() if item != "buffer"}
        return [*events[:at], {**events[at], "reads": view | own}, *events[at + 1 :]]

    traces = [trace_of("t", header, told(**own)) for own in ({}, {"buffer": 1}, {"buffer": 0})]
    verdicts = judge([record(trace) for trace in traces], work=tmp_path)
    assert [verdict.kind for verdict in verdicts] == ["accepted", "accepted", "data"]
    refused = native.check(trace_of("t", header, told(buffer=0))).rejection
    assert refused is not None and (refused.kind, refused.line) == ("data", at + 2)
    assert refused.expected == {"buffer": 1} and refused.observed == {"buffer": 0}
    assert verdicts[2].line == refused.line
    assert ["buffer" in " ".join(trace.notices) for trace in traces] == [True, False, False]


def test_a_wrong_engine_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three mistakes in the native engine, each noticed as a disagreement: a version that is not
    looked at, a property that is not looked at, one that is told too often."""
    bare = cases(["bare"], 4, 50, seed=1)[:4]
    lock = cases(["asyncio-lock"], 4, 50, seed=1)[:4]
    wrong = [
        Case(case.name, case.header, [*case.events[:k], {**event, "reads": {"bigrams": 99}}])
        for case in lock
        for k, event in enumerate(case.events)
        if event["action"] == "LoadBigrams"
    ][:3]
    right = native.expected_versions

    def blind(world: World, z: State, line: Line) -> tuple[int, ...]:
        return line.versions if line.event.action == "LoadBigrams" else right(world, z, line)

    monkeypatch.setattr(native, "expected_versions", blind)
    assert len(compare(wrong, work=tmp_path).disagreements) == 3
    monkeypatch.setattr(native, "expected_versions", right)
    monkeypatch.setattr(native, "_ENTRIES", frozenset())
    assert "MutualExclusion" in compare(bare, work=tmp_path).disagreements[0]


def header_only(discipline: str) -> Recorded:
    header, _ = random_trace(trace_world(discipline, 2), Random(0), 0.0, 0)
    return record(trace_of("empty", header, []))


def test_batches_have_one_discipline_and_a_bounded_size() -> None:
    """A run holds traces of one discipline and number of instances; long batches are divided."""
    header, events = random_trace(trace_world("bare", 3), Random(0), 0.0, 3000)
    long = record(trace_of("long", header, events))
    traces = [long, header_only("shared-store"), long, header_only("bare"), long, long, long]
    assert make_batches(traces) == [[0, 2, 3, 4, 5], [1], [6]]


ACCEPTED = '<<"accepted", 1, 31, {}>>'


@pytest.mark.parametrize(
    ("output", "count", "message"),
    [
        ([], 1, r"verdict on 0 of the 1 traces of the batch b \(none on \[1\]\)"),
        ([ACCEPTED], 2, r"verdict on 1 of the 2 traces"),
        ([ACCEPTED, ACCEPTED], 1, r"something unexpected in the batch b: <<\"accepted\", 1"),
        (['<<"occasion", "Durable">>'], 1, r"something unexpected"),
        ([ACCEPTED.replace("1,", "7,", 1)], 1, r"verdict on 1 of the 1 traces .*none on \[1\]"),
    ],
    ids=["silent", "one silent", "twice", "something else", "another trace"],
)
def test_every_trace_has_exactly_one_verdict(output: list[str], count: int, message: str) -> None:
    """A verdict that is missing, doubled or unreadable is an error, never an acceptance."""
    with pytest.raises(EngineError, match=message):
        read_verdicts("b", output, count)


def test_verdicts_are_read_also_when_they_are_broken_into_lines() -> None:
    """TLC breaks values of more than 80 columns; it counts the events."""
    output = ['<<"guard", 2, 5,', '  {"Refines", "Serializable"}>>', ACCEPTED]
    assert read_verdicts("b", output, 2) == [
        TlcVerdict("accepted", None, frozenset()),
        TlcVerdict("guard", 5, frozenset({"Refines", "Serializable"})),
    ]


def test_mutations_leave_the_original_alone_and_number_the_lines() -> None:
    """A mutation changes a copy, and its lines are numbered anew, so that the engines see it."""
    header, events = random_trace(trace_world("shared-store", 3), Random(4), 0.1, 40)
    before = [dict(event) for event in events]
    rng = Random(1)
    for _ in range(300):
        _, changed = mutate(header["discipline"], events, rng)
        assert [event["seq"] for event in changed] == list(range(1, len(changed) + 1))
        assert changed != events
        sum(1 for _ in trace_of("t", header, changed))
    assert events == before


@pytest.mark.long
def test_engines_agree_on_five_thousand_traces(tmp_path: Path) -> None:
    """The same of valid traces of every discipline and of 4,500 mutations of them."""
    valid = cases(DISCIPLINES, 40, 40, seed=11)
    found = compare([*valid, *mutated(valid, 4500, Random(12), length=30)], work=tmp_path)
    assert found.disagreements == []
    assert found.traces == 4500 + len(valid)
    assert found.accepted[""] == found.total[""] == len(valid)
    assert all(found.total[kind] > 150 for kind in MUTATIONS)


# A trace of so few lines takes milliseconds: seconds are a hang.
HANG = 120


def hung(number: int, frame: object) -> None:
    raise TimeoutError(f"one damaged trace took {HANG} seconds")


@contextmanager
def watched() -> Iterator[None]:
    """Inside, what takes too long fails instead of never ending."""
    before = signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def originals() -> list[bytes]:
    """A short trace of every discipline, with a closing line."""
    found = []
    for discipline in DISCIPLINES:
        sessions = 1 if discipline == "sequential" else 3
        world = trace_world(discipline, sessions)
        header, events = random_trace(world, Random(discipline), 0.05, 25)
        found.append(encode([header, *events, end(run=header["run"], events=len(events))]))
    return found


def damage(data: bytes, rng: Random) -> bytes:
    """Change, insert, remove, repeat or move bytes: one to four times, anywhere."""
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(damaged))
        other = rng.randrange(len(damaged))
        size = rng.choice((1, 1, 2, 30))
        way = rng.randrange(7)
        if way == 0:
            damaged[at] = rng.randrange(256)
        elif way == 1:
            # A digit for a digit: the likeliest to be taken for something that happened.
            digits = [k for k, byte in enumerate(damaged) if 48 <= byte < 58]
            damaged[rng.choice(digits or [at])] = rng.choice(b"0123456789")
        elif way == 2:
            damaged[at:at] = bytes(rng.randrange(256) for _ in range(size))
        elif way == 3:
            del damaged[at : at + size]
        elif way == 4:
            damaged[at:at] = damaged[other : other + size]
        elif way == 5:
            damaged[at] ^= 1 << rng.randrange(8)
        else:
            lines = bytes(damaged).splitlines(keepends=True)
            one, two = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[one], lines[two] = lines[two], lines[one]
            damaged = bytearray(b"".join(lines))
        if not damaged:
            return b""
    return bytes(damaged)


def fuzz(count: int, rng: Random, work: Path) -> tuple[int, int, int]:
    """Judge so many damaged traces; return how many are no traces, rejected, accepted.

    Those that are accepted with other events than the undamaged ones are given to TLC, each once:
    it must accept every one of them.
    """
    data = originals()
    accepted: dict[Recorded, None] = {}
    known = {run(original)[1] for original in data}
    tally = [0, 0, 0]
    for number in range(count):
        with watched():
            verdict, recorded = run(damage(data[number % len(data)], rng))
        tally[verdict] += 1
        if verdict == 2 and recorded is not None and recorded not in known:
            accepted[recorded] = None
    assert accepted, "no damaged trace was accepted: nothing was compared"
    verdicts = judge(list(accepted), work=work)
    assert [verdict for verdict in verdicts if not verdict.accepted] == []
    return tally[0], tally[1], tally[2]


def run(data: bytes) -> tuple[int, Recorded | None]:
    """0: no trace; 1: rejected; 2: accepted, with what TLC needs."""
    try:
        trace = TraceReader("t", io.BytesIO(data))
        outcome, recorded = run_native(trace, keep=True)
    except TraceError as error:
        assert str(error).startswith("t: ") and "\n" not in str(error)
        return 0, None
    assert recorded is not None
    return 2 if outcome.accepted else 1, recorded


@pytest.mark.parametrize("count", [2_000, pytest.param(100_000, marks=pytest.mark.long)])
def test_damaged_traces_are_refused_or_behaviours(tmp_path: Path, count: int) -> None:
    """Most damaged traces are none, some are rejected, and what is accepted TLC accepts as well."""
    refused, rejected, accepted = fuzz(count, Random(7), tmp_path)
    assert refused > count // 2 and rejected > count // 200 and accepted > count // 200
