"""Bias: lists of centres kept in the store, and where a walk begins (organism, section 5)."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo import MODULES
from leo.field.generation import generate_walk
from leo.field.view import View
from leo.modules.bias import SHARDS, Bias
from leo.reply.context import Inner, Seen
from tests.leo.modules.contexts import Store, after, moment
from tests.leo.modules.driver import TinyDriver
from tests.leo.support import sync_field

LISTS = st.lists(st.sampled_from(["the", "a", "word", "path", "it's"]), min_size=1, unique=True)


def keep(store: Store, module: Bias, centres: tuple[str, ...], now: float) -> None:
    """One reply that finds these centres in its view."""
    given = after("x", now=now, seen=Seen(centres=centres))
    store.write(module.after({}, given, Random(0)))


def start_of(view: View, starts: dict[str, float], seed: int) -> str:
    """The first token of a walk."""
    return generate_walk(view, Random(seed), 1.0, {}, 1, starts).tokens[0]


@given(st.lists(LISTS, max_size=60))
def test_bias_counts_the_kept_lists(lists: list[list[str]]) -> None:
    """As naively: the 32 lists touched last, each once, and a token's bias is how many have it."""
    module = Bias()
    store = Store(module)
    for now, centres in enumerate(lists):
        keep(store, module, tuple(centres), float(now))
    last = list(dict.fromkeys(tuple(centres) for centres in reversed(lists)))[:SHARDS]
    wanted = Counter(token for centres in last for token in centres)
    assert module.load(store.read()) == dict(wanted)


def test_the_oldest_list_goes() -> None:
    """Of forty different lists the last 32 stay; one that is touched again is not the oldest."""
    module = Bias()
    store = Store(module)
    for now in range(SHARDS):
        keep(store, module, (f"w{now}",), float(now))
    keep(store, module, ("w0",), 100.0)
    for now in range(SHARDS, 40):
        keep(store, module, (f"w{now}",), 100.0 + now)
    assert set(module.load(store.read())) == {"w0", *(f"w{now}" for now in range(9, 40))}


def test_the_order_of_the_centres_makes_another_list() -> None:
    """As the hash of the published file's contents would: a, b and b, a are two."""
    module = Bias()
    store = Store(module)
    for now, centres in enumerate((("a", "b"), ("b", "a"), ("a", "b"))):
        keep(store, module, centres, float(now))
    assert module.load(store.read()) == {"a": 2, "b": 2}
    assert store.all("SELECT centres, at FROM bias ORDER BY at") == [
        (json.dumps(["b", "a"]), 1.0),
        (json.dumps(["a", "b"]), 2.0),
    ]


def test_an_empty_field_leaves_no_row() -> None:
    """Without centres there is nothing to keep."""
    assert Bias().after({}, after("x"), Random(0)).puts == ()


def test_what_is_heard_is_the_bias() -> None:
    """In replies and in inner replies alike."""
    assert Bias().hear({"a": 2}, moment("x")).starts == {"a": 2}
    assert Bias().hear({"a": 2}, moment("x", inner=Inner("ring", 0))).starts == {"a": 2}
    assert set(Bias.INNER) == {"ring", "dream"}


def test_a_walk_begins_in_proportion_to_the_bias() -> None:
    """Twice the weight begins twice as often; a centre without weight never begins."""
    view = TinyDriver(modules=()).view
    one, two, *rest = (view.words.names[id] for id in view.words.centres())
    found = Counter(start_of(view, {one: 1.0, two: 2.0}, seed) for seed in range(600))
    assert set(found) == {one, two} and rest
    assert found[two] / 600 == pytest.approx(2 / 3, abs=0.06)


@pytest.mark.parametrize("starts", [{}, {"nowhere": 3.0}, {"nowhere": 0.0}])
def test_without_a_centre_in_it_the_bias_says_nothing(starts: dict[str, float]) -> None:
    """The start is then chosen evenly, and with the very same luck."""
    view = TinyDriver(modules=()).view
    for seed in range(40):
        assert start_of(view, starts, seed) == start_of(view, {}, seed)


def test_the_bias_outlives_the_process(tmp_path: Path) -> None:
    """A field that is opened again begins where its store leans, not where its memory did."""
    path = tmp_path / "field"
    modules = [module for module in MODULES if module.name in ("bias", "santaklaus")]
    with sync_field(path, modules=modules) as field:
        field.reply("a path is a path")
        latest = field.latest
        assert latest is not None and latest.starts == {}
        centres = [field.view.words.names[id] for id in field.view.words.centres()]
    with sync_field(path, modules=modules) as field:
        field.reply("and now?")
        latest = field.latest
        assert latest is not None and latest.starts == dict.fromkeys(centres, 1)
