"""The vocabulary: one name per action, the same in the specification, the model, a trace and the
organism.

The TLA+ module has one operator of each name. Nothing here says when an action is enabled: that is
the specification's business.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Action"]


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
