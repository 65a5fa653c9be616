"""The vocabulary: one name per action, the same in the specification, the model, a trace and the
organism; and what each action reads and writes.

The TLA+ module has one operator of each name. Nothing here says when an action is enabled: that is
the specification's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

__all__ = ["TOUCHES", "Action", "Touched", "touched"]


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
    """The objects that an action, or a step, reads and writes: `ngrams` and `snapshots` in the
    store, those of the modules there too, `view` in memory.
    """

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()


_NGRAMS, _SNAPSHOTS, _VIEW = frozenset({"ngrams"}), frozenset({"snapshots"}), frozenset({"view"})

# Where each write is committed at once. In a unit of work Ingest and SaveSnapshot only fill the
# reply's buffer, and Commit writes both. Every other action touches no object of the field.
TOUCHES: Final[Mapping[Action, Touched]] = {
    Action.Recall: Touched(reads=_SNAPSHOTS),
    Action.Ingest: Touched(writes=_NGRAMS),
    Action.LoadBigrams: Touched(reads=_NGRAMS),
    Action.LoadTrigrams: Touched(reads=_NGRAMS),
    Action.AssignView: Touched(writes=_VIEW),
    Action.Generate: Touched(reads=_VIEW),
    Action.GenerateBegin: Touched(reads=_VIEW),
    Action.GenerateEnd: Touched(reads=_VIEW),
    Action.SaveSnapshot: Touched(writes=_SNAPSHOTS),
    Action.Commit: Touched(writes=_NGRAMS | _SNAPSHOTS),
    Action.SwapView: Touched(writes=_VIEW),
}


def touched(actions: Iterable[Action]) -> Touched:
    """What several actions read and write together."""
    each = [TOUCHES.get(action, Touched()) for action in actions]
    return Touched(
        frozenset().union(*(one.reads for one in each)),
        frozenset().union(*(one.writes for one in each)),
    )
