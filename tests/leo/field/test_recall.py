"""What comes to mind, and which words belong together (organism, sections 6 and 12)."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leo.field import themes
from leo.field.recall import Memory, choose_memories, score_memories, snippet
from leo.field.text import tokenize
from leo.field.themes import survey_themes
from leo.field.view import View
from tests.leo.field.test_walk import view_of

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


LETTERS = st.sampled_from([chr(c) for c in range(97, 117)])
# Twenty words that meet in short texts: enough contexts for themes, too few for a single one.
THEMES_TEXTS = st.lists(st.lists(LETTERS, max_size=12).map(" ".join), max_size=12)


def naive_sets(view: View) -> dict[int, set[int]]:
    """The candidates with their sets, over a full table of contexts in both directions."""
    names, near = view.words.names, {}
    for one in names:
        row = dict(zip(names, view.chains.co_occurrence_with(one, list(names)), strict=True))
        near[one] = {other: count for other, count in row.items() if count}
    sets = {}
    for one in sorted(names):
        if len(near[one]) >= 5 and sum(near[one].values()) >= 10:
            top = sorted((-count, other) for other, count in near[one].items())[:16]
            sets[one] = {one, *(other for _, other in top)}
    return sets


def naive(view: View) -> list[tuple[tuple[str, ...], set[str]]]:
    """The definition."""
    names, sets = view.words.names, naive_sets(view)
    themes = []
    while sets:
        first = next(iter(sets))
        centres, union = [first], sets.pop(first)
        for other in list(sets):
            if len(union & sets[other]) / len(union | sets[other]) >= 0.4:
                centres.append(other)
                union = union | sets.pop(other)
        themes.append((tuple(names[id] for id in centres), {names[id] for id in union}))
    return themes


@given(THEMES_TEXTS)
# One word in more contexts than a theme takes in.
@example([f"a {word}" for word in "bcdefghijklmnopqrst"])
def test_themes_equal_the_definition(texts: list[str]) -> None:
    """Candidates in order of age, merged with the growing union at Jaccard 0.4."""
    view = view_of(*texts)
    themes = survey_themes(view).themes
    assert [(theme.centres, set(theme.words)) for theme in themes] == naive(view)
    assert [theme.id for theme in themes] == list(range(len(themes)))


@given(THEMES_TEXTS, st.integers(0, 12))
def test_a_survey_asks_those_with_most_co_occurrence(texts: list[str], most: int) -> None:
    """The tokens with the most contexts, the older first, are the candidates."""
    view = view_of(*texts)
    survey = survey_themes(view, most)
    pairs = [pair for *pair, _ in view.chains.co_occurrence.items()]
    able = naive_sets(view)
    co_occurrence = {id: sum(id in pair for pair in pairs) for id in able}
    first = sorted(co_occurrence, key=lambda id: (-co_occurrence[id], id))[:most]
    names = view.words.names
    centres = [name for theme in survey.themes for name in theme.centres]
    assert sorted(centres) == sorted(names[id] for id in first)
    assert (survey.asked, survey.candidates) == (len(first), len(able))
    if len(able) <= most:
        assert survey.themes == survey_themes(view).themes


def test_a_survey_looks_no_closer_than_it_has_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets are made and compared for the asked ones only."""
    looked: list[int] = []
    closest = themes._closest

    def watched(view: View, id: int) -> set[int]:
        looked.append(id)
        return closest(view, id)

    monkeypatch.setattr(themes, "_closest", watched)
    words = [chr(97 + place % 26) + chr(97 + place // 26) for place in range(200)]
    survey = survey_themes(view_of(" ".join([*words, *reversed(words)])), 20)
    assert survey.candidates > 100 and len(looked) == survey.asked == 20
