"""The judge of units against the definition (`definition.py`), on histories by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leo.units.judge
from leo.units.report import to_fields
from tests.leo.units.definition import fallen, history, with_values, worlds
from tests.leo.units.writer import Writer

# What a failed unit left behind is no matter of orders.
ASIDE = {"AllOrNothing"}


def check_exact(seed: int) -> None:
    """Exact calls: a property falls exactly when it does by the definition; no doubt is left."""
    trace = history(Random(seed), exact=True, units=4, calls=3, sure=True)
    verdict = trace.judge()
    [only] = worlds(trace)
    broken = set(verdict.broken) - ASIDE
    # Where no order explains the units, no strict one does: it is not said twice.
    implied = {"StrictlySerializable"} if "Serializable" in broken else set()
    assert broken | implied == fallen(trace, only), seed
    assert not set(verdict.undecided) - ASIDE, seed


def check_doubt(seed: int) -> None:
    """Calls with intervals, and writes that raised: broken means that it fell in every world, and
    nothing found that it fell in none.
    """
    rng = Random(seed)
    exact = rng.choice((True, False, None))
    trace = history(rng, exact=exact, units=3, calls=2, sure=False)
    verdict = trace.judge()
    all_of_them = [fallen(trace, world) for world in worlds(trace)]
    for name in set().union(*all_of_them) | set(verdict.broken) - ASIDE:
        fell = [name in one for one in all_of_them]
        names = {name, "Serializable"} if name == "StrictlySerializable" else {name}
        if names & set(verdict.broken):
            assert all(fell), (seed, name)
        elif not names & set(verdict.undecided):
            assert not any(fell), (seed, name)


def check_values(seed: int) -> None:
    """The same, where it is recorded what reads returned: broken means that it fell in every world
    in which they return that.
    """
    rng = Random(seed)
    sure, updates = rng.random() < 0.7, rng.random() < 0.3
    trace = history(rng, exact=False, units=3, calls=2, sure=sure, updates=updates)
    possible = [fallen(trace, world) for world in with_values(trace, rng)]
    verdict = trace.judge()
    assert "ReadsWhatWasWritten" not in verdict.broken, seed
    for name in set().union(*possible) | set(verdict.broken) - ASIDE:
        fell = [name in one for one in possible]
        names = {name, "Serializable"} if name == "StrictlySerializable" else {name}
        if names & set(verdict.broken):
            assert all(fell), (seed, name)
        elif not names & set(verdict.undecided):
            assert not any(fell), (seed, name)


@pytest.mark.parametrize("check", [check_exact, check_doubt, check_values])
@pytest.mark.parametrize("seeds", [500, pytest.param(50_000, marks=pytest.mark.long)])
def test_histories_by_chance(check: Callable[[int], None], seeds: int) -> None:
    """On as many in `make test-long` as show the rare ones."""
    for seed in range(seeds):
        check(seed)


@given(st.integers(0, 10_000), st.integers(2, 4))
@settings(max_examples=40)
def test_a_longer_recording_says_the_same(seed: int, times: int) -> None:
    """A history several times, one after the other: what is found does not depend on how many units
    are judged at a time, nor on how many are kept.
    """
    once = history(Random(seed), exact=False, units=3, calls=2, sure=True)
    trace = Writer(start=once.start, versions=dict(once.start))
    for k in range(times):
        for event in once.events:
            since = event.since
            trace.add(
                f"{event.reply}{k}",
                event.action,
                reads=event.reads,
                writes=event.writes,
                outcome=event.outcome,
                since=None if since is msgspec.UNSET else since + k * len(once.events),
            )
    whole = told(trace, keep=10_000)
    assert told(trace, keep=1) == whole


def told(trace: Writer, *, keep: int) -> Iterable[tuple[str, bool]]:
    """Which properties fell, and for sure or not, by a judge that keeps so many units."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leo.units.judge, "KEEP", keep)
        fields = to_fields(trace.judge())
    return sorted({(found["property"], found["sure"]) for found in fields["findings"]})
