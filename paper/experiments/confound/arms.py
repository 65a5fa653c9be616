"""The published comparison's differences as switches of the reference organism.

Each switch has the synchronous side (False) and the asynchronous one (True). The metric is no
property of a run: every reply is measured by both definitions. So 32 kinds of runs give 64 arms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from leo.field.metrics import score_turn
from leo.field.view import Centres
from leo.front.tasks import AsyncLeoField
from leo.front.threads import LeoField
from leo.modules import MODULES, Module, SantaKlaus
from leo.observers import THEMES, TURNS, ScriptedObserver
from leo.reply.context import Before, Hints
from leo.store.rows import Rows
from paper.experiments.experiment import Row

__all__ = ["LENGTHS", "SWITCHES", "TEMPERATURES", "Arm", "Steady", "converse"]

LENGTHS: Final = (71, 19)
# The synchronous program called itself `wounded` from the second reply on, the asynchronous one,
# which had no trauma, `creative` (organism, section 0).
TEMPERATURES: Final = (0.9, 1.3)
CENTRES: Final[tuple[Centres, Centres]] = ("weight", "contexts")
LOCKS: Final = ("sequential", "asyncio-lock")
# Seconds between two replies, for the modules that look at the time.
PACE: Final = 15.0
START: Final = 1_767_139_200.0

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
        """All modules, or recall alone."""
        chosen: tuple[Module[Any], ...] = (SantaKlaus(),) if self.modules else MODULES
        return (*chosen, Steady(TEMPERATURES[self.temperature]))


def converse(
    arm: Arm, seed: int, variant: int, folder: Path, themes: Sequence[str] = tuple(THEMES)
) -> list[Row]:
    """One session of the themes, four turns each, on a new field; one row for each turn.

    `variant` chooses the observer's words: runs with equal variants and lengths hear the same.
    """
    observer = ScriptedObserver(LENGTHS[arm.length], variant)
    said = [(theme, turn, observer.say(theme, turn)) for theme in themes for turn in range(TURNS)]
    prompts = [text for _, _, text in said]
    ticks = count()
    replies = (_locked if arm.lock else _plain)(
        arm, seed, prompts, folder / "field.sqlite3", lambda: START + PACE * next(ticks)
    )
    rows: list[Row] = []
    heard: list[str] = []
    for (theme, turn, message), reply in zip(said, replies, strict=True):
        heard = [*heard, message] if turn else [message]
        scores = score_turn(reply, heard)
        rows.append(
            {
                **{name: int(side) for name, side in arm._asdict().items()},
                "variant": variant,
                "theme": theme,
                "turn": turn + 1,
                "tokens": scores.token_ratio_current,
                "types": scores.type_ratio_current_plus_3,
                "words": len(reply.split()),
                "reply": sha256(reply.encode()).hexdigest()[:16],
            }
        )
    return rows


def _plain(
    arm: Arm, seed: int, prompts: list[str], path: Path, clock: Callable[[], float]
) -> list[str]:
    with LeoField.open(
        path,
        seed=seed,
        discipline=LOCKS[False],
        modules=arm.chosen(),
        centres=CENTRES[arm.centres],
        clock=clock,
    ) as leo:
        return [leo.reply(text) for text in prompts]


def _locked(
    arm: Arm, seed: int, prompts: list[str], path: Path, clock: Callable[[], float]
) -> list[str]:
    async def talk() -> list[str]:
        async with await AsyncLeoField.open(
            path,
            seed=seed,
            discipline=LOCKS[True],
            modules=arm.chosen(),
            centres=CENTRES[arm.centres],
            clock=clock,
        ) as leo:
            return [await leo.reply(text) for text in prompts]

    return asyncio.run(talk())
