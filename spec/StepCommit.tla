----------------------------- MODULE StepCommit ------------------------------
(* The steps of a reply that commits as it goes: each write is a transaction *)
(* of its own, and the view is loaded from the store after it.               *)
EXTENDS Lifecycle

CONSTANT Program    \* the order of the four steps; the paper's is PaperProgram

PaperProgram == <<"recall", "observe", "generate", "snapshot">>
ASSUME Len(Program) = 4 /\ Range(Program) = Range(PaperProgram)

(* The label of a step's first action, and of what follows a step.           *)
Label == [recall |-> "recall", observe |-> "ingest", generate |-> "generate", snapshot |-> "snapshot"]
Entry == Label[Program[1]]
After ==
    [step \in Range(Program) |->
        LET k == CHOOSE k \in 1 .. 4 : Program[k] = step IN
        IF k < 4 THEN Label[Program[k + 1]] ELSE IF WholeReply THEN "commit" ELSE "release"]

Precedes(one, other) ==
    \E j, k \in 1 .. 4 : j < k /\ Program[j] = one /\ Program[k] = other

(* recall: `santa.recall(...)` reads the snapshots in the store.             *)
Recall(s) ==
    /\ At(s, "recall")
    /\ Goto(s, After["recall"])
    /\ Learn(s, [recalled |-> Snapshots])
    /\ HasRead(Reply(s), "snapshots", {Snapshots}, Snapshots)
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left>>

(* observe: `self.observe(snippet)`.  One transaction writes all n-gram      *)
(* tables.                                                                   *)
WriteCounts(s) ==
    /\ At(s, "ingest")
    /\ Goto(s, "loadBigrams")
    /\ store' = [store EXCEPT !.ngrams = Written(@, Reply(s))]
    /\ HasWritten(Reply(s), "ngrams", Ngrams)
    /\ UNCHANGED <<calls, view, local, lockVars, txnVars, up, left>>

(* The refresh reads each table by its own SELECT, each after its own await. *)
LoadBigrams(s) ==
    /\ At(s, "loadBigrams")
    /\ Goto(s, "loadTrigrams")
    /\ Learn(s, [bigrams |-> Ngrams])
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left, history>>

LoadTrigrams(s) ==
    /\ At(s, "loadTrigrams")
    /\ Goto(s, "assign")
    /\ Learn(s, [trigrams |-> Ngrams])
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left, history>>

(* `self.bigrams, self.trigrams = ...`: no await in between.                 *)
AssignView(s) ==
    /\ At(s, "assign")
    /\ Goto(s, IF WholeReply THEN Entry ELSE After["observe"])
    /\ view' = [view EXCEPT ![InstanceOf[s]] =
                    [bigrams |-> local[s].bigrams, trigrams |-> local[s].trigrams]]
    /\ Learn(s, [bigrams |-> Unread, trigrams |-> Unread])
    /\ UNCHANGED <<calls, store, lockVars, txnVars, up, left, history>>

(* A module calls the locked `observe` inside reply(): asyncio.Lock is not   *)
(* reentrant, so the reply waits for itself.                                 *)
Reenter(s) ==
    /\ Reentrant
    /\ At(s, "ingest")
    /\ Goto(s, "reenter")
    /\ UNCHANGED <<calls, memory, local, lockVars, txnVars, up, left, history>>

(* snapshot: `save_snapshot(...)`.                                           *)
StoreSnapshot(s) ==
    /\ At(s, "snapshot")
    /\ Goto(s, After["snapshot"])
    /\ store' = [store EXCEPT !.snapshots = Written(@, Reply(s))]
    /\ Learn(s, [saved |-> Ngrams])
    /\ HasWritten(Reply(s), "snapshots", Snapshots)
    /\ UNCHANGED <<calls, view, lockVars, txnVars, up, left>>
==============================================================================
