"""Themes (organism, section 6)."""

from hypothesis import example, given
from hypothesis import strategies as st

from leo.themes import compute_themes
from leo.view import View
from tests.leo.test_generate import view_of

LETTERS = st.sampled_from([chr(c) for c in range(97, 117)])
# Twenty words that meet in short texts: enough contexts for themes, too few for a single one.
TEXTS = st.lists(st.lists(LETTERS, max_size=12).map(" ".join), max_size=12)


def naive(view: View) -> list[tuple[tuple[str, ...], set[str]]]:
    """The definition, over a full table of contexts in both directions."""
    names, near = view.words.names, {}
    for one in names:
        row = dict(zip(names, view.chains.company_with(one, list(names)), strict=True))
        near[one] = {other: count for other, count in row.items() if count}
    sets = {}
    for one in sorted(names):
        if len(near[one]) >= 5 and sum(near[one].values()) >= 10:
            top = sorted((-count, other) for other, count in near[one].items())[:16]
            sets[one] = {one, *(other for _, other in top)}
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
# One word in more company than a theme takes in.
@example([f"a {word}" for word in "bcdefghijklmnopqrst"])
def test_themes_equal_the_definition(texts: list[str]) -> None:
    """Candidates in order of age, merged with the growing union at Jaccard 0.4."""
    view = view_of(*texts)
    themes = compute_themes(view)
    assert [(theme.centres, set(theme.words)) for theme in themes] == naive(view)
    assert [theme.id for theme in themes] == list(range(len(themes)))
