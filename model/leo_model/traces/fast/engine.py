"""The fast path of the native engine: it takes the lines of undisturbed replies a block at a time.

It only skips lines that the full checker would accept without a new finding.  It decodes a block of
lines at once and follows them on a state in numbers (``leo_model.traces.fast.state``), as long as
every line is the next step of an undisturbed reply and no further property falls.  At the first
other line it goes back to the last end of a reply, and gives the full checker the state of that
moment; the full checker judges the following lines.  So every refusal, every fall and every
explanation comes from the full checker.

Where there is no fast path (threads, several instances, transactions around the reads, several
writers) the full checker takes every line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from leo.trace.events import MAX_VERSION, Event
from leo_model.traces.events import ENDS, Line, line_of
from leo_model.traces.explain import Rejection
from leo_model.traces.fast.convert import give, is_fast, take
from leo_model.traces.fast.state import Books, Row, Rows
from leo_model.traces.fast.steps import walk, walk_units
from leo_model.traces.fast.whole import walk_whole
from leo_model.traces.native import Checker
from leo_model.traces.reader import TraceReader

BLOCK: Final = 1 << 18
# A block without the end of a reply is enlarged up to this size.
LARGEST: Final = 1 << 22
# How many lines the full checker takes at least, and at most, before the fast path is tried again.
PATIENCE: Final = 32
MOST_PATIENCE: Final = 1 << 13


def feed_all(
    trace: TraceReader, checker: Checker, recent: deque[Line] | None = None
) -> Rejection | None:
    """Feed a trace from where it is to its end or its first line that is no step.

    ``recent`` gets the last lines.  Raises TraceError for a line that is not in the schema.
    """
    front = None
    if is_fast(checker.world.rules, len(trace.header.instances)):
        front = Front(trace, checker, 0 if recent is None else recent.maxlen or 0)
    patience, since = PATIENCE, 0
    for line in trace:
        if recent is not None:
            recent.append(line)
        rejection = checker.feed(line)
        if rejection is not None:
            return rejection
        since += 1
        if front is not None and since >= patience and line.event.action in ENDS:
            since = 0
            taken, wanted = front.advance()
            if recent is not None:
                recent.extend(front.last(taken))
            # What could not be taken may not be takeable for long: ask less and less often.
            patience = max(wanted, PATIENCE if taken else min(2 * patience, MOST_PATIENCE))
    return None


class Front:
    """The fast path of one trace, between two lines of the full checker.

    So many of the last lines that were taken are ``kept``, to be shown before one that is refused.
    """

    def __init__(self, trace: TraceReader, checker: Checker, kept: int) -> None:
        self._trace = trace
        self._checker = checker
        self._blocks = trace.blocks()
        self._rows: Rows | None = None
        # The C library keeps free memory in the measure of the largest piece that was ever freed.
        # Without this one (never touched, so it costs nothing) each block would be paged in anew.
        bytes(LARGEST)
        self._kept = kept
        self._tail: list[bytes] = []

    def last(self, count: int) -> list[Line]:
        """Return the last of so many lines that were taken, as many as are kept."""
        texts = self._tail[-count:] if count else []
        end = self._checker.events + 1
        return [
            line_of(
                end - len(texts) + k + 1,
                msgspec.json.decode(text, type=Event),
                self._trace.header.discipline,
            )
            for k, text in enumerate(texts)
        ]

    def advance(self) -> tuple[int, int]:
        """Take lines for as long as they can be taken, from the end of a reply to one.

        Returns how many were taken, and how many the full checker should take before it is asked
        again.
        """
        writer = self._trace.only_writer
        if writer is None:
            return 0, MOST_PATIENCE
        books = take(self._checker)
        if books is None:
            return 0, 0
        if self._rows is None:
            self._rows = Rows(self._trace.header, writer[0])
        start = self._checker.events
        wanted = 0
        while wanted == 0:
            block, rows, surplus = self._look(self._rows)
            if not rows:
                # Nothing follows, or some unknown line of the block is not plain.
                wanted = block.count(b"\n") + 1
            else:
                books, taken = self._take(books, rows, block, surplus)
                if taken < len(rows):
                    wanted = PATIENCE
            # So that the next block is decoded into the same memory.
            del block, rows
        if self._checker.events > start:
            give(books, self._checker)
        return self._checker.events - start, wanted

    def _look(self, rows: Rows) -> tuple[bytes, list[Row], int]:
        """Return a block of the lines that follow, its rows up to the last end of a reply, and how
        many lines of the block come after that.
        """
        size = BLOCK
        while True:
            block = self._blocks.peek(size)
            found = rows.read(block)
            if not found:
                # The last line may be the end of the recording.
                block = block[: block.rfind(b"\n", 0, -1) + 1]
                found = rows.read(block) if block else []
            last = _last_return(found, len(found))
            if last or not found or size >= LARGEST or len(block) < size // 2:
                return block, found[:last], len(found) - last
            size *= 4

    def _take(self, books: Books, rows: list[Row], block: bytes, surplus: int) -> tuple[Books, int]:
        """Walk rows that end with the end of a reply; return the books afterwards, and how many.

        ``surplus`` is the number of lines of the block that follow the rows.
        """
        kept, lines, flying = books.copy(), len(rows) + surplus, books.flying
        taken, called, counts = self._walk(books, rows)
        if taken < len(rows):
            books, taken = kept, _last_return(rows, taken)
            if taken == 0:
                return books, 0
            rows = rows[:taken]
            taken, called, counts = self._walk(books, rows)
            assert taken == len(rows)
        books.settle()
        checker = self._checker
        for name, count in counts.items():
            if count:
                checker.watch.violations[name].count += count
        checker.events += taken
        checker.replies += called
        checker.outcomes["returned"] += flying + called - books.flying
        length = _back(block, len(block), lines - taken)
        shown = block[_back(block, length, self._kept) : length].split(b"\n")[:-1]
        self._tail = (self._tail + shown)[-self._kept :]
        self._blocks.drop(length)
        self._trace.skip(taken, books.seats)
        return books, taken

    def _walk(self, books: Books, rows: Sequence[Row]) -> tuple[int, int, dict[str, int]]:
        checker, rules = self._checker, self._checker.world.rules
        # A version or a number of a reply may be too large for the schema.
        if max(books.ngrams, books.snapshots, checker.events) + len(rows) >= MAX_VERSION:
            return 0, 0, {}
        writer = self._trace.only_writer
        assert writer is not None
        seq = writer[1] + 1
        if [row.seq for row in rows] != list(range(seq, seq + len(rows))):
            rows = rows[: next(k for k, row in enumerate(rows) if row.seq != seq + k)]
        # Where there is no lock, who goes in may have been overtaken.
        if rules.lock == "fifo":
            taken, called = walk_whole(books, rows)
            if taken:
                return taken, called, {}
        if rules.whole_reply:
            return walk_units(books, rows)
        fallen = checker.watch.violations
        return walk(books, rows, fallen, fair=rules.lock == "fifo")


def _last_return(rows: Sequence[Row], end: int) -> int:
    """Return how many of the first ``end`` rows there are up to the last end of a reply."""
    while end and rows[end - 1].action != "Return":
        end -= 1
    return end


def _back(block: bytes, end: int, count: int) -> int:
    """Return where the last ``count`` lines before ``end`` begin; the start if there are fewer."""
    for _ in range(count):
        if end == 0:
            break
        end = block.rfind(b"\n", 0, end - 1) + 1
    return end
