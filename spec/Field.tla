-------------------------------- MODULE Field --------------------------------
(* One reply of a field organism, cut at each place where another can run.   *)
(*                                                                           *)
(* The program is the paper's (section 8.6.4): recall reads the snapshots,   *)
(* observe writes the n-grams and refreshes the view, generate reads the     *)
(* view, save_snapshot writes the snapshots.  A discipline (module           *)
(* Disciplines) decides what may happen in between.  How a reply is called   *)
(* and ends is told in Lifecycle, its steps in StepCommit and UnitOfWork.    *)
EXTENDS UnitOfWork

vars == lifeVars

ASSUME \A s \in Sessions : Asks[s] = "reply"

Init == LifeInit(NoCalls)

Acquire(s) ==
    /\ CanAcquire(s)
    /\ Goto(s, IF WholeReply THEN "begin" ELSE Entry)
    /\ TakeLock(s)

Ingest(s) == ~Reentrant /\ IF WholeReply THEN Buffer(s, "ingest", "observe") ELSE WriteCounts(s)

SaveSnapshot(s) == IF WholeReply THEN Buffer(s, "snapshot", "snapshot") ELSE StoreSnapshot(s)

------------------------------------------------------------------------------
(* generate: `generate_reply(...)` reads the view, and in a unit of work the *)
(* reply's own buffer laid over it (Own); nothing of the store.              *)

Generate(s) ==
    /\ ~Threads
    /\ At(s, "generate")
    /\ Goto(s, After["generate"])
    /\ LET v == view[InstanceOf[s]] IN
       /\ Learn(s, [sawBigrams |-> Own(s, v.bigrams), sawTrigrams |-> Own(s, v.trigrams)])
       /\ HasRead(Reply(s), "ngrams", {v.bigrams, v.trigrams}, Ngrams)
    /\ moved' = IF Transaction = "checked" /\ SwapPending(s)
                THEN [moved EXCEPT ![s] = TRUE] ELSE moved
    /\ UNCHANGED <<calls, memory, lockVars, writing, open, up, left>>

(* Threads: the GIL may be given away in the middle.                         *)
GenerateBegin(s) ==
    /\ Threads
    /\ At(s, "generate")
    /\ Goto(s, "generateEnd")
    /\ LET v == view[InstanceOf[s]] IN
       /\ Learn(s, [sawBigrams |-> v.bigrams, sawTrigrams |-> v.trigrams])
       /\ HasRead(Reply(s), "ngrams", {v.bigrams}, Ngrams)
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left>>

GenerateEnd(s) ==
    /\ At(s, "generateEnd")
    /\ Goto(s, After["generate"])
    /\ LET v == view[InstanceOf[s]] IN
       /\ Learn(s, [sawTrigrams |-> v.trigrams])
       /\ HasRead(Reply(s), "ngrams", {v.trigrams}, Ngrams)
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left>>

------------------------------------------------------------------------------
(* Faults *)

(* The reply's last action was a write that the database has carried out.    *)
AfterWrite(s) ==
    \/ pc[s] \in {"swap", "release"}
    \/ pc[s] = "loadBigrams" /\ ~WholeReply

(* task.cancel() before the next step was issued, or while waiting.  An      *)
(* actor's caller goes away and the program goes on.                         *)
Cancel(s) ==
    /\ MayStrike("Cancel")
    /\ ~Threads
    /\ InFlight(s) /\ Alive(InstanceOf[s])
    /\ IF Detached
       THEN /\ s \notin left
            /\ left' = left \cup {s}
            /\ UNCHANGED <<pc, calls, memory, local, lockVars, txnVars, up, history>>
       ELSE /\ ~AfterWrite(s)
            /\ pc[s] # "return"
            /\ EndEarly({s})
            /\ UNCHANGED <<view, open, up>>

(* Cancelled, but applied: the write was already with the database's worker  *)
(* thread, which carried it out; the caller is told only of the              *)
(* cancellation.  A shield holds the cancellation back until the view has    *)
(* been swapped.                                                             *)
CancelApplied(s) ==
    /\ MayStrike("Cancel")
    /\ ~Threads /\ ~Detached
    /\ Alive(InstanceOf[s])
    /\ AfterWrite(s)
    /\ ~(Shielded /\ pc[s] = "swap")
    /\ EndEarly({s})
    /\ UNCHANGED <<view, open, up>>

(* What comes next raises, before it has an effect: a step, a store that was *)
(* closed, an I/O error at BEGIN, a gate, Ctrl-C.  At any point from Call to *)
(* Release; after that the reply has nothing left to do but to return.  At   *)
(* swap the swap itself is assumed total: it is work in memory alone, on a   *)
(* delta that is committed.  What may raise there is what surrounds it, and  *)
(* a shield holds that back until the view has been swapped, as it does a    *)
(* cancellation.  Who waits in the queue of an asyncio.Lock (or an actor's)  *)
(* is not run, so nothing of it raises before its turn has come.             *)
IsQueued(s) ==
    LockKind = "fifo" /\ pc[s] = "called" /\ ~(LockIsFree(s) /\ IsMyTurn(s))

Raise(s) ==
    /\ MayStrike("Raise")
    /\ InFlight(s) /\ pc[s] # "return"
    /\ ~IsQueued(s)
    /\ ~(Shielded /\ pc[s] = "swap")
    /\ Alive(InstanceOf[s])
    /\ EndEarly({s})
    /\ UNCHANGED <<view, open, up>>

------------------------------------------------------------------------------
(* The program's own steps, the ways out that the discipline itself takes,   *)
(* and the faults from outside.                                              *)
Step(s) ==
    \/ Acquire(s) \/ Begin(s) \/ Recall(s) \/ Ingest(s) \/ Reenter(s)
    \/ LoadBigrams(s) \/ LoadTrigrams(s) \/ AssignView(s)
    \/ Generate(s) \/ GenerateBegin(s) \/ GenerateEnd(s)
    \/ SaveSnapshot(s) \/ Commit(s) \/ SwapView(s) \/ Release(s) \/ Return(s)
    \/ Block(s) \/ BusySnapshot(s) \/ Retry(s)

Fault(s) == Cancel(s) \/ CancelApplied(s) \/ Raise(s) \/ Busy(s)

Next ==
    \/ \E s \in Sessions : Call(s) \/ Step(s) \/ Fault(s)
    \/ \E i \in Instances : Crash(i) \/ Recover(i)

Spec == Init /\ [][Next]_vars

------------------------------------------------------------------------------
(* Fairness.  Weak: a session whose next step stays possible takes it (the   *)
(* event loop and the operating system run everyone).  asyncio.Lock wakes    *)
(* its waiters in order, so no more is needed there.  threading.Lock and     *)
(* SQLite's busy handler promise no order: a waiter finds the lock free      *)
(* again and again and may miss it each time.  That it does not miss it for  *)
(* ever is strong fairness, an assumption about luck.                        *)
WeakFairness == \A s \in Sessions : WF_vars(Step(s))

StrongFairness ==
    \A s \in Sessions : SF_vars(Acquire(s)) /\ SF_vars(Begin(s)) /\ SF_vars(Commit(s))
==============================================================================
