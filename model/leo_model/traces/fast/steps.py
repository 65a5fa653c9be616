"""Follows undisturbed replies line by line: with a commit for each step (``walk``: bare,
sequential, asyncio-lock), and in a unit of work under a fair lock (``walk_units``).

Each is one long function, because it runs for every line and a call would double its cost.  In
``walk_units`` no property can fall while the view is current: one reply is inside, reads all that
is committed, and commits once.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Final

from msgspec import Raw

from leo_model.machine.state import NOBODY
from leo_model.traces.fast.state import (
    BIGRAMS,
    BOTH,
    NGRAMS,
    NOTHING,
    SEEN,
    SNAPSHOTS,
    TRIGRAMS,
    VIEW,
    Books,
    Row,
    Run,
)

# The properties that the fast path knows: those whose falls `walk` counts, and those that nothing
# but a thread, a fault or an early end can break.  With any other there is no fast path.
KNOWN: Final = frozenset(
    {
        "MutualExclusion",
        "NoOvertaking",
        "ViewNotTorn",
        "ReadsOwnObservation",
        "SnapshotProvenance",
        "Refines",
        "Serializable",
        "ViewAgreesWithStore",
    }
) | {"StableRead", "AllOrNothing", "Durable"}


def is_new_session(name: str) -> bool:
    """Tell whether the reader takes this for the name of a session."""
    return bool(name) and name.isprintable() and name != NOBODY


def call(seats: dict[str, Run], row: Row) -> bool:
    """Let the session of a row begin a reply; False when the row is not the call that is due."""
    session = row.session
    run = seats.get(session)
    turn = 1 if run is None else run.turn + 1
    text = f"{session}.{turn}"
    if (
        row.reply != text
        or row.reads != NOTHING
        or row.writes != NOTHING
        or row.outcome != "ok"
        or (not is_new_session(session) if run is None else run.next != "Call")
    ):
        return False
    seats[session] = Run(session, turn, text, "Acquire")
    return True


def walk(
    books: Books, rows: Sequence[Row], fallen: Container[str], fair: bool
) -> tuple[int, int, dict[str, int]]:
    """Take the rows, whose numbers are right; ``fair`` if there is a lock.

    Returns how many were taken, how many of them were calls, and how many replies each property
    was seen to concern.  Stops before a row that is not the next step of an undisturbed reply
    with the versions that it must have, or that lets a property fall which is not in ``fallen``.
    """
    seats, arrivals, half = books.seats, books.arrivals, books.half
    savers, merge, overtaken = books.savers, books.merge, books.overtaken
    holder = books.holder
    ngrams, snapshots = books.ngrams, books.snapshots
    bigrams, trigrams = books.bigrams, books.trigrams
    inside = sum(run.in_flight and run.next not in ("Acquire", "Return") for run in seats.values())
    flying = books.flying
    entered = passed = torn = foreign = misplaced = unsteady = rested = cyclic = 0
    may_enter, may_pass = "MutualExclusion" in fallen, "NoOvertaking" in fallen
    may_tear, may_miss = "ViewNotTorn" in fallen, "ReadsOwnObservation" in fallen
    may_misplace, may_break = "SnapshotProvenance" in fallen, "Refines" in fallen
    may_cycle, may_rest = "Serializable" in fallen, "ViewAgreesWithStore" in fallen
    next_ngrams = Raw(NGRAMS % (ngrams + 1))
    now_bigrams, now_trigrams = Raw(BIGRAMS % ngrams), Raw(TRIGRAMS % ngrams)
    now_view = Raw(VIEW % (bigrams, trigrams))
    now_snapshots, next_snapshots = Raw(SNAPSHOTS % snapshots), Raw(SNAPSHOTS % (snapshots + 1))
    taken = called = 0
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
        if action == "Recall":
            if row.reads != now_snapshots or row.writes != NOTHING or row.outcome != "ok":
                break
            run.recalled = run.after = snapshots
            run.read_snapshots = True
            run.next = "Ingest"
        elif action == "LoadBigrams":
            if row.reads != now_bigrams or row.writes != NOTHING or row.outcome != "ok":
                break
            run.bigrams = ngrams
            run.next = "LoadTrigrams"
        elif action == "LoadTrigrams":
            if row.reads != now_trigrams or row.writes != NOTHING or row.outcome != "ok":
                break
            run.trigrams = ngrams
            run.next = "AssignView"
        elif action == "AssignView":
            view = Raw(VIEW % (run.bigrams, run.trigrams))
            if row.writes != view or row.reads != NOTHING or row.outcome != "ok":
                break
            bigrams, trigrams, now_view = run.bigrams, run.trigrams, view
            run.bigrams = run.trigrams = -1
            run.next = "Generate"
        elif action == "Generate":
            if row.reads != now_view or row.writes != NOTHING or row.outcome != "ok":
                break
            wrote = run.wrote
            if bigrams == trigrams == wrote:
                run.low = run.high = wrote
            else:
                low, high = min(bigrams, trigrams), max(bigrams, trigrams)
                if (
                    (low != high and not may_tear)
                    or (wrote > low and not may_miss)
                    or ((low + 1 < wrote or wrote < high) and not may_cycle)
                ):
                    break
                torn += low != high
                foreign += wrote > low
                if low + 1 < wrote:
                    cyclic += merge(low + 1, wrote)
                if wrote < high:
                    cyclic += merge(wrote, high)
                run.low, run.high = low, high
            run.saw_bigrams, run.saw_trigrams = bigrams, trigrams
            run.read_ngrams = True
            run.next = "SaveSnapshot"
        elif row.reads != NOTHING:
            break
        elif action == "Ingest":
            if row.writes != next_ngrams or row.outcome != "ok":
                break
            if run.recalled < snapshots:
                # Who saved since this reply recalled both precedes and follows it.
                if not may_cycle:
                    break
                cyclic += merge(min(savers[run.recalled - books.savers_from :]), ngrams + 1)
            ngrams += 1
            run.wrote = ngrams
            run.next = "LoadBigrams"
            half[ngrams] = None
            books.writers.append(run)
            next_ngrams = Raw(NGRAMS % (ngrams + 1))
            now_bigrams, now_trigrams = Raw(BIGRAMS % ngrams), Raw(TRIGRAMS % ngrams)
        elif action == "SaveSnapshot":
            if row.writes != next_snapshots or row.outcome != "ok":
                break
            wrote, saw = run.wrote, run.saw_bigrams
            placed = saw == run.saw_trigrams == ngrams
            # One step of AtomicReply: it saw its own observation, those of all others that are not
            # half-way, and every snapshot.
            steady = (
                run.recalled == snapshots
                and saw == run.saw_trigrams
                and wrote <= saw
                and len(half) - 1 == ngrams - saw
                # The first is the oldest.
                and (len(half) == 1 or next(other for other in half if other != wrote) > saw)
            )
            if (
                (not placed and not may_misplace)
                or (not steady and not may_break)
                or (wrote != ngrams and not may_cycle)
            ):
                break
            misplaced += not placed
            unsteady += not steady
            if wrote != ngrams:
                cyclic += merge(wrote, ngrams)
            snapshots += 1
            run.saved = run.first_save = run.last_save = snapshots
            run.at_save = ngrams
            run.next = "Release"
            del half[wrote]
            savers.append(wrote)
            now_snapshots, next_snapshots = next_snapshots, Raw(SNAPSHOTS % (snapshots + 1))
        elif row.writes != NOTHING:
            break
        elif action == "Return":
            if row.outcome != "returned":
                break
            if flying == 1 and not (bigrams == trigrams == ngrams):
                if not may_rest:
                    break
                rested += 1
            flying -= 1
            run.returned = True
            run.next = "Call"
        elif row.outcome != "ok":
            break
        elif action == "Acquire":
            if inside and not may_enter:
                break
            if fair and holder != NOBODY:
                break
            if arrivals[0] == session:
                arrivals.popleft()
                overtaken.discard(session)
            else:
                # Under a fair lock nobody has ever passed another.
                if not may_pass:
                    break
                earlier = arrivals.index(session)
                known = len(overtaken)
                overtaken.update([arrivals[k] for k in range(earlier)])
                passed += len(overtaken) - known
                overtaken.discard(session)
                del arrivals[earlier]
            entered += inside > 0
            inside += 1
            if fair:
                holder = session
            run.next = "Recall"
        else:
            # Release: what is left of what an undisturbed reply does.
            inside -= 1
            holder = NOBODY
            run.next = "Return"
    else:
        taken = len(rows)
    books.holder, books.flying = holder, flying
    books.ngrams, books.snapshots = ngrams, snapshots
    books.bigrams, books.trigrams = bigrams, trigrams
    counts = {
        "MutualExclusion": entered,
        "NoOvertaking": passed,
        "ViewNotTorn": torn,
        "ReadsOwnObservation": foreign,
        "SnapshotProvenance": misplaced,
        "Refines": unsteady,
        "ViewAgreesWithStore": rested,
        "Serializable": cyclic,
    }
    return taken, called, counts


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
    now_seen = Raw(SEEN % (view, view))
    taken = called = 0
    # Begins as `walk` does: a call for each event would cost more than the walk itself.
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
            if row.reads != now_seen or row.writes != NOTHING or view != ngrams:
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
            view, now_seen = ngrams, Raw(SEEN % (ngrams, ngrams))
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
