"""Draws from large rows: the shares of the definition, whatever the row is made of."""

from __future__ import annotations

import math
from bisect import bisect
from contextlib import closing
from itertools import accumulate, pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.draw import Scale, close_counts, draw_ranked
from leo.field.generation import generate_walk
from leo.field.growth import WordGrowth
from leo.field.overlay import Overlay
from leo.field.ranks import LARGE, Ranked, Rankings, Ranks, ranked_row
from leo.field.tables import BigramTable, Grown
from leo.field.view import View
from leo.store.operations import process_text
from leo.store.schema import connect

ROWS = st.dictionaries(st.integers(1, 300), st.integers(1, 6), min_size=1, max_size=90)
SMALL = st.dictionaries(st.integers(1, 300), st.sampled_from([0.1, 0.5, 1.0]), max_size=20)
WORDS = [f"w{'abcdefghij'[n // 10]}{'abcdefghij'[n % 10]}" for n in range(90)]


def plainly(
    row: dict[int, int],
    close: dict[int, float],
    boosts: dict[int, float],
    power: float,
    fraction: float,
) -> tuple[list[int], float]:
    """The definition, a look at every follower: who may be meant by the fraction, and how even the
    choice is. Two where the fraction is a border. `close` are weights instead of counts.
    """
    weights = {
        id: close.get(id, float(count)) * (1.0 + boosts.get(id, 0.0)) for id, count in row.items()
    }
    largest = max(weights.values())
    heat = {id: (weight / largest) ** power for id, weight in weights.items()}
    plain = {id: (count / largest) ** power for id, count in row.items()}
    own = [*sorted(row.keys() & boosts.keys() - close.keys()), *close]
    order = [*own, *sorted(row, key=lambda id: (row[id], id))]
    sums = list(
        accumulate([*(heat[id] - plain[id] for id in own), *map(plain.get, order[len(own) :])])
    )
    near = [
        order[min(bisect(sums, (fraction + shift) * sums[-1]), len(order) - 1)]
        for shift in (-1e-9, 0.0, 1e-9)
    ]
    shares = [value / sums[-1] for value in heat.values() if value]
    entropy = -math.fsum(share * math.log(share) for share in shares)
    return near, entropy / math.log(len(row)) if len(row) > 1 else 0.0


@given(ROWS, SMALL, SMALL, SMALL, st.floats(0.2, 3), st.floats(0, 1, exclude_max=True))
def test_a_draw_by_groups_is_that_of_the_definition(
    row: dict[int, int],
    raised: dict[int, float],
    others: dict[int, float],
    boosts: dict[int, float],
    power: float,
    fraction: float,
) -> None:
    """Also over a table whose row lacks some followers and has others less often."""
    own = {id: (row.get(id, 0), row.get(id, 0) + 2) for id in sorted(raised)}
    whole = {**row, **{id: count for id, (_, count) in own.items()}}
    close = {id: whole[id] + 3 * more for id, more in others.items() if id in whole}
    candidates, evenness = plainly(whole, close, boosts, power, fraction)
    drawn = set()
    for ranked in (ranked_row(whole), Ranked(Ranks(row.items()), row, own)):
        chosen, even = draw_ranked(ranked, close, Scale(boosts, power), fraction)
        drawn.add((chosen, even))
        assert chosen in candidates
        assert math.isclose(even, evenness, abs_tol=1e-9)
        assert close_counts(ranked) == {
            id: count for id, count in whole.items() if count >= 0.7 * max(whole.values())
        }
    assert len(drawn) == 1


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 3)), max_size=60), st.randoms())
def test_ranks_follow_their_row(added: list[tuple[int, int]], rng: Random) -> None:
    """Counts that grow, and are taken back in any order, leave the ranks of a row made anew."""
    table = BigramTable()
    rankings: Rankings[int] = table.rankings
    table.apply(Grown(WordGrowth([], [(7, id, 1) for id in range(1, LARGE + 2)])))
    assert isinstance(table.row(7), Ranked)
    undo = [table.apply(Grown(WordGrowth([], [(7, id, count)]))) for id, count in added]
    assert _ranks(rankings.known[7]) == _ranks(Ranks(table.followers[7].items()))
    rng.shuffle(undo)
    for change in undo:
        table.apply(change)
    assert _ranks(rankings.known[7]) == _ranks(Ranks(table.followers[7].items()))
    assert rankings.known[7].classes == {1: list(range(1, LARGE + 2))}


def test_a_row_that_was_not_large_for_a_while_is_ranked_anew() -> None:
    """Its counts have changed meanwhile, and nobody has kept its ranks up."""
    table = BigramTable()
    table.apply(Grown(WordGrowth([], [(7, id, 1) for id in range(1, LARGE + 2)])))
    assert isinstance(table.row(7), Ranked)
    last = Grown(WordGrowth([], [(7, LARGE + 1, 1)]), -1)
    undo = table.apply(last)
    assert not isinstance(table.row(7), Ranked)
    table.apply(Grown(WordGrowth([], [(7, 3, 5)])))
    table.apply(undo)
    row = table.row(7)
    assert isinstance(row, Ranked) and row.order == [1, 6] and row.sizes == [LARGE, 1]


def _ranks(ranks: Ranks) -> tuple[dict[int, list[int]], list[int], list[int]]:
    return ranks.classes, ranks.order, ranks.sizes


@pytest.mark.parametrize("repeats", [1, 3])
def test_an_overlay_over_large_rows_reads_like_the_view_after_the_commit(repeats: int) -> None:
    """A word, and a pair of words, that ninety words follow: the same walks before and after, with
    followers that are close and with one that is ahead of all.
    """
    text = ". ".join(f"the old {word}" for word in WORDS * repeats)
    view, delta = View(), compute_delta([f"the old {WORDS[3]}. the old heron {WORDS[5]}"])
    with closing(connect(":memory:")) as conn:
        done = process_text(conn, compute_delta([text]))
        view.swap(done.growth, done.decayed)
        over = Overlay(view, delta)
        assert isinstance(over.words.row(view.words.ids["old"]), Ranked)
        boosts = {WORDS[9]: 0.3, "heron": 2.0}
        walks = [generate_walk(over, Random(seed), 1.2, boosts) for seed in range(40)]
        done = process_text(conn, delta)
    view.swap(done.growth, done.decayed)
    assert walks == [generate_walk(view, Random(seed), 1.2, boosts) for seed in range(40)]
    assert any("heron" in walk.tokens for walk in walks)


def test_a_walk_as_cold_as_it_gets_follows_the_largest_counts() -> None:
    """At the lowest temperature a weight of a large row would be too large for a number: the row is
    scaled by its largest, and the most frequent follower is the only choice."""
    text = ". ".join([*(f"the old {word}" for word in WORDS), *(["the old heron"] * 3)])
    view = View()
    with closing(connect(":memory:")) as conn:
        done = process_text(conn, compute_delta([text]))
        view.swap(done.growth, done.decayed)
    assert Scale({}, 1000.0).steep and not Scale({}, 25.0).steep
    for seed in range(5):
        tokens = generate_walk(view, Random(seed), 0.001, {WORDS[0]: 0.5}).tokens
        after = [two for one, two in pairwise(tokens) if one == "old"]
        assert after and set(after) == {"heron"}


def test_a_torn_view_with_a_large_row_says_what_it_knows() -> None:
    """Trigrams with followers that the tokens lack: a draw by groups leaves them out as well."""
    view = View()
    with closing(connect(":memory:")) as conn:
        done = process_text(conn, compute_delta([". ".join(f"the old {w}" for w in WORDS)]))
        view.swap(done.growth, done.decayed)
        words = view.bigrams.now
        later = ". ".join(f"the old {word}x" for word in WORDS)
        done = process_text(conn, compute_delta([later] * 3))
        _, chains = view.after(words, view.trigrams.now, done.growth, done.decayed)
        view.assign(words, chains)
    assert view.torn
    known = set(view.words.ids)
    for seed in range(20):
        assert known >= set(generate_walk(view, Random(seed), 1.5, {}).tokens)
