"""GameEngine: which kind of turn follows which two (organism, section 15c).

The human's turn is noted in `hear`, so that the suggestion is for Leo's turn (the published engine
predicted the human's). Counts are added in the store, and the last two turns are a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.field.text import is_word, tokenize
from leo.reply.context import After, Before, Changes, Hints, Moment
from leo.reply.module import Module, insert
from leo.store.rows import Put, Rows

LOW, HIGH = 0.33, 0.66
META: Final = ("leo", "yourself", "your name", "you remember", "your field", "who are you")
QUESTIONS: Final = frozenset(
    ("what", "who", "why", "how", "when", "where", "which", "is", "are", "do", "does", "can")
)
SHORT, LONG = 20, 200
NOTHING: Final = "-"
TAKEN: Final = 256
BOOST: Final = 0.15
SOFTER, STRONGER = 0.9, 1.1
SHORTER, LONGER = 0.5, 1.25


class TurnType(NamedTuple):
    """A coarse kind of turn. Levels are "low", "mid", "high", or "-" where they do not apply."""

    role: str
    mode: str
    arousal: str
    trauma: str
    entropy: str
    theme: str
    expert: str
    quality: str

    def encode(self) -> str:
        """Its name: the eight parts, joined by a slash, which is in none of them."""
        return "/".join(self)

    @classmethod
    def decode(cls, name: str) -> TurnType:
        """The type of a name. Raises ValueError when it has not eight parts."""
        parts = name.split("/")
        if len(parts) != len(cls._fields):
            raise ValueError(f"{name!r} is not the name of a turn type: it has {len(parts)} parts")
        return cls(*parts)


class Suggestion(NamedTuple):
    """How the next turn might be. `tension` is "softer", "stronger" or "" for neither."""

    mode: str
    expert: str
    length: str
    tension: str
    confidence: float


@dataclass(frozen=True, slots=True)
class GameState:
    """The last two turns of the session; counts of what followed (last, human's) turns, for every
    human's turn; the commonest turn of Leo.
    """

    tail: tuple[str, str] | None
    followers: dict[str, dict[str, int]]
    commonest: str


def bucket(value: float) -> str:
    """ "low" below 0.33, "high" above 0.66, else "mid"."""
    return "low" if value < LOW else "high" if value > HIGH else "mid"


def mode_of(text: str) -> str:
    """ "meta", "q", "ack", "story" or "a"; the first that fits.

    meta: about Leo; q: a question mark or question word; ack: below 20 characters; story: above 200
    with an ellipsis, a dash or more than three full stops.
    """
    lowered = text.lower()
    words = [token.lower() for token in tokenize(text) if is_word(token)]
    if any(word in META for word in words) or any(key in lowered for key in META if " " in key):
        return "meta"
    if "?" in text or (words and words[0] in QUESTIONS):
        return "q"
    if len(text) < SHORT:
        return "ack"
    if len(text) > LONG and ("…" in text or "—" in text or text.count(".") > 3):
        return "story"
    return "a"


class GameEngine(Module[GameState]):
    """Learns second-order transitions between turn types, and hints at the next one."""

    name = "game"
    READS = frozenset({"game", "view"})
    WRITES = frozenset({"game"})
    USES_CHANCE = frozenset({"before"})
    DDL = (
        """CREATE TABLE game_transitions (
        first TEXT NOT NULL,
        second TEXT NOT NULL,
        third TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (first, second, third)
    ) WITHOUT ROWID""",
        """CREATE TABLE game_turns (
        type TEXT PRIMARY KEY,
        count INTEGER NOT NULL
    ) WITHOUT ROWID""",
        """CREATE TABLE game_tail (
        session TEXT PRIMARY KEY,
        human TEXT NOT NULL,
        leo TEXT NOT NULL
    ) WITHOUT ROWID""",
    )
    QUERIES: ClassVar[Mapping[str, str]] = {
        "tail": "SELECT human, leo FROM game_tail WHERE session = :session",
        "followers": "SELECT second, third, count FROM game_transitions WHERE first = "
        "(SELECT leo FROM game_tail WHERE session = :session) "
        f"ORDER BY count DESC, second, third LIMIT {TAKEN}",
        "commonest": "SELECT type FROM game_turns WHERE type LIKE 'leo/%' "
        "ORDER BY count DESC, type LIMIT 1",
    }

    def load(self, rows: Rows) -> GameState:
        """The session's tail and what is known to follow it."""
        followers: dict[str, dict[str, int]] = {}
        for second, third, count in rows["followers"]:
            followers.setdefault(second, {})[third] = count
        tail = next(((human, leo) for human, leo in rows["tail"]), None)
        commonest = next((name for (name,) in rows["commonest"]), "")
        return GameState(tail, followers, commonest)

    def human_turn(self, context: Moment) -> TurnType:
        """The type of the prompt, from what is known when it is heard."""
        return TurnType(
            "human",
            mode_of(context.prompt),
            bucket(context.arousal),
            bucket(context.trauma),
            *[NOTHING] * 4,
        )

    def leo_turn(self, context: After) -> TurnType:
        """The type of the reply."""
        return TurnType(
            "leo",
            mode_of(context.text),
            bucket(context.arousal),
            bucket(context.facts.trauma),
            bucket(context.pulse.entropy),
            "theme" if context.themes.scores else NOTHING,
            context.voice.expert,
            bucket(context.quality.overall),
        )

    def suggest_next(
        self, state: GameState, human: TurnType, rng: Random
    ) -> tuple[TurnType, Suggestion] | None:
        """A turn of Leo that may follow; None in the first exchange of a session.

        Sampled by count; the confidence is the largest share. Where nothing is known to follow, the
        commonest turn, with a confidence of 0.1.
        """
        if state.tail is None:
            return None
        known = state.followers.get(human.encode(), {})
        if known:
            names = sorted(known)
            name = rng.choices(names, [known[name] for name in names])[0]
            confidence = max(known.values()) / sum(known.values())
        elif state.commonest:
            name, confidence = state.commonest, 0.1
        else:
            return None
        turn = TurnType.decode(name)
        short = turn.mode == "ack" or turn.quality == "low"
        long = turn.mode == "story" or turn.arousal == "high"
        tension = ""
        if turn.arousal == "low" and turn.trauma == "high":
            tension = "softer"
        elif turn.arousal == "high" and turn.trauma != "low":
            tension = "stronger"
        length = "short" if short else "long" if long else "medium"
        return turn, Suggestion(turn.mode, turn.expert, length, tension, confidence)

    def before(self, state: GameState, context: Before, rng: Random) -> Hints:
        """Lean towards the suggested expert (0.15 confidence), tension and length."""
        found = self.suggest_next(state, self.human_turn(context), rng)
        if found is None:
            return Hints()
        hint = found[1]
        return Hints(
            weights={hint.expert: BOOST * hint.confidence},
            factor={"softer": SOFTER, "stronger": STRONGER}.get(hint.tension, 1.0),
            length={"short": SHORTER, "long": LONGER}.get(hint.length, 1.0),
        )

    def after(self, state: GameState, context: After, rng: Random) -> Changes:
        """Note the human's turn and Leo's."""
        human, leo = self.human_turn(context).encode(), self.leo_turn(context).encode()
        triples = []
        if state.tail is not None:
            triples = [(*state.tail, human), (state.tail[1], human, leo)]
        return Changes(
            puts=(
                Put(
                    "INSERT INTO game_transitions (first, second, third, count) "
                    "VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
                    tuple(triples),
                ),
                Put(
                    "INSERT INTO game_turns (type, count) VALUES (?, 1) "
                    "ON CONFLICT DO UPDATE SET count = count + 1",
                    ((human,), (leo,)),
                ),
                insert(
                    "game_tail",
                    "session, human, leo",
                    ((context.session, human, leo),),
                    replace=True,
                ),
            )
        )
