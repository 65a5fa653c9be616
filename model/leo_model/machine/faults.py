"""The ways in which a reply ends early: the Python side of ``EndEarly`` in ``spec/Field.tla``."""

from __future__ import annotations

from collections.abc import Iterable

from leo_model.machine.state import BLANK, CLOSED, NOBODY, UNREAD, Reply, State, Tables
from leo_model.machine.steps import World, at, is_my_turn, lock_is_free, require


def end_early(z: State, gone: Iterable[str]) -> None:
    """Release locks, roll back, drop buffers; what was committed stays.

    A reply that has written nothing leaves no trace in the serialization graph.
    """
    ends = frozenset(gone)
    nothing = {z.reply(s) for s in ends} - z.wrote
    for s in ends:
        z.pc[s] = "idle"
        z.local[s] = BLANK
        z.moved[s] = False
    z.holder = {i: NOBODY if t in ends else t for i, t in z.holder.items()}
    z.arrivals = tuple(t for t in z.arrivals if t not in ends)
    z.overtaken -= ends
    z.writing = NOBODY if z.writing in ends else z.writing
    z.left -= ends
    forget_reads(z, nothing)


def forget_reads(z: State, replies: Iterable[Reply]) -> None:
    """Take replies out of the serialization graph."""
    gone = frozenset(replies)
    if gone:
        z.readers = z.readers._replace(
            ngrams=z.readers.ngrams - gone, snapshots=z.readers.snapshots - gone
        )
        z.dsg = frozenset(e for e in z.dsg if e[0] not in gone and e[1] not in gone)


def after_write(w: World, z: State, s: str) -> bool:
    """The reply's last action was a write that the database has carried out."""
    label = z.pc[s]
    return label in {"swap", "release"} or (label == "loadBigrams" and not w.rules.whole_reply)


def cancel(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("cancellations are among the faults", "Cancel" in w.faults),
        ("the runtime is an event loop: threads cannot be cancelled", not w.rules.threads),
        (f"a reply of {s} is in flight", z.in_flight(s)),
        ("its process is up and the event loop runs", w.alive(z, s)),
    )
    if w.rules.detached:
        require(("the caller is still there", s not in z.left))
    else:
        require(
            ("no write has just been carried out", not after_write(w, z, s)),
            ("the reply has not ended yet", z.pc[s] != "return"),
        )
    # EFFECT
    if w.rules.detached:
        z.left |= {s}
    else:
        end_early(z, [s])


def cancel_applied(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("cancellations are among the faults", "Cancel" in w.faults),
        ("the runtime is an event loop: threads cannot be cancelled", not w.rules.threads),
        ("the caller's cancellation reaches the program", not w.rules.detached),
        ("its process is up and the event loop runs", w.alive(z, s)),
        ("a write has just been carried out", after_write(w, z, s)),
        ("no shield holds the cancellation back", not (w.rules.shielded and z.pc[s] == "swap")),
    )
    # EFFECT
    end_early(z, [s])


def is_queued(w: World, z: State, s: str) -> bool:
    """Its turn has not come: it is not run, so nothing of it can raise."""
    ready = lock_is_free(w, z, s) and is_my_turn(w, z, s)
    return w.rules.lock == "fifo" and z.pc[s] == "called" and not ready


def raise_(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("exceptions are among the faults", "Raise" in w.faults),
        (f"a reply of {s} is in flight", z.in_flight(s)),
        ("the reply has not ended yet", z.pc[s] != "return"),
        ("it does not wait in the queue for the lock", not is_queued(w, z, s)),
        ("no shield holds the exception back", not (w.rules.shielded and z.pc[s] == "swap")),
        ("its process is up and the event loop runs", w.alive(z, s)),
    )
    # EFFECT
    end_early(z, [s])


def busy(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("a busy timeout is among the faults", "Busy" in w.faults),
        ("the transaction begins with BEGIN IMMEDIATE", w.rules.transaction == "immediate"),
        *at(w, z, s, "begin"),
        ("somebody holds SQLite's write lock", z.writing != NOBODY),
    )
    # EFFECT
    end_early(z, [s])


def busy_snapshot(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("the transaction is deferred", w.rules.transaction == "deferred"),
        *at(w, z, s, "commit"),
        ("the store has moved since the reply's snapshot", z.moved[s]),
    )
    # EFFECT
    end_early(z, [s])


def retry(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        ("versions are checked at the commit", w.rules.transaction == "checked"),
        *at(w, z, s, "commit"),
        ("the store has moved since the reply's snapshot", z.moved[s]),
    )
    # EFFECT
    z.pc[s] = "begin"
    z.local[s] = BLANK
    z.moved[s] = False
    forget_reads(z, [z.reply(s)])


def crash(w: World, z: State, i: str) -> None:
    # GUARD
    require(
        ("crashes are among the faults", "Crash" in w.faults),
        (f"the process of {i} is up", z.up[i]),
    )
    # EFFECT
    z.up[i] = False
    z.open = CLOSED
    z.view[i] = Tables(UNREAD, UNREAD)
    end_early(z, [s for s in w.peers(i) if z.in_flight(s)])


def recover(w: World, z: State, i: str) -> None:
    # GUARD
    require((f"the process of {i} is down", not z.up[i]))
    # EFFECT
    z.up[i] = True
    z.view[i] = Tables(z.ngrams, z.ngrams)
