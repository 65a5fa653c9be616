"""The undisturbed reply in a unit of work under a fair lock: unit-of-work and its shielded kin.

Nothing can fall here while the view is current: one reply is inside, reads all that is committed,
and commits once.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Raw

from leo_model.machine.state import NOBODY
from leo_model.traces.fast.rows import BOTH, NOTHING, SNAPSHOTS, VIEW, Row
from leo_model.traces.fast.state import Books
from leo_model.traces.fast.steps import call


def walk_units(books: Books, rows: Sequence[Row]) -> tuple[int, int, dict[str, int]]:
    """Take the rows, whose numbers are right; return how many were taken, how many of them were
    calls, and the properties that fell: none.

    Stops before a row that is not the next step of an undisturbed reply with the versions that it
    must have, or that reads anything but the latest version.
    """
    seats, arrivals, holder = books.seats, books.arrivals, books.holder
    ngrams, snapshots, view = books.ngrams, books.snapshots, books.bigrams
    if books.trigrams != view:
        return 0, 0, {}
    flying = books.flying
    now_snapshots = Raw(SNAPSHOTS % snapshots)
    now_view = Raw(VIEW % (view, view))
    taken = called = 0
    # Begins as `fast_steps` does: a call for each event would cost more than the walk itself.
    for taken, row in enumerate(rows):  # noqa: B007 - how far it came, after the loop
        session, action = row.session, row.action
        run = seats.get(session)
        if action == "Call":
            if not call(seats, row):
                break
            arrivals.append(session)
            flying += 1
            called += 1
            continue
        if run is None or action != run.next or row.reply != run.text:
            break
        if action == "Return":
            if (
                row.outcome != "returned"
                or row.reads != NOTHING
                or row.writes != NOTHING
                or (flying == 1 and view != ngrams)
            ):
                break
            flying -= 1
            run.returned = True
            run.next = "Call"
            continue
        if row.outcome != "ok":
            break
        if action == "Recall":
            if row.reads != now_snapshots or row.writes != NOTHING:
                break
            run.recalled = run.after = snapshots
            run.read_snapshots = True
            run.next = "Ingest"
        elif action == "Generate":
            if row.reads != now_view or row.writes != NOTHING or view != ngrams:
                break
            run.low = run.high = run.saw_bigrams = run.saw_trigrams = view
            run.read_ngrams = True
            run.next = "SaveSnapshot"
        elif row.reads != NOTHING:
            break
        elif action == "Commit":
            if (
                row.writes != Raw(BOTH % (ngrams + 1, snapshots + 1))
                or run.recalled != snapshots
                or run.high != ngrams
            ):
                break
            ngrams += 1
            snapshots += 1
            run.wrote = run.at_save = ngrams
            run.saved = run.first_save = run.last_save = snapshots
            run.next = "SwapView"
            books.writers.append(run)
            books.savers.append(ngrams)
            now_snapshots = Raw(SNAPSHOTS % snapshots)
        elif action == "SwapView":
            swapped = Raw(VIEW % (ngrams, ngrams))
            if row.writes != swapped or view != ngrams - 1 or run.wrote != ngrams:
                break
            view, now_view = ngrams, swapped
            run.next = "Release"
        elif row.writes != NOTHING:
            break
        elif action == "Acquire":
            if holder != NOBODY or arrivals[0] != session or view != ngrams:
                break
            arrivals.popleft()
            books.overtaken.discard(session)
            holder = session
            run.next = "Begin"
        elif action == "Release":
            holder = NOBODY
            run.next = "Return"
        else:
            # Begin, Ingest and SaveSnapshot: nothing reaches the store yet.
            run.next = _NEXT[action]
    else:
        taken = len(rows)
    books.holder, books.flying = holder, flying
    books.ngrams, books.snapshots = ngrams, snapshots
    books.bigrams = books.trigrams = view
    return taken, called, {}


_NEXT = {"Begin": "Recall", "Ingest": "Generate", "SaveSnapshot": "Commit"}
