------------------------------ MODULE Lifecycle ------------------------------
(* The life of a reply, for every program: it is called, waits for the lock, *)
(* returns, or ends early.  The state of an organism and the words for it    *)
(* are here too.  Field and Published add the program.                       *)
(*                                                                           *)
(* What is left out: what the n-grams are.  The content of an object is the  *)
(* set of the writes that it has absorbed; observations are increments,      *)
(* which commute, so the set determines the counts.  Time, chance and text   *)
(* do not occur.                                                             *)
EXTENDS Disciplines, History, TLC

CONSTANTS
    Sessions,       \* clients; each makes one call after the other
    Instances,      \* field objects, each with its own lock and its own view
    InstanceOf,     \* [Sessions -> Instances]
    Asks,           \* [Sessions -> what it calls]: "reply"; module Published knows others
    Faults          \* the faults that may strike: a subset of FaultNames

FaultNames == {"Cancel", "Raise", "Swallow", "Crash", "Busy"}
ASSUME Faults \subseteq FaultNames

MayStrike(fault) == fault \in Faults

VARIABLES
    pc,         \* [Sessions -> label]: the step that the session's reply takes next
    calls,      \* [Sessions -> Nat]: calls so far; the reply in flight is <<s, calls[s]>>
    store,      \* what is committed: for each object its writes, oldest first
    view,       \* [Instances -> contents of the in-memory tables]
    local,      \* [Sessions -> what the reply in flight has read]
    holder,     \* [Instances -> the session that holds the lock, or Nobody]
    arrivals,   \* the sessions that have called and not started, in that order
    writing,    \* the session that holds SQLite's write lock, or Nobody
    moved,      \* [Sessions -> has the store moved since the reply's snapshot?]
    open,       \* a transaction that outlives its call: is it open, with which n-gram writes?
    up,         \* [Instances -> is the process alive?]
    left        \* sessions whose caller was cancelled while the owner task goes on

lockVars  == <<holder, arrivals>>
txnVars   == <<writing, moved, open>>
memory    == <<store, view>>
lifeVars  == <<pc, calls, memory, local, lockVars, txnVars, up, left, history>>

------------------------------------------------------------------------------
(* Words *)

Nobody  == "nobody"

Reply(s)    == <<s, calls[s]>>
InFlight(s) == pc[s] # "idle"
Peers(i)    == {s \in Sessions : InstanceOf[s] = i}

(* The n-gram writes that make up the observation of a reply or call.        *)
Observation(r) ==
    CASE Parts(Asks[r[1]]) = 1 -> {r}
      [] OTHER -> {<<r[1], r[2], k>> : k \in 1 .. Parts(Asks[r[1]])}

(* A call of reply() that recalls something: it writes an observation and a  *)
(* snapshot.                                                                 *)
WritesSnapshot(r) == Asks[r[1]] = "reply"

(* What a register holds before anything was read into it.                   *)
Unread  == {<<Nobody, 0>>}
Closed  == [open |-> FALSE, writes |-> <<>>]
Blank   == [recalled |-> Unread, bigrams |-> Unread, trigrams |-> Unread,
            sawBigrams |-> Unread, sawTrigrams |-> Unread, saved |-> Unread]

Ngrams    == Range(store.ngrams)
Snapshots == Range(store.snapshots)
Wrote     == Authors(Ngrams) \cup Snapshots

ViewIsCurrent(i) == view[i] = [bigrams |-> Ngrams, trigrams |-> Ngrams]

(* A transaction that relies on an old state of the store.  SQLite holds a   *)
(* WAL snapshot from the first read on; the optimistic check compares        *)
(* everything that was read since the unit of work began.                    *)
HasSnapshot(s) ==
    \/ Transaction = "deferred" /\ pc[s] \in {"ingest", "generate", "snapshot", "commit"}
    \/ Transaction = "checked"
       /\ pc[s] \in {"recall", "ingest", "generate", "snapshot", "commit"}

Drop(seq, gone) == LET Stays(x) == x \notin gone IN SelectSeq(seq, Stays)

(* A process that is up, and whose event loop is not blocked.                *)
Alive(i) == up[i] /\ \A t \in Peers(i) : pc[t] # "blocked"

(* Nor busy with code of another reply that no await interrupts.             *)
InStretch(s) == pc[s] \in Stretch(Asks[s])
MayRun(s) == Alive(InstanceOf[s]) /\ \A t \in Peers(InstanceOf[s]) \ {s} : ~InStretch(t)

At(s, label) == pc[s] = label /\ MayRun(s)
Goto(s, label) == pc' = [pc EXCEPT ![s] = label]
Learn(s, what) == local' = [local EXCEPT ![s] = what @@ @]

------------------------------------------------------------------------------
NoCalls == [s \in Sessions |-> 0]

LifeInit(numbers) ==
    /\ pc        = [s \in Sessions |-> "idle"]
    /\ calls     = numbers
    /\ store     = [ngrams |-> <<>>, snapshots |-> <<>>]
    /\ view      = [i \in Instances |-> [bigrams |-> {}, trigrams |-> {}]]
    /\ local     = [s \in Sessions |-> Blank]
    /\ holder    = [i \in Instances |-> Nobody]
    /\ arrivals  = <<>>
    /\ writing   = Nobody
    /\ moved     = [s \in Sessions |-> FALSE]
    /\ open      = Closed
    /\ up        = [i \in Instances |-> TRUE]
    /\ left      = {}
    /\ HistoryInit

------------------------------------------------------------------------------
(* call: `await leo.reply(prompt)`, then the lock *)

NextNumber(s) == calls[s] + 1

MayCall(s) == TRUE      \* module Bounded bounds it

Call(s) ==
    /\ Asks[s] # "refresh"     \* which takes no lock: module Published
    /\ At(s, "idle")
    /\ MayCall(s)
    /\ Goto(s, "called")
    /\ calls' = [calls EXCEPT ![s] = NextNumber(s)]
    /\ arrivals' = Append(arrivals, s)
    /\ UNCHANGED <<memory, local, holder, txnVars, up, left, history>>

Position(s) == CHOOSE k \in DOMAIN arrivals : arrivals[k] = s
Before(s)   == {arrivals[k] : k \in 1 .. (Position(s) - 1)}

(* The reply starts: everyone who called earlier and still waits has been    *)
(* overtaken.                                                                *)
Start(s) ==
    /\ arrivals'  = Drop(arrivals, {s})
    /\ overtaken' = (overtaken \cup Before(s)) \ {s}
    /\ UNCHANGED <<returned, readers, dsg>>

LockIsFree(s)  == LockKind = "none" \/ holder[InstanceOf[s]] = Nobody
IsMyTurn(s)    == LockKind = "fifo" => Before(s) \cap Peers(InstanceOf[s]) = {}

(* `async with self._field_lock:`.  Without a lock: the program starts.      *)
CanAcquire(s) == At(s, "called") /\ LockIsFree(s) /\ IsMyTurn(s)

(* Under BEGIN IMMEDIATE a reply starts when it has the write lock.          *)
TakeLock(s) ==
    /\ holder' = IF LockKind = "none" THEN holder
                 ELSE [holder EXCEPT ![InstanceOf[s]] = s]
    /\ IF Transaction = "immediate" THEN UNCHANGED <<arrivals, history>> ELSE Start(s)
    /\ UNCHANGED <<calls, memory, local, txnVars, up, left>>

(* threading.Lock in a coroutine: the wait stops the whole event loop.       *)
Block(s) ==
    /\ LockKind = "blocking"
    /\ At(s, "called")
    /\ ~LockIsFree(s)
    /\ Goto(s, "blocked")
    /\ UNCHANGED <<calls, memory, local, lockVars, txnVars, up, left, history>>

------------------------------------------------------------------------------
(* return *)

Unlock(s) == holder' = [i \in Instances |-> IF holder[i] = s THEN Nobody ELSE holder[i]]

Release(s) ==
    /\ At(s, "release")
    /\ Goto(s, "return")
    /\ Unlock(s)
    /\ UNCHANGED <<calls, memory, local, arrivals, txnVars, up, left, history>>

Return(s) ==
    /\ At(s, "return")
    /\ Goto(s, "idle")
    /\ local' = [local EXCEPT ![s] = Blank]
    /\ HasReturned({Reply(s)} \ {Reply(t) : t \in left})
    /\ left' = left \ {s}
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up>>

------------------------------------------------------------------------------
(* The ways in which a reply ends early.  Locks are released (`with`), an    *)
(* open transaction is rolled back, buffers are dropped; what was committed  *)
(* stays.  A reply that has written nothing leaves no trace in the graph.    *)

EndEarly(gone) ==
    /\ pc'        = [s \in Sessions |-> IF s \in gone THEN "idle" ELSE pc[s]]
    /\ local'     = [s \in Sessions |-> IF s \in gone THEN Blank ELSE local[s]]
    /\ moved'     = [s \in Sessions |-> moved[s] /\ s \notin gone]
    /\ holder'    = [i \in Instances |-> IF holder[i] \in gone THEN Nobody ELSE holder[i]]
    /\ arrivals'  = Drop(arrivals, gone)
    /\ writing'   = IF writing \in gone THEN Nobody ELSE writing
    /\ left'      = left \ gone
    /\ overtaken' = overtaken \ gone
    /\ NeverHappened({Reply(s) : s \in gone} \ Wrote)
    /\ UNCHANGED <<calls, store, returned>>

(* The process dies: views, buffers and locks are gone, the store stays, and *)
(* the next process that opens it rolls back what was not committed.         *)
Crash(i) ==
    /\ MayStrike("Crash")
    /\ up[i]
    /\ up' = [up EXCEPT ![i] = FALSE]
    /\ view' = [view EXCEPT ![i] = [bigrams |-> Unread, trigrams |-> Unread]]
    /\ open' = Closed
    /\ EndEarly({s \in Peers(i) : InFlight(s)})

Recover(i) ==
    /\ ~up[i]
    /\ up' = [up EXCEPT ![i] = TRUE]
    /\ view' = [view EXCEPT ![i] = [bigrams |-> Ngrams, trigrams |-> Ngrams]]
    /\ UNCHANGED <<pc, calls, store, local, lockVars, txnVars, left, history>>
==============================================================================
