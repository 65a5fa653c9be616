"""Themes (organism, section 6)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leo.field import themes
from leo.field.themes import compute_themes, survey_themes
from leo.field.view import View
from tests.leo.field.test_generate import view_of

LETTERS = st.sampled_from([chr(c) for c in range(97, 117)])
# Twenty words that meet in short texts: enough contexts for themes, too few for a single one.
TEXTS = st.lists(st.lists(LETTERS, max_size=12).map(" ".join), max_size=12)


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


@given(TEXTS)
# One word in more contexts than a theme takes in.
@example([f"a {word}" for word in "bcdefghijklmnopqrst"])
def test_themes_equal_the_definition(texts: list[str]) -> None:
    """Candidates in order of age, merged with the growing union at Jaccard 0.4."""
    view = view_of(*texts)
    themes = compute_themes(view)
    assert [(theme.centres, set(theme.words)) for theme in themes] == naive(view)
    assert [theme.id for theme in themes] == list(range(len(themes)))


@given(TEXTS, st.integers(0, 12))
def test_a_survey_asks_those_with_most_co_occurrence(texts: list[str], most: int) -> None:
    """The tokens with the most contexts, the older first, are the candidates; with room for all of
    them the themes are all themes.
    """
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
        assert survey.themes == compute_themes(view)


def test_a_survey_looks_no_closer_than_it_has_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets are made and compared for the asked ones only: what it costs does not grow with those
    who are left out.
    """
    looked: list[int] = []
    closest = themes._closest

    def watched(view: View, id: int) -> set[int]:
        looked.append(id)
        return closest(view, id)

    monkeypatch.setattr(themes, "_closest", watched)
    words = [chr(97 + place % 26) + chr(97 + place // 26) for place in range(200)]
    survey = survey_themes(view_of(" ".join([*words, *reversed(words)])), 20)
    assert survey.candidates > 100 and len(looked) == survey.asked == 20
