"""The published comparison's differences as switches of the reference organism.

Each switch has the synchronous side (False) and the asynchronous one (True). The metric is no
property of a run: every reply is measured by both definitions. So 32 kinds of runs give 64 arms.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from leo.field.view import Centres
from leo.modules import Module, SantaKlaus
from leo.observers import THEMES, TURNS, ScriptedObserver
from leo.reply.context import Before, Hints
from leo.store.rows import Rows
from paper.experiments.arms import CHORUS, Heard, converse, digest, scores_of
from paper.experiments.experiment import Row

LENGTHS: Final = (71, 19)
# The synchronous program called itself `wounded` from the second reply on, the asynchronous one,
# which had no trauma, `creative` (organism, section 0).
TEMPERATURES: Final = (0.9, 1.3)
CENTRES: Final[tuple[Centres, Centres]] = ("weight", "contexts")
LOCKS: Final = ("sequential", "asyncio-lock")

SWITCHES: Final = ("metric", "length", "modules", "temperature", "centres", "lock")


class Steady(Module[None]):
    """Speaks at one temperature, against any other advice: it is asked last."""

    name = "steady"

    def __init__(self, temperature: float) -> None:
        self._temperature = temperature

    def load(self, rows: Rows) -> None:
        """Nothing is kept."""

    def before(self, state: None, context: Before, rng: Random) -> Hints:
        """The distance to the temperature."""
        return Hints(shift=self._temperature - context.voice.temperature)


class Arm(NamedTuple):
    """The sides of the switches that a run is made of, all but the metric."""

    length: bool
    modules: bool
    temperature: bool
    centres: bool
    lock: bool

    def chosen(self) -> tuple[Module[Any], ...]:
        """All modules of the published synchronous program, or recall alone."""
        chosen: tuple[Module[Any], ...] = (SantaKlaus(),) if self.modules else CHORUS
        return (*chosen, Steady(TEMPERATURES[self.temperature]))


def run_arm(
    arm: Arm, seed: int, variant: int, folder: Path, themes: Sequence[str] = tuple(THEMES)
) -> list[Row]:
    """One session of the themes, four turns each, on a new field; one row for each turn.

    `variant` chooses the observer's words: runs with equal variants and lengths hear the same.
    """
    observer = ScriptedObserver(LENGTHS[arm.length], variant)
    said = [Heard(theme, n, observer.say(theme, n)) for theme in themes for n in range(TURNS)]
    replies = converse(
        folder / "field.sqlite3", LOCKS[arm.lock], seed, [one.message for one in said],
        modules=arm.chosen(), centres=CENTRES[arm.centres],
    )  # fmt: skip
    rows: list[Row] = []
    for one, reply, scores in zip(said, replies, scores_of(said, replies), strict=True):
        assert scores is not None, "every reply of a sequential session returns"
        rows.append(
            {
                **{name: int(side) for name, side in arm._asdict().items()},
                "variant": variant,
                "theme": one.theme,
                "turn": one.turn + 1,
                "tokens": scores.token_ratio_current,
                "types": scores.type_ratio_current_plus_3,
                "words": len(reply.split()),
                "reply": digest(reply),
            }
        )
    return rows
