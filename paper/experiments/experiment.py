"""What an experiment is: its options, its cells in order, how a cell is measured and told.

A cell is the smallest part that can be measured alone: its key and the configuration decide its
rows, nothing else does. So cells can be measured by several processes, skipped when their rows are
there already, and measured again to the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paper.experiments.plots import Plot
    from paper.experiments.summary import Summary

# Values that JSON has. The configuration always has "seed" (an integer) and "quick" (a boolean).
Config = Mapping[str, Any]
Row = Mapping[str, Any]
Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Option:
    """An option of the command line, `--name`, and its value in the full and in the quick run.

    A tuple as the default makes an option that takes several values. `least` is the smallest number
    allowed; `choices` are the words allowed.
    """

    name: str
    help: str
    default: int | float | str | tuple[int, ...] | tuple[str, ...]
    quick: int | float | str | tuple[int, ...] | tuple[str, ...] | None = None
    least: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Its name in the configuration."""
        return self.name.replace("-", "_")


@dataclass
class Lab:
    """Where a cell is measured: an empty folder of its own, and a clock in seconds.

    Wall-clock times are no rows, because no two runs have the same ones. `time` keeps them apart,
    in timings.jsonl.
    """

    folder: Path
    clock: Callable[[], float]
    timings: list[dict[str, Any]] = field(default_factory=list)

    def time(self, **values: Any) -> None:
        """Keep wall-clock figures of the cell, JSON values by name."""
        self.timings.append(values)


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    `cells` lists the keys in order; `measure` returns the rows of one cell: flat, JSON values, no
    wall-clock times. `summarise` turns all rows, in the order of the cells, and the timings into
    sentences and tables, `plot` into figures. Both see rows only, so that a summary can be made
    again without measuring. `costly` cells are made again only with all others (`--recompute 1`).
    `parallel`: cells may be measured two at a time (not when they are
    timed). What the rows depend on is found from the module of `measure` (`sources`): rows made by
    other sources are not used again. `prepare` turns what the command line gave into the
    configuration, and may refuse it; only an experiment with `files` has it.
    """

    name: str
    options: tuple[Option, ...]
    cells: Callable[[Config], Sequence[Key]]
    measure: Callable[[Config, Key, Lab], Sequence[Row]]
    summarise: Callable[[Config, Sequence[Row], Sequence[Row]], Summary]
    plot: Callable[[Config, Sequence[Row]], Sequence[Plot]]
    parallel: bool = True
    costly: Callable[[Config, Key], bool] = lambda config, key: False
    files: str = ""
    prepare: Callable[[dict[str, Any], Sequence[Path]], Config] | None = None


def seed_of(*parts: object) -> int:
    """A seed of 63 bits that depends on every part and on their order, the same everywhere."""
    digest = sha256("\x1f".join(map(repr, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
