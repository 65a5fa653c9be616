"""Recall (organism, section 12)."""

import math

from hypothesis import given
from hypothesis import strategies as st

from leo.field.recall import Memory, choose_memories, score_memories, snippet
from leo.field.text import tokenize

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), min_size=1, max_size=9).map(
    " ".join
)
MEMORIES = st.lists(
    st.builds(
        Memory,
        id=st.integers(1, 10**6),
        text=TEXTS,
        quality=st.floats(0, 1),
        emotional=st.floats(0, 1),
        created_at=st.just(0.0),
        last_used_at=st.floats(0, 200_000),
        use_count=st.just(0),
    ),
    max_size=12,
    unique_by=lambda memory: memory.id,
)
NOW = 200_000.0


@given(MEMORIES, st.frozensets(st.sampled_from("abcdx")), st.frozensets(st.sampled_from("abz")))
def test_score_is_the_published_formula(
    memories: list[Memory], prompt: frozenset[str], themes: frozenset[str]
) -> None:
    """0.4 Jaccard + 0.2 theme share + 0.2 closeness + 0.2 quality halved right after use."""
    scores = score_memories(memories, prompt, 0.3, NOW, themes)
    for memory, score in zip(memories, scores, strict=True):
        types = set(memory.text.split())
        hours = (NOW - memory.last_used_at) / 3600
        fresh = memory.quality * (1 - 0.5 * max(0, 1 - hours / 24))
        wanted = (
            0.4 * len(types & prompt) / len(types | prompt)
            + 0.2 * (len(types & themes) / len(themes) if themes else 0)
            + 0.2 * max(0, 1 - abs(0.3 - memory.emotional))
            + 0.2 * fresh
        )
        assert math.isclose(score, wanted, abs_tol=1e-9)


@given(MEMORIES, TEXTS)
def test_only_the_five_best_good_memories_come_to_mind(memories: list[Memory], prompt: str) -> None:
    """Quality at least 0.6, score above 0.1, best first; nobody left out is better."""
    tokens = prompt.split()
    recalled = choose_memories(memories, tokens, 0.3, NOW)
    scores = score_memories(memories, frozenset(tokens), 0.3, NOW, frozenset())
    score = {m.id: score for m, score in zip(memories, scores, strict=True)}
    good = {m.id for m in memories if m.quality >= 0.6 and score[m.id] > 0.1}
    chosen = list(recalled.ids)
    assert set(chosen) <= good and len(chosen) == min(5, len(good))
    assert chosen == sorted(good, key=lambda id: (-score[id], -id))[:5]


def test_five_come_to_mind_and_none_below_a_tenth() -> None:
    """By hand: 0.06 for a quality of 0.6 just used, and 0.2 (1 - distance) of arousal."""
    near, far = (Memory(1, "a b", 0.6, 0.3 + d, 0.0, NOW, 0) for d in (0.79, 0.81))
    assert choose_memories([near], ["x"], 0.3, NOW).ids == (1,)
    assert choose_memories([far], ["x"], 0.3, NOW).ids == ()
    many = [near._replace(id=id) for id in range(1, 8)]
    assert choose_memories(many, ["x"], 0.3, NOW).ids == (7, 6, 5, 4, 3)


def test_of_equal_memories_the_newer_comes_first() -> None:
    """Equal scores are ordered by age."""
    old = Memory(1, "a b", 0.9, 0.3, 0.0, 0.0, 0)
    assert choose_memories([old, old._replace(id=2)], ["a"], 0.3, NOW).ids == (2, 1)


@given(MEMORIES, TEXTS)
def test_boosts_are_shares_of_the_most_frequent_token(memories: list[Memory], prompt: str) -> None:
    """boost = 0.3 count / largest count, over all tokens of what was recalled."""
    recalled = choose_memories(memories, prompt.split(), 0.3, NOW)
    texts = {memory.id: memory.text.split() for memory in memories}
    tokens = [token for id in recalled.ids for token in texts[id]]
    largest = max((tokens.count(token) for token in tokens), default=1)
    assert recalled.boosts == {t: 0.3 * tokens.count(t) / largest for t in tokens}


def test_a_long_memory_is_observed_by_its_first_64_tokens() -> None:
    """A short one keeps its text as it is."""
    assert snippet("Short, and sweet.") == "Short, and sweet."
    assert tokenize(snippet("word, " * 40)) == ["word", ","] * 32
