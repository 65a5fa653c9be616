"""MetaLeo: the inner voice, which may replace the reply by another one (organism, section 15).

The published module asked the field for a whole nested reply. Here the inner voice walks the view
of the reply that it belongs to, and boosts the words of its own buffer. It reads what Generate
reads, writes no n-grams, and needs no lock. Its buffer is rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.field.measure import Pulse
from leo.field.text import ENDINGS, is_word, tokenize
from leo.reply.context import After, Changes
from leo.reply.module import Module, insert, keep_newest
from leo.store.rows import Rows

FRAGMENTS: Final = 8
LETTERS: Final = 200
MAX_TOKENS: Final = 60
TEMPERATURE: Final = 1.1
MARGIN: Final = 0.05
WEIGHT: Final = 0.2
AROUSED: Final = 0.6
# As strong as a recalled memory's boost at its strongest (section 12).
BOOST: Final = 0.3


class Fragment(NamedTuple):
    """Something on its mind. `tag`: "ring2", "base" or "meta"."""

    tag: str
    text: str


def meta_weight(pulse: Pulse, trauma: float, quality: float) -> float:
    """.1, and more for a low entropy, a wound, a poor or an excited reply; at most .5."""
    weight = 0.1
    weight += 0.15 * (pulse.entropy < 0.25)
    weight += 0.15 * (trauma > 0.6)
    weight += 0.1 * (quality < 0.4)
    weight += 0.05 * (pulse.arousal > 0.7)
    return min(0.5, weight)


def coherence(text: str) -> float:
    """.3 for a sentence's end, .2 for a second, .2 for a capital, .1 for a last word of at least 3
    letters, -.05 per long dash; at least 0.
    """
    ends = sum(text.count(end) for end in sorted(ENDINGS))
    words = [token for token in tokenize(text) if is_word(token)]
    score = 0.3 * (ends >= 1) + 0.2 * (ends >= 2)
    score += 0.2 * any(word[0].isupper() for word in words)
    score += 0.1 * bool(words and len(words[-1]) >= 3)
    return max(0.0, score - 0.05 * text.count("—"))


def resonance(text: str) -> float:
    """.5 share of different words + .5 share of different pairs - .1 per repetition beyond the
    second of the commonest word; 0 below three words, at least 0.
    """
    words = [token.lower() for token in tokenize(text) if is_word(token)]
    if len(words) < 3:
        return 0.0
    pairs = list(pairwise(words))
    most = max(Counter(words).values())
    score = 0.5 * len(set(words)) / len(words) + 0.5 * len(set(pairs)) / len(pairs)
    return max(0.0, score - 0.1 * max(0, most - 2))


def length_score(text: str) -> float:
    """.2 below 5 words, .5 above 80, else 1 - |n - 40| / 40."""
    count = sum(is_word(token) for token in tokenize(text))
    if count < 5:
        return 0.2
    return 0.5 if count > 80 else 1.0 - abs(count - 40) / 40


def score_text(text: str) -> float:
    """.4 coherence + .4 resonance + .2 length, in [0, 1]."""
    return 0.4 * coherence(text) + 0.4 * resonance(text) + 0.2 * length_score(text)


class MetaLeo(Module[tuple[Fragment, ...]]):
    """Scores what was said against what could have been said; the state is its buffer."""

    name = "metaleo"
    READS = frozenset({"metaleo", "view"})
    WRITES = frozenset({"metaleo"})
    USES_CHANCE = frozenset({"after"})
    INNER = frozenset({"ring"})
    DDL = (
        """CREATE TABLE metaleo (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tag TEXT NOT NULL,
        text TEXT NOT NULL,
        at REAL NOT NULL
    )""",
    )
    QUERIES: ClassVar[Mapping[str, str]] = {
        "buffer": f"SELECT tag, text FROM metaleo ORDER BY id DESC LIMIT {FRAGMENTS}"
    }

    def load(self, rows: Rows) -> tuple[Fragment, ...]:
        """The buffer, the oldest fragment first."""
        return tuple(Fragment._make(row) for row in reversed(rows["buffer"]))

    def boosts(self, buffer: Sequence[Fragment], text: str) -> dict[str, float]:
        """What is on its mind and what was just said, as boosts: 0.3 count / largest count."""
        texts = [*(fragment.text for fragment in buffer), text]
        counts = Counter(token for one in texts for token in tokenize(one) if is_word(token))
        largest = max(counts.values(), default=1)
        return {token: BOOST * count / largest for token, count in counts.items()}

    def after(self, state: tuple[Fragment, ...], context: After, rng: Random) -> Changes:
        """Speak once more when there is reason to, and choose; remember what matters.

        The alternative is said when it scores more than 0.05 better and the weight is above 0.2;
        otherwise it stays on the mind.
        """
        if context.inner is not None:
            # The last ring's thought reaches nobody else (section 15: ring 2 feeds the buffer).
            last = context.inner.place == 2
            return self._feed(context, [Fragment("ring2", context.text)] if last else [])
        fragments = []
        if context.pulse.arousal > AROUSED:
            fragments.append(Fragment("base", context.text))
        weight = meta_weight(context.pulse, context.facts.trauma, context.quality.overall)
        other = ""
        if weight > WEIGHT and state:
            boosts = self.boosts(state, context.text)
            other = context.speak(rng, TEMPERATURE, boosts, MAX_TOKENS).text
        used = bool(other) and score_text(other) > score_text(context.text) + MARGIN
        if other:
            fragments.append(Fragment("meta", context.text if used else other))
        changes = self._feed(context, fragments)
        rings = sum(fragment.tag == "ring2" for fragment in state)
        facts = replace(context.facts, meta_weight=weight, meta_used=used, rings=rings)
        return replace(changes, text=other if used else None, facts=facts)

    def _feed(self, context: After, fragments: Sequence[Fragment]) -> Changes:
        if not fragments:
            return Changes()
        rows = tuple((fragment.tag, fragment.text[:LETTERS], context.now) for fragment in fragments)
        kept = insert("metaleo", "tag, text, at", rows)
        return Changes(puts=(kept, keep_newest("metaleo", FRAGMENTS)))
