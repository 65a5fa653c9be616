"""Dream: now and then a private dialogue with an imaginary friend (organism, section 15g).

Each turn is an inner reply in an inner session, and its row is written in the transaction of that
reply. So an interrupted dialogue has whole turns only; it stays unfinished, and the next dialogue
starts from its beginning. (In the published program the friend never spoke.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.field.measure import Pulse
from leo.field.seed import SEED_TEXT
from leo.field.sentences import missing_end
from leo.field.text import ENDINGS, compose, tokenize
from leo.reply.context import After, Changes, Inner, InnerReply
from leo.reply.module import Module, insert, keep_newest
from leo.store.rows import Put, Rows

PAUSE: Final = 180.0
CHANCE: Final = 0.3
TURNS: Final = 4
MAX_TOKENS: Final = 50
SHORTEST: Final = 5
CHOSEN: Final = 3
KEPT: Final = 20
FADE, LIGHTEST, HEAVIEST = 0.98, 0.1, 2.0
# Dialogues that stay to be looked at later; the newest of a session is what is read, and
# at one in three minutes the oldest of these has long ended.
DIALOGS: Final = 512
SPEAKERS: Final = ("leo", "friend")


class Fragment(NamedTuple):
    """Something to dream about, and its weight in (0, 2]."""

    text: str
    weight: float


class DreamTurn(NamedTuple):
    """What was said in a dialogue, by whom, and how it was."""

    speaker: str
    text: str
    trauma: float
    arousal: float


@dataclass(frozen=True, slots=True)
class DreamState:
    """When the last dialogue of the field began (seconds); the open one of this session and its
    turns; the fragments, the heaviest first.
    """

    last: float | None
    dialog: int | None
    turns: tuple[DreamTurn, ...]
    fragments: tuple[Fragment, ...]


def temperature(speaker: str, pulse: Pulse, trauma: float) -> float:
    """Leo: .8 + .2 entropy. The friend: .9 if trauma > .7, else 1.1 if arousal > .6, else .95."""
    if speaker == "leo":
        return 0.8 + 0.2 * pulse.entropy
    return 0.9 if trauma > 0.7 else 1.1 if pulse.arousal > 0.6 else 0.95


def choose(fragments: Sequence[Fragment], rng: Random) -> list[str]:
    """Up to three fragments, each taken with the probability weight / total, in their order."""
    total = math.fsum(fragment.weight for fragment in fragments)
    taken = [fragment.text for fragment in fragments if rng.random() * total <= fragment.weight]
    return taken[:CHOSEN]


def faded(fragments: Sequence[Fragment], turns: Sequence[DreamTurn]) -> list[Fragment]:
    """The fragments after a dialogue: all fade by 2 %, moved words of the friend are added, those
    below 0.1 go, the 20 heaviest stay.

    A friend's turn with arousal or trauma above .6 weighs .3 + .2 trauma + .1 arousal, at most 2.
    """
    weights = {fragment.text: fragment.weight * FADE for fragment in fragments}
    for turn in turns:
        if turn.speaker == "friend" and max(turn.arousal, turn.trauma) > 0.6:
            added = 0.3 + 0.2 * turn.trauma + 0.1 * turn.arousal
            weights[turn.text] = min(HEAVIEST, weights.get(turn.text, 0.0) + added)
    left = [Fragment(text, weight) for text, weight in weights.items() if weight >= LIGHTEST]
    return sorted(left, key=lambda fragment: (-fragment.weight, fragment.text))[:KEPT]


class Dream(Module[DreamState]):
    """The gate after a reply; the turns, one inner reply each; the fragments at the end."""

    name = "dream"
    READS = frozenset({"dream"})
    WRITES = frozenset({"dream"})
    USES_CHANCE = frozenset({"after"})
    INNER = frozenset({"dream"})
    DDL = (
        """CREATE TABLE dream_dialogs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session TEXT NOT NULL,
        started_at REAL NOT NULL,
        finished_at REAL,
        turns INTEGER NOT NULL DEFAULT 0,
        trauma REAL NOT NULL DEFAULT 0,
        arousal REAL NOT NULL DEFAULT 0
    )""",
        """CREATE TABLE dream_turns (
        dialog_id INTEGER NOT NULL REFERENCES dream_dialogs(id),
        place INTEGER NOT NULL,
        speaker TEXT NOT NULL,
        text TEXT NOT NULL,
        trauma REAL NOT NULL,
        novelty REAL NOT NULL,
        arousal REAL NOT NULL,
        entropy REAL NOT NULL,
        PRIMARY KEY (dialog_id, place)
    ) WITHOUT ROWID""",
        """CREATE TABLE dream_fragments (
        text TEXT PRIMARY KEY,
        weight REAL NOT NULL
    ) WITHOUT ROWID""",
        "CREATE INDEX dream_dialogs_session ON dream_dialogs (session, id)",
    )
    QUERIES: ClassVar[Mapping[str, str]] = {
        "last": "SELECT started_at FROM dream_dialogs ORDER BY id DESC LIMIT 1",
        "dialog": "SELECT id, finished_at FROM dream_dialogs WHERE session = :session "
        "ORDER BY id DESC LIMIT 1",
        "turns": "SELECT speaker, text, trauma, arousal FROM dream_turns WHERE dialog_id = "
        "(SELECT max(id) FROM dream_dialogs WHERE session = :session) ORDER BY place",
        "fragments": "SELECT text, weight FROM dream_fragments ORDER BY weight DESC, text",
    }

    def __init__(self, bootstrap: str = SEED_TEXT) -> None:
        self.seeds: Final = _sentences(bootstrap)

    def load(self, rows: Rows) -> DreamState:
        """A field that has never dreamt begins with the sentences of its seed text."""
        stored = tuple(Fragment._make(row) for row in rows["fragments"])
        return DreamState(
            next((at for (at,) in rows["last"]), None),
            next((id for id, finished in rows["dialog"] if finished is None), None),
            tuple(DreamTurn._make(row) for row in rows["turns"]),
            stored or self.seeds,
        )

    def gate(self, state: DreamState, context: After, rng: Random) -> bool:
        """At least 180 s after the last dialogue, and hurt (> .5), surprised (> .7) or of middling
        quality (.35 to .55), and then three times in ten.
        """
        if state.last is not None and context.now - state.last < PAUSE:
            return False
        middling = 0.35 <= context.quality.overall <= 0.55
        moved = context.facts.trauma > 0.5 or context.pulse.novelty > 0.7 or middling
        return moved and rng.random() <= CHANCE

    def after(self, state: DreamState, context: After, rng: Random) -> Changes:
        """After a reply: perhaps begin a dialogue. After a turn: keep it, and go on or end."""
        if context.inner is not None:
            return self._turn(state, context, context.inner.place, rng)
        if not self.gate(state, context, rng):
            return Changes()
        begun = insert("dream_dialogs", "session, started_at", ((context.session, context.now),))
        seed = f"{context.prompt}{missing_end(context.tokens)} {context.text}".strip()
        first = self._next(0, [seed, *choose(state.fragments, rng)], context)
        old = "(SELECT max(id) FROM dream_dialogs) - ?"
        forgotten = (
            Put(f"DELETE FROM dream_turns WHERE dialog_id <= {old}", ((DIALOGS,),)),
            keep_newest("dream_dialogs", DIALOGS),
        )
        return Changes(puts=(begun, *forgotten), inner=(first,))

    def _turn(self, state: DreamState, context: After, index: int, rng: Random) -> Changes:
        if state.dialog is None:
            return Changes()
        pulse, dialog = context.pulse, state.dialog
        turn = DreamTurn(SPEAKERS[index % 2], context.text, context.trauma, pulse.arousal)
        row = (
            *(dialog, index, turn.speaker, turn.text, turn.trauma),
            *(pulse.novelty, pulse.arousal, pulse.entropy),
        )
        columns = "dialog_id, place, speaker, text, trauma, novelty, arousal, entropy"
        said = insert("dream_turns", columns, (row,))
        turns = (*state.turns, turn)
        if len(context.text) < SHORTEST or index + 1 == TURNS:
            return Changes(puts=(said, *self._finish(state, dialog, turns, context.now)))
        following = self._next(index + 1, [*choose(state.fragments, rng), context.text], context)
        return Changes(puts=(said,), inner=(following,))

    @staticmethod
    def _next(index: int, parts: Sequence[str], context: After) -> InnerReply:
        trauma = context.trauma if context.inner is not None else context.facts.trauma
        return InnerReply(
            f"{context.session}~dream",
            " ".join(parts),
            temperature(SPEAKERS[index % 2], context.pulse, trauma),
            MAX_TOKENS,
            Inner("dream", index),
            context.session,
        )

    @staticmethod
    def _finish(
        state: DreamState, dialog: int, turns: Sequence[DreamTurn], now: float
    ) -> tuple[Put, ...]:
        count = len(turns)
        trauma = math.fsum(turn.trauma for turn in turns) / count
        arousal = math.fsum(turn.arousal for turn in turns) / count
        return (
            Put(
                "UPDATE dream_dialogs SET finished_at = ?, turns = ?, trauma = ?, arousal = ? "
                "WHERE id = ?",
                ((now, count, trauma, arousal, dialog),),
            ),
            Put("DELETE FROM dream_fragments", ((),)),
            insert("dream_fragments", "text, weight", faded(state.fragments, turns)),
        )


def _sentences(text: str) -> tuple[Fragment, ...]:
    """The first sentences of the seed text, all of weight 1."""
    found: dict[str, None] = {}
    sentence: list[str] = []
    for token in tokenize(text):
        sentence.append(token)
        if token in ENDINGS:
            found.setdefault(compose(sentence))
            sentence = []
    return tuple(Fragment(text, 1.0) for text in list(found)[:KEPT])
