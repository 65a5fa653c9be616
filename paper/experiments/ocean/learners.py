"""What is compared: learners that observe texts, and the field among them.

A learner is given its state and gives back a new one, so that a faulty history can branch off from
the right one at any moment. A text is a row of token ids; a prefix of a text has a distribution of
the next token, a row of V shares.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Text = tuple[int, ...]
Floats = NDArray[np.float64]
# By the one or two tokens before: how often each token followed.
Counts = Mapping[Text, Counter[int]]


class Learner(Protocol):
    """What a faulty history needs. States are opaque and never changed in place."""

    def observe(self, state: Any, text: Text) -> Any:
        """The state after one more text."""

    def torn(self, before: Any, after: Any, rng: Random) -> Any:
        """`after`, with half of its parts still as they were `before`."""

    def shares(self, state: Any, prefixes: Sequence[Text]) -> Floats:
        """The distribution of the token after each prefix: (prefixes, V)."""


class Field:
    """The counts of the organism: bigrams and trigrams, which do not decay.

    Its walk takes a token by the trigrams, without any by the bigrams, and without these it begins
    anew, here with equal chances for every token that something followed.
    """

    def __init__(self, vocabulary: int) -> None:
        self._vocabulary = vocabulary

    def observe(self, state: Counts, text: Text) -> Counts:
        """Count what follows each token and each pair of tokens."""
        grown = dict(state)
        for order in (1, 2):
            for at in range(len(text) - order):
                context = text[at : at + order]
                grown[context] = grown.get(context, Counter()) + Counter((text[at + order],))
        return grown

    def torn(self, before: Counts, after: Counts, rng: Random) -> Counts:
        """One of the two tables is the old one."""
        old = rng.choice((1, 2))
        new = {context: row for context, row in after.items() if len(context) != old}
        return new | {context: row for context, row in before.items() if len(context) == old}

    def shares(self, state: Counts, prefixes: Sequence[Text]) -> Floats:
        """Shares of counts: what a walk draws from at temperature 1, without boosts."""
        found = np.zeros((len(prefixes), self._vocabulary))
        for place, prefix in enumerate(prefixes):
            row = state.get(prefix[-2:]) or state.get(prefix[-1:])
            if row is None:
                row = Counter(context[0] for context in state if len(context) == 1)
            found[place, list(row)] = list(row.values())
        shares: Floats = found / found.sum(axis=1, keepdims=True)
        return shares
