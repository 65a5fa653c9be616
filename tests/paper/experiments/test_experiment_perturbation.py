"""Perturbation: defects that are what their names say, distances, bounds, what is said of them."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from paper.experiments.experiment import Row
from paper.experiments.perturbation import experiment as perturbation
from paper.experiments.perturbation.runs import KINDS, NONE, run_with
from paper.experiments.perturbation.views import (
    BOUNDS,
    Context,
    distance,
    doubled_bound,
    gaps,
    stale_bound,
)
from proofs.algebra import sensitivity
from tests.paper.experiments.experiment_cells import CONFIG, measured, told

COUNTS = st.dictionaries(st.sampled_from("abcd"), st.integers(1, 9), min_size=1)


@given(st.integers(1, 500), st.integers(1, 60))
def test_the_bounds_are_those_of_the_theorems(counts: int, added: int) -> None:
    """The closed forms of the experiment and of the proofs are the same numbers."""
    assert stale_bound(counts, added) == sensitivity.stale_bound(counts, added)
    assert doubled_bound(counts, added) == sensitivity.doubled_bound(counts, added)
    assert BOUNDS["reordered"](counts, added) == 0


@given(COUNTS, COUNTS)
def test_distance_is_total_variation_within_the_bounds(
    before: dict[str, int], more: dict[str, int]
) -> None:
    """Equal to the proofs' on the same counts; one observation lost or doubled stays within its
    bound, and reaches it when all its tokens are new.
    """
    after = dict(Counter(before) + Counter(more))
    twice = dict(Counter(after) + Counter(more))
    tokens = sorted(after)
    shares = [
        sensitivity._shares([row.get(token, 0) for token in tokens]) for row in (before, after)
    ]
    apart = distance(before, after)
    assert apart == sensitivity.total_variation(*shares)
    n, m = sum(before.values()), sum(more.values())
    assert apart <= stale_bound(n, m) and distance(after, twice) <= doubled_bound(n, m)
    if not before.keys() & more.keys():
        assert apart == stale_bound(n, m) and distance(after, twice) == doubled_bound(n, m)


def test_gaps_are_where_the_observation_fell() -> None:
    """A context that it adds to, one that is new, and none that it leaves alone."""
    before: dict[Context, dict[str, int]] = {("a",): {"b": 1}, ("x",): {"y": 5}}
    after: dict[Context, dict[str, int]] = {**before, ("a",): {"b": 1, "c": 1}, ("n",): {"e": 2}}
    found = {gap.context: gap for gap in gaps("lost", before, after, before)}
    assert found.keys() == {("a",), ("n",)}
    assert (found["a",].counts, found["a",].added) == (1, 1)
    assert found["a",].distance == found["a",].bound == stale_bound(1, 1)
    assert found["n",].distance == found["n",].bound == Fraction(1)
    # A wrong field that moved too far is seen: nothing is clipped to the bound.
    far = gaps("reordered", before, after, {**after, ("a",): {"c": 9}})
    assert [gap.distance > gap.bound for gap in far if gap.context == ("a",)] == [True]


def test_a_defect_is_what_its_name_says(tmp_path: Path) -> None:
    """Lost leaves the field as it was, doubled adds twice, stale and reordered end with the right
    field; what was said before the moment is the same in all of them.
    """
    messages = [f"{word} is a word that nobody said" for word in ("one", "two", "three")]
    runs = {kind: run_with(kind, 1, messages, 3, tmp_path / kind) for kind in (NONE, *KINDS)}
    right = runs[NONE]
    added = Counter(right.after["two",]) - Counter(right.without.get(("two",), {}))
    assert added and runs["lost"].after == right.without == runs["lost"].without
    assert Counter(runs["doubled"].after["two",]) == Counter(right.after["two",]) + added
    assert runs["stale"].after == right.after != right.without
    assert runs["reordered"].after == right.without
    assert len({run.replies[0] for run in runs.values()}) == 1
    assert runs["lost"].replies[1] != right.replies[1]


def test_perturbation_rows_and_summary(tmp_path: Path) -> None:
    """Same seed, same rows; no context beyond its bound; a crossed bound would be unexpected."""
    config = {**CONFIG, "growths": [1], "horizon": 3}
    rows: list[Row] = []
    for key in perturbation.EXPERIMENT.cells({**config, "seeds": 1}):
        rows += measured(perturbation.EXPERIMENT, key, tmp_path, config)
    last = measured(perturbation.EXPERIMENT, key, tmp_path, config)
    assert rows[-len(last) :] == last
    assert measured(perturbation.EXPERIMENT, key, tmp_path, {**config, "seed": 8}) != last
    # One conversation alone has no spread, and so no power.
    rows += [{**row, "seed": 1} for row in rows]
    summary = perturbation.EXPERIMENT.summarise(config, rows, [])
    assert summary.unexpected == () and summary.facts["crossed"] == 0
    assert told(summary)
    crossed = [{**rows[0], "kept": False}, *rows[1:]]
    assert perturbation.EXPERIMENT.summarise(config, crossed, []).unexpected
    early = [{**row, "same": False} if row.get("lag") == -1 else row for row in rows]
    assert len(perturbation.EXPERIMENT.summarise(config, early, []).unexpected) == 1
