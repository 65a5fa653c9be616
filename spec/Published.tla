------------------------------ MODULE Published ------------------------------
(* The two programs that the paper's numbers come from, as they were         *)
(* published: of 31 December 2025, which was measured, and of February 2026, *)
(* the last version.  Calls, lock, endings and properties are those of Field *)
(* (modules Lifecycle, Properties); an action that means the same has the    *)
(* same name.                                                                *)
(*                                                                           *)
(* December.  reply() recalls, counts the use of what it recalled, ingests   *)
(* each recalled text and loads the view after each, generates.  Each        *)
(* operation has a connection of its own, which rolls back when it closes.   *)
(* refresh() may be called by anybody and takes no lock.                     *)
(*                                                                           *)
(* February.  observe() writes by the one long-lived asynchronous connection *)
(* and loads the view table by table.  reply() is one stretch without an     *)
(* await that suspends; it writes by a second, synchronous connection and    *)
(* loads nothing.  There is no rollback anywhere.                            *)
EXTENDS Lifecycle

vars == lifeVars

Init == LifeInit(NoCalls)

(* The write that a call makes next: one part of its observation.            *)
Again(label) == label \in {"ingestAgain", "loadAgain", "statementAgain"}
NextWrite(s) ==
    IF Parts(Asks[s]) = 1 THEN Reply(s)
    ELSE <<s, calls[s], IF Again(pc[s]) THEN 2 ELSE 1>>

------------------------------------------------------------------------------
(* The lock, and reply() up to what it recalled *)

Acquire(s) ==
    /\ CanAcquire(s)
    /\ Goto(s, IF Asks[s] = "observe" THEN "statement" ELSE "recall")
    /\ TakeLock(s)

Recall(s) ==
    /\ At(s, "recall")
    /\ Goto(s, IF Asks[s] = "blank" THEN "generate" ELSE IF February THEN "ingest" ELSE "count")
    /\ Learn(s, [recalled |-> Snapshots])
    /\ HasRead(Reply(s), "snapshots", {Snapshots}, Snapshots)
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left>>

(* December: the rows of the snapshots that were recalled are marked as      *)
(* used, which a later recall reads.                                         *)
Count(s) ==
    /\ At(s, "count")
    /\ Goto(s, "ingest")
    /\ store' = [store EXCEPT !.snapshots = Written(@, Reply(s))]
    /\ HasWritten(Reply(s), "snapshots", Snapshots)
    /\ UNCHANGED <<calls, view, local, lockVars, txnVars, up, left>>

(* One recalled text, in a transaction of its own.  February's second        *)
(* connection can write while the other one has no transaction open.         *)
Ingest(s) ==
    /\ \/ At(s, "ingest") /\ Goto(s, IF February THEN "generate" ELSE "load")
       \/ At(s, "ingestAgain") /\ Goto(s, "loadAgain")
    /\ ~open.open
    /\ store' = [store EXCEPT !.ngrams = Written(@, NextWrite(s))]
    /\ HasWritten(Reply(s), "ngrams", Ngrams)
    /\ UNCHANGED <<calls, view, local, lockVars, txnVars, up, left>>

------------------------------------------------------------------------------
(* December: the refresh loads each table by a connection of its own, in any *)
(* order, and assigns them all with no await in between.                     *)

Loading(s) == \E label \in {"load", "loadAgain", "reload"} : At(s, label)

LoadBigrams(s) ==
    /\ Loading(s)
    /\ local[s].bigrams = Unread
    /\ Learn(s, [bigrams |-> Ngrams])
    /\ UNCHANGED <<pc, calls, memory, lockVars, txnVars, up, left, history>>

LoadTrigrams(s) ==
    /\ Loading(s)
    /\ local[s].trigrams = Unread
    /\ Learn(s, [trigrams |-> Ngrams])
    /\ UNCHANGED <<pc, calls, memory, lockVars, txnVars, up, left, history>>

AssignView(s) ==
    /\ Loading(s)
    /\ local[s].bigrams # Unread /\ local[s].trigrams # Unread
    /\ Goto(s, CASE pc[s] = "load"      -> "ingestAgain"
                 [] pc[s] = "loadAgain" -> "generate"
                 [] pc[s] = "reload"    -> "return")
    /\ view' = [view EXCEPT ![InstanceOf[s]] =
                    [bigrams |-> local[s].bigrams, trigrams |-> local[s].trigrams]]
    /\ Learn(s, [bigrams |-> Unread, trigrams |-> Unread])
    /\ UNCHANGED <<calls, store, lockVars, txnVars, up, left, history>>

(* `await leo.refresh()`, by anybody: no lock.                               *)
Refresh(s) ==
    /\ Asks[s] = "refresh"
    /\ At(s, "idle")
    /\ MayCall(s)
    /\ Goto(s, "reload")
    /\ calls' = [calls EXCEPT ![s] = NextNumber(s)]
    /\ UNCHANGED <<memory, local, lockVars, txnVars, up, left, history>>

------------------------------------------------------------------------------
(* The rest of reply() *)

Generate(s) ==
    /\ At(s, "generate")
    /\ Goto(s, IF February /\ Asks[s] = "reply" THEN "snapshot" ELSE "release")
    /\ LET v == view[InstanceOf[s]] IN
       /\ Learn(s, [sawBigrams |-> v.bigrams, sawTrigrams |-> v.trigrams])
       /\ HasRead(Reply(s), "ngrams", {v.bigrams, v.trigrams}, Ngrams)
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left>>

(* February; December saves none.                                            *)
SaveSnapshot(s) ==
    /\ At(s, "snapshot")
    /\ ~open.open
    /\ Goto(s, "release")
    /\ store' = [store EXCEPT !.snapshots = Written(@, Reply(s))]
    /\ Learn(s, [saved |-> Ngrams])
    /\ HasWritten(Reply(s), "snapshots", Snapshots)
    /\ UNCHANGED <<calls, view, lockVars, txnVars, up, left>>

(* What follows when the exception of a write or load of reply() is          *)
(* swallowed: the rest of the observation is left out, the reply goes on.    *)
AfterFailure(s) ==
    CASE pc[s] = "count"    -> "ingest"
      [] pc[s] = "snapshot" -> "release"
      [] OTHER              -> "generate"

(* "database is locked": the second connection waited in vain for the        *)
(* transaction that the first has open, and reply() swallows the exception.  *)
(* Not a fault but a rule.                                                   *)
Locked(s) ==
    /\ At(s, "ingest") \/ At(s, "snapshot")
    /\ open.open
    /\ Goto(s, AfterFailure(s))
    /\ UNCHANGED <<calls, memory, local, lockVars, txnVars, up, left, history>>

------------------------------------------------------------------------------
(* February: observe(), several statements on the asynchronous connection,   *)
(* a commit, then each table loaded and assigned between two awaits          *)

Statement(s) ==
    /\ \/ At(s, "statement") /\ Goto(s, "statementAgain")
       \/ At(s, "statementAgain") /\ Goto(s, "commit")
    /\ open' = [open |-> TRUE, writes |-> Written(open.writes, NextWrite(s))]
    /\ UNCHANGED <<calls, memory, local, lockVars, writing, moved, up, left, history>>

(* The commit publishes all writes in the transaction, by any reply.         *)
CommitOpen(s) ==
    /\ At(s, "commit")
    /\ Goto(s, "refreshBigrams")
    /\ store' = [store EXCEPT !.ngrams = @ \o open.writes]
    /\ dsg' = Both(dsg, UNION {WriteEdges(Author(open.writes[k]),
                                  Ngrams \cup {open.writes[j] : j \in 1 .. (k - 1)},
                                  readers.ngrams) : k \in DOMAIN open.writes})
    /\ open' = Closed
    /\ UNCHANGED <<calls, view, local, lockVars, writing, moved, up, left,
                   returned, overtaken, readers>>

RefreshBigrams(s) ==
    /\ At(s, "refreshBigrams")
    /\ Goto(s, "refreshTrigrams")
    /\ view' = [view EXCEPT ![InstanceOf[s]].bigrams = Ngrams]
    /\ UNCHANGED <<calls, store, local, lockVars, txnVars, up, left, history>>

RefreshTrigrams(s) ==
    /\ At(s, "refreshTrigrams")
    /\ Goto(s, "release")
    /\ view' = [view EXCEPT ![InstanceOf[s]].trigrams = Ngrams]
    /\ UNCHANGED <<calls, store, local, lockVars, txnVars, up, left, history>>

------------------------------------------------------------------------------
(* Faults *)

(* What was begun on a connection of its own is rolled back; what is open on *)
(* February's asynchronous connection stays open.                            *)
Abandon(s) == EndEarly({s}) /\ UNCHANGED <<view, open, up>>

(* The call's last action was a commit that the database has carried out.    *)
AfterWrite(s) ==
    \/ pc[s] = "ingest" /\ Reply(s) \in Snapshots
    \/ pc[s] = "refreshBigrams"
    \/ pc[s] \in {"load", "loadAgain"} /\ local[s].bigrams = Unread /\ local[s].trigrams = Unread

Cancellable(s) ==
    /\ MayStrike("Cancel")
    /\ InFlight(s) /\ pc[s] # "return"
    /\ MayRun(s) /\ ~InStretch(s)

Cancel(s)        == Cancellable(s) /\ ~AfterWrite(s) /\ Abandon(s)
CancelApplied(s) == Cancellable(s) /\ AfterWrite(s) /\ Abandon(s)

(* What propagates: an exception of generate, observe() and refresh().       *)
Raise(s) ==
    /\ MayStrike("Raise")
    /\ \/ pc[s] \in {"generate", "reload"}
       \/ pc[s] \in {"statement", "statementAgain", "commit", "refreshBigrams", "refreshTrigrams"}
    /\ MayRun(s)
    /\ Abandon(s)

(* What does not: reply() goes on without what failed.                       *)
Swallow(s) ==
    /\ MayStrike("Swallow")
    /\ pc[s] \in {"count", "ingest", "load", "ingestAgain", "loadAgain", "snapshot"}
    /\ MayRun(s)
    /\ Goto(s, AfterFailure(s))
    /\ Learn(s, [bigrams |-> Unread, trigrams |-> Unread])
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left, history>>

------------------------------------------------------------------------------
Step(s) ==
    \/ Acquire(s) \/ Recall(s) \/ Count(s) \/ Ingest(s) \/ Locked(s)
    \/ LoadBigrams(s) \/ LoadTrigrams(s) \/ AssignView(s)
    \/ Statement(s) \/ CommitOpen(s) \/ RefreshBigrams(s) \/ RefreshTrigrams(s)
    \/ Generate(s) \/ SaveSnapshot(s) \/ Release(s) \/ Return(s)

Fault(s) == Cancel(s) \/ CancelApplied(s) \/ Raise(s) \/ Swallow(s)

Next ==
    \/ \E s \in Sessions : Call(s) \/ Refresh(s) \/ Step(s) \/ Fault(s)
    \/ \E i \in Instances : Crash(i) \/ Recover(i)

Spec == Init /\ [][Next]_vars

(* The event loop runs every task that is ready, in the order in which they  *)
(* became so.  A task is not ready in the stretches of others; that it is    *)
(* ready again and again is enough.  The lock is fair by IsMyTurn.           *)
LoopFairness == \A s \in Sessions : SF_vars(Step(s))
==============================================================================
