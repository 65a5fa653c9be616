"""School: asks what a name means, and takes the next prompt for the answer (organism, section 15d).

The answer is a prompt, and every reply observes its prompt: so the note, and the counts that the
field learns from the answer, belong to one reply. The question and the counters are rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.field.sentences import missing_end
from leo.field.text import ENDINGS, is_word, tokenize
from leo.reply.context import After, Changes, Heard, Moment
from leo.reply.module import Module, insert
from leo.store.rows import Put, Rows

COOLDOWN: Final = 5.0
DAY: Final = 24 * 3600.0
PER_SESSION: Final = 15
PER_HOUR: Final = 30
NOTE: Final = 4096
TOLD: Final = 100
TELLINGS: Final = 3
SHORTEST, LONGEST = 3, 40
# Capitalised for other reasons than being a name.
COMMON: Final = frozenset[str]().union(
    ("the", "this", "that", "these", "those", "and", "but", "not", "yes"),
    ("you", "your", "she", "her", "his", "him", "they", "them", "their", "our", "its", "it's"),
    ("who", "what", "why", "how", "when", "where", "which", "i'm", "i'll", "i've", "i'd"),
    # They are said to Leo, and about nothing else.
    ("leo",),
)

# A language that writes every noun with a capital.
GERMAN: Final = frozenset(
    ("ich", "und", "nicht", "ist", "das", "der", "ein", "eine", "mir", "mein")
)


class Note(NamedTuple):
    """A word: how it was written, and what it was said to mean (None: asked, not answered)."""

    display: str
    note: str | None


@dataclass(frozen=True, slots=True)
class Roll:
    """A session's questions: how many, when the last (seconds), about which word, still open?"""

    asked: int = 0
    at: float | None = None
    last: str = ""
    pending: bool = False

    def asked_by(self, now: float) -> int:
        """The number of questions that still count: none after a day without one."""
        return 0 if self.at is None or now - self.at >= DAY else self.asked


@dataclass(frozen=True, slots=True)
class SchoolState:
    """Notes of the prompt's words and the pending one; the roll; the number of the last hour's."""

    notes: dict[str, Note]
    roll: Roll
    touched: int


def candidates(text: str) -> list[str]:
    """Words one might ask about: capitalised, 3 to 40 letters, not at the beginning of a sentence,
    no pronoun or article, not written in capitals alone; each once, in order. None in German.
    """
    found: dict[str, None] = {}
    begins = True
    tokens = tokenize(text)
    if not GERMAN.isdisjoint(map(str.lower, tokens)):
        return []
    for token in tokens:
        if not is_word(token):
            begins = begins or token in ENDINGS
            continue
        name = token[0].isupper() and not token.isupper() and token.lower() not in COMMON
        if not begins and name and SHORTEST <= len(token) <= LONGEST:
            found.setdefault(token)
        begins = False
    return list(found)


class School(Module[SchoolState]):
    """`WRITES` has `ngrams` for the notes that it recalls and has observed with the prompt."""

    name = "school"
    READS = frozenset({"school"})
    WRITES = frozenset({"ngrams", "school"})
    DDL = (
        """CREATE TABLE school_notes (
        word TEXT PRIMARY KEY,
        display TEXT NOT NULL,
        note TEXT,
        first_at REAL NOT NULL,
        last_at REAL NOT NULL,
        times_asked INTEGER NOT NULL
    ) WITHOUT ROWID""",
        """CREATE TABLE school_roll (
        session TEXT PRIMARY KEY,
        asked INTEGER NOT NULL,
        at REAL NOT NULL,
        last TEXT NOT NULL,
        pending INTEGER NOT NULL
    ) WITHOUT ROWID""",
        "CREATE INDEX school_notes_last_at ON school_notes (last_at)",
    )
    QUERIES: ClassVar[Mapping[str, str]] = {
        "notes": "SELECT word, display, note FROM school_notes "
        "WHERE word IN (SELECT value FROM json_each(:words)) "
        "OR word = (SELECT last FROM school_roll WHERE session = :session AND pending = 1) "
        "ORDER BY word",
        "roll": "SELECT asked, at, last, pending FROM school_roll WHERE session = :session",
        "touched": "SELECT count(*) FROM school_notes WHERE last_at > :now - 3600.0",
    }

    def load(self, rows: Rows) -> SchoolState:
        """What the reply needs to know: notes, roll, how busy the last hour was."""
        roll = next(
            (Roll(asked, at, last, bool(pending)) for asked, at, last, pending in rows["roll"]),
            Roll(),
        )
        notes = {word: Note(display, note) for word, display, note in rows["notes"]}
        return SchoolState(notes, roll, rows["touched"][0][0])

    def recall_knowledge(self, state: SchoolState, tokens: Sequence[str]) -> list[str]:
        """ "Word: note" for at most 3 words of the prompt, 100 characters of each note."""
        told: dict[str, str] = {}
        for token in tokens:
            known = state.notes.get(token.lower())
            if known is not None and known.note:
                told.setdefault(token.lower(), f"{known.display}: {_cut(known.note)}")
        return list(told.values())[:TELLINGS]

    def maybe_ask(self, state: SchoolState, context: After) -> str | None:
        """The word to ask about, as it was written, or None.

        Not within 5 s of the last question, nor more than 15 times in a session and day, nor when
        30 notes were touched within an hour; not when hurt (trauma > .7), excited (arousal > .85)
        or lost (entropy < .02 and quality < .3).
        """
        roll, pulse = state.roll, context.pulse
        soon = roll.at is not None and context.now - roll.at < COOLDOWN
        if soon or roll.asked_by(context.now) >= PER_SESSION or state.touched >= PER_HOUR:
            return None
        lost = pulse.entropy < 0.02 and context.quality.overall < 0.3
        if context.facts.trauma > 0.7 or pulse.arousal > 0.85 or lost:
            return None
        for word in candidates(context.prompt):
            known = state.notes.get(word.lower())
            if (known is None or not known.note) and word.lower() != roll.last:
                return word
        return None

    def register_answer(self, state: SchoolState, answer: str, now: float) -> tuple[Put, ...]:
        """Append the answer to the note of the word that was asked about, up to 4096 characters."""
        known = state.notes.get(state.roll.last)
        before = known.note if known is not None and known.note else ""
        note = f"{before}\n{answer}".strip()[:NOTE]
        sql = "UPDATE school_notes SET note = ?, last_at = ? WHERE word = ?"
        return (Put(sql, ((note, now, state.roll.last),)),)

    def hear(self, state: SchoolState, moment: Moment) -> Heard:
        """What was noted about the words of the prompt is observed with it."""
        return Heard(observe=tuple(self.recall_knowledge(state, moment.tokens)))

    def after(self, state: SchoolState, context: After, rng: Random) -> Changes:
        """Note the answer to the last question; perhaps ask the next one.

        A prompt without any token answers nothing: the question stays open.
        """
        roll, now = state.roll, context.now
        puts: tuple[Put, ...] = ()
        pending = roll.pending
        if pending and context.tokens:
            answer = f"{context.prompt}{missing_end(context.tokens)}"
            puts, pending = self.register_answer(state, answer, now), False
        word = None if roll.pending else self.maybe_ask(state, context)
        if word is not None:
            asked = Put(
                "INSERT INTO school_notes (word, display, first_at, last_at, times_asked) "
                "VALUES (?, ?, ?, ?, 1) ON CONFLICT (word) DO UPDATE SET "
                "last_at = excluded.last_at, times_asked = times_asked + 1",
                ((word.lower(), word, now, now),),
            )
            row = (context.session, roll.asked_by(now) + 1, now, word.lower(), 1)
            return Changes(puts=(*puts, asked, _enrol(row)), appended=f"{word}?")
        if pending != roll.pending:
            row = (context.session, roll.asked, roll.at or now, roll.last, 0)
            puts += (_enrol(row),)
        return Changes(puts=puts)


def _cut(note: str) -> str:
    """The note's beginning: not with half a word, which would be learnt as one."""
    if len(note) <= TOLD:
        return note
    return note[: TOLD + 1].rpartition(" ")[0] or note[:TOLD]


def _enrol(row: tuple[str, int, float, str, int]) -> Put:
    return insert("school_roll", "session, asked, at, last, pending", (row,), replace=True)
