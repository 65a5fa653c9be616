"""Trauma: how much a prompt touches the words of the seed text (organism, section 15e).

What differs from the published program, whose level was 1 in every turn:

- The level is halved per day. The new level is half the prompt's score and half the old level, so a
  prompt that does not hurt heals: its score never raises the level.
- A word's weight is a function of the time since it was last touched, so its decay needs no write.
- Only content words of the prompt count. Novelty, arousal and entropy deepen a wound; they make
  none where no word is touched and the prompt does not ask who Leo is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.field.measure import Pulse
from leo.field.seed import SEED_TEXT
from leo.field.text import is_word, tokenize
from leo.reply.context import After, Changes, Heard, Moment
from leo.reply.module import Module, insert, keep_newest
from leo.store.rows import Put, Rows

THRESHOLD: Final = 0.3
HALF_LIFE: Final = 24 * 3600.0
FORGOTTEN: Final = 1e-4
RECENT: Final = 10
# The level looks at RECENT; so many stay to be looked at later.
EVENTS: Final = 512
MIN_LETTERS: Final = 5
# Long words that say nothing about anything; the shorter ones are left out by their length.
FUNCTION_WORDS: Final = frozenset[str]().union(
    ("about", "above", "across", "after", "again", "against", "almost", "along", "already"),
    ("although", "always", "among", "another", "anybody", "anyone", "anything", "around"),
    ("because", "before", "behind", "being", "below", "beneath", "beside", "between", "beyond"),
    ("could", "couldn't", "doesn't", "during", "either", "enough", "every", "everybody"),
    ("everyone", "everything", "except", "hasn't", "haven't", "having", "herself", "himself"),
    ("however", "inside", "instead", "itself", "little", "maybe", "might", "mostly", "myself"),
    ("neither", "never", "nobody", "nothing", "often", "other", "others", "ought", "ourselves"),
    ("outside", "perhaps", "quite", "rather", "really", "shall", "should", "shouldn't"),
    ("since", "somebody", "someone", "something", "sometimes", "still", "that's", "their"),
    ("theirs", "themselves", "there", "there's", "these", "they'll", "they're", "thing"),
    ("things", "those", "though", "through", "toward", "towards", "under", "unless", "until"),
    ("wasn't", "we'll", "we're", "weren't", "what's", "where", "whether", "which", "while"),
    ("whoever", "whose", "within", "without", "would", "wouldn't"),
    ("you'll", "you're", "yours", "yourself"),
)
# Questions about who one is, in whole words: no leopard asks one.
IDENTITY: Final = tuple(
    f" {phrase} "
    for phrase in ("who are you", "what are you", "are you real", "are you alive", "leo", "leo's")
)


class Event(NamedTuple):
    """A score in [0, 1] and its time in seconds."""

    score: float
    at: float


class Wound(NamedTuple):
    """What one prompt does: its score, the share of touched words, those words, sorted."""

    score: float
    overlap: float
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TraumaState:
    """The newest events, newest first; the level and its time; weights of words and their times."""

    events: tuple[Event, ...]
    level: Event
    words: dict[str, Event]


def decay(value: float, age: float) -> float:
    """Half of it per day (`age` in seconds), and nothing below 0.0001."""
    left = float(value * 0.5 ** (max(0.0, age) / HALF_LIFE))
    return left if left >= FORGOTTEN else 0.0


def content_words(text: str) -> frozenset[str]:
    """The words of a text without case, those that are long enough and mean something."""
    return _content(_words(text))


def _words(text: str) -> list[str]:
    return [token.lower() for token in tokenize(text) if is_word(token)]


def _content(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word for word in words if len(word) >= MIN_LETTERS) - FUNCTION_WORDS


class Trauma(Module[TraumaState]):
    """Gives the level to the modules after it; scores every prompt; writes the strong events."""

    name = "trauma"
    READS = frozenset({"trauma"})
    WRITES = frozenset({"trauma"})
    INNER = frozenset({"ring", "dream"})
    DDL = (
        """CREATE TABLE trauma_events (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        score REAL NOT NULL,
        overlap REAL NOT NULL,
        novelty REAL NOT NULL,
        arousal REAL NOT NULL,
        entropy REAL NOT NULL
    )""",
        """CREATE TABLE trauma_words (
        word TEXT PRIMARY KEY,
        weight REAL NOT NULL,
        at REAL NOT NULL
    ) WITHOUT ROWID""",
        """CREATE TABLE trauma_level (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        level REAL NOT NULL,
        at REAL NOT NULL
    )""",
    )
    # The table of words is no longer than the list of long words in the seed text.
    QUERIES: ClassVar[Mapping[str, str]] = {
        "events": f"SELECT score, at FROM trauma_events ORDER BY id DESC LIMIT {RECENT}",
        "level": "SELECT level, at FROM trauma_level",
        "words": "SELECT word, weight, at FROM trauma_words ORDER BY word",
    }

    def __init__(self, bootstrap: str = SEED_TEXT) -> None:
        self.bootstrap: Final = content_words(bootstrap)

    def load(self, rows: Rows) -> TraumaState:
        """What the store remembers; a level of 0 when it was never hurt."""
        return TraumaState(
            tuple(Event._make(row) for row in rows["events"]),
            next((Event._make(row) for row in rows["level"]), Event(0.0, 0.0)),
            {word: Event(weight, at) for word, weight, at in rows["words"]},
        )

    def level(self, state: TraumaState, now: float) -> float:
        """The level in [0, 1] at the time `now`, in seconds."""
        return decay(state.level.score, now - state.level.at)

    def score(self, prompt: str, pulse: Pulse) -> Wound:
        """min(1, 2 overlap) + .3 novelty + .4 arousal + .2 entropy + .2 for a question of identity.

        Clamped to [0, 1]. overlap: the share of the prompt's words that are in the seed text. What
        touches none of these and asks no such question has a score of 0.
        """
        said = _words(prompt)
        words = _content(said)
        touched = words & self.bootstrap
        heard = f" {' '.join(said)} "
        asked = any(phrase in heard for phrase in IDENTITY)
        if not touched and not asked:
            return Wound(0.0, 0.0, ())
        overlap = len(touched) / len(words) if words else 0.0
        score = min(1.0, 2.0 * overlap) + 0.3 * pulse.novelty + 0.4 * pulse.arousal
        score += 0.2 * pulse.entropy + 0.2 * asked
        return Wound(min(1.0, score), overlap, tuple(sorted(touched)))

    def top_words(self, state: TraumaState, now: float) -> list[tuple[str, float]]:
        """The five heaviest words with what is left of their weights."""
        left = [(word, decay(event.score, now - event.at)) for word, event in state.words.items()]
        heavy = [item for item in left if item[1] > 0.0]
        return sorted(heavy, key=lambda item: (-item[1], item[0]))[:5]

    def hear(self, state: TraumaState, moment: Moment) -> Heard:
        """The level that the reply begins with."""
        return Heard(trauma=self.level(state, moment.now))

    def after(self, state: TraumaState, context: After, rng: Random) -> Changes:
        """Score the prompt: .5 score + .5 mean of the last ten events is the new level.

        Below THRESHOLD there is no event, and the level heals: .5 score + .5 level, if less.
        """
        if context.inner is not None:
            return Changes()
        wound = self.score(context.prompt, context.pulse)
        now = context.now
        if wound.score < THRESHOLD:
            old = self.level(state, now)
            level = min(old, 0.5 * wound.score + 0.5 * old)
            return self._levelled(context, level, ())
        events = [Event(wound.score, now), *state.events][:RECENT]
        level = 0.5 * wound.score + 0.5 * _mean(decay(e.score, now - e.at) for e in events)
        return self._levelled(context, level, self._event(state, context, wound))

    @staticmethod
    def _levelled(context: After, level: float, puts: tuple[Put, ...]) -> Changes:
        put = insert("trauma_level", "id, level, at", ((1, level, context.now),), replace=True)
        return Changes(puts=(*puts, put), facts=replace(context.facts, trauma=level))

    @staticmethod
    def _event(state: TraumaState, context: After, wound: Wound) -> tuple[Put, ...]:
        pulse, now = context.pulse, context.now
        event = (now, wound.score, wound.overlap, pulse.novelty, pulse.arousal, pulse.entropy)
        weights = []
        for word in wound.words:
            old = state.words.get(word, Event(0.0, now))
            weights.append((word, decay(old.score, now - old.at) + wound.score, now))
        columns = "at, score, overlap, novelty, arousal, entropy"
        return (
            insert("trauma_events", columns, (event,)),
            keep_newest("trauma_events", EVENTS),
            insert("trauma_words", "word, weight, at", weights, replace=True),
        )


def _mean(values: Iterable[float]) -> float:
    listed: Sequence[float] = list(values)
    return fsum(listed) / len(listed)
