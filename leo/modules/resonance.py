"""Resonance: what was heard lately leans what is said, and what is said is said whole.

The published programs pasted a word of the prompt into the reply (organism, sections 8.6 and 8.7),
which turns the observer's words into a high external_vocab. Here nothing is pasted: words that were
heard may begin a sentence and weigh more on the way, and of a few walks the one is said that takes
something up without repeating the prompt. A word is taken up when it has at least LETTERS letters.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import ClassVar, Final

from leo.field.text import ENDINGS, compose, is_word, tokenize
from leo.modules.metaleo import coherence
from leo.reply.context import After, Changes, Heard, Moment
from leo.reply.module import Module, insert
from leo.store.rows import Put, Rows, unpacked

LETTERS: Final = 4
PROMPTS: Final = 10
# The weight of a word of this prompt, as a start and as a boost, and what is left of it for each
# prompt since.
START, BOOST, FADING = 3.0, 8.0, 0.8
WALKS: Final = 3
# Of a walk: so many taken-up words count, a longer one is an echo when it is the prompt's.
ENOUGH, RUN = 3, 4
# Words of a sentence at least, sentences of a reply at most.
SHORTEST, MOST = 3, 4
NO_WEIGHTS: Mapping[str, float] = {}


def content_words(tokens: Iterable[str]) -> list[str]:
    """The words long enough to be taken up, in lower case, each once, in their order."""
    words = (token.lower() for token in tokens if is_word(token) and len(token) >= LETTERS)
    return list(dict.fromkeys(words))


def repeats(tokens: Sequence[str]) -> int:
    """How many runs of RUN tokens were said before in the same reply."""
    runs = list(_runs(tokens))
    return len(runs) - len(set(runs))


def echoes(tokens: Sequence[str], prompt: Sequence[str]) -> int:
    """How many runs of RUN tokens are the prompt's own."""
    asked = set(_runs(prompt))
    return sum(run in asked for run in _runs(tokens))


def whole_sentences(
    tokens: Sequence[str], weights: Mapping[str, float] = NO_WEIGHTS
) -> tuple[str, ...]:
    """Of the sentences that have an end and at least SHORTEST words, the MOST that take up most, in
    their order and each once; the tokens as they are when there is none.
    """
    found: dict[tuple[str, ...], float] = {}
    sentence: list[str] = []
    for token in tokens:
        sentence.append(token)
        if token in ENDINGS:
            if sum(map(is_word, sentence)) >= SHORTEST:
                taken = sum(weights.get(word, 0.0) for word in content_words(sentence))
                found.setdefault(tuple(sentence), taken)
            sentence = []
    kept = sorted(found, key=found.__getitem__, reverse=True)[:MOST]
    return tuple(token for one in found if one in kept for token in one) or tuple(tokens)


def _runs(tokens: Sequence[str]) -> Iterator[tuple[str, ...]]:
    words = [token.lower() for token in tokens if is_word(token)]
    return zip(*(words[shift:] for shift in range(RUN)), strict=False)


class Resonance(Module[tuple[tuple[str, ...], ...]]):
    """The state: the content words of the session's last PROMPTS prompts, the newest first.

    `python -m bench.voice` measures what it does to a conversation.
    """

    name = "resonance"
    READS = frozenset({"resonance", "view"})
    WRITES = frozenset({"resonance"})
    USES_CHANCE = frozenset({"after"})
    DDL = (
        """CREATE TABLE resonance (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session TEXT NOT NULL,
        words TEXT NOT NULL
    )""",
        "CREATE INDEX resonance_session ON resonance (session, id)",
    )
    QUERIES: ClassVar[Mapping[str, str]] = {
        "heard": "SELECT words FROM resonance WHERE session = :session "
        f"ORDER BY id DESC LIMIT {PROMPTS}"
    }

    def load(self, rows: Rows) -> tuple[tuple[str, ...], ...]:
        """What was heard, newest first. Raises StoreDamagedError for a row that is no array."""
        return tuple(tuple(map(str, unpacked(row[0], "resonance"))) for row in rows["heard"])

    def hear(self, state: tuple[tuple[str, ...], ...], moment: Moment) -> Heard:
        """Where sentences may begin, and what weighs more on the way."""
        weights = self._weights(state, moment.tokens)
        spelled = {token.lower(): token for token in moment.tokens}
        return Heard(
            boosts={spelled.get(word, word): BOOST * weight for word, weight in weights.items()},
            starts={spelled.get(word, word): START * weight for word, weight in weights.items()},
        )

    def after(self, state: tuple[tuple[str, ...], ...], context: After, rng: Random) -> Changes:
        """Of WALKS walks say the best, in whole sentences; keep what was heard."""
        weights = self._weights(state, context.tokens)
        boosts = {word: BOOST * weight for word, weight in weights.items()}
        said = [tuple(tokenize(context.text))]
        said += [
            context.speak(rng, context.voice.temperature, boosts, max(1, len(context.said))).tokens
            for _ in range(WALKS - 1)
        ]
        whole = [whole_sentences(tokens, weights) for tokens in said]
        best = max(whole, key=lambda tokens: self._worth(tokens, context.tokens, weights))
        heard = json.dumps(content_words(context.tokens))
        return Changes(
            text=compose(best),
            puts=(
                insert("resonance", "session, words", ((context.session, heard),)),
                Put(
                    "DELETE FROM resonance WHERE session = ? AND id NOT IN (SELECT id FROM "
                    "resonance WHERE session = ? ORDER BY id DESC LIMIT ?)",
                    ((context.session, context.session, PROMPTS),),
                ),
            ),
        )

    def _weights(
        self, state: tuple[tuple[str, ...], ...], tokens: Iterable[str]
    ) -> dict[str, float]:
        """Word -> weight in (0, 1]: 1 for this prompt's words, less for older ones."""
        found: dict[str, float] = {}
        for age, words in enumerate((content_words(tokens), *state)):
            for word in words:
                found.setdefault(word, FADING**age)
        return found

    @staticmethod
    def _worth(tokens: Sequence[str], prompt: Sequence[str], weights: Mapping[str, float]) -> float:
        """What is taken up, the ENOUGH weightiest of it; how it reads; less what is repeated."""
        taken = sorted((weights.get(word, 0.0) for word in content_words(tokens)), reverse=True)
        worth = sum(taken[:ENOUGH]) / ENOUGH + coherence(compose(tokens))
        return worth - 0.5 * repeats(tokens) - 0.5 * echoes(tokens, prompt)
