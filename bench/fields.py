"""Fields of given sizes, grown once from made-up text and kept under build/bench/fields/."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from bench.corpus import sentences
from leo import LeoField
from leo.commands.observe import PORTION
from leo.field.text import tokenize
from leo.store.schema import SCHEMA_VERSION

__all__ = ["FIELDS", "Growth", "field_of", "fresh_copy", "grow"]

FIELDS = Path("build/bench/fields")


class Growth(NamedTuple):
    """What was observed, and how long that took alone: seconds of the clock."""

    tokens: int
    seconds: float
    trigrams: int


def grow(path: Path, trigrams: int) -> Growth:
    """Observe text in portions, as `leo observe` does, until the field has that many trigrams."""
    source = sentences()
    tokens, seconds, has = 0, 0.0, 0
    with LeoField.open(path) as field:
        while has < trigrams:
            # A field of a thousand is one portion already: smaller ones, at first.
            portion = _portion(source, min(PORTION, 2 * (trigrams - has) + 200))
            began = perf_counter()
            field.observe(portion)
            seconds += perf_counter() - began
            tokens += len(tokenize(portion))
            has = sum(map(len, field.view.chains.followers.values()))
    return Growth(tokens, seconds, has)


def _portion(source: Iterator[str], size: int) -> str:
    lines: list[str] = []
    length = 0
    for line in source:
        lines.append(line)
        length += len(line) + 1
        if length >= size:
            break
    return "\n".join(lines)


def field_of(trigrams: int) -> tuple[Path, Growth | None]:
    """The kept field of that size, and how it grew if it had to be grown now."""
    path = FIELDS / f"{trigrams}.schema{SCHEMA_VERSION}.sqlite3"
    if path.exists():
        return path, None
    FIELDS.mkdir(parents=True, exist_ok=True)
    growing = path.with_suffix(".growing")
    for old in FIELDS.glob(f"{growing.name}*"):
        old.unlink()
    print(f"growing a field of {trigrams:,} trigrams ...", file=sys.stderr, flush=True)
    growth = grow(growing, trigrams)
    growing.rename(path)
    return path, growth


def fresh_copy(trigrams: int, into: Path) -> Path:
    """A copy that a benchmark may talk to."""
    path, _ = field_of(trigrams)
    return Path(shutil.copy(path, into / f"{trigrams}.sqlite3"))
