------------------------------ MODULE TraceField -----------------------------
(* Is a recorded trace a behaviour of Field?  A generated module gives       *)
(* Traces, a sequence of traces; each is checked by itself (variable trace). *)
(* A line is one event; the action named there must be enabled, and the      *)
(* versions that the event read and wrote must be those of the state.        *)
(*                                                                           *)
(*   event field          spec                                               *)
(*   action               the operator of the same name                      *)
(*   actor                the session, or the instance for Crash, Recover    *)
(*   v, w                 versions; -1 where the event carries none:         *)
(*     Recall             v = version of snapshots read                      *)
(*     Ingest             v = version of ngrams written                      *)
(*     LoadBigrams, LoadTrigrams   v = version of ngrams read                *)
(*     AssignView, SwapView        v, w = view.bigrams, view.trigrams        *)
(*     Generate...        v, w = view.bigrams, view.trigrams read            *)
(*     SaveSnapshot       v = version of snapshots written                   *)
(*     Commit             v, w = versions of ngrams, snapshots written       *)
(*                                                                           *)
(* A trace that is no behaviour stops before its end; TLC prints how far it  *)
(* came.  Settled replies are forgotten as soon as possible (module Forget), *)
(* so the time is linear in the length of the trace.                         *)
EXTENDS Forget

CONSTANTS
    Traces,     \* sequence of sequences of <<action, actor, v, w>>
    Start       \* for each trace: [ngrams |-> n, snapshots |-> n] at its beginning

VARIABLES trace, line, broken

traceVars == <<trace, line, broken>>

Event == Traces[trace][line]
Actor == Event[2]

StoreVersion(o) == base[o] + Len(store[o])
ViewVersion(i)  == <<base.ngrams + Cardinality(view[i].bigrams),
                     base.ngrams + Cardinality(view[i].trigrams)>>

(* What the event must say, evaluated in the state after the step: reads do  *)
(* not change what they read.                                                *)
ExpectedVersions ==
    LET a == Event[1] IN
    CASE a = "Recall" -> <<StoreVersion("snapshots"), -1>>
      [] a \in {"LoadBigrams", "LoadTrigrams"} -> <<StoreVersion("ngrams"), -1>>
      [] a = "Ingest" /\ ~WholeReply -> <<StoreVersion("ngrams"), -1>>
      [] a \in {"AssignView", "SwapView", "Generate", "GenerateBegin", "GenerateEnd"}
            -> ViewVersion(InstanceOf[Actor])
      [] a = "SaveSnapshot" /\ ~WholeReply -> <<StoreVersion("snapshots"), -1>>
      [] a = "Commit" -> <<StoreVersion("ngrams"), StoreVersion("snapshots")>>
      [] OTHER -> <<-1, -1>>

Act(a) ==
    CASE a = "Call" -> Call(Actor)                 [] a = "Acquire" -> Acquire(Actor)
      [] a = "Block" -> Block(Actor)               [] a = "Begin" -> Begin(Actor)
      [] a = "Recall" -> Recall(Actor)             [] a = "Ingest" -> Ingest(Actor)
      [] a = "Reenter" -> Reenter(Actor)           [] a = "LoadBigrams" -> LoadBigrams(Actor)
      [] a = "LoadTrigrams" -> LoadTrigrams(Actor) [] a = "AssignView" -> AssignView(Actor)
      [] a = "Generate" -> Generate(Actor)         [] a = "GenerateBegin" -> GenerateBegin(Actor)
      [] a = "GenerateEnd" -> GenerateEnd(Actor)   [] a = "SaveSnapshot" -> SaveSnapshot(Actor)
      [] a = "Commit" -> Commit(Actor)             [] a = "SwapView" -> SwapView(Actor)
      [] a = "Release" -> Release(Actor)           [] a = "Return" -> Return(Actor)
      [] a = "Cancel" -> Cancel(Actor)             [] a = "CancelApplied" -> CancelApplied(Actor)
      [] a = "Raise" -> Raise(Actor)               [] a = "Busy" -> Busy(Actor)
      [] a = "BusySnapshot" -> BusySnapshot(Actor) [] a = "Retry" -> Retry(Actor)
      [] a = "Crash" -> Crash(Actor)               [] a = "Recover" -> Recover(Actor)

(* The properties that are false in the state.  The graph only grows between *)
(* replies that have written, so Serializable is looked at when a reply is   *)
(* forgotten or the trace ends.                                              *)
Falls ==
    (IF MutualExclusion THEN {} ELSE {"MutualExclusion"}) \cup
    (IF StableRead THEN {} ELSE {"StableRead"}) \cup
    (IF ViewNotTorn THEN {} ELSE {"ViewNotTorn"}) \cup
    (IF ReadsOwnObservation THEN {} ELSE {"ReadsOwnObservation"}) \cup
    (IF SnapshotProvenance THEN {} ELSE {"SnapshotProvenance"}) \cup
    (IF AllOrNothing THEN {} ELSE {"AllOrNothing"}) \cup
    (IF Durable THEN {} ELSE {"Durable"}) \cup
    (IF ViewAgreesWithStore THEN {} ELSE {"ViewAgreesWithStore"}) \cup
    (IF NoOvertaking THEN {} ELSE {"NoOvertaking"})
==============================================================================
