"""The two definitions of external_vocab and the paper's summary."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo.errors import CallerError
from leo.field.metrics import (
    METRICS,
    metric_words,
    score_turn,
    summarise,
    token_ratio_current,
    type_ratio_current_plus_3,
)

# Few words, so that replies and messages meet; some of them with marks, short, or marks alone.
WORDS = st.sampled_from(["field", "Field,", "river", "it", '"I"', "...", "dance!", "—", "wall"])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
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


def test_three_messages_back_and_no_further() -> None:
    """The third message before the current one counts, the fourth does not."""
    messages = ["stone", "one", "two", "six", "ten"]
    assert type_ratio_current_plus_3("stone", messages) == 0.0
    assert type_ratio_current_plus_3("stone", messages[:-1]) == 1.0


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


@given(TEXTS, MESSAGES, TEXTS)
def test_more_messages_never_lower_the_second_definition(
    reply: str, messages: list[str], more: str
) -> None:
    """Hearing more within the window can only add words."""
    recent = messages[-3:]
    before = type_ratio_current_plus_3(reply, recent)
    assert type_ratio_current_plus_3(reply, [more, *recent]) >= before


@pytest.mark.parametrize("reply", ["", "it is a", " \n"])
def test_nothing_said_is_zero(reply: str) -> None:
    """A reply without words scores 0 by both, as the published harness had it."""
    assert score_turn(reply, ["stone"]) == (0.0, 0.0)


def test_summary_by_hand() -> None:
    """Worst is the largest; 0.2 itself is not optimal; 0 is optimal and perfect."""
    assert summarise([0.2, 0.0, 0.1, 0.5]) == (4, 0.2, 0.5, 0.0, 2, 1)


@given(st.lists(st.floats(0, 1), min_size=1))
def test_summary_is_in_order(values: list[float]) -> None:
    """best <= mean <= worst; perfect turns are optimal; the order of the turns is no matter."""
    found = summarise(values)
    assert found.best - 1e-12 <= found.mean <= found.worst + 1e-12
    assert found.perfect <= found.optimal <= found.turns == len(values)
    assert summarise(values[::-1]) == found


def test_refusals_say_what_is_missing() -> None:
    """No message and no turns are refused in one sentence each."""
    with pytest.raises(CallerError, match="there is none"):
        score_turn("stone", [])
    with pytest.raises(CallerError, match="no turns to summarise"):
        summarise([])


def test_names_are_those_of_the_scores() -> None:
    """The definitions are never called by one name."""
    assert METRICS == ("token_ratio_current", "type_ratio_current_plus_3")
