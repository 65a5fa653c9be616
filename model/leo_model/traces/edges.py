"""Of which kind the dependencies are that a line of a trace adds between replies
(``leo_model.machine.dsg``).

The transition system keeps pairs of replies without a kind, because no property asks for it; the
name of a cycle does (``leo.units.anomalies``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from leo.units import RW, WR, WW, name_of
from leo_model.machine.state import Content, Reply, State, authors
from leo_model.traces.events import Line

Pair = tuple[Reply, Reply]

# The objects that an action writes, and the tables of the view that it reads.
WRITES = {
    "Ingest": ("ngrams",),
    "SaveSnapshot": ("snapshots",),
    "Commit": ("ngrams", "snapshots"),
    "Count": ("snapshots",),
    "CommitOpen": ("ngrams",),
}
READS = {
    "Generate": ("bigrams", "trigrams"), "GenerateBegin": ("bigrams",), "GenerateEnd": ("trigrams",)
}  # fmt: skip


class Kinds:
    """The kinds of the dependencies that lines have added, by their pair of replies."""

    def __init__(self) -> None:
        self._kinds: dict[Pair, set[str]] = defaultdict(set)

    def add(self, before: State, me: Reply, line: Line) -> None:
        """Take a line of the reply ``me`` and the state before it."""
        # A commit of February's open transaction writes what others have left there too.
        mine = authors(before.open.writes) if line.event.action == "CommitOpen" else (me,)
        for reply in mine:
            for source, target, kind in _added(before, reply, line):
                if source != target:
                    self._kinds[source, target].add(kind)

    def name(self, cycle: Sequence[Reply]) -> str:
        """Return the name of a cycle, given from a reply round to itself; empty when a line that
        made it was not taken.

        Where a pair depends in several ways, the gravest counts: a write over a write, then a read
        of a write.
        """
        found = [self._kinds.get(pair, set()) for pair in pairwise(cycle)]
        if not all(found):
            return ""
        return name_of([WW if WW in kinds else WR if WR in kinds else RW for kinds in found])


def _added(before: State, me: Reply, line: Line) -> Iterator[tuple[Reply, Reply, str]]:
    action = line.event.action.value
    for item in WRITES.get(action, ()) if line.event.writes else ():
        written: Content = getattr(before, item)
        readers: Content = getattr(before.readers, item)
        yield from ((other, me, WW) for other in authors(written))
        yield from ((other, me, RW) for other in readers)
    if action == "Recall":
        yield from ((writer, me, WR) for writer in before.snapshots)
    for table in READS.get(action, ()):
        content: Content = getattr(before.view[line.event.instance], table)
        yield from ((writer, me, WR) for writer in authors(content))
        yield from ((me, writer, RW) for writer in before.ngrams - content)
