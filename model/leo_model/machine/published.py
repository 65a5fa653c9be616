"""The actions of ``spec/Published.tla``: the programs of December 2025 and February 2026.

Calls, lock and endings are those of ``steps`` and ``faults``.  This file has the steps in which
these programs differ, under the names of the specification.
"""

from __future__ import annotations

from leo_model.machine.dsg import read_edges, write_edges
from leo_model.machine.faults import end_early
from leo_model.machine.state import CLOSED, UNREAD, Open, Reply, State, Tables, Write
from leo_model.machine.steps import World, at, require

LOADING = ("load", "loadAgain", "reload")
AFTER_ASSIGN = {"load": "ingestAgain", "loadAgain": "generate", "reload": "return"}
AFTER_FAILURE = {
    "count": "ingest",
    "snapshot": "release",
    **dict.fromkeys(("ingest", "load", "ingestAgain", "loadAgain"), "generate"),
}
RAISES = (
    "generate", "reload", "statement", "statementAgain", "commit", "refreshBigrams",
    "refreshTrigrams",
)  # fmt: skip


def is_february(w: World) -> bool:
    return w.rules.program == "february"


def next_write(w: World, z: State, s: str) -> Write:
    """The write that a call makes next: one part of its observation."""
    reply = z.reply(s)
    if w.rules.parts(w.call_of(s)) == 1:
        return reply
    return (*reply, 2 if z.pc[s].endswith("Again") else 1)


def at_any(w: World, z: State, s: str, *labels: str) -> tuple[tuple[str, bool], ...]:
    return (
        (f"{s} is at {' or '.join(labels)}", z.pc[s] in labels),
        ("its process is up and the event loop runs", w.may_run(z, s)),
    )


def recall(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "recall"))
    # EFFECT
    reply, snapshots = z.reply(s), z.snapshots
    finds = w.call_of(s) != "blank"
    z.pc[s] = ("ingest" if is_february(w) else "count") if finds else "generate"
    z.local[s] = z.local[s]._replace(recalled=snapshots)
    z.readers = z.readers._replace(snapshots=z.readers.snapshots | {reply})
    z.dsg |= read_edges(reply, snapshots, snapshots)


def count(w: World, z: State, s: str) -> None:
    """December: what was recalled is marked as used, by a connection of its own."""
    # GUARD
    require(*at(w, z, s, "count"))
    # EFFECT
    z.pc[s] = "ingest"
    _write_snapshot(z, z.reply(s))


def ingest(w: World, z: State, s: str) -> None:
    """One recalled text, in a transaction of its own."""
    # GUARD
    require(
        *at_any(w, z, s, "ingest", "ingestAgain"),
        ("no transaction of the other connection is open", not z.open.open),
    )
    # EFFECT
    reply = z.reply(s)
    z.dsg |= write_edges(reply, z.ngrams, z.readers.ngrams)
    z.store = z.store._replace(ngrams=(*z.store.ngrams, next_write(w, z, s)))
    if is_february(w):
        z.pc[s] = "generate"
    else:
        z.pc[s] = "load" if z.pc[s] == "ingest" else "loadAgain"


def load_bigrams(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        *at_any(w, z, s, *LOADING),
        ("the bigrams are not loaded yet", z.local[s].bigrams == UNREAD),
    )
    # EFFECT
    z.local[s] = z.local[s]._replace(bigrams=z.ngrams)


def load_trigrams(w: World, z: State, s: str) -> None:
    # GUARD
    require(
        *at_any(w, z, s, *LOADING),
        ("the trigrams are not loaded yet", z.local[s].trigrams == UNREAD),
    )
    # EFFECT
    z.local[s] = z.local[s]._replace(trigrams=z.ngrams)


def assign_view(w: World, z: State, s: str) -> None:
    # GUARD
    held = z.local[s]
    require(
        *at_any(w, z, s, *LOADING),
        ("both tables are loaded", UNREAD not in (held.bigrams, held.trigrams)),
    )
    # EFFECT
    z.pc[s] = AFTER_ASSIGN[z.pc[s]]
    z.view[w.instance_of[s]] = Tables(held.bigrams, held.trigrams)
    z.local[s] = held._replace(bigrams=UNREAD, trigrams=UNREAD)


def refresh(w: World, z: State, s: str) -> None:
    """``await leo.refresh()``, by anybody: no lock."""
    # GUARD
    require(
        ("the session calls refresh()", w.call_of(s) == "refresh"),
        *at(w, z, s, "idle"),
        ("the session has calls left", w.turns is None or z.calls[s] < w.turns),
    )
    # EFFECT
    z.pc[s] = "reload"
    z.calls[s] += 1


def generate(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "generate"))
    # EFFECT
    reply, view = z.reply(s), z.view[w.instance_of[s]]
    z.pc[s] = "snapshot" if is_february(w) and w.call_of(s) == "reply" else "release"
    z.local[s] = z.local[s]._replace(sawBigrams=view.bigrams, sawTrigrams=view.trigrams)
    z.readers = z.readers._replace(ngrams=z.readers.ngrams | {reply})
    z.dsg |= read_edges(reply, view.bigrams, z.ngrams) | read_edges(reply, view.trigrams, z.ngrams)


def save_snapshot(w: World, z: State, s: str) -> None:
    """February; December saves none."""
    # GUARD
    require(
        *at(w, z, s, "snapshot"),
        ("no transaction of the other connection is open", not z.open.open),
    )
    # EFFECT
    z.pc[s] = "release"
    z.local[s] = z.local[s]._replace(saved=z.ngrams)
    _write_snapshot(z, z.reply(s))


def _write_snapshot(z: State, reply: Reply) -> None:
    z.dsg |= write_edges(reply, z.snapshots, z.readers.snapshots)
    z.store = z.store._replace(snapshots=(*z.store.snapshots, reply))


def locked(w: World, z: State, s: str) -> None:
    """ "database is locked", and reply() swallows it."""
    # GUARD
    require(
        *at_any(w, z, s, "ingest", "snapshot"),
        ("a transaction of the other connection is open", z.open.open),
    )
    # EFFECT
    z.pc[s] = AFTER_FAILURE[z.pc[s]]


def statement(w: World, z: State, s: str) -> None:
    """February's observe(): one of its statements, on the asynchronous connection."""
    # GUARD
    require(*at_any(w, z, s, "statement", "statementAgain"))
    # EFFECT
    z.open = Open(True, (*z.open.writes, next_write(w, z, s)))
    z.pc[s] = "statementAgain" if z.pc[s] == "statement" else "commit"


def commit_open(w: World, z: State, s: str) -> None:
    """The commit publishes all that is in the transaction, also what others put there."""
    # GUARD
    require(*at(w, z, s, "commit"))
    # EFFECT
    for write in z.open.writes:
        z.dsg |= write_edges((write[0], write[1]), z.ngrams, z.readers.ngrams)
        z.store = z.store._replace(ngrams=(*z.store.ngrams, write))
    z.open = CLOSED
    z.pc[s] = "refreshBigrams"


def refresh_bigrams(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "refreshBigrams"))
    # EFFECT
    instance = w.instance_of[s]
    z.view[instance] = z.view[instance]._replace(bigrams=z.ngrams)
    z.pc[s] = "refreshTrigrams"


def refresh_trigrams(w: World, z: State, s: str) -> None:
    # GUARD
    require(*at(w, z, s, "refreshTrigrams"))
    # EFFECT
    instance = w.instance_of[s]
    z.view[instance] = z.view[instance]._replace(trigrams=z.ngrams)
    z.pc[s] = "release"


def after_write(z: State, s: str) -> bool:
    """The call's last action was a commit that the database has carried out."""
    label, held = z.pc[s], z.local[s]
    return (
        label == "refreshBigrams"
        or (label == "ingest" and z.reply(s) in z.snapshots)
        or (label in {"load", "loadAgain"} and held.bigrams == held.trigrams == UNREAD)
    )


def _cancellable(w: World, z: State, s: str) -> tuple[tuple[str, bool], ...]:
    return (
        ("cancellations are among the faults", "Cancel" in w.faults),
        (f"a call of {s} is in flight", z.in_flight(s)),
        ("the call has not ended yet", z.pc[s] != "return"),
        ("its process is up and the event loop runs", w.may_run(z, s)),
        ("it is at an await", not w.in_stretch(z, s)),
    )


def cancel(w: World, z: State, s: str) -> None:
    """What is open on the asynchronous connection stays open."""
    # GUARD
    require(
        *_cancellable(w, z, s),
        ("no write has just been carried out", not after_write(z, s)),
    )
    # EFFECT
    end_early(z, [s])


def cancel_applied(w: World, z: State, s: str) -> None:
    # GUARD
    require(*_cancellable(w, z, s), ("a write has just been carried out", after_write(z, s)))
    # EFFECT
    end_early(z, [s])


def raise_(w: World, z: State, s: str) -> None:
    """What propagates: an exception of generate, observe() and refresh()."""
    # GUARD
    require(
        ("exceptions are among the faults", "Raise" in w.faults),
        *at_any(w, z, s, *RAISES),
    )
    # EFFECT
    end_early(z, [s])


def swallow(w: World, z: State, s: str) -> None:
    """What does not: reply() goes on without what failed."""
    # GUARD
    require(
        ("swallowed exceptions are among the faults", "Swallow" in w.faults),
        *at_any(w, z, s, *AFTER_FAILURE),
    )
    # EFFECT
    z.pc[s] = AFTER_FAILURE[z.pc[s]]
    z.local[s] = z.local[s]._replace(bigrams=UNREAD, trigrams=UNREAD)
