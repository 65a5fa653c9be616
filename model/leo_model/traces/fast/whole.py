"""Takes whole undisturbed replies under a fair lock, one after the other, with only calls between
them.

``leo_model.traces.fast.steps`` takes such rows too, with the same result and four fifths of the
speed.  Nearly all of a locked trace has this form.  Each row is known in advance, so the rows of a
block are compared column by column, in C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from leo_model.traces.fast.state import (
    BIGRAMS,
    BOTH,
    NGRAMS,
    NOTHING,
    OUTSIDE,
    SEEN,
    SNAPSHOTS,
    TRIGRAMS,
    VIEW,
    Books,
    Row,
)
from leo_model.traces.fast.steps import call

_NONE: Final = bytes(NOTHING)
# The rows of a reply but for its call: what each reads and writes.
_STEPS: Final = (
    ("Acquire", _NONE, _NONE),
    ("Recall", SNAPSHOTS, _NONE),
    ("Ingest", _NONE, NGRAMS),
    ("LoadBigrams", BIGRAMS, _NONE),
    ("LoadTrigrams", TRIGRAMS, _NONE),
    ("AssignView", _NONE, VIEW),
    ("Generate", VIEW, _NONE),
    ("SaveSnapshot", _NONE, SNAPSHOTS),
    ("Release", _NONE, _NONE),
    ("Return", _NONE, _NONE),
)
_UNIT: Final = (
    ("Acquire", _NONE, _NONE),
    ("Begin", _NONE, _NONE),
    ("Recall", SNAPSHOTS, _NONE),
    ("Ingest", _NONE, _NONE),
    ("Generate", SEEN, _NONE),
    ("SaveSnapshot", _NONE, _NONE),
    ("Commit", _NONE, BOTH),
    ("SwapView", _NONE, VIEW),
    ("Release", _NONE, _NONE),
    ("Return", _NONE, _NONE),
)
_LENGTH: Final = len(_STEPS)
assert len(_UNIT) == _LENGTH
_OUTCOMES: Final = ["ok"] * (_LENGTH - 1) + ["returned"]


def walk_whole(books: Books, rows: Sequence[Row]) -> tuple[int, int]:
    """Take rows whose numbers are right, if they are calls and whole replies one after the other;
    return how many were taken, and how many of them were calls.

    Stops before a call or an entry that is not due.  Takes nothing where a reply is half-way or the
    view is behind the store.  Where neither is so nothing is remembered of the replies that are
    over (``Books.settle``), so nothing is written down of those that are taken.
    """
    halfway = any(run.next not in ("Call", "Acquire") for run in books.seats.values())
    if halfway or not books.bigrams == books.trigrams == books.ngrams:
        return 0, 0
    own = [row for row in rows if row.action != "Call"]
    count = len(own) // _LENGTH
    if not _are_whole(books, own, count):
        return 0, 0
    seats, arrivals = books.seats, books.arrivals
    called = 0
    for row in [row for row in rows if row.action in OUTSIDE]:
        session = row.session
        if row.action == "Call":
            if not call(seats, row):
                break
            arrivals.append(session)
            called += 1
        elif row.action == "Acquire":
            if not arrivals or arrivals[0] != session or seats[session].text != row.reply:
                break
            arrivals.popleft()
        else:
            seats[session].next = "Call"
    else:
        books.ngrams += count
        books.snapshots += count
        books.bigrams = books.trigrams = books.ngrams
        books.flying += called - count
        return len(rows), called
    return row.seq - rows[0].seq, called


def _are_whole(books: Books, own: Sequence[Row], count: int) -> bool:
    """Tell whether rows are so many whole replies, each with the versions that it must have."""
    program = _UNIT if books.unit else _STEPS
    actions, reads, writes = zip(*program, strict=True)
    if [row.action for row in own] != list(actions) * count:
        return False
    if [row.outcome for row in own] != _OUTCOMES * count:
        return False
    for column in ([row.session for row in own], [row.reply for row in own]):
        entries = column[::_LENGTH]
        if any(column[k::_LENGTH] != entries for k in range(1, _LENGTH)):
            return False
    before: list[int] = []
    after: list[int] = []
    for k in range(count):
        recalled, seen = books.snapshots + k, books.ngrams + k
        wrote, saved = seen + 1, recalled + 1
        if books.unit:
            before += (recalled, seen, seen)
            after += (wrote, saved, wrote, wrote)
        else:
            before += (recalled, wrote, wrote, wrote, wrote)
            after += (wrote, wrote, wrote, saved)
    # All objects in one: where one begins, there is one place only where it can end.
    return b"".join([row.reads for row in own]) == b"".join(reads) * count % tuple(before) and (
        b"".join([row.writes for row in own]) == b"".join(writes) * count % tuple(after)
    )
