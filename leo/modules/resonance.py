"""Resonance: what was heard lately leans what is said, and what is said is said whole.

The published programs pasted a word of the prompt into the reply (organism, sections 8.6 and 8.7),
which turns the observer's words into a high external_vocab. Here nothing is pasted: a
sentence may begin as one of the prompt does, words that were heard weigh more on the way, and of a
few walks the one is said that takes something up without repeating the prompt, or what Leo said in
the last replies. A word is taken up when it has at least LETTERS letters.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.field.generation import MAX_TOKENS
from leo.field.sentences import opening_words, split_sentences
from leo.field.text import ENDINGS, compose, is_word, tokenize
from leo.modules.metaleo import coherence
from leo.reply.context import After, Changes, Heard, Moment
from leo.reply.module import Module, insert
from leo.store.rows import Put, Rows, unpacked

LETTERS: Final = 4
PROMPTS: Final = 10
# The weight of the first word of a prompt's sentence as a start; of a word that is long enough as
# a boost, and of the short ones, which lead to it; what is left of a boost for each prompt since.
START, BOOST, PATH, FADING = 120.0, 20.0, 2.0, 0.8
# Walks at least, and at most while none of them has FEW sentences that were not said in the last
# REPLIES replies.
WALKS, MORE = 4, 9
FEW, REPLIES = 2, 6
# Of a walk: so many taken-up words count, a longer one is an echo when it is the prompt's.
ENOUGH, RUN = 3, 4
# Words of a sentence at least, sentences of a reply at most.
SHORTEST, MOST = 3, 4
# What a sentence is worth less when its runs of words were all said in those replies.
STALE: Final = 0.5
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


def fresh_sentences(
    tokens: Iterable[str],
    weights: Mapping[str, float] = NO_WEIGHTS,
    said: Collection[tuple[str, ...]] = (),
    old: Collection[tuple[str, ...]] = (),
) -> tuple[str, ...]:
    """Of the sentences with an end, SHORTEST words at least, no word twice in a row, and words that
    were not `said`, the MOST that take up most with fewest `old` runs: in their order, each once.
    """
    found: dict[tuple[str, ...], tuple[float, list[str]]] = {}
    for sentence in split_sentences(tokens):
        words = sentence_words(sentence)
        stutters = any(one == other for one, other in pairwise(words))
        if (
            sentence[-1] in ENDINGS
            and len(words) >= SHORTEST
            and not stutters
            and words not in said
        ):
            taken = sum(weights.get(word, 0.0) for word in content_words(sentence))
            taken -= STALE * staleness(words, old)
            found.setdefault(words, (taken, sentence))
    kept = sorted(found, key=lambda words: found[words][0], reverse=True)[:MOST]
    return tuple(token for words in found if words in kept for token in found[words][1])


def sentence_words(sentence: Iterable[str]) -> tuple[str, ...]:
    """What makes two sentences the same: their words in lower case, in their order."""
    return tuple(token.lower() for token in sentence if is_word(token))


def staleness(words: Sequence[str], old: Collection[tuple[str, ...]]) -> float:
    """The share of the runs of RUN words that are `old`."""
    runs = list(_runs(words))
    return sum(run in old for run in runs) / max(1, len(runs))


def _enough(tokens: Sequence[str]) -> bool:
    return sum(token in ENDINGS for token in tokens) >= FEW


def _runs(tokens: Sequence[str]) -> Iterator[tuple[str, ...]]:
    words = [token.lower() for token in tokens if is_word(token)]
    return zip(*(words[shift:] for shift in range(RUN)), strict=False)


class Remembered(NamedTuple):
    """The content words of the session's last PROMPTS prompts, the newest first; the sentences of
    the field's last REPLIES replies.
    """

    heard: tuple[tuple[str, ...], ...] = ()
    said: frozenset[tuple[str, ...]] = frozenset()


class Resonance(Module[Remembered]):
    """Leans the walk to what was heard, and does not say again what was said a moment ago.

    `python -m bench.voice` measures what it does to a conversation.
    """

    name = "resonance"
    READS = frozenset({"resonance", "snapshots", "view"})
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
        f"ORDER BY id DESC LIMIT {PROMPTS}",
        "said": f"SELECT text FROM snapshots WHERE origin = 'leo' ORDER BY id DESC LIMIT {REPLIES}",
    }

    def load(self, rows: Rows) -> Remembered:
        """What was heard and said. Raises StoreDamagedError for a row that is no array."""
        return Remembered(
            tuple(tuple(map(str, unpacked(row[0], "resonance"))) for row in rows["heard"]),
            frozenset(
                sentence_words(sentence)
                for (text,) in rows["said"]
                for sentence in split_sentences(tokenize(text))
            ),
        )

    def hear(self, state: Remembered, moment: Moment) -> Heard:
        """Where sentences may begin, and what weighs more on the way."""
        weights = self._weights(state, moment.tokens)
        spelled = {token.lower(): token for token in moment.tokens}
        boosts = dict.fromkeys(filter(is_word, moment.tokens), PATH)
        boosts |= {spelled.get(word, word): BOOST * weight for word, weight in weights.items()}
        return Heard(
            boosts=boosts,
            starts=dict.fromkeys(opening_words(moment.tokens), START),
        )

    def after(self, state: Remembered, context: After, rng: Random) -> Changes:
        """Of WALKS walks say the best, in fresh sentences, and of more while none has FEW of them;
        keep what was heard.
        """
        weights = self._weights(state, context.tokens)
        boosts = {word: BOOST * weight for word, weight in weights.items()}
        # The prompt's own sentences would be an echo.
        said = state.said.union(map(sentence_words, split_sentences(context.tokens)))
        old = {run for sentence in state.said for run in _runs(sentence)}
        walks = [fresh_sentences(tokenize(context.text), weights, said, old)]
        while len(walks) < WALKS or (len(walks) < MORE and not any(map(_enough, walks))):
            spoken = context.speak(rng, context.voice.temperature, boosts, MAX_TOKENS)
            walks.append(fresh_sentences(tokenize(spoken.text), weights, said, old))
        best = max(
            walks,
            key=lambda tokens: (
                self._worth(tokens, context.tokens, weights) - STALE * staleness(tokens, old)
            ),
        )
        heard = json.dumps(content_words(context.tokens))
        return Changes(
            text=compose(best) or None,
            puts=(
                insert("resonance", "session, words", ((context.session, heard),)),
                Put(
                    "DELETE FROM resonance WHERE session = ? AND id NOT IN (SELECT id FROM "
                    "resonance WHERE session = ? ORDER BY id DESC LIMIT ?)",
                    ((context.session, context.session, PROMPTS),),
                ),
            ),
        )

    def _weights(self, state: Remembered, tokens: Iterable[str]) -> dict[str, float]:
        """Word -> weight in (0, 1]: 1 for this prompt's words, less for older ones."""
        found: dict[str, float] = {}
        for age, words in enumerate((content_words(tokens), *state.heard)):
            for word in words:
                found.setdefault(word, FADING**age)
        return found

    @staticmethod
    def _worth(tokens: Sequence[str], prompt: Sequence[str], weights: Mapping[str, float]) -> float:
        """What is taken up, the ENOUGH weightiest of it; how it reads; less what is repeated."""
        taken = sorted((weights.get(word, 0.0) for word in content_words(tokens)), reverse=True)
        worth = sum(taken[:ENOUGH]) / ENOUGH + coherence(compose(tokens))
        return worth - 0.5 * repeats(tokens) - 0.5 * echoes(tokens, prompt)
