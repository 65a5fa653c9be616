"""Bias: where a reply likes to begin (organism, section 5).

It is not one of the paper's ten modules. In the published program it was a part of the field kept
in side files, one folder for all fields on a machine: the 32 latest lists of centres. A reply began
at a centre in proportion to the number of lists that name it. Here a list is a row of the field's
own store. Recall reads what earlier replies kept, as published.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from itertools import chain
from random import Random
from typing import ClassVar, Final

from leo.reply.context import After, Changes, Heard, Moment
from leo.reply.module import Module, insert, keep_latest
from leo.store.rows import Rows, unpacked

SHARDS: Final = 32


# The same lists are read in every reply.
@lru_cache(maxsize=8 * SHARDS)
def _centres(written: str) -> tuple[str, ...]:
    return tuple(unpacked(written, "bias"))


class Bias(Module[dict[str, int]]):
    """Token -> number of kept lists of centres that name it; writes the centres of this reply."""

    name = "bias"
    READS = frozenset({"bias", "view"})
    WRITES = frozenset({"bias"})
    INNER = frozenset({"ring", "dream"})
    DDL = (
        """CREATE TABLE bias (
        centres TEXT PRIMARY KEY,
        at REAL NOT NULL
    ) WITHOUT ROWID""",
    )
    ARRAYS: ClassVar[Mapping[str, str]] = {"bias.centres": "'text'"}
    QUERIES: ClassVar[Mapping[str, str]] = {
        "shards": "SELECT centres FROM bias ORDER BY at DESC, centres"
    }

    def load(self, rows: Rows) -> dict[str, int]:
        """How many of the lists name each token."""
        return dict(Counter(chain.from_iterable(_centres(one) for (one,) in rows["shards"])))

    def hear(self, state: dict[str, int], moment: Moment) -> Heard:
        """Where to begin: a centre in proportion to its count."""
        return Heard(starts=state)

    def after(self, state: dict[str, int], context: After, rng: Random) -> Changes:
        """Keep the centres, or touch the row that has them; let the oldest beyond 32 go."""
        if not context.centres:
            return Changes()
        row = (json.dumps(context.centres, ensure_ascii=False), context.now)
        kept = insert("bias", "centres, at", (row,), replace=True)
        return Changes(puts=(kept, keep_latest("bias", SHARDS, "centres")))
