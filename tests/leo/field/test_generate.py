"""Generation (organism, sections 8.2 to 8.4) and its independence of hash seeds."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.generation import SILENCE, generate_walk
from leo.field.view import View
from leo.store.operations import load_bigrams, load_trigrams, process_delta
from leo.store.schema import connect

ONE_REPLY = """
import sys
from leo import LeoField
with LeoField.open(sys.argv[1], seed=3, clock=lambda: 5.0) as field:
    print([field.reply(p) for p in ("Who is there?", "The grass, the wind", "Who is there?")])
"""


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


@pytest.mark.slow
def test_replies_do_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    """Two processes with different PYTHONHASHSEED give the same bytes."""
    outputs = []
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", ONE_REPLY, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        )
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1] and len(outputs[0]) > 100
