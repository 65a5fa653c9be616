------------------------------ MODULE TraceField -----------------------------
(* Is a recorded trace a behaviour of Field?  Module Tracing says what a     *)
(* line is, and what TLC prints.                                             *)
EXTENDS Field, Tracing

ExpectedVersions(e) ==
    CASE e[1] = "Recall" -> <<StoreVersion("snapshots")>>
      [] e[1] \in {"LoadBigrams", "LoadTrigrams"} -> <<StoreVersion("ngrams")>>
      [] e[1] = "Ingest" /\ ~WholeReply -> <<StoreVersion("ngrams")>>
      [] e[1] = "Generate" /\ WholeReply
            -> Append(ViewVersion(InstanceOf[e[2]]), Cardinality(Own(e[2], {})))
      [] e[1] \in {"AssignView", "SwapView", "Generate", "GenerateBegin", "GenerateEnd"}
            -> ViewVersion(InstanceOf[e[2]])
      [] e[1] = "SaveSnapshot" /\ ~WholeReply -> <<StoreVersion("snapshots")>>
      [] e[1] = "Commit" -> <<StoreVersion("ngrams"), StoreVersion("snapshots")>>
      [] OTHER -> <<>>

Act(a, x) ==
    CASE a = "Call" -> Call(x)                 [] a = "Acquire" -> Acquire(x)
      [] a = "Block" -> Block(x)               [] a = "Begin" -> Begin(x)
      [] a = "Recall" -> Recall(x)             [] a = "Ingest" -> Ingest(x)
      [] a = "Reenter" -> Reenter(x)           [] a = "LoadBigrams" -> LoadBigrams(x)
      [] a = "LoadTrigrams" -> LoadTrigrams(x) [] a = "AssignView" -> AssignView(x)
      [] a = "Generate" -> Generate(x)         [] a = "GenerateBegin" -> GenerateBegin(x)
      [] a = "GenerateEnd" -> GenerateEnd(x)   [] a = "SaveSnapshot" -> SaveSnapshot(x)
      [] a = "Commit" -> Commit(x)             [] a = "SwapView" -> SwapView(x)
      [] a = "Release" -> Release(x)           [] a = "Return" -> Return(x)
      [] a = "Cancel" -> Cancel(x)             [] a = "CancelApplied" -> CancelApplied(x)
      [] a = "Raise" -> Raise(x)               [] a = "Busy" -> Busy(x)
      [] a = "BusySnapshot" -> BusySnapshot(x) [] a = "Retry" -> Retry(x)
      [] a = "Crash" -> Crash(x)               [] a = "Recover" -> Recover(x)
      [] OTHER -> FALSE

TraceNext == NextLine(Act, ExpectedVersions)
==============================================================================
