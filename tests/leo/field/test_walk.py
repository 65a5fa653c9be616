"""The walk: draws from rows, and words from a view (organism, section 8)."""

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
from leo.field.generation import SILENCE, generate_walk
from leo.field.growth import WordGrowth
from leo.field.overlay import Overlay
from leo.field.ranks import LARGE, Ranked, Rankings, Ranks, ranked_row
from leo.field.tables import BigramTable, Grown
from leo.field.view import View
from leo.store.ngrams import load_bigrams, load_trigrams
from leo.store.operations import process_delta, process_text
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
    """A word, and a pair of words, that ninety words follow."""
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


class Fixed(Random):
    """Randomness that always gives the same fraction, and the first of a pool."""

    def __init__(self, fraction: float) -> None:
        super().__init__(0)
        self.fraction = fraction

    def random(self) -> float:
        return self.fraction

    def randrange(self, *_: object, **__: object) -> int:
        return 0


def view_of(*texts: str, stale: str | None = None) -> View:
    """A view of the texts; with `stale`, its bigrams have not seen that last text yet."""
    view = View()
    with closing(connect(":memory:")) as conn:
        process_delta(conn, compute_delta(texts))
        two = load_bigrams(conn, 0)
        if stale is not None:
            process_delta(conn, compute_delta([stale]))
        three = load_trigrams(conn, 0)
    view.assign(
        view.bigrams.loaded(view.bigrams.now, *two), view.trigrams.loaded(view.trigrams.now, *three)
    )
    return view


@given(st.integers(), st.floats(0.01, 5))
def test_equal_randomness_gives_equal_walks_of_known_tokens(seed: int, temperature: float) -> None:
    """A walk is a function of view, randomness and temperature; its length is as asked for."""
    view = view_of("the sea is wide. the sea is deep. a wide sky")
    walk = generate_walk(view, Random(seed), temperature, {}, max_tokens=30)
    assert walk == generate_walk(view, Random(seed), temperature, {}, max_tokens=30)
    assert len(walk.tokens) == 30 and set(walk.tokens) <= set(view.words.ids)
    assert 0 <= walk.entropy <= 1 + 1e-12


def test_a_field_without_words_says_silence() -> None:
    """Nothing to walk through: one word, no entropy."""
    assert generate_walk(View(), Random(0), 1.0, {}) == ((SILENCE,), 0.0)


def test_a_single_token_starts_again_and_again() -> None:
    """Without bigrams there are no centres: the start comes from all tokens (8.2)."""
    assert generate_walk(view_of("alone"), Random(0), 1.0, {}, 3).tokens == ("alone",) * 3


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        # From `a`: b and c once each, equal by bigram; the trigram a b decides between d and e.
        ("a b d a b d a b e", ("a", "b", "d")),
        # d and e are close (3 and 3): co-occurrence decides what an even choice would not.
        ("a b d d d. a b d. a b d. a b e. a b e. a b e.", ("a", "b", "d")),
    ],
)
def test_trigrams_come_before_bigrams(text: str, tokens: tuple[str, ...]) -> None:
    """The lower half of the weight belongs to the heavier candidate, which is the older one."""
    assert generate_walk(view_of(text), Fixed(0.5), 0.2, {}, 3).tokens == tokens


def test_close_candidates_are_weighed_with_their_co_occurrence() -> None:
    """0.7 count + 0.3 co-occurrence where two candidates have 0.7 of the largest count (8.3)."""
    view = view_of("a b x", "a b y", "a b", "a b", "a b", "b q q y", "b q y")
    ids = view.words.ids
    co_occurrence = view.chains.co_occurrence_with(ids["b"], [ids["x"], ids["y"]])
    weights = [0.7 + 0.3 * kept for kept in co_occurrence]
    assert weights[1] > weights[0]
    edge = weights[0] / sum(weights)
    below = generate_walk(view, Fixed(edge - 0.01), 1.0, {}, 3).tokens[2]
    above = generate_walk(view, Fixed(edge + 0.01), 1.0, {}, 3).tokens[2]
    assert (below, above) == ("x", "y")


def test_a_boost_moves_the_border_between_two_candidates() -> None:
    """A boost b multiplies a weight by 1 + b: of 1 and 1.3, the second begins at 1/2.3."""
    view = view_of("a b. a c")
    edge = 1 / 2.3
    below = generate_walk(view, Fixed(edge - 0.01), 1.0, {"c": 0.3}, 2).tokens
    above = generate_walk(view, Fixed(edge + 0.01), 1.0, {"c": 0.3}, 2).tokens
    assert (below[1], above[1]) == ("b", "c")


def test_entropy_is_the_mean_evenness_of_the_steps() -> None:
    """A certain step has 0, an even choice of two 1, weights 3 to 1 have H(1/4)."""
    assert generate_walk(view_of("a b c d"), Fixed(0.5), 1.0, {}, 3).entropy == 0.0
    assert math.isclose(generate_walk(view_of("a b. a c"), Fixed(0.1), 1.0, {}, 2).entropy, 1.0)
    quarter = -(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75))
    walk = generate_walk(view_of("a b. a b. a b. a c"), Fixed(0.1), 1.0, {}, 2)
    assert math.isclose(walk.entropy, quarter)


@pytest.mark.parametrize("loop", ["x y", "x y z"])
def test_a_repetition_is_broken_by_a_new_start(loop: str) -> None:
    """Two or three tokens said twice in a row are followed by a start, here always `c` (8.4)."""
    view = view_of(*["c x"] * 10, " ".join([loop] * 4))
    length = 2 * len(loop.split())
    tokens = generate_walk(view, Fixed(0.0), 1.0, {}, length + 2).tokens
    assert tokens == ("c", *loop.split(), *loop.split(), "c")


def test_temperature_sharpens_the_weights() -> None:
    """weight ** (1 / T): at T 0.5, three to one becomes nine to one."""
    view = view_of("a b", "a b", "a b", "a c")
    below = generate_walk(view, Fixed(0.9 - 0.01), 0.5, {}, 2).tokens
    above = generate_walk(view, Fixed(0.9 + 0.01), 0.5, {}, 2).tokens
    assert (below[1], above[1]) == ("b", "c")


def test_a_torn_view_never_says_a_token_that_it_does_not_know() -> None:
    """Trigrams of a newer version name tokens that the older table lacks: they are left out."""
    view = view_of("a b c", stale="a b unheard. a b unheard")
    assert view.versions() == {"view.bigrams": 1, "view.trigrams": 2}
    for seed in range(20):
        assert "unheard" not in generate_walk(view, Random(seed), 2.0, {}, 20).tokens
