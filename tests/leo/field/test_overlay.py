"""The overlay: a view with one's own observation over it, without touching the view."""

from __future__ import annotations

from contextlib import closing
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from leo.field.counts import compute_delta
from leo.field.decay import EVERY, is_due
from leo.field.generation import generate_walk
from leo.field.overlay import PROVISIONAL, Overlay
from leo.field.reading import Readable
from leo.field.view import Centres, View
from leo.store.operations import process_text
from leo.store.schema import connect
from tests.leo.support import picture

TEXTS = st.lists(
    st.sampled_from(["a", "b", "c", "d", "e", "f", "g", "h", "i", ",", "."]), max_size=15
).map(" ".join)
SEEN = st.lists(TEXTS, max_size=4)


# The observation of the reply is an ordinary one, or the one that brings a decay with it.
@given(SEEN, TEXTS, st.integers(0, 5), st.booleans(), st.sampled_from(["weight", "contexts"]))
def test_an_overlay_reads_like_the_view_after_the_commit(
    seen: list[str], own: str, seed: int, due: bool, centres: Centres
) -> None:
    """Names, followers, co-occurrence, centres and walks are those of the view that has the
    observation; the view itself is as it was.
    """
    view, delta = View(centres=centres), compute_delta([own])
    with closing(connect(":memory:")) as conn:
        for text in [*seen, *[""] * (EVERY - 1 - len(seen) if due else 0)]:
            done = process_text(conn, compute_delta([text]))
            view.swap(done.growth, done.decayed)
        before = picture(view)
        over = Overlay(view, delta, decays=is_due(view.bigrams.version + 1))
        walks = [generate_walk(over, Random(seed), 1.0, {"a": 0.3}, 20)]
        told = tell(over)
        assert picture(view) == before
        done = process_text(conn, delta)
    view.swap(done.growth, done.decayed)
    walks.append(generate_walk(view, Random(seed), 1.0, {"a": 0.3}, 20))
    assert walks[0] == walks[1]
    assert told == tell(view)


def tell(field: Readable) -> dict[str, object]:
    """What can be read, by tokens: provisional ids are not those of the store."""
    names = field.words.names
    ids = sorted(names)
    pairs = [(one, other) for one in ids for other in ids]

    def named(row: object) -> dict[str, int]:
        return {names[id]: count for id, count in dict(row or {}).items()}  # type: ignore[call-overload]

    return {
        "names": [names[id] for id in ids],
        "size": len(names),
        "bigrams": [named(field.words.followers.get(id)) for id in ids],
        "trigrams": [named(field.chains.followers.get(pair)) for pair in pairs],
        "contexts": [field.chains.co_occurrence_with(one, (other,)) for one, other in pairs],
        "centres": [names[id] for id in field.words.centres()],
        "counts": [field.trigram_count(names[a], names[b], names[ids[0]]) for a, b in pairs],
    }


def test_new_tokens_come_after_all_old_ones() -> None:
    """Ids of the store are smaller than any provisional one, whatever the view knows."""
    over = Overlay(View(), compute_delta(["new words here"]))
    assert sorted(over.words.names) == [PROVISIONAL, PROVISIONAL + 1, PROVISIONAL + 2]
