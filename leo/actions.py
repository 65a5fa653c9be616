"""The vocabulary: the name of each action, and the objects that it reads and writes.

The specification, the model, the traces and the organism use the same names. The TLA+ module has
one operator of each name; only that operator says when the action is enabled.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Action(StrEnum):
    """One thing that happens to a reply, at the grain at which the runtime can interleave."""

    Call = "Call"
    Acquire = "Acquire"
    Begin = "Begin"
    Recall = "Recall"
    Ingest = "Ingest"
    LoadBigrams = "LoadBigrams"
    LoadTrigrams = "LoadTrigrams"
    AssignView = "AssignView"
    Generate = "Generate"
    GenerateBegin = "GenerateBegin"
    GenerateEnd = "GenerateEnd"
    SaveSnapshot = "SaveSnapshot"
    Commit = "Commit"
    SwapView = "SwapView"
    Release = "Release"
    Return = "Return"
    Cancel = "Cancel"
    CancelApplied = "CancelApplied"
    Raise = "Raise"
    Crash = "Crash"
    Recover = "Recover"
    Busy = "Busy"
    BusySnapshot = "BusySnapshot"
    Retry = "Retry"
    Reenter = "Reenter"
    Block = "Block"
    # What only the published programs do (spec/Published.tla).
    Refresh = "Refresh"
    Count = "Count"
    Locked = "Locked"
    Statement = "Statement"
    CommitOpen = "CommitOpen"
    RefreshBigrams = "RefreshBigrams"
    RefreshTrigrams = "RefreshTrigrams"
    Swallow = "Swallow"


class Touched(NamedTuple):
    """The objects that an action, or a step, reads and writes."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


# The objects of a trace, in the order in which an engine takes their versions, each with the part
# of the field that it belongs to: `ngrams` and `snapshots` are in the store, the view is in memory.
# `buffer` is what a unit of work lays over the view: the number of its own observations.
OBJECTS: Final[Mapping[str, str]] = {
    "ngrams": "ngrams",
    "snapshots": "snapshots",
    "bigrams": "ngrams",
    "trigrams": "ngrams",
    "view.bigrams": "view",
    "view.trigrams": "view",
    "buffer": "view",
}
_VIEW = frozenset({"view.bigrams", "view.trigrams"})


def _reads(*objects: str) -> Touched:
    return Touched(reads=frozenset(objects))


def _writes(*objects: str) -> Touched:
    return Touched(writes=frozenset(objects))


# Where each write is committed at once. In a unit of work Ingest and SaveSnapshot only fill the
# reply's buffer, Generate reads it too, and Commit writes both. Every other action touches no
# object of the field.
TOUCHES: Final[Mapping[Action, Touched]] = {
    Action.Recall: _reads("snapshots"),
    Action.Ingest: _writes("ngrams"),
    Action.LoadBigrams: _reads("bigrams"),
    Action.LoadTrigrams: _reads("trigrams"),
    Action.AssignView: _writes(*_VIEW),
    Action.Generate: _reads(*_VIEW),
    Action.GenerateBegin: _reads(*_VIEW),
    Action.GenerateEnd: _reads(*_VIEW),
    Action.SaveSnapshot: _writes("snapshots"),
    Action.Commit: _writes("ngrams", "snapshots"),
    Action.SwapView: _writes(*_VIEW),
    Action.Count: _writes("snapshots"),
    Action.CommitOpen: _writes("ngrams"),
    Action.RefreshBigrams: _writes("view.bigrams"),
    Action.RefreshTrigrams: _writes("view.trigrams"),
}


def touched(*actions: Action) -> Touched:
    """What actions read and write together, by the parts of the field."""
    each = [TOUCHES.get(action, Touched()) for action in actions]
    return Touched(
        frozenset(OBJECTS[name] for one in each for name in one.reads),
        frozenset(OBJECTS[name] for one in each for name in one.writes),
    )
