"""RAGBrain: the log of episodes, and the outcome of those that are similar (organism, section 14).

Before a reply is generated, the module looks up which expert did best in similar states, and leans
a little towards that expert (nothing read the published log). The log is written with the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from random import Random
from typing import Any, ClassVar, Final, NamedTuple

from leo.field.draw import plain_sum
from leo.modules.mathstate import SCALARS, MathState, spoken_state, unspoken_state
from leo.reply.context import After, Before, Changes, Hints
from leo.reply.module import Module, insert, keep_newest
from leo.reply.voice import EXPERTS
from leo.store.rows import Put, Rows

# The published query looks at 1000 (asynchronously at 500); a reply has ten milliseconds for
# everything.
NEWEST: Final = 64
# As many as the published query could ever see; what is older has no reader.
KEPT: Final = 1000
LEAN: Final = 0.1
ALIKE: Final = 0.05
GOOD: Final = 0.6


class Episode(NamedTuple):
    """A state, its quality in [0, 1], and when it was (seconds)."""

    state: MathState
    quality: float
    at: float


@dataclass(frozen=True, slots=True)
class Summary:
    """How many episodes; their mean quality and the best; their mean distance. All 0 for none."""

    count: int
    avg_quality: float
    max_quality: float
    mean_distance: float


def unit_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """1 - cosine of two vectors of length 1, or 0: in [0, 2]; 1 when a vector is zero."""
    return min(2.0, max(0.0, 1.0 - plain_sum(map(mul, one, other))))


# A reply reads what the one before it read, and one episode more.
@lru_cache(maxsize=16 * NEWEST)
def _episode(row: tuple[Any, ...]) -> Episode:
    """The episode of a row of the query."""
    return Episode(MathState(*row[:-2]), float(row[-2]), float(row[-1]))


class RAGBrain(Module[tuple[Episode, ...]]):
    """A log of what was asked, what was said, and how good it was: the KEPT newest."""

    name = "ragbrain"
    READS = frozenset({"episodes", "view"})
    WRITES = frozenset({"episodes"})
    DDL = (
        "CREATE TABLE episodes (id INTEGER PRIMARY KEY, at REAL NOT NULL, session TEXT NOT NULL, "
        "prompt TEXT NOT NULL, reply TEXT NOT NULL, expert TEXT NOT NULL, "
        + "".join(f"{name} REAL NOT NULL, " for name in SCALARS)
        + "quality REAL NOT NULL)",
        "CREATE INDEX episodes_at ON episodes (at)",
    )
    QUERIES: ClassVar[Mapping[str, str]] = {
        "episodes": f"SELECT {', '.join(SCALARS)}, expert, quality, at FROM episodes "
        f"ORDER BY id DESC LIMIT {NEWEST}"
    }

    def load(self, rows: Rows) -> tuple[Episode, ...]:
        """The newest episodes, the newest first."""
        return tuple(map(_episode, rows["episodes"]))

    def query_similar(
        self, episodes: Sequence[Episode], state: MathState, top: int = 5, min_quality: float = 0.0
    ) -> list[tuple[float, Episode]]:
        """The `top` nearest by cosine distance with at least that quality; the newer one if equal.

        The distance looks at the sixteen numbers; the expert is what one wants to learn from it.
        """
        found = [
            (unit_distance(state.unit, episode.state.unit), place, episode)
            for place, episode in enumerate(episodes)
            if episode.quality >= min_quality
        ]
        return [(far, episode) for far, _, episode in sorted(found, key=lambda it: it[:2])[:top]]

    def get_summary_for_state(
        self, episodes: Sequence[Episode], state: MathState, top: int = 10
    ) -> Summary:
        """What came of the `top` nearest, in four numbers: for a person who asks why."""
        found = self.query_similar(episodes, state, top)
        if not found:
            return Summary(0, 0.0, 0.0, 0.0)
        qualities = [episode.quality for _, episode in found]
        count = len(found)
        return Summary(
            count,
            plain_sum(qualities) / count,
            max(qualities),
            plain_sum(far for far, _ in found) / count,
        )

    def puts(self, prompt: str, reply: str, session: str, episode: Episode) -> tuple[Put, ...]:
        """The row of one episode; `reply` is the text after the inner voice had its say."""
        state, quality = episode.state, min(1.0, max(0.0, episode.quality))
        row = (
            episode.at,
            session,
            prompt,
            reply,
            state.expert if state.expert in EXPERTS else "structural",
            *state.scalars(),
            quality,
        )
        columns = f"at, session, prompt, reply, expert, {', '.join(SCALARS)}, quality"
        return (insert("episodes", columns, (row,)), keep_newest("episodes", KEPT))

    def before(self, state: tuple[Episode, ...], context: Before, rng: Random) -> Hints:
        """Lean towards the expert of the best of the like episodes, by 0.1 of its quality."""
        near = self.query_similar(state, unspoken_state(context), min_quality=GOOD)
        like = [episode for far, episode in near if far <= ALIKE]
        if not like:
            return Hints()
        best = max(like, key=lambda episode: episode.quality)
        return Hints(weights={best.state.expert: LEAN * best.quality})

    def after(self, state: tuple[Episode, ...], context: After, rng: Random) -> Changes:
        """Log the episode."""
        episode = Episode(spoken_state(context), context.quality.overall, context.now)
        return Changes(puts=self.puts(context.prompt, context.text, context.session, episode))
