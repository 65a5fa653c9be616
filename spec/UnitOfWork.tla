----------------------------- MODULE UnitOfWork ------------------------------
(* The unit of work: a reply collects its writes in a buffer and commits     *)
(* them all at once, or not at all; then the view takes what was committed.  *)
EXTENDS StepCommit

(* The unit of work begins.  BEGIN IMMEDIATE waits for the write lock (the   *)
(* busy handler polls: no order is promised); with it, the view is brought   *)
(* up to date before anything is read.  (Where contents are not tracked,     *)
(* module MCField leaves open whether it must be.)                           *)
MustReload(i) == {~ViewIsCurrent(i)}

Begin(s) ==
    /\ At(s, "begin")
    /\ IF Transaction = "immediate"
       THEN /\ writing = Nobody
            /\ writing' = s
            /\ Start(s)
            /\ \E reload \in MustReload(InstanceOf[s]) :
                  Goto(s, IF reload THEN "loadBigrams" ELSE Entry)
       ELSE /\ Goto(s, Entry)
            /\ UNCHANGED <<writing, arrivals, history>>
    /\ UNCHANGED <<calls, memory, local, holder, moved, open, up, left>>

(* observe and snapshot put their writes into the buffer.                    *)
Buffer(s, label, step) ==
    /\ At(s, label)
    /\ Goto(s, After[step])
    /\ UNCHANGED <<calls, memory, local, lockVars, txnVars, up, left, history>>

(* generate sees the view and, over it, the reply's own buffer.              *)
Own(s, content) ==
    IF WholeReply /\ Precedes("observe", "generate") THEN With(content, Reply(s)) ELSE content

(* A view is behind the store between a commit and its swap: who reads it    *)
(* then holds old versions, and the check at the commit will say so.         *)
SwapPending(s) == \E t \in Peers(InstanceOf[s]) : pc[t] = "swap"

(* The field that a snapshot in the buffer goes into.  If it was put there   *)
(* before anything was generated, it is a snapshot of nothing.               *)
SavedInto(s) == IF Precedes("generate", "snapshot") THEN With(Ngrams, Reply(s)) ELSE {}

Commit(s) ==
    /\ At(s, "commit")
    /\ ~moved[s]
    /\ Goto(s, "swap")
    /\ store' = [ngrams    |-> Written(store.ngrams, Reply(s)),
                 snapshots |-> Written(store.snapshots, Reply(s))]
    /\ Learn(s, [saved |-> SavedInto(s)])
    /\ dsg' = Both(dsg, WriteEdges(Reply(s), Wrote, readers.ngrams \cup readers.snapshots))
    /\ moved' = [t \in Sessions |-> t # s /\ (moved[t] \/ HasSnapshot(t))]
    /\ writing' = IF writing = s THEN Nobody ELSE writing
    /\ UNCHANGED <<calls, view, lockVars, open, up, left, returned, overtaken, readers>>

(* The view takes the delta of the commit; the field is not loaded again.    *)
SwapView(s) ==
    /\ At(s, "swap")
    /\ Goto(s, "release")
    /\ view' = [view EXCEPT ![InstanceOf[s]] =
                    [bigrams |-> With(@.bigrams, Reply(s)), trigrams |-> With(@.trigrams, Reply(s))]]
    /\ UNCHANGED <<calls, store, local, lockVars, txnVars, up, left, history>>

(* BEGIN IMMEDIATE gives up when the busy timeout is over.                   *)
Busy(s) ==
    /\ MayStrike("Busy")
    /\ Transaction = "immediate"
    /\ At(s, "begin")
    /\ writing # Nobody
    /\ EndEarly({s})
    /\ UNCHANGED <<view, open, up>>

(* SQLITE_BUSY_SNAPSHOT: a deferred transaction cannot write, because the    *)
(* store has moved since its snapshot.  Not a fault but a rule.              *)
BusySnapshot(s) ==
    /\ Transaction = "deferred"
    /\ At(s, "commit")
    /\ moved[s]
    /\ EndEarly({s})
    /\ UNCHANGED <<view, open, up>>

(* The optimistic check failed: the attempt leaves nothing behind.           *)
Retry(s) ==
    /\ Transaction = "checked"
    /\ At(s, "commit")
    /\ moved[s]
    /\ Goto(s, "begin")
    /\ local' = [local EXCEPT ![s] = Blank]
    /\ moved' = [moved EXCEPT ![s] = FALSE]
    /\ NeverHappened({Reply(s)})
    /\ UNCHANGED <<calls, memory, lockVars, writing, open, up, left, returned, overtaken>>
==============================================================================
