"""What one observation adds to the field, by the ids of the store.

The same rows are upserted into the tables, kept in the journal, and absorbed by the view. Counts
only add, so undoing an observation subtracts the same counts and needs no copy of the state
before.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from leo.errors import StoreDamagedError
from leo.field.counts import Delta

Half = TypeVar("Half", "WordGrowth", "ChainGrowth")


class WordGrowth(NamedTuple):
    """(id, token) of every token met, and (source, next, count) to add."""

    tokens: list[tuple[int, str]]
    bigrams: list[tuple[int, int, int]]


class ChainGrowth(NamedTuple):
    """(first, second, third, count) and (smaller id, larger id, count) to add."""

    trigrams: list[tuple[int, int, int, int]]
    pairs: list[tuple[int, int, int]]


class Growth(NamedTuple):
    """Both halves, which are loaded by two reads."""

    words: WordGrowth
    chains: ChainGrowth


def growth_of(delta: Delta, ids: list[int]) -> Growth:
    """The rows of `delta`, whose tokens have these ids."""
    pairs = [
        (ids[i], ids[j], count) if ids[i] <= ids[j] else (ids[j], ids[i], count)
        for (i, j), count in delta.pairs.items()
    ]
    return Growth(
        WordGrowth(
            list(zip(ids, delta.tokens, strict=True)),
            [(ids[i], ids[j], count) for (i, j), count in delta.bigrams.items()],
        ),
        ChainGrowth(
            [(ids[i], ids[j], ids[k], count) for (i, j, k), count in delta.trigrams.items()], pairs
        ),
    )


encode = msgspec.msgpack.Encoder().encode


def decode(blob: bytes, type: type[Half], path: Path, version: int) -> Half:
    """One half of an entry of the journal. Raises StoreDamagedError when it is none."""
    try:
        return msgspec.msgpack.decode(blob, type=type)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError) as error:
        raise StoreDamagedError(
            f"{path}: the journal's entry for the observation {version} cannot be read ({error}); "
            "restore it from a backup (leo field restore)"
        ) from error


def is_sound(growth: Growth) -> bool:
    """Is this what an observation may have added: counts of the tokens that it met?"""
    (tokens, bigrams), (trigrams, pairs) = growth
    met = {id for id, _ in tokens}
    return all(a <= b for a, b, _ in pairs) and all(
        count > 0 and met.issuperset(ids) for *ids, count in (*bigrams, *trigrams, *pairs)
    )
