"""Emotion: the charge of each token, and how much of it a prompt recalls (organism, 2 and 9).

It is not one of the paper's ten modules: in the published program this part of the field was in
memory only, and its map only grew. Here a charge is a row, is halved per day, and never exceeds
MAX_CHARGE.

Only prompts charge tokens. An inner reply repeats what was said, and would excite itself. A memory
was charged when it was the prompt. `leo observe` takes a text in by one transaction over the
n-grams; it neither reads nor writes rows of modules, because those must have the history of the
snapshots.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.field.measure import EXCLAIMED, NEARBY, REPEATED, SHOUTED
from leo.reply.context import After, Changes, Heard, Moment
from leo.reply.module import Module, insert
from leo.store.rows import Rows

HALF_LIFE: Final = 24 * 3600.0
MAX_CHARGE: Final = 2.0


class Charge(NamedTuple):
    """A token's charge as it was at the time `at` (seconds)."""

    charge: float
    at: float

    def now(self, now: float) -> float:
        """What is left of it."""
        return float(self.charge * 0.5 ** (max(0.0, now - self.at) / HALF_LIFE))


def charges(tokens: Sequence[str]) -> dict[str, float]:
    """What one text charges its tokens with (section 2); tokens without a charge are left out.

    0.7 for capitals, 1.0 for an exclamation mark within 3 tokens, 0.5 for a repetition there.
    """
    found: dict[str, float] = {}
    for place, token in enumerate(tokens):
        nearby = tokens[max(0, place - NEARBY) : place + NEARBY + 1]
        charge = SHOUTED * (len(token) >= 2 and token.isalpha() and token.isupper())
        charge += EXCLAIMED * ("!" in nearby)
        charge += REPEATED * (nearby.count(token) > 1)
        if charge > 0.0:
            found[token] = found.get(token, 0.0) + charge
    return found


def stirred(arousal: float, tokens: Sequence[str], stored: Mapping[str, float]) -> float:
    """The arousal of a text, 1 - exp(-charge / 2n), with the stored charges of its tokens added."""
    if not tokens:
        return arousal
    charge = math.fsum(stored.get(token, 0.0) for token in tokens)
    return 1.0 - (1.0 - arousal) * math.exp(-0.5 * charge / len(tokens))


class Emotion(Module[dict[str, Charge]]):
    """Reads the charges of the prompt's tokens, corrects the arousal, writes the new charges."""

    name = "emotion"
    READS = frozenset({"emotion"})
    WRITES = frozenset({"emotion"})
    DDL = (
        """CREATE TABLE emotion (
        token TEXT PRIMARY KEY,
        charge REAL NOT NULL,
        at REAL NOT NULL
    ) WITHOUT ROWID""",
    )
    QUERIES: ClassVar[Mapping[str, str]] = {
        "charges": "SELECT token, charge, at FROM emotion "
        "WHERE token IN (SELECT value FROM json_each(:tokens)) ORDER BY token"
    }

    def load(self, rows: Rows) -> dict[str, Charge]:
        """Token -> charge, for the tokens of the prompt."""
        return {token: Charge(charge, at) for token, charge, at in rows["charges"]}

    def hear(self, state: dict[str, Charge], moment: Moment) -> Heard:
        """The arousal that the prompt's tokens carry with them."""
        stored = {token: charge.now(moment.now) for token, charge in state.items()}
        return Heard(arousal=stirred(moment.arousal, moment.tokens, stored))

    def after(self, state: dict[str, Charge], context: After, rng: Random) -> Changes:
        """Charge the tokens of the prompt."""
        rows = tuple(
            (token, min(MAX_CHARGE, self._left(state, token, context.now) + new), context.now)
            for token, new in charges(context.tokens).items()
        )
        return Changes(puts=(insert("emotion", "token, charge, at", rows, replace=True),))

    @staticmethod
    def _left(state: Mapping[str, Charge], token: str, now: float) -> float:
        return state[token].now(now) if token in state else 0.0
