"""The published figures: 93 turns of the comparison of 31 December 2025, as data.

`runs.csv` has one line for each turn (lengths in words split at white space; the printed value, and
what each definition gives), `pairings.csv` the means of replies paired with the messages of either
arm. Where they come from: README.md beside this file.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from paper.experiments.experiment import Row

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


def is_fallback(turn: Row) -> bool:
    """A reply of one word: what the program says when it says nothing."""
    return bool(turn["reply_words"] == 1)


def conversations(turns: Sequence[Row]) -> list[list[Row]]:
    """The turns by run and theme: one conversation each, the unit that is independent."""
    found: dict[tuple[str, str, str], list[Row]] = {}
    for turn in turns:
        found.setdefault((turn["arm"], turn["run"], turn["theme"]), []).append(turn)
    return list(found.values())
