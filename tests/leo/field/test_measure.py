"""Presence and quality (organism, section 9)."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.measure import (
    arousal,
    entropy_quality,
    novelty,
    presence,
    structural_quality,
    trigram_coverage,
)
from leo.field.text import tokenize
from leo.reply.voice import choose_expert
from tests.leo.support import sync_field

UNIT = st.floats(0, 1)


@given(UNIT, UNIT, UNIT)
def test_pulse_is_the_weighted_sum(new: float, aroused: float, entropy: float) -> None:
    """0.3 novelty + 0.4 arousal + 0.3 entropy, within [0, 1]."""
    pulse = presence(new, aroused, entropy)
    assert math.isclose(pulse.overall, 0.3 * new + 0.4 * aroused + 0.3 * entropy, abs_tol=1e-12)
    assert 0 <= pulse.overall <= 1


@given(st.floats(0, 2))
def test_entropy_quality_is_one_in_the_middle_and_falls_on_both_sides(entropy: float) -> None:
    """1 on [0.3, 0.7]; 0.5 + e/0.6 below, 1 - (e - 0.7)/0.6 above, clamped."""
    low, high = 0.5 + entropy / 0.6, 1 - (entropy - 0.7) / 0.6
    wanted = low if entropy < 0.3 else high if entropy > 0.7 else 1.0
    assert math.isclose(entropy_quality(entropy), min(1.0, max(0.0, wanted)), abs_tol=1e-12)


@pytest.mark.parametrize(
    ("text", "charge"),
    [
        ("", 0.0),
        ("a quiet line", 0.0),
        ("LEO speaks", 0.7),
        ("I am here", 0.0),
        ("no!", 2.0),
        ("one two three four five !", 4.0),
        ("yes yes", 1.0),
        ("NO NO!", 0.7 * 2 + 1.0 * 3 + 0.5 * 2),
    ],
)
def test_arousal_counts_capitals_exclamations_and_repetition(text: str, charge: float) -> None:
    """1 - exp(-charge / 2n) with the charges of section 2."""
    tokens = tokenize(text)
    wanted = 1 - math.exp(-0.5 * charge / len(tokens)) if tokens else 0.0
    assert math.isclose(arousal(tokens), wanted, abs_tol=1e-12)


@pytest.mark.parametrize(
    ("reply", "prompt", "coverage", "quality"),
    [
        ("a b c d e f g h i j k l", "z a", 1.0, 0.7),
        ("a b c d", "c d a b z", 1.0, 0.4),
        ("a b c d", "a b z", 1.0, 1.0),
        ("A B C D", "a b z", 1.0, 1.0),
        ("a b", "z", 1.0, 0.4 * 0.7),
        ("a a a a a", "", 1.0, 0.5),
        ("a b a b", "", 1.0, 0.8),
        ("a b c d", "", 0.59, 0.8),
        ("a b c d", "", 0.29, 0.5),
        (" ".join("abcdefghijklmnopqrstuvwxyz"[i % 26] + "x" * i for i in range(101)), "", 1, 0.7),
    ],
)
def test_structural_quality_is_the_product_of_the_penalties(
    reply: str, prompt: str, coverage: float, quality: float
) -> None:
    """Length, repetition, echo or strangeness, unknown trigrams: each its factor."""
    value = structural_quality(reply.split(), prompt.split(), coverage)
    assert math.isclose(value, quality)


def test_novelty_does_not_count_what_the_reply_itself_observed(tmp_path: Path) -> None:
    """A prompt heard first is new although it has been observed; the second time it is not."""
    prompt = "green rivers sleep under stones"
    delta = compute_delta([prompt])
    with sync_field(tmp_path / "field") as field:
        field.observe(prompt)
        assert novelty(prompt.split(), field.view, delta) == 1.0
        field.observe(prompt)
        assert novelty(prompt.split(), field.view, delta) == 0.0
        assert novelty(["two", "words"], field.view, compute_delta(["two words"])) == 0.5


def test_coverage_is_the_share_of_known_trigrams(tmp_path: Path) -> None:
    """Of `I am a tree`, the field knows `I am a` and not `am a tree`."""
    with sync_field(tmp_path / "field") as field:
        assert trigram_coverage(["I", "am", "a", "tree"], field.view) == 0.5
        assert trigram_coverage(["I"], field.view) == 0.0


@given(UNIT)
def test_a_new_prompt_calls_the_creative_expert(new: float) -> None:
    """Novelty above 0.7 chooses `creative` (T 1.3), else `structural` (T 0.8)."""
    wanted = ("creative", 1.3) if new > 0.7 else ("structural", 0.8)
    assert choose_expert(new)[:2] == wanted
