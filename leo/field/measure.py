"""Measures of texts and replies: presence and quality (organism, section 9). Pure, all in [0, 1].

Arousal is measured on the text alone here. With modules, `leo.modules.emotion` corrects it in
Recall by the charge that the text's tokens got earlier; that charge is in rows of the module, an
object that the formal model covers. The core program has no such object.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from leo.field.counts import Delta
from leo.field.reading import Readable
from leo.field.text import is_word

# Charge of one token: written in capitals, near an exclamation mark, repeated nearby.
SHOUTED, EXCLAIMED, REPEATED = 0.7, 1.0, 0.5
NEARBY = 3
NOVELTY_UNKNOWN = 0.5


class Pulse(NamedTuple):
    """A reply's presence: the prompt's novelty and arousal, the reply's entropy, their blend."""

    novelty: float
    arousal: float
    entropy: float
    overall: float


class Quality(NamedTuple):
    """How good a reply is held to be: by structure, by entropy, and the mean of the two."""

    structural: float
    entropy: float
    overall: float


def arousal(tokens: Sequence[str]) -> float:
    """1 - exp(-charge / 2n) for n tokens; 0 for none (sections 2 and 9)."""
    if not tokens:
        return 0.0
    charge = 0.0
    for place, token in enumerate(tokens):
        nearby = tokens[max(0, place - NEARBY) : place + NEARBY + 1]
        charge += SHOUTED * (len(token) >= 2 and token.isalpha() and token.isupper())
        charge += EXCLAIMED * ("!" in nearby)
        charge += REPEATED * (nearby.count(token) > 1)
    return 1.0 - math.exp(-0.5 * charge / len(tokens))


def novelty(tokens: Sequence[str], view: Readable, observed: Delta) -> float:
    """The share of the prompt's trigrams that the view did not know before this reply (section 9).

    The reply has observed its prompt already, so what it added itself (`observed`) does not count
    as known.
    """
    if len(tokens) < 3:
        return NOVELTY_UNKNOWN
    places = {token: place for place, token in enumerate(observed.tokens)}
    known = 0
    for first, second, third in zip(tokens, tokens[1:], tokens[2:], strict=False):
        chain = places.get(first, -1), places.get(second, -1), places.get(third, -1)
        own = observed.trigrams.get(chain, 0)
        known += view.trigram_count(first, second, third) > own
    return 1.0 - known / (len(tokens) - 2)


def presence(novelty: float, arousal: float, entropy: float) -> Pulse:
    """0.3 novelty + 0.4 arousal + 0.3 entropy (section 9)."""
    overall = 0.3 * novelty + 0.4 * arousal + 0.3 * entropy
    return Pulse(novelty, arousal, entropy, min(1.0, max(0.0, overall)))


def trigram_coverage(tokens: Sequence[str], view: Readable) -> float:
    """The share of trigrams that the view knows; 0 when there are none."""
    if len(tokens) < 3:
        return 0.0
    # A reply asks for eighty of them: by ids, because each token is in three.
    # Ids are positive, so -1 is in no row.
    found = map(view.words.id_of, tokens)
    ids = [-1 if id is None else id for id in found]
    rows = map(view.chains.followers.get, pairwise(ids))
    known = sum(third in row for row, third in zip(rows, ids[2:], strict=False) if row)
    return known / (len(tokens) - 2)


def structural_quality(reply: Sequence[str], prompt: Sequence[str], coverage: float) -> float:
    """Section 9's product of penalties: length, repetition, echo of the prompt, unknown trigrams.

    The comparison with the prompt is over words without case, and is left out for a prompt without
    words.
    """
    quality = 1.0
    if len(reply) < 3:
        quality *= 0.4
    elif len(reply) > 100:
        quality *= 0.7
    quality *= _repetition(Counter(reply))
    quality *= _kinship(_words(reply), _words(prompt))
    if coverage < 0.3:
        quality *= 0.5
    elif coverage < 0.6:
        quality *= 0.8
    return quality


def entropy_quality(entropy: float) -> float:
    """1 on [0.3, 0.7], falling linearly on both sides (section 9)."""
    if entropy < 0.3:
        return max(0.0, min(1.0, 0.5 + entropy / 0.6))
    if entropy > 0.7:
        return max(0.0, min(1.0, 1.0 - (entropy - 0.7) / 0.6))
    return 1.0


def _repetition(counts: Counter[str]) -> float:
    if not counts:
        return 1.0
    unique = len(counts) / counts.total()
    return 0.5 if unique < 0.4 else 0.8 if unique < 0.6 else 1.0


def _kinship(reply: frozenset[str], prompt: frozenset[str]) -> float:
    if not reply or not prompt:
        return 1.0
    if reply <= prompt:
        return 0.4
    return 0.7 if len(reply & prompt) / len(reply | prompt) < 0.1 else 1.0


def _words(tokens: Sequence[str]) -> frozenset[str]:
    return frozenset(token.lower() for token in tokens if is_word(token))
