"""The published figures: 93 turns of the comparison of 31 December 2025, as data.

`runs.csv` has one line for each turn, `pairings.csv` the means of replies
paired with the messages of either arm. Where they come from: README.md beside this file.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from paper.experiments.experiment import Row

__all__ = ["ARMS", "CLAIMED", "Turn", "conversations", "read_pairings", "read_turns", "turn_of"]

ARMS: Final = ("sync", "async")
# The paper's table (8.6.2), as printed.
CLAIMED: Final = {
    "sync": {"mean": 0.209, "optimal": 0.45, "worst": 0.421, "best": 0.0},
    "async": {"mean": 0.112, "optimal": 0.857, "worst": 0.308, "best": 0.0},
}
HERE = Path(__file__).parent
WHOLE = ("turn", "observer_words", "observer_distinct_words", "reply_words", "reply_distinct_words")
REAL = (
    "published_external_vocab",
    "token_ratio_current",
    "type_ratio_current",
    "type_ratio_current_plus_3",
)


@dataclass(frozen=True)
class Turn:
    """One published turn. Lengths are in words split at white space; `published` is the printed
    value, the others were computed from the transcript.
    """

    arm: str
    run: str
    theme: str
    turn: int
    published: float
    observer_words: int
    observer_distinct: int
    reply_words: int
    tokens_current: float
    types_current: float
    types_plus_3: float

    @property
    def fallback(self) -> bool:
        """A reply of one word: what the program says when it says nothing."""
        return self.reply_words == 1


def read_turns() -> list[Row]:
    """The lines of published_runs.csv, in their order, with numbers as numbers."""
    with (HERE / "runs.csv").open(encoding="utf-8", newline="") as file:
        return [
            {
                name: int(value) if name in WHOLE else float(value) if name in REAL else value
                for name, value in line.items()
            }
            for line in csv.DictReader(file)
        ]


def read_pairings() -> list[Row]:
    """The lines of published_pairings.csv."""
    with (HERE / "pairings.csv").open(encoding="utf-8", newline="") as file:
        return [
            {**line, "token_ratio_current": float(line["token_ratio_current"])}
            for line in csv.DictReader(file)
        ]


def turn_of(row: Row) -> Turn:
    """A row as a turn."""
    return Turn(
        row["arm"],
        row["run"],
        row["theme"],
        row["turn"],
        row["published_external_vocab"],
        row["observer_words"],
        row["observer_distinct_words"],
        row["reply_words"],
        row["token_ratio_current"],
        row["type_ratio_current"],
        row["type_ratio_current_plus_3"],
    )


def conversations(turns: Sequence[Turn]) -> list[list[Turn]]:
    """The turns by run and theme: one conversation each, the unit that is independent."""
    found: dict[tuple[str, str, str], list[Turn]] = {}
    for turn in turns:
        found.setdefault((turn.arm, turn.run, turn.theme), []).append(turn)
    return list(found.values())
