"""The words of the formal model, for the paper and the pages."""

from __future__ import annotations

__all__ = ["GLOSSARY", "PROPERTIES_IN_WORDS"]

GLOSSARY = {
    "field": "the memory that an organism grows: n-gram counts and snapshots of its own replies",
    "store": "the SQLite file in which the field is kept; each object in it has a version",
    "view": "the copy of the tables that an instance keeps in memory and generates from",
    "reply": "one run of the program: recall, observe, generate, save a snapshot",
    "step": "a part of a reply during which no other reply can run",
    "discipline": "the rules by which the steps of several replies may meet: runtime, lock, commit",
    "unit of work": "all writes of one reply, committed in one transaction",
    "shield": "a commit and the swap of the view happen as one, whatever the caller does",
    "direct serialization graph": "its nodes are replies; an edge says that one came before "
    "another because of what they read and wrote; no serial order explains a cycle",
    "torn view": "a view whose tables come from different versions of the store",
    "cancelled, but applied": "the caller saw a cancellation; the write was carried out",
    "behaviour": "a sequence of states that the specification allows",
    "claim": "a cell of the table of verdicts, checked by TLC at its bound",
    "counterexample": "a shortest behaviour after which a property is false",
    "mutant": "the specification or a theorem with one guard less: it must be noticed",
}

PROPERTIES_IN_WORDS = {
    "MutualExclusion": "at most one reply is inside its program",
    "Serializable": "some serial order explains every read and every write",
    "StableRead": "what generate reads does not change while it reads",
    "ViewNotTorn": "no reply generates from tables of two different versions",
    "ReadsOwnObservation": "a reply generates from a field that has its own observation",
    "SnapshotProvenance": "a snapshot is saved into the version that generated it",
    "AllOrNothing": "a reply that ended has all of its writes in the store, or none",
    "Durable": "a reply that returned has all of its writes in the store, crash or not",
    "ViewAgreesWithStore": "when no reply is in flight, the view equals the store",
    "DeadlockFree": "somebody can always go on until everybody is done",
    "Answered": "every call ends",
    "NoOvertaking": "replies run in the order of their calls",
    "Refines": "the execution looks as if a whole reply were one step",
}
