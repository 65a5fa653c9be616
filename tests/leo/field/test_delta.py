"""Counts from text (organism, section 2)."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from leo.field.counts import Delta, compute_delta

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


@given(WORDS)
def test_counts_equal_the_definition(text: str) -> None:
    """Bigrams, trigrams and co-occurrence, self pairs included, are what section 2 says."""
    delta = compute_delta([text])
    assert named(delta) == naive(text)
    assert delta.length == len(text.split())


@given(st.lists(WORDS, max_size=4))
def test_texts_add_and_do_not_touch(texts: list[str]) -> None:
    """The delta of several texts is the sum of their deltas: no n-gram reaches across."""
    whole = named(compute_delta(texts))
    for place, counts in enumerate(whole):
        parts: Counter[tuple[str, ...]] = Counter()
        for text in texts:
            parts.update(naive(text)[place])
        assert counts == parts


@given(WORDS)
def test_tokens_are_distinct_in_order_of_appearance(text: str) -> None:
    """Ids in the store follow the order in which words were first heard."""
    assert compute_delta([text]).tokens == tuple(dict.fromkeys(text.split()))
