"""FlowTracker: which themes come and go (organism, section 15b).

The key of a theme is its core word (the published tracker used positions in a list that was rebuilt
each time). A turn writes a row for itself and one per *active* theme, at most three; a theme
without a row in a turn was silent in it. As published, the current turn counts before trends are
computed. Its rows are written later, with the snapshot, so `recorded` computes the state that they
will give.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from random import Random
from typing import ClassVar, Final, NamedTuple

from leo.reply.context import After, Changes, Heard, Moment
from leo.reply.module import Module, insert, keep_newest
from leo.store.rows import Put, Rows, unpacked

HOUR: Final = 3600.0
WINDOW: Final = 6 * HOUR
# A trajectory reaches back so far, the slopes as far as WINDOW; older turns are let go.
KEPT: Final = 24 * HOUR
STEEP: Final = 0.1
# The newest turns are enough for a slope, and keep the cost of a reply level. Nobody reads others,
# so no others are kept; a theme keeps its one row, as a token does.
TURNS: Final = 64


class Point(NamedTuple):
    """A time in seconds, and the strength of a theme in the turn of that time."""

    at: float
    strength: float


@dataclass(frozen=True, slots=True)
class FlowState:
    """Turns (id, time), oldest first; theme -> turn id -> strength; words of the prompt's themes;
    the number of themes that were ever active.
    """

    turns: tuple[tuple[int, float], ...]
    strengths: dict[str, dict[int, float]]
    words: dict[str, frozenset[str]]
    total: int


class FlowTracker(Module[FlowState]):
    """Records the active themes of a reply; finds those that emerge and those that fade."""

    name = "flow"
    READS = frozenset({"flow", "view"})
    WRITES = frozenset({"flow"})
    DDL = (
        """CREATE TABLE flow_turns (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL
    )""",
        """CREATE TABLE flow_strengths (
        turn_id INTEGER NOT NULL REFERENCES flow_turns(id) ON DELETE CASCADE,
        theme TEXT NOT NULL,
        strength REAL NOT NULL,
        PRIMARY KEY (turn_id, theme)
    ) WITHOUT ROWID""",
        """CREATE TABLE flow_themes (
        theme TEXT PRIMARY KEY,
        first_at REAL NOT NULL,
        last_at REAL NOT NULL,
        activations INTEGER NOT NULL,
        words TEXT NOT NULL
    ) WITHOUT ROWID""",
        "CREATE INDEX flow_turns_at ON flow_turns (at)",
    )
    ARRAYS: ClassVar[Mapping[str, str]] = {"flow_themes.words": "'text'"}
    QUERIES: ClassVar[Mapping[str, str]] = {
        "turns": "SELECT id, at FROM flow_turns WHERE at >= :now - "
        f"{KEPT} ORDER BY id DESC LIMIT {TURNS}",
        "strengths": "SELECT theme, turn_id, strength FROM flow_strengths WHERE turn_id IN "
        f"(SELECT id FROM flow_turns WHERE at >= :now - {KEPT} ORDER BY id DESC LIMIT {TURNS}) "
        "ORDER BY theme, turn_id",
        "words": "SELECT theme, words FROM flow_themes "
        "WHERE theme IN (SELECT value FROM json_each(:tokens)) ORDER BY theme",
        "total": "SELECT count(*) FROM flow_themes",
    }

    def load(self, rows: Rows) -> FlowState:
        """The newest turns of a day: the reply asks for slopes, and a person for trajectories."""
        strengths: dict[str, dict[int, float]] = {}
        for theme, turn, strength in rows["strengths"]:
            strengths.setdefault(theme, {})[turn] = strength
        return FlowState(
            tuple(sorted((id, at) for id, at in rows["turns"])),
            strengths,
            {theme: frozenset(unpacked(words, "flow_themes")) for theme, words in rows["words"]},
            rows["total"][0][0],
        )

    def slopes(self, state: FlowState, now: float, window: float = WINDOW) -> dict[str, float]:
        """Theme -> least-squares slope of its strength per hour, for every theme that was active in
        the last turns; 0 with fewer than two different times.

        In a turn in which it was silent, its strength was 0: such turns add nothing to the sums.
        """
        turns = {id: at for id, at in state.turns if now - at <= window}
        if len(turns) < 2:
            return dict.fromkeys(sorted(state.strengths), 0.0)
        start = min(turns.values())
        hours = {id: (at - start) / HOUR for id, at in turns.items()}
        mean = fsum(hours.values()) / len(hours)
        spread = fsum((hour - mean) ** 2 for hour in hours.values())
        if spread == 0.0:
            return dict.fromkeys(sorted(state.strengths), 0.0)
        return {
            theme: fsum((hours[id] - mean) * s for id, s in own.items() if id in hours) / spread
            for theme, own in sorted(state.strengths.items())
        }

    def recorded(self, state: FlowState, now: float, scores: Mapping[str, float]) -> FlowState:
        """The state with one more turn at `now`, in which these themes were active."""
        turn = state.turns[-1][0] + 1 if state.turns else 1
        strengths = dict(state.strengths)
        for theme, score in scores.items():
            strengths[theme] = {**strengths.get(theme, {}), turn: float(score)}
        return replace(state, turns=(*state.turns, (turn, now))[-TURNS:], strengths=strengths)

    def get_trajectory(
        self, state: FlowState, theme: str, now: float, window: float = KEPT
    ) -> list[Point]:
        """The strengths of a theme in the last `window` seconds, oldest first; 0 where silent."""
        own = state.strengths.get(theme, {})
        return [Point(at, own.get(id, 0.0)) for id, at in state.turns if now - at <= window]

    def emerging(self, state: FlowState, now: float) -> list[tuple[str, float]]:
        """The themes whose strength rises by at least 0.1 per hour, the steepest first."""
        return _rising(self.slopes(state, now))

    def fading(self, state: FlowState, now: float) -> list[tuple[str, float]]:
        """The themes whose strength falls by at least 0.1 per hour, the steepest first."""
        return _falling(self.slopes(state, now))

    def hear(self, state: FlowState, moment: Moment) -> Heard:
        """The words of the known themes that the prompt names, and how many themes are known."""
        words = frozenset[str]().union(*state.words.values())
        return Heard(theme_words=words, themes_known=state.total)

    def after(self, state: FlowState, context: After, rng: Random) -> Changes:
        """Record the turn; tell the mean slopes of what emerges and of what fades with it."""
        now, themes = context.now, context.themes
        slopes = self.slopes(self.recorded(state, now, themes.scores), now)
        rising, falling = _rising(slopes), _falling(slopes)
        facts = replace(
            context.facts,
            emerging=_mean([slope for _, slope in rising]),
            fading=_mean([-slope for _, slope in falling]),
            active=len(themes.scores),
            total=max(state.total, len(themes.scores)),
        )
        strengths = tuple((theme, float(score)) for theme, score in themes.scores.items())
        known = tuple(
            (theme, now, now, json.dumps(sorted(words))) for theme, words in themes.words.items()
        )
        puts = (
            Put("DELETE FROM flow_turns WHERE at < ?", ((now - KEPT,),)),
            insert("flow_turns", "at", ((now,),)),
            keep_newest("flow_turns", TURNS),
            # The turn of this very transaction is the newest one.
            Put(
                "INSERT INTO flow_strengths (turn_id, theme, strength) "
                "SELECT max(id), ?, ? FROM flow_turns",
                strengths,
            ),
            Put(
                "INSERT INTO flow_themes (theme, first_at, last_at, activations, words) "
                "VALUES (?, ?, ?, 1, ?) ON CONFLICT (theme) DO UPDATE SET "
                "last_at = excluded.last_at, activations = activations + 1, words = excluded.words",
                known,
            ),
        )
        return Changes(puts=puts, facts=facts)


def _rising(slopes: Mapping[str, float]) -> list[tuple[str, float]]:
    found = [item for item in slopes.items() if item[1] >= STEEP]
    return sorted(found, key=lambda item: (-item[1], item[0]))


def _falling(slopes: Mapping[str, float]) -> list[tuple[str, float]]:
    found = [item for item in slopes.items() if item[1] <= -STEEP]
    return sorted(found, key=lambda item: (item[1], item[0]))


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values) if values else 0.0
