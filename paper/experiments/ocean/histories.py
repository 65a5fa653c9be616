"""One stream of texts, the faults that strike one observation of it, and what they move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Any, Final, NamedTuple

import numpy as np

from leo.field.seed import SEED_TEXT
from leo.field.text import tokenize
from leo.observers import THEMES, TURNS, ScriptedObserver
from leo.observers.themes import FILLERS, SENTENCES
from paper.experiments.ocean.learners import Floats, Learner, Text

NONE: Final = "none"
FAULTS: Final = ("stale", "lost", "doubled", "reordered", "torn")
# Two observations in the wrong order are both there after the second.
SETTLED: Final = dict.fromkeys(FAULTS, 0) | {"reordered": 1}

# A text no longer than this many tokens is one observation; the seed text is cut into some.
LONGEST: Final = 32
WORDS: Final = 19
# How often a text of the corpus was heard before the stream: each is given one of these.
HEARD: Final = (0, 1, 2, 4, 8, 16, 32)
REPLIES: Final = 8
LENGTH: Final = 12
ELSEWHERE: Final = 32

SAID: Final = [
    *(sentence for prompts in THEMES.values() for sentence in prompts),
    *(sentence for sentences in SENTENCES.values() for sentence in sentences),
    *FILLERS,
]
VOCABULARY: Final = sorted({token for text in (SEED_TEXT, *SAID) for token in tokenize(text)})
IDS: Final = {token: id for id, token in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class Stream:
    """`heard`: the corpus in the order in which it was learned. `before`: the observations until
    the fault; `messages`: the one that it strikes, and those that follow. `probes`: prefixes of the
    corpus that the struck observation says nothing about, each with the token that follows.
    """

    heard: list[Text]
    before: list[Text]
    messages: list[Text]
    probes: list[tuple[Text, int]]

    @property
    def touched(self) -> list[tuple[Text, int]]:
        """The prefixes of the struck observation, each with the token that follows."""
        return _prefixes(self.messages[0])


def stream_of(chance: int, moment: int, horizon: int) -> Stream:
    """The stream of a seed: `moment` observations, the struck one, and `horizon` more."""
    rng = Random(chance)
    seed_text = _ids(SEED_TEXT)
    corpus = [seed_text[at : at + LONGEST] for at in range(0, len(seed_text), LONGEST)]
    corpus += [_ids(text) for text in SAID]
    heard = [text for text in corpus for _ in range(rng.choice(HEARD))]
    rng.shuffle(heard)
    observer = ScriptedObserver(WORDS, chance % 1_000_003)
    themes, first = list(THEMES), rng.randrange(len(THEMES))
    said = [
        _ids(observer.say(themes[(first + turn // TURNS) % len(themes)], turn % TURNS))
        for turn in range(moment + 1 + horizon)
    ]
    struck = said[moment]
    mine = {prefix[-2:] for prefix, _ in _prefixes(struck)} | {(token,) for token in struck}
    other = [
        (prefix, token)
        for text in sorted(set(heard))
        for prefix, token in _prefixes(text)
        if prefix[-2:] not in mine and prefix[-1:] not in mine
    ]
    return Stream(heard, said[:moment], said[moment:], rng.sample(other, ELSEWHERE))


def _ids(text: str) -> Text:
    return tuple(IDS[token] for token in tokenize(text))


def _prefixes(text: Text) -> list[tuple[Text, int]]:
    return [(text[:end], text[end]) for end in range(2, len(text))]


def histories(
    learner: Learner, before: Any, messages: Sequence[Text], fault: str, chance: int
) -> Iterator[Any]:
    """The states that are read after each message, when a fault (or NONE) struck the first.

    stale: read before the observation is there, once. lost: it never comes. doubled: it comes
    twice. reordered: it comes after the next one. torn: half of the parts do not get it.
    """
    first, *later = messages
    right = learner.observe(before, first)
    read = kept = right
    if fault == "stale":
        read = before
    elif fault in ("lost", "reordered"):
        read = kept = before
    elif fault == "doubled":
        read = kept = learner.observe(right, first)
    elif fault == "torn":
        read = kept = learner.torn(before, right, Random(chance))
    yield read
    for number, message in enumerate(later):
        kept = learner.observe(kept, message)
        if fault == "reordered" and number == 0:
            kept = learner.observe(kept, first)
        yield kept


class Seen(NamedTuple):
    """What a state says: of the touched contexts, of those elsewhere, and some replies."""

    touched: Floats
    elsewhere: Floats
    replies: list[Text]


def seen(learner: Learner, state: Any, stream: Stream, lag: int, chance: int) -> Seen:
    """Look at a state after the message of a lag. A reply goes on from a place in that message;
    places and randomness depend on `chance` and the lag alone, and are common to all learners.
    """
    rng = np.random.default_rng([chance, lag])
    message = stream.messages[lag]
    ends = rng.integers(2, len(message), REPLIES)
    # A choice by Gumbel's noise: two distributions that are close choose the same, in any order
    # of the tokens.
    noise = rng.gumbel(size=(LENGTH, REPLIES, len(VOCABULARY)))
    said = [message[:end] for end in ends]
    for step in noise:
        with np.errstate(divide="ignore"):
            logs = np.log(learner.shares(state, said))
        said = [(*text, int(id)) for text, id in zip(said, (logs + step).argmax(1), strict=True)]
    return Seen(
        learner.shares(state, [prefix for prefix, _ in stream.touched]),
        learner.shares(state, [prefix for prefix, _ in stream.probes]),
        [text[-LENGTH:] for text in said],
    )


def compared(right: Seen, wrong: Seen) -> dict[str, float]:
    """Mean total variation, touched and elsewhere; the shares of replies and of words apart."""
    pairs = list(zip(right.replies, wrong.replies, strict=True))
    return {
        "touched": float(apart(right.touched, wrong.touched).mean()),
        "elsewhere": float(apart(right.elsewhere, wrong.elsewhere).mean()),
        "different": fmean(one != other for one, other in pairs),
        "apart": fmean(
            1 - (Counter(one) & Counter(other)).total() / LENGTH for one, other in pairs
        ),
    }


def apart(one: Floats, other: Floats) -> Floats:
    """Total variation, row by row: half the sum of the absolute differences."""
    distances: Floats = np.abs(one - other).sum(axis=1) / 2
    return distances


def gain(learner: Learner, before: Any, after: Any, asked: Sequence[tuple[Text, int]]) -> float:
    """How much likelier the tokens that follow have become, in the mean."""
    prefixes, tokens = [prefix for prefix, _ in asked], [token for _, token in asked]
    place = np.arange(len(asked))
    more = learner.shares(after, prefixes) - learner.shares(before, prefixes)
    return float(more[place, tokens].mean())
