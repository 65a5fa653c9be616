"""Overthinking: three hidden continuations of the exchange, the rings (organism, section 15f).

It writes nothing by itself. Each ring is an inner reply, run by the driver after the reply has
ended, under the same discipline: a ring is atomic exactly when replies are. The prompt of ring 0 is
the exchange, that of each further ring the thought before it. The inner voice (MetaLeo) and recall
use the last thought.
"""

from __future__ import annotations

from random import Random
from typing import Final

from leo.field.measure import Pulse
from leo.field.seed import SEED_TEXT
from leo.field.sentences import missing_end, split_sentences
from leo.field.text import compose, tokenize
from leo.reply.context import After, Changes, Inner, InnerReply
from leo.reply.module import Module
from leo.store.rows import Rows

RINGS: Final = 3
LENGTHS: Final = (30, 40, 20)
WOUND_WORDS: Final = 12


def ring_temperature(index: int, pulse: Pulse, trauma: float) -> float:
    """Ring 0: .8, or .7 above an entropy of .7. Ring 1: 1.0, or .85 above a trauma of .5. Ring 2:
    1.2, or 1.4 above a novelty of .7.
    """
    if index == 0:
        return 0.7 if pulse.entropy > 0.7 else 0.8
    if index == 1:
        return 0.85 if trauma > 0.5 else 1.0
    return 1.4 if pulse.novelty > 0.7 else 1.2


class Overthinking(Module[None]):
    """Describes the rings, one after the other: ring k + 1 knows what ring k thought."""

    name = "overthinking"
    INNER = frozenset({"ring"})
    USES_CHANCE = frozenset({"after"})

    def __init__(self, bootstrap: str = SEED_TEXT) -> None:
        self.sentences: Final = _sentences(bootstrap)

    def load(self, rows: Rows) -> None:
        """It remembers nothing: what a ring left behind is in the field."""

    def after(self, state: None, context: After, rng: Random) -> Changes:
        """After a reply the first ring, after a ring the next one, after the last one nothing."""
        if context.inner is None:
            # Without an end the prompt's last word would lead into the reply's first.
            asked = f"{context.prompt}{missing_end(context.tokens)}"
            return self._ring(0, f"{asked} {context.text}".strip(), context)
        index = context.inner.place + 1
        if index == RINGS:
            return Changes()
        seed = context.text
        if index == 1 and context.trauma > 0.5:
            seed = f"{seed} {rng.choice(self.sentences)}"
        return self._ring(index, seed, context)

    @staticmethod
    def _ring(index: int, prompt: str, context: After) -> Changes:
        reply = InnerReply(
            f"{context.session}~ring{index}",
            prompt,
            ring_temperature(index, context.pulse, context.trauma),
            LENGTHS[index],
            Inner("ring", index),
            context.session,
        )
        return Changes(inner=(reply,))


def _sentences(text: str) -> list[str]:
    """The sentences of the seed text, at most twelve tokens of each."""
    return [compose(tokens[:WOUND_WORDS]) for tokens in split_sentences(tokenize(text))]
