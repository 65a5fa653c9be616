"""Sentences of a walk: which of them are whole, so that no half of one is said and learnt again.

A walk begins in the middle of a sentence as a rule, is broken where it would go round in a circle,
and is cut at its largest length. What it says there reads torn, and a reply that is recalled is
observed: the field would learn that sentences begin and end so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from leo.field.reading import Readable
from leo.field.text import ENDINGS, is_word

# Said to be told something.
REQUESTS: Final = frozenset({"tell", "say", "write", "describe", "explain"})
# How a question begins that was typed without its mark: with one of ASKING and no subject ("what I
# like is"), or with a verb and a subject.
ASKING: Final = frozenset({"what", "who", "whose", "where", "when", "why", "how", "which"})
VERBS: Final = frozenset[str]().union(
    ("do", "does", "did", "is", "are", "was", "were", "am", "has", "have", "had"),
    ("can", "could", "will", "would", "shall", "should", "may", "might", "must"),
)
SUBJECTS: Final = frozenset[str]().union(
    ("i", "you", "he", "she", "it", "we", "they", "there", "this", "that", "a", "an", "the"),
    ("my", "your", "his", "her", "its", "our", "their"),
)


def split_sentences(tokens: Iterable[str]) -> Iterator[list[str]]:
    """The sentences with their ends; the last one may have none."""
    sentence: list[str] = []
    for token in tokens:
        sentence.append(token)
        if token in ENDINGS:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def asks(sentence: Sequence[str]) -> bool:
    """Whether a sentence is a question or a request: by its end, or by its first words."""
    first, second = (*map(str.lower, islice(filter(is_word, sentence), 2)), "", "")[:2]
    if sentence[-1] in ENDINGS:
        return sentence[-1] == "?" or first in REQUESTS
    return first in REQUESTS or first in (VERBS if second in SUBJECTS else ASKING)


def missing_end(tokens: Iterable[str]) -> str:
    """The mark that a typed line lacks at its end, or an empty string."""
    *_, last = [], *split_sentences(tokens)
    return "" if not last or last[-1] in ENDINGS else "?" if asks(last) else "."


def told_sentences(tokens: Iterable[str]) -> Iterator[list[str]]:
    """The sentences that do not ask."""
    return (sentence for sentence in split_sentences(tokens) if not asks(sentence))


def opening_words(tokens: Iterable[str]) -> list[str]:
    """The first word of each sentence, each once."""
    first = (next(filter(is_word, sentence), "") for sentence in split_sentences(tokens))
    return list(dict.fromkeys(filter(None, first)))


def whole_sentences(
    tokens: Iterable[str], view: Readable, openings: Collection[str] = ()
) -> list[str]:
    """The tokens of those sentences that begin and end as sentences of this field do.

    One begins whole with one of the `openings`, or with a word that the view knows to follow an
    end. It ends whole with an end, or with a word that nothing follows in the view: a text ended
    there, and gets its full stop. A step that the view does not know is where a walk was broken.
    """
    words = view.words
    after_ends = [_followers(view, end) for end in ENDINGS]
    kept: list[str] = []
    sentence: list[str] = []
    follows: Collection[int] = ()
    for token in tokens:
        id = words.id_of(token)
        if sentence and id not in follows:
            # The length of a large row is not known without counting.
            if next(iter(follows), None) is None and is_word(sentence[-1]):
                kept += [*sentence, "."]
            sentence = []
        if sentence or token in openings or any(id in row for row in after_ends):
            sentence.append(token)
        if token in ENDINGS:
            kept += sentence
            sentence = []
        follows = _followers(view, token)
    return kept


def _followers(view: Readable, token: str) -> Collection[int]:
    id = view.words.id_of(token)
    return (view.words.followers.get(id) or {}) if id is not None else {}
