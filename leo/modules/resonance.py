"""Resonance: what was heard lately leans what is said, and what is said is said whole.

The published programs pasted a word of the prompt into the reply (organism, sections 8.6 and 8.7),
which turns the observer's words into a high external_vocab. Here nothing is pasted: a sentence may
begin as one that was heard does, and words that were heard weigh more on the way. What was told
with a word of the prompt, and what was told last, is walked once more by its own words. Of the
sentences of these and of a few other walks those are said that take up most, have nothing of the
seed text, and keep to the paths of people's sentences; not what the prompt says already, and, but
in answer to a question, not what Leo said in the last replies. Questions are not learnt: said back,
they would be no answer.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice, pairwise
from math import fsum
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.field.seed import SEED_TEXT
from leo.field.sentences import asks, missing_end, opening_words, split_sentences, told_sentences
from leo.field.text import ENDINGS, compose, is_word, tokenize
from leo.modules.school import COMMON
from leo.modules.trauma import FUNCTION_WORDS
from leo.reply.context import After, Changes, Heard, Moment
from leo.reply.module import Module, insert, keep_newest
from leo.store.rows import Put, Rows, unpacked

LETTERS: Final = 4
# Short words of grammar, beside those that the other modules leave out.
GRAMMAR: Final = frozenset[str]().union(
    ("for", "are", "was", "were", "has", "had", "have", "will", "can", "did", "does", "been"),
    ("with", "from", "into", "over", "upon", "then", "than", "here", "some", "only", "each"),
    ("both", "more", "most", "such", "all", "one", "may", "must", "just", "also", "very", "out"),
)
PROMPTS: Final = 10
# Kept: prompts of all sessions, and told words, each with its sentence. Sentences that a reply asks
# for. Letters of such a sentence, and tokens of a prompt that are compared and kept, at most.
KEPT, TELLINGS, LONGEST, MANY = 4096, 6, 160, 256
# The weight of the first word of a sentence as a start; of a word that is long enough as a boost,
# and of the short ones, which lead to it; what is left of a boost for each prompt since.
START, BOOST, PATH, FADING = 120.0, 20.0, 2.0, 0.8
# Walks at least, and at most while they have not FEW sentences that were not said in the last
# REPLIES replies; tokens of a walk.
WALKS, MORE, STEPS = 6, 12, 40
FEW, REPLIES = 2, 6
# Words of a sentence at least, sentences of a reply at most, those of the seed text among others;
# without others there are FEW.
SHORTEST, MOST, STOCK = 3, 4, 1
# So many taken-up words count; runs of so many words are compared.
ENOUGH, RUN = 3, 4
# What a word counts that was told together with a word of the prompt; what a start counts that an
# earlier prompt had.
TOLD, EARLIER = 2.0, 0.3
# How a told sentence is walked again: the boost of its words, the temperature, how often at most.
AGAIN, CALM, TRIES = 1000.0, 0.3, 3
# What a sentence is worth less when it has a run of the seed text; for a run of the prompt's; if it
# asks; for a step off the known paths; for a beginning known from within sentences.
SEEDED, ECHO, ASKED, ASTRAY, TORN = 0.5, 0.5, 0.6, 0.4, 1.0
Words = tuple[str, ...]


def content_words(tokens: Iterable[str]) -> list[str]:
    """The words long enough to be taken up, in lower case, each once, in their order."""
    words = (token.lower() for token in tokens if is_word(token) and len(token) >= LETTERS)
    return list(dict.fromkeys(words))


def is_telling(word: str) -> bool:
    """Whether a word says what a theme is about: no punctuation, and no word of grammar."""
    small = word.lower()
    return len(word) >= 3 and not any(small in those for those in (FUNCTION_WORDS, COMMON, GRAMMAR))


def sentence_words(sentence: Iterable[str]) -> Words:
    """What makes two sentences the same: their words in lower case, in their order."""
    return tuple(token.lower() for token in sentence if is_word(token))


# The same sentences are compared in reply after reply.
@lru_cache(maxsize=1024)
def runs_of(words: Words, length: int = RUN) -> tuple[Words, ...]:
    """The runs of so many words, in their order."""
    return tuple(zip(*(words[shift:] for shift in range(length)), strict=False))


class Paths:
    """How sentences begin and go on, by runs of their words."""

    def __init__(self, sentences: Iterable[Words]) -> None:
        self.runs: set[Words] = set()
        self.begins: set[Words] = set()
        self.within: set[Words] = set()
        for words in sentences:
            # The end is a step as well.
            ended = (*words, ".")
            self.runs.update(runs_of(ended, RUN - 1), runs_of(ended))
            self.begins.add(words[:2])
            self.within.update(runs_of(words[1:], 2))

    def astray(self, words: Words) -> int:
        """How often RUN - 1 words are known here, and not what follows."""
        known = self.runs
        return sum(run not in known and run[:-1] in known for run in runs_of((*words, ".")))

    def tears(self, words: Words) -> bool:
        """Whether the first two words are known here from within sentences alone."""
        return words[:2] in self.within and words[:2] not in self.begins


SEED: Final = tuple(map(sentence_words, split_sentences(tokenize(SEED_TEXT))))
SEED_RUNS: Final = Paths(SEED).runs


def seeded(words: Words) -> float:
    """The share of the runs of RUN words, or of the one shorter run, that the seed text has."""
    runs = runs_of(words) or (words,)
    return sum(run in SEED_RUNS for run in runs) / len(runs)


def fresh_sentences(tokens: Iterable[str], said: Collection[Words] = ()) -> dict[Words, list[str]]:
    """The sentences with an end, SHORTEST words at least, no word twice in a row, and words that
    were not `said`: by their words.
    """
    found: dict[Words, list[str]] = {}
    for sentence in split_sentences(tokens):
        words = sentence_words(sentence)
        stutters = any(one == other for one, other in pairwise(words))
        if (
            sentence[-1] in ENDINGS
            and len(words) >= SHORTEST
            and not stutters
            and words not in said
        ):
            found.setdefault(words, sentence)
    return found


def chosen(worths: Mapping[Words, float]) -> list[Words]:
    """The MOST worthy sentences, one less where that would be worth nothing, and STOCK of the seed
    text if there are others; none says again what a worthier one says.
    """
    kept: list[Words] = []
    used: set[Words] = set()
    stocked, stock = 0, set(filter(seeded, worths))
    for words in sorted(worths, key=worths.__getitem__, reverse=True):
        runs, most = runs_of(words), MOST if worths[words] > 0.0 else MOST - 1
        if words in stock:
            most = FEW if stocked < STOCK or len(stock) == len(worths) else 0
        if used.isdisjoint(runs) and len(kept) < most:
            stocked += words in stock
            used.update(runs)
            kept.append(words)
    return kept


def _told(*texts: Words) -> Iterator[list[str]]:
    """The sentences that tell something; the end of a typed line is the end of a sentence."""
    return chain.from_iterable(told_sentences((*text, *missing_end(text))) for text in texts)


def _openings(sentences: Iterable[Sequence[str]]) -> list[str]:
    return opening_words(chain.from_iterable(sentences))


class Remembered(NamedTuple):
    """The tokens of the session's last PROMPTS prompts, the newest first; the sentences of the
    field's last REPLIES replies; the tokens of each sentence told with words of the prompt.
    """

    heard: tuple[Words, ...] = ()
    said: frozenset[Words] = frozenset()
    told: tuple[Words, ...] = ()


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
        """CREATE TABLE resonance_told (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        word TEXT NOT NULL,
        sentence TEXT NOT NULL,
        UNIQUE (word, sentence)
    )""",
    )
    QUERIES: ClassVar[Mapping[str, str]] = {
        "heard": "SELECT words FROM resonance WHERE session = :session "
        f"ORDER BY id DESC LIMIT {PROMPTS}",
        "said": f"SELECT text FROM snapshots WHERE origin = 'leo' ORDER BY id DESC LIMIT {REPLIES}",
        # A word of few sentences says more about which of them is meant.
        "told": "SELECT sentence FROM resonance_told JOIN (SELECT word, 1000000 / count(*) AS rare "
        "FROM resonance_told WHERE word IN (SELECT rtrim(value, 's') FROM json_each(:words)) "
        "GROUP BY word) USING (word) GROUP BY sentence "
        f"ORDER BY sum(rare) DESC, max(id) DESC LIMIT {TELLINGS}",
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
            tuple(tuple(tokenize(text)) for (text,) in rows["told"]),
        )

    def learnt(self, texts: Sequence[str]) -> Sequence[str]:
        """What they tell: a question that was learnt would be said as an answer."""
        prompt, *memories = map(tokenize, texts)
        told = _told(tuple(prompt)), *map(told_sentences, memories)
        return [" ".join(chain.from_iterable(sentences)) for sentences in told]

    def hear(self, state: Remembered, moment: Moment) -> Heard:
        """Where sentences may begin, and what weighs more on the way."""
        return Heard(
            boosts=self._boosts(state, moment.tokens, self._weights(state, moment.tokens)),
            starts=dict.fromkeys(_openings(_told(*state.heard)), EARLIER * START)
            | dict.fromkeys(_openings(_told(moment.tokens)), START),
        )

    def after(self, state: Remembered, context: After, rng: Random) -> Changes:
        """Walk again what was told, then WALKS times, and more while there are not FEW fresh
        sentences; say the best of all that were found; keep what was heard.
        """
        weights = self._weights(state, context.tokens)
        boosts = self._boosts(state, (), weights)
        prompt = list(split_sentences(context.tokens[:MANY]))
        own, heard = list(map(sentence_words, prompt)), list(_told(*state.heard))
        named = list(map(sentence_words, state.told))
        # The prompt's own sentences would be an echo.
        said = state.said.difference(named[:FEW] if any(map(asks, prompt)) else ()).union(own)
        # What is meant and not named was told last, as a rule.
        last = (sentence for sentence in heard if sentence_words(sentence) not in state.said)
        told = [*state.told, *islice(last, FEW)]
        openings = _openings((*_told(context.tokens), *told, *heard))
        found = fresh_sentences(tokenize(context.text), said)
        for sentence in told * TRIES:
            if sentence_words(sentence) not in said.union(found):
                spoken = context.speak(
                    *(rng, CALM, dict.fromkeys(sentence, AGAIN), len(sentence)),
                    starts={sentence[0]: START},
                    openings=openings,
                )
                found = fresh_sentences(tokenize(spoken.text), said) | found
        walks, heat = 1, context.voice.temperature
        while walks < WALKS or (walks < MORE and len(found) < FEW):
            spoken = context.speak(rng, heat, boosts, STEPS, openings=openings)
            found = fresh_sentences(tokenize(spoken.text), said) | found
            walks += 1
        lines = map(sentence_words, (*_told(context.tokens[:MANY]), *told, *heard))
        paths = Paths((*SEED, *lines))
        answer = set(filter(is_telling, chain(*named))).difference(*own)
        weights |= dict.fromkeys(answer, TOLD)
        nearer = {sentence_words(one): 1.0 / place for place, one in enumerate(told, 1)}
        echo = {run for words in own for run in runs_of(words)}
        worths = {
            words: fsum(sorted(filter(None, map(weights.get, set(words))))[-ENOUGH:]) / ENOUGH
            + nearer.get(words, 0.0)
            - SEEDED * (seeded(words) > 0.0)
            - ECHO * sum(map(echo.__contains__, runs_of(words)))
            - ASKED * (sentence[-1] == "?")
            - ASTRAY * paths.astray(words)
            - TORN * paths.tears(words)
            for words, sentence in found.items()
        }
        best = [token for words in chosen(worths) for token in found[words]]
        return Changes(text=compose(best) or None, puts=self._kept(context))

    @staticmethod
    def _kept(context: After) -> tuple[Put, ...]:
        """What was heard, and the sentences that tell something, by their words."""
        told = [
            (word.lower().rstrip("s"), " ".join(sentence))
            for sentence in _told(context.tokens[:MANY])
            if SHORTEST <= len(sentence) <= len(" ".join(sentence)) <= LONGEST
            for word in sentence
            if is_telling(word)
        ]
        heard = json.dumps(context.tokens[:MANY])
        return (
            insert("resonance", "session, words", ((context.session, heard),)),
            Put(
                "DELETE FROM resonance WHERE session = ? AND id NOT IN (SELECT id FROM "
                "resonance WHERE session = ? ORDER BY id DESC LIMIT ?)",
                ((context.session, context.session, PROMPTS),),
            ),
            # Of sessions that have not spoken for so many prompts nothing is kept.
            keep_newest("resonance", KEPT),
            insert("resonance_told", "word, sentence", told, replace=True),
            keep_newest("resonance_told", KEPT),
        )

    @staticmethod
    def _weights(state: Remembered, tokens: Iterable[str]) -> dict[str, float]:
        """Word -> weight in (0, 1]: 1 for this prompt's words, less for older ones."""
        found: dict[str, float] = {}
        for age, heard in enumerate((tokens, *state.heard)):
            for word in content_words(heard):
                found.setdefault(word, FADING**age)
        return found

    @staticmethod
    def _boosts(state: Remembered, tokens: Words, weights: Mapping[str, float]) -> dict[str, float]:
        """Token -> boost, with the spelling of the prompts."""
        words = list(filter(is_word, tokens))
        spelled = {token.lower(): token for token in (*chain(*state.heard[::-1]), *words)}
        boosts = dict.fromkeys(words, PATH)
        boosts |= {spelled.get(word, word): BOOST * weight for word, weight in weights.items()}
        return boosts
