"""What a reply costs that reloads the field after each observation, as the published ones do.

After every text that it takes in (the prompt, then each recalled snippet) the published program
selects all tokens with bigrams, all trigrams and all of the co-occurrence, makes its dictionaries
anew and sorts for the centres. This does the same, on a copy of the same file, and nothing else:
it does not rebuild the themes, speak, or ask a module, so it is a lower bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from heapq import nlargest
from pathlib import Path
from time import perf_counter

from leo.field.counts import compute_delta
from leo.store.connection import Connection
from leo.store.operations import process_delta
from leo.store.schema import connect

__all__ = ["Reloading", "seconds_of"]


class Reloading:
    """A field held in plain dictionaries, which are made anew from the file."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.reload()

    def observe(self, text: str) -> None:
        """Take in a text, then load everything."""
        process_delta(self._conn, compute_delta((text,)))
        self.reload()

    def reload(self) -> None:
        """Each table by a SELECT of its own, with no transaction around them."""
        rows = self._conn.execute
        self.vocabulary = dict(rows("SELECT id, token FROM tokens ORDER BY id"))
        bigrams: dict[int, dict[int, int]] = {}
        for source, follower, count in rows("SELECT src_id, dst_id, count FROM bigrams"):
            bigrams.setdefault(source, {})[follower] = count
        trigrams: dict[tuple[int, int], dict[int, int]] = {}
        statement = "SELECT first_id, second_id, third_id, count FROM trigrams"
        for first, second, third, count in rows(statement):
            trigrams.setdefault((first, second), {})[third] = count
        co_occurrence: dict[int, dict[int, int]] = {}
        # One row of ours is two of the published table, which keeps both directions.
        for one, other, count in rows("SELECT word_id, context_id, count FROM co_occurrence"):
            co_occurrence.setdefault(one, {})[other] = count
            co_occurrence.setdefault(other, {})[one] = count
        totals = {source: sum(row.values()) for source, row in bigrams.items()}
        self.centres = nlargest(7, totals, key=totals.__getitem__)
        self.bigrams, self.trigrams, self.co_occurrence = bigrams, trigrams, co_occurrence


def seconds_of(path: Path, replies: Sequence[Sequence[str]]) -> list[float]:
    """The seconds of each reply, given the texts that it observes."""
    found: list[float] = []
    with closing(connect(path)) as conn:
        field = Reloading(conn)
        for texts in replies:
            began = perf_counter()
            for text in texts:
                field.observe(text)
            found.append(perf_counter() - began)
    return found
