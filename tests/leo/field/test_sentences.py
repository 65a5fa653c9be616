"""Sentences of a walk: what begins and ends whole in a field."""

from __future__ import annotations

from contextlib import closing

import pytest

from leo.field.counts import compute_delta
from leo.field.sentences import (
    asks,
    missing_end,
    opening_words,
    split_sentences,
    told_sentences,
    whole_sentences,
)
from leo.field.text import tokenize
from leo.field.view import View
from leo.store.operations import process_text
from leo.store.schema import connect


def view_of(*texts: str) -> View:
    view = View()
    with closing(connect(":memory:")) as conn:
        for text in texts:
            done = process_text(conn, compute_delta([text]))
            view.swap(done.growth, done.decayed)
    return view


@pytest.mark.parametrize(
    ("walked", "kept"),
    [
        ("The cat sleeps. The sea sings.", "The cat sleeps. The sea sings."),
        # It begins in the middle of a sentence, and ends in the middle of one.
        ("cat sleeps. The sea sings. The", "The sea sings."),
        # The field's first text begins with this word, and none follows an end: asked for by name.
        ("My cat sleeps. The sea sings.", "My cat sleeps. The sea sings."),
        # Nothing follows the name: a text ended there.
        ("The sea is Mia The cat sleeps.", "The sea is Mia. The cat sleeps."),
        # Broken off where something could have followed, and begun anew.
        ("The cat The sea sings.", "The sea sings."),
        ("cat sleeps", ""),
    ],
)
def test_whole_sentences_begin_and_end_as_those_of_the_field(walked: str, kept: str) -> None:
    view = view_of("My cat sleeps. The sea sings. The cat sleeps. The sea is Mia")
    assert whole_sentences(tokenize(walked), view, ["My"]) == tokenize(kept)


def test_sentences_and_their_first_words() -> None:
    """The last one may have no end; marks before a word belong to it."""
    tokens = tokenize("Hi, Leo! - my cat sleeps. my")
    assert [" ".join(one) for one in split_sentences(tokens)] == [
        "Hi , Leo !",
        "- my cat sleeps .",
        "my",
    ]
    assert opening_words(tokens) == ["Hi", "my"]


@pytest.mark.parametrize(
    ("typed", "question"),
    [
        ("You heard it?", True),
        ("Tell me about bees.", True),
        ("who bakes bread", True),
        ("when does Mia bake", True),
        ("Is the sea loud", True),
        ("why", True),
        ("What I like is honey", False),
        ("when we met it rained", False),
        ("What a day.", False),
        ("Who goes there.", False),
        ("do not worry", False),
        ("bees", False),
    ],
)
def test_a_question_is_known_by_its_end_or_its_beginning(typed: str, question: bool) -> None:
    """A typed line often has no end; one that has says by it what it is."""
    assert asks(tokenize(typed)) == question


def test_what_is_told_and_what_a_line_lacks() -> None:
    """Questions are left out; only the end of the text may be without its mark."""
    tokens = tokenize("Bees hum. Do you? I do, and so does Mia")
    told = [" ".join(one) for one in told_sentences(tokens)]
    assert told == ["Bees hum .", "I do , and so does Mia"]
    assert [missing_end(tokenize(text)) for text in ("", "Hum.", "hum", "who hums")] == [
        *("", "", ".", "?")
    ]
