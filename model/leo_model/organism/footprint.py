"""What each action reads and writes, so that an explorer can tell which steps commute.

Besides the objects of the field there are those that make an order visible:

lock.I      the lock of an instance, with its queue
life.I      whether the process of an instance runs
transaction SQLite's write lock
order       who called, started and ended before whom (NoOvertaking, MutualExclusion, and when an
            instance is at rest)
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from leo_model.disciplines import Rules

NOTHING: frozenset[str] = frozenset()
STORE = frozenset({"ngrams", "snapshots"})


class Footprint(NamedTuple):
    """The objects that an action reads and writes."""

    reads: frozenset[str]
    writes: frozenset[str]


@cache
def footprint(rules: Rules, action: str, instance: str) -> Footprint:
    """Return what an action of a session of the instance touches."""
    view, lock, life = f"view.{instance}", f"lock.{instance}", f"life.{instance}"
    reads: set[str] = {life}
    writes: set[str] = set()
    unit, immediate = rules.whole_reply, rules.transaction == "immediate"
    match action:
        case "Call" | "Acquire" | "Block" | "Release" | "Return":
            writes |= {"order", lock}
            # Whoever finds a blocking lock taken stops the event loop (Block).
            if rules.lock == "blocking" and action in {"Acquire", "Block"}:
                writes.add(life)
        case "Begin":
            reads |= {view, *STORE} if rules.transaction in {"checked", "immediate"} else NOTHING
            writes |= {"transaction", "order"} if immediate else NOTHING
        case "Recall":
            # The first read of a deferred transaction fixes what all of it sees.
            reads |= STORE if rules.transaction == "deferred" else {"snapshots"}
        case "Ingest":
            writes |= NOTHING if unit else {"ngrams"}
        case "LoadBigrams" | "LoadTrigrams":
            reads.add("ngrams")
        case "AssignView" | "SwapView":
            writes.add(view)
        case "Generate" | "GenerateBegin" | "GenerateEnd":
            reads.add(view)
        case "SaveSnapshot":
            # A snapshot belongs to the n-grams that it is saved beside (SnapshotProvenance).
            reads |= NOTHING if unit else {"ngrams"}
            writes |= NOTHING if unit else {"snapshots"}
        case "Commit" | "Retry" | "BusySnapshot":
            writes |= {*STORE, "transaction"}
            reads.add(view)
            if rules.transaction == "deferred":
                # It may find that the store has moved, and end the reply (BusySnapshot).
                writes |= {"order", lock}
        case "Cancel" | "CancelApplied" | "Raise" | "Busy":
            reads |= STORE
            writes |= {"order", lock, "transaction"}
        case "Crash" | "Recover":
            reads |= STORE
            writes |= {life, lock, view, "order", "transaction"}
    return Footprint(frozenset(reads), frozenset(writes))
