"""The words of the formal model, for the paper and the pages."""

from __future__ import annotations

from leo_model.machine.properties import PROPERTIES

GLOSSARY = {
    "field": "the memory that an organism grows: n-gram counts and snapshots of its own replies",
    "store": "the SQLite file in which the field is kept; each object in it has a version",
    "view": "the copy of the tables that an instance keeps in memory and generates from",
    "reply": "one run of the program: recall, observe, generate, save a snapshot",
    "step": "a part of a reply during which no other reply can run",
    "discipline": "the rules by which the steps of several replies may meet: runtime, lock, commit",
    "unit of work": "all writes of one reply, committed in one transaction",
    "shield": "a commit and the swap of the view happen as one, even if the caller is cancelled",
    "direct serialization graph": "its nodes are replies; an edge says that one came before "
    "another because of what they read and wrote; no serial order explains a cycle",
    "torn view": "a view whose tables come from different versions of the store",
    "cancelled, but applied": "the caller saw a cancellation; the write was carried out",
    "behaviour": "a sequence of states that the specification allows",
    "claim": "the verdict on a discipline and a property, checked by TLC at its bound: a cell of "
    "the table, or of a property without a column",
    "counterexample": "a behaviour that a property forbids: a shortest one to what must never be, "
    "or one that repeats for ever (no promise that it is shortest) without what must come",
    "mutant": "the specification or a theorem with one guard less: it must be noticed",
}

PROPERTIES_IN_WORDS = {title: about.meaning for title, about in PROPERTIES.items()}
# Those without a column in the table, which have counterexamples all the same.
MORE_IN_WORDS = {
    "NoDoubleDelta": "a view takes in each reply once",
    "LoopRuns": "no reply stops the event loop",
    "AloneReturns": "a reply that is alone and unharmed returns",
}
