---------------------------- MODULE TracePublished ---------------------------
(* Is a recorded trace a behaviour of Published?  Module Tracing says what a *)
(* line is, and what TLC prints.                                             *)
EXTENDS Published, Tracing

ExpectedVersions(e) ==
    CASE e[1] = "Recall" -> <<StoreVersion("snapshots")>>
      [] e[1] \in {"LoadBigrams", "LoadTrigrams"} -> <<StoreVersion("ngrams")>>
      [] e[1] \in {"Ingest", "CommitOpen"} -> <<StoreVersion("ngrams")>>
      [] e[1] \in {"AssignView", "Generate"} -> ViewVersion(InstanceOf[e[2]])
      [] e[1] = "RefreshBigrams" -> <<ViewVersion(InstanceOf[e[2]])[1]>>
      [] e[1] = "RefreshTrigrams" -> <<ViewVersion(InstanceOf[e[2]])[2]>>
      [] e[1] \in {"Count", "SaveSnapshot"} -> <<StoreVersion("snapshots")>>
      [] OTHER -> <<>>

Act(a, x) ==
    CASE a = "Call" -> Call(x)                   [] a = "Acquire" -> Acquire(x)
      [] a = "Recall" -> Recall(x)               [] a = "Count" -> Count(x)
      [] a = "Ingest" -> Ingest(x)               [] a = "Locked" -> Locked(x)
      [] a = "LoadBigrams" -> LoadBigrams(x)     [] a = "LoadTrigrams" -> LoadTrigrams(x)
      [] a = "AssignView" -> AssignView(x)       [] a = "Refresh" -> Refresh(x)
      [] a = "Generate" -> Generate(x)           [] a = "SaveSnapshot" -> SaveSnapshot(x)
      [] a = "Statement" -> Statement(x)         [] a = "CommitOpen" -> CommitOpen(x)
      [] a = "RefreshBigrams" -> RefreshBigrams(x)[] a = "RefreshTrigrams" -> RefreshTrigrams(x)
      [] a = "Release" -> Release(x)             [] a = "Return" -> Return(x)
      [] a = "Cancel" -> Cancel(x)               [] a = "CancelApplied" -> CancelApplied(x)
      [] a = "Raise" -> Raise(x)                 [] a = "Swallow" -> Swallow(x)
      [] a = "Crash" -> Crash(x)                 [] a = "Recover" -> Recover(x)
      [] OTHER -> FALSE

TraceNext == NextLine(Act, ExpectedVersions)
==============================================================================
