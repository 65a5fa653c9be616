"""Text to tokens and back (organism, sections 2 and 8.9).

A token is a maximal run of Latin letters (accented ones of Latin-1 included, the signs of
multiplication and division not) and straight apostrophes, or one punctuation mark. Everything else
is dropped; case is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

PUNCTUATION = frozenset(".,!?;:—-")
ENDINGS = frozenset(".!?")
# These close up to the word before them; the dashes stand between spaces.
CLOSING = frozenset(".,!?;:")

_TOKEN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿ']+|[.,!?;:—-]")


def tokenize(text: str) -> list[str]:
    """The tokens of a text, from left to right."""
    return _TOKEN.findall(text)


def is_word(token: str) -> bool:
    """Whether a token is a run of letters."""
    return token not in PUNCTUATION


def compose(tokens: Iterable[str]) -> str:
    """A readable text: no doubled punctuation, sentences begin with a capital, differ, and end.

    Returns the empty string when no word is among the tokens.
    """
    sentences: list[str] = []
    seen: set[str] = set()
    for sentence in _split(tokens):
        text = _join(sentence)
        # Compared without its end: "I listen!" after "I listen." says nothing new.
        bare = text[:-1].casefold()
        if bare not in seen:
            seen.add(bare)
            sentences.append(text)
    return " ".join(sentences)


def _split(tokens: Iterable[str]) -> Iterable[list[str]]:
    """Sentences: each begins with a word, ends with one of ENDINGS, has no two marks in a row."""
    sentence: list[str] = []
    for token in tokens:
        if is_word(token):
            sentence.append(token)
        elif not sentence:
            continue
        elif token in ENDINGS:
            yield _ended(sentence, token)
            sentence = []
        elif is_word(sentence[-1]):
            sentence.append(token)
    if sentence:
        yield _ended(sentence, ".")


def _ended(sentence: Sequence[str], end: str) -> list[str]:
    body = list(sentence)
    while not is_word(body[-1]):
        body.pop()
    return [*body, end]


def _join(sentence: Sequence[str]) -> str:
    first = sentence[0]
    parts = [first[:1].upper() + first[1:]]
    for token in sentence[1:]:
        parts.append(token if token in CLOSING else f" {token}")
    return "".join(parts)


def whole(text: str) -> str:
    """The text as a file can hold it: a lone surrogate becomes U+FFFD, a pair the character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
