"""The fast path's picture of a trace: the lines of a block (``Rows``) and the state in numbers
(``Books``).

It takes only the plainest form of an event: one object a line, no unknown field, the names of the
header.  Any other line is left to ``leo_model.traces.reader``; it is no error here.

Where a store has one instance and every view is a version that the store had, a content is a
number: it contains that many writers, the oldest first.  The serialization graph then needs no
edges.  The writers of n-grams are a chain, so replies on a common cycle are neighbours in it: an
edge backwards, from writer ``q`` to an earlier writer ``r``, puts all of ``r..q`` on one cycle.  A
group is such a range.  ``leo_model.traces.fast.convert`` converts between ``Books`` and the full
state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import msgspec
from msgspec.structs import replace

from leo.trace.events import Header
from leo_model.machine.machine import ACTIONS
from leo_model.machine.state import Edge, Reply

# The bytes in which a recorder writes versions.
SNAPSHOTS: Final = b'{"snapshots":%d}'
NGRAMS: Final = b'{"ngrams":%d}'
BIGRAMS: Final = b'{"bigrams":%d}'
TRIGRAMS: Final = b'{"trigrams":%d}'
VIEW: Final = b'{"view.bigrams":%d,"view.trigrams":%d}'
SEEN: Final = b'{"view.bigrams":%d,"view.trigrams":%d,"buffer":1}'
BOTH: Final = b'{"ngrams":%d,"snapshots":%d}'
NOTHING: Final = msgspec.Raw(b"{}")
_OUTCOMES: Final = ("ok", "returned", "cancelled", "raised", "crashed")


class Row(Protocol):
    """A decoded line; ``reads`` and ``writes`` are the bytes that stand there."""

    seq: int
    session: str
    reply: str
    action: str
    reads: msgspec.Raw
    writes: msgspec.Raw
    outcome: str


class Rows:
    """Decodes blocks of lines of one trace with one writer, one instance and one store."""

    def __init__(self, header: Header, writer: str) -> None:
        (instance,), (store,) = header.instances, header.stores
        fields: list[tuple[str, Any]] = [
            ("seq", int),
            ("writer", Literal[writer]),
            ("run", Literal[header.run]),
            ("time", float),
            ("instance", Literal[instance]),
            ("store", Literal[store]),
            ("session", str),
            ("reply", str),
            ("action", Literal[tuple(ACTIONS)]),
            ("reads", msgspec.Raw),
            ("writes", msgspec.Raw),
            ("outcome", Literal[_OUTCOMES]),
        ]
        row = msgspec.defstruct("Row", fields, gc=False, forbid_unknown_fields=True)
        self._decode: Callable[[bytes], list[Any]] = msgspec.json.Decoder(list[row]).decode  # type: ignore[valid-type]

    def read(self, block: bytes) -> list[Row]:
        """Return the rows of whole lines, none when a line is not in the plainest form."""
        # One JSON array, a comma for each break: a break inside an event is an error there, and as
        # many events as breaks are one on each line.  Much cheaper than to look for the breaks.
        text = b"".join((b"[", block.replace(b"\n", b",\n")[:-2], b"]"))
        try:
            rows = self._decode(text)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []
        return rows if len(rows) == len(text) - len(block) else []


# What a session at a label does next when nothing disturbs it.
STEP_LABELS: Final = {
    "idle": "Call",
    "called": "Acquire",
    "recall": "Recall",
    "ingest": "Ingest",
    "loadBigrams": "LoadBigrams",
    "loadTrigrams": "LoadTrigrams",
    "assign": "AssignView",
    "generate": "Generate",
    "snapshot": "SaveSnapshot",
    "release": "Release",
    "return": "Return",
}
UNIT_LABELS: Final = {
    "idle": "Call",
    "called": "Acquire",
    "begin": "Begin",
    "recall": "Recall",
    "ingest": "Ingest",
    "generate": "Generate",
    "snapshot": "SaveSnapshot",
    "commit": "Commit",
    "swap": "SwapView",
    "release": "Release",
    "return": "Return",
}
OUTSIDE: Final = frozenset({"Call", "Acquire", "Return"})
NEVER: Final = 1 << 60


class Run(msgspec.Struct, gc=False):
    """One reply; versions are -1 where it has not come so far.

    ``wrote`` and ``saved`` are the versions that it made of n-grams and snapshots; ``at_save`` the
    version of the n-grams when it saved.  ``low`` and ``high`` are the versions of the view that it
    read, the smaller and the larger.  It precedes each reply that saves
    a snapshot after version ``after``.
    """

    session: str
    turn: int
    text: str
    next: str
    recalled: int = -1
    after: int = -1
    wrote: int = -1
    bigrams: int = -1
    trigrams: int = -1
    saw_bigrams: int = -1
    saw_trigrams: int = -1
    saved: int = -1
    at_save: int = -1
    returned: bool = False
    read_ngrams: bool = False
    read_snapshots: bool = False
    low: int = NEVER
    high: int = -1
    first_save: int = NEVER
    last_save: int = -1

    @property
    def reply(self) -> Reply:
        return (self.session, self.turn)

    @property
    def in_flight(self) -> bool:
        return self.next != "Call"


@dataclass(slots=True)
class Books:
    """Everything that is kept.  ``writers`` are the remembered ones, oldest first.

    ``stands`` is a reply that stands for absorbed ones on a cycle with later replies.  ``half`` are
    the versions of n-grams whose writers are half-way.  ``savers`` has the n-gram version of each
    saver of a snapshot after version ``savers_from``.  ``groups`` are the ranges of writers on a
    common cycle, in order.  ``edges`` were taken over from a full state.  ``flying`` counts the
    replies in flight.
    """

    instance: str
    ngrams: int
    snapshots: int
    bigrams: int
    trigrams: int
    unit: bool
    holder: str
    seats: dict[str, Run]
    arrivals: deque[str]
    overtaken: set[str]
    writers: deque[Run]
    half: dict[int, None]
    savers: list[int]
    savers_from: int
    groups: list[tuple[int, int]]
    edges: frozenset[Edge]
    flying: int
    stands: Run | None = None

    def copy(self) -> Books:
        """Return books that can be kept for as long as no more than one block is added to these."""
        fresh = {id(run): replace(run) for run in self.seats.values() if run.in_flight}
        return Books(
            self.instance,
            self.ngrams,
            self.snapshots,
            self.bigrams,
            self.trigrams,
            self.unit,
            self.holder,
            {s: fresh.get(id(run), run) for s, run in self.seats.items()},
            self.arrivals.copy(),
            set(self.overtaken),
            deque(fresh.get(id(run), run) for run in self.writers),
            dict(self.half),
            self.savers[:],
            self.savers_from,
            self.groups[:],
            self.edges,
            self.flying,
            self.stands,
        )

    def merge(self, low: int, high: int) -> int:
        """Put the writers ``low..high`` on a common cycle; return how many were on none before."""
        groups = self.groups
        begin = len(groups)
        while begin and groups[begin - 1][1] >= low:
            begin -= 1
        end, known = begin, 0
        while end < len(groups) and groups[end][0] <= high:
            known += groups[end][1] - groups[end][0] + 1
            end += 1
        if begin < end:
            low, high = min(low, groups[begin][0]), max(high, groups[end - 1][1])
        groups[begin:end] = [(low, high)]
        return high - low + 1 - known

    def settle(self) -> None:
        """Forget what the full checker forgets when a reply has ended."""
        oldest = min(self.bigrams, self.trigrams)
        recalled = self.snapshots
        for run in self.seats.values():
            # Who is idle holds nothing, and who waits has read nothing yet.
            if run.next == "Call" or run.next == "Acquire":
                continue
            for version in (run.bigrams, run.trigrams, run.saw_bigrams, run.saw_trigrams):
                if -1 < version < oldest:
                    oldest = version
            if -1 < run.at_save < oldest:
                oldest = run.at_save
            if -1 < run.recalled < recalled:
                recalled = run.recalled
        absorbed: list[Run] = []
        writers = self.writers
        while writers:
            run = writers[0]
            if run.in_flight or run.wrote > oldest or run.saved > recalled:
                break
            if run.returned and run.saved < 0:
                break
            absorbed.append(writers.popleft())
        if absorbed:
            self._fold(absorbed)
        del self.savers[: recalled - self.savers_from]
        self.savers_from = recalled

    def _fold(self, absorbed: list[Run]) -> None:
        """Let one reply stand for those that are on a cycle with a later one; drop the others."""
        last = absorbed[-1].wrote
        groups = self.groups
        while groups and groups[0][1] <= last:
            groups.pop(0)
        low = groups[0][0] if groups and groups[0][0] <= last else NEVER
        stay = [run for run in absorbed if run.wrote >= low]
        if self.stands is not None and self.stands.wrote >= low:
            stay.append(self.stands)
        names = {run.reply for run in stay}
        self.stands = _stand(stay, last) if stay else None
        if self.edges:
            left = names | {run.reply for run in self.writers}
            left |= {run.reply for run in self.seats.values() if run.in_flight}
            rename = dict.fromkeys(names, self.stands.reply) if self.stands else {}
            renamed = (
                (rename.get(a, a), rename.get(b, b))
                for a, b in self.edges
                if a in left and b in left
            )
            self.edges = frozenset(edge for edge in renamed if edge[0] != edge[1])

    def nodes(self) -> list[Run]:
        """Return the remembered writers, oldest first."""
        return ([self.stands] if self.stands is not None else []) + list(self.writers)

    def cyclic(self) -> set[Reply]:
        """Return the remembered replies that are on a cycle."""
        return {
            run.reply
            for run in self.nodes()
            if any(low <= run.wrote <= high for low, high in self.groups)
        }


def _stand(runs: list[Run], last: int) -> Run:
    """Return the reply that stands for all of ``runs``: the full checker's choice of its name."""
    stays = replace(max(runs, key=lambda run: (run.saved >= 0, run.reply)))
    stays.wrote = last
    stays.low = min(run.low for run in runs)
    stays.high = max(run.high for run in runs)
    stays.recalled = max(run.recalled for run in runs)
    stays.first_save = min(run.first_save for run in runs)
    stays.last_save = max(run.last_save for run in runs)
    stays.read_ngrams = any(run.read_ngrams for run in runs)
    stays.read_snapshots = any(run.read_snapshots for run in runs)
    return stays
