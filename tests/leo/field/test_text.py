"""Text to tokens and counts; measures of texts, metrics, sums."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Callable, Iterable
from functools import reduce
from itertools import pairwise
from operator import add
from pathlib import Path
from random import Random
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.field import draw
from leo.field.counts import Delta, compute_delta
from leo.field.draw import plain_sum
from leo.field.measure import (
    arousal,
    entropy_quality,
    novelty,
    presence,
    structural_quality,
    trigram_coverage,
)
from leo.field.metrics import (
    metric_words,
    score_turn,
    summarise,
    token_ratio_current,
    type_ratio_current_plus_3,
)
from leo.field.ranks import ranked_row
from leo.field.text import ENDINGS, PUNCTUATION, compose, is_word, tokenize, whole
from leo.modules import mlp
from leo.reply import voice
from leo.reply.voice import EXPERTS, choose_expert
from tests.leo.support import sync_field

LETTERS = set(string.ascii_letters) | {chr(c) for c in range(0xC0, 0x100)} - {"×", "÷"} | {"'"}
TOKENS = st.lists(st.sampled_from(["leo", "Field", "I", "été", *sorted(PUNCTUATION)]), max_size=30)


def texts(any_sign: st.SearchStrategy[str], often: str) -> st.SearchStrategy[str]:
    """Texts of any signs, with some of them often: an alphabet for `st.text` has no weights."""
    return st.lists(any_sign | st.sampled_from(often), max_size=60).map("".join)


def scan(text: str) -> list[str]:
    """The tokenizer's rules, letter by letter."""
    tokens: list[str] = []
    open_word = False
    for letter in text:
        if letter in LETTERS:
            if open_word:
                tokens[-1] += letter
            else:
                tokens.append(letter)
            open_word = True
        else:
            open_word = False
            if letter in ".,!?;:—-":
                tokens.append(letter)
    return tokens


@given(texts(st.characters(), "aÉ÷×'.,—-!\0🌱"))
def test_tokenize_equals_the_rules_letter_by_letter(text: str) -> None:
    """Runs of Latin letters and apostrophes, single punctuation marks; the rest vanishes."""
    assert tokenize(text) == scan(text)


@given(TOKENS)
def test_composed_text_is_made_of_differing_sentences_that_begin_and_end(tokens: list[str]) -> None:
    """A capital first, an ending last, no doubled marks, no sentence twice; or nothing."""
    text = compose(tokens)
    if not any(map(is_word, tokens)):
        assert text == ""
        return
    again = tokenize(text)
    assert is_word(again[0]) and text[0] == text[0].upper() and text[-1] in ENDINGS
    assert all(is_word(one) or is_word(other) for one, other in pairwise(again))
    ends = "".join("|" if token in ENDINGS else f" {token}" for token in again)
    sentences = [sentence.casefold() for sentence in ends.strip("|").split("|")]
    assert len(sentences) == len(set(sentences))


def test_compose_spaces_and_capitals() -> None:
    """Marks close up, dashes stand free, a repeated sentence is said once."""
    tokens = [",", "leo", ",", "leo", "—", "here", "!", "?", "yes", "-", ".", "Yes", "!"]
    assert compose(tokens) == "Leo, leo — here! Yes."


def mended(text: str) -> str:
    """The rule for halves of signs, half by half."""
    signs: list[str] = []
    for half in text:
        if "\udc00" <= half <= "\udfff" and signs and "\ud800" <= signs[-1] <= "\udbff":
            high, low = ord(signs.pop()) - 0xD800, ord(half) - 0xDC00
            signs.append(chr(0x10000 + (high << 10) + low))
        else:
            signs.append(half)
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in signs)


@given(texts(st.characters(exclude_categories=()), "a \ud83c\udf31\U0001f331"))
def test_a_whole_text_can_be_written(text: str) -> None:
    """Only halves of signs are replaced, two that meet by their sign: all else is as it was."""
    written = whole(text)
    written.encode()
    # As ASCII: a report of a failure has to be written, too.
    assert ascii(written) == ascii(mended(text))


WORDS = st.lists(st.sampled_from(["a", "b", "c", "d", "A", ".", "!"]), max_size=25).map(" ".join)


def named(delta: Delta) -> tuple[dict[tuple[str, ...], int], ...]:
    """The counts by token instead of by place; co-occurrence in both directions."""
    name = delta.tokens
    near: dict[tuple[str, ...], int] = {
        (name[i], name[j]): count for (i, j), count in delta.pairs.items()
    }
    near |= {tokens[::-1]: count for tokens, count in near.items()}
    return (
        {(name[i], name[j]): count for (i, j), count in delta.bigrams.items()},
        {(name[i], name[j], name[k]): count for (i, j, k), count in delta.trigrams.items()},
        near,
    )


def naive(text: str) -> tuple[Counter[tuple[str, ...]], ...]:
    """The definition: every pair, every triple, every ordered pair of positions at most 5 apart."""
    tokens = text.split()
    places = range(len(tokens))
    return (
        Counter(tuple(tokens[i : i + 2]) for i in places[:-1]),
        Counter(tuple(tokens[i : i + 3]) for i in places[:-2]),
        Counter((tokens[i], tokens[j]) for i in places for j in places if 0 < abs(i - j) <= 5),
    )


@given(st.lists(WORDS, max_size=4))
def test_texts_add_and_do_not_touch(texts: list[str]) -> None:
    """Bigrams, trigrams and co-occurrence, self pairs included, are what section 2 says; the delta
    of several texts is the sum of their deltas. Tokens are in the order of their appearance.
    """
    delta = compute_delta(texts)
    said = " ".join(texts).split()
    assert delta.length == len(said) and delta.tokens == tuple(dict.fromkeys(said))
    whole = named(delta)
    for place, counts in enumerate(whole):
        parts: Counter[tuple[str, ...]] = Counter()
        for text in texts:
            parts.update(naive(text)[place])
        assert counts == parts


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


# Few words, so that replies and messages meet; some of them with marks, short, or marks alone.
METRICS_WORDS = st.sampled_from(
    ["field", "Field,", "river", "it", '"I"', "...", "dance!", "—", "wall"]
)
TEXTS = st.lists(METRICS_WORDS, max_size=12).map(" ".join)
MESSAGES = st.lists(TEXTS, min_size=1, max_size=7)


def test_words_are_those_of_the_published_metric() -> None:
    """Split, dropped below three characters, lower case, stripped: in this order."""
    found = metric_words('The "Sea" is (so) wide: a-b, "I" ... don\'t it, x')
    # "it," has three characters before its comma goes; "..." leaves an empty word.
    assert found == ["the", "sea", "so", "wide", "a-b", "i", "", "don't", "it"]


def test_definitions_by_hand() -> None:
    """Tokens: 3 of 5 (stone three times). Types: 1 of 3, and 2 of 3 with the message before."""
    reply, message, earlier = "stone stone stone rivers bend", "One stone.", "Where rivers go"
    assert token_ratio_current(reply, message) == 3 / 5
    assert type_ratio_current_plus_3(reply, [message]) == 1 / 3
    assert type_ratio_current_plus_3(reply, [earlier, message]) == 2 / 3
    assert score_turn(reply, [earlier, message]) == (3 / 5, 2 / 3)


@given(TEXTS, MESSAGES)
def test_definitions_are_what_they_say(reply: str, messages: list[str]) -> None:
    """Both against a naive count, and only the current message matters to the first."""
    said = metric_words(reply)
    now = set(metric_words(messages[-1]))
    four = {word for message in messages[-4:] for word in metric_words(message)}
    tokens = [word in now for word in said]
    types = [word in four for word in set(said)]
    expected = (
        sum(tokens) / len(tokens) if tokens else 0.0,
        sum(types) / len(types) if types else 0.0,
    )
    assert score_turn(reply, messages) == expected


def test_summary_by_hand() -> None:
    """Worst is the largest; 0.2 itself is not optimal; 0 is optimal and perfect."""
    assert summarise([0.2, 0.0, 0.1, 0.5]) == (4, 0.2, 0.5, 0.0, 2, 1)


FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def compensated(values: Iterable[float], start: float = 0) -> float:
    """What Python's own `sum` may make of floats from 3.12 on: the sum without rounding errors."""
    listed = list(values)
    if all(isinstance(value, int) for value in listed):
        return reduce(add, listed, start)
    return math.fsum([start, *listed])


@given(st.lists(FLOATS), FLOATS)
def test_one_is_added_after_the_other(values: list[float], start: float) -> None:
    """From left to right, each result rounded, unlike the builtin."""
    expected = start
    for value in values:
        expected += value
    assert plain_sum(values, start) == expected or math.isnan(expected)
    assert plain_sum(values) == plain_sum(values, 0)


def weights() -> object:
    """Of a network, after twenty steps of learning."""
    network, rng = mlp.fresh_network(0), Random(1)
    for _ in range(20):
        network = network.learned([rng.random() for _ in range(mlp.INPUTS)], rng.random())
    return network


def voices() -> object:
    """Shares and temperatures of some situations."""
    rng, told = Random(2), []
    for _ in range(200):
        boosts = {name: rng.random() for name in EXPERTS}
        shares = voice.blend_weights(rng.random(), rng.random(), rng.random(), 3, boosts)
        told.append((shares, voice.compute_voice(shares)))
    return told


def rows() -> object:
    """Draws from some large rows, and how even they were."""
    rng, told = Random(3), []
    for _ in range(200):
        row = {id: rng.randrange(1, 50) for id in range(90)}
        scale = draw.Scale({id: rng.random() for id in range(20)}, 0.5 + rng.random())
        told.append(draw.draw_ranked(ranked_row(row), {}, scale, rng.random()))
    return told


@pytest.mark.parametrize(("module", "made"), [(mlp, weights), (voice, voices), (draw, rows)])
def test_what_is_kept_and_said_is_the_same_under_every_python(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, made: Callable[[], object]
) -> None:
    """To the last bit, with the `sum` of older Pythons and with that of newer ones."""
    monkeypatch.setattr(module, "sum", plain_sum, raising=False)
    before = made()
    monkeypatch.setattr(module, "sum", compensated)
    assert made() == before
