"""Damaged bytes: never a traceback, never a hang, never "valid" for what TLC does not accept."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from leo.errors import TraceError
from leo_model.disciplines import DISCIPLINES
from leo_model.traces.reader import TraceReader
from leo_model.traces.tlc_engine import Recorded, judge
from leo_model.traces.validate import run_native
from tests.model.traces.synth import random_trace, trace_world
from tests.model.traces.test_trace_reader import encode, end

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


def test_damaged_traces_are_refused_or_behaviours(tmp_path: Path) -> None:
    """2,000 damaged traces: most are no traces, some are rejected, and what is accepted TLC accepts
    as well."""
    refused, rejected, accepted = fuzz(2_000, Random(7), tmp_path)
    assert refused > 1_000 and rejected > 10 and accepted > 10


@pytest.mark.long
def test_a_hundred_thousand_damaged_traces(tmp_path: Path) -> None:
    """The same of 100,000, with other damage."""
    refused, rejected, accepted = fuzz(100_000, Random(6), tmp_path)
    assert refused > 50_000 and rejected > 500 and accepted > 500
