-------------------------------- MODULE Field --------------------------------
(* One reply of a field organism, cut wherever another reply can run.        *)
(*                                                                           *)
(* The program is the paper's (section 8.6.4): recall reads the snapshots,   *)
(* observe writes the n-grams and refreshes the view, generate reads the     *)
(* view, save_snapshot writes the snapshots.  A discipline (module           *)
(* Disciplines) decides what may happen in between.                          *)
(*                                                                           *)
(* What is left out: what the n-grams are.  The content of an object is the  *)
(* set of the replies whose writes it has absorbed; observations are         *)
(* increments, which commute, so the set determines the counts.  Time,       *)
(* chance and text do not occur.                                             *)
EXTENDS Disciplines, Dsg, Naturals, TLC

CONSTANTS
    Sessions,       \* clients; each calls reply() again and again, one call at a time
    Instances,      \* field objects, each with its own lock and its own view
    InstanceOf,     \* [Sessions -> Instances]
    Program,        \* the order of the four steps; the paper's is PaperProgram
    Turns,          \* calls per session; 0: for ever, and contents are not tracked
    Starts,         \* the numbers of calls that count as made at the beginning: FromZero
    Faults          \* the faults that may strike: a subset of FaultNames

PaperProgram == <<"recall", "observe", "generate", "snapshot">>
ASSUME Len(Program) = 4 /\ Range(Program) = Range(PaperProgram)

FromZero == {[s \in Sessions |-> 0]}

FaultNames == {"Cancel", "Raise", "Crash", "Busy"}
ASSUME Faults \subseteq FaultNames

VARIABLES
    pc,         \* [Sessions -> label]: the step that the session's reply takes next
    calls,      \* [Sessions -> Nat]: calls so far; the reply in flight is <<s, calls[s]>>
    store,      \* what is committed: for each object its writers, oldest first
    view,       \* [Instances -> contents of the in-memory tables]
    local,      \* [Sessions -> what the reply in flight has read]
    holder,     \* [Instances -> the session that holds the lock, or Nobody]
    arrivals,   \* the sessions that have called and not started, in that order
    overtaken,  \* those among them that a later caller has overtaken
    writing,    \* the session that holds SQLite's write lock, or Nobody
    moved,      \* [Sessions -> has the store moved since the reply's snapshot?]
    up,         \* [Instances -> is the process alive?]
    left,       \* sessions whose caller was cancelled while the owner task goes on
    returned,   \* replies that returned to their caller
    readers,    \* for each object the replies that have read it
    dsg,        \* edges of the serialization graph
    base        \* versions forgotten (only trace validation forgets)

lockVars  == <<holder, arrivals, overtaken>>
txnVars   == <<writing, moved>>
memory    == <<store, view>>
history   == <<returned, readers, dsg, base>>
vars == <<pc, calls, memory, local, lockVars, txnVars, up, left, history>>

------------------------------------------------------------------------------
(* Words *)

Nobody  == "nobody"
Forever == Turns = 0
Tracked == ~Forever

Reply(s)    == <<s, calls[s]>>
InFlight(s) == pc[s] # "idle"
Peers(i)    == {s \in Sessions : InstanceOf[s] = i}

(* What a register holds before anything was read into it.                   *)
Unread  == {<<Nobody, 0>>}
Blank   == [recalled |-> Unread, bigrams |-> Unread, trigrams |-> Unread,
            sawBigrams |-> Unread, sawTrigrams |-> Unread, saved |-> Unread]

Ngrams    == Range(store.ngrams)
Snapshots == Range(store.snapshots)
Wrote     == Ngrams \cup Snapshots

Append1(seq, r) == IF Tracked THEN Append(seq, r) ELSE seq
Add(set, r)     == IF Tracked THEN set \cup {r} ELSE set
AddAll(set, es) == IF Tracked THEN set \cup es ELSE set

Drop(seq, gone) == LET Stays(x) == x \notin gone IN SelectSeq(seq, Stays)

(* The label of a step's first action, and of what follows a step.           *)
Label == [recall |-> "recall", observe |-> "ingest", generate |-> "generate", snapshot |-> "snapshot"]
Entry == Label[Program[1]]
After ==
    [step \in Range(Program) |->
        LET k == CHOOSE k \in 1 .. 4 : Program[k] = step IN
        IF k < 4 THEN Label[Program[k + 1]] ELSE IF WholeReply THEN "commit" ELSE "release"]

Precedes(one, other) ==
    \E j, k \in 1 .. 4 : j < k /\ Program[j] = one /\ Program[k] = other

(* A process that is up, and whose event loop is not blocked.                *)
Alive(i) == up[i] /\ \A t \in Peers(i) : pc[t] # "blocked"
At(s, label) == pc[s] = label /\ Alive(InstanceOf[s])
Goto(s, label) == pc' = [pc EXCEPT ![s] = label]
Learn(s, what) == local' = [local EXCEPT ![s] = what @@ @]

------------------------------------------------------------------------------
(* Init *)

Init ==
    /\ pc        = [s \in Sessions |-> "idle"]
    /\ calls     \in Starts
    /\ store     = [ngrams |-> <<>>, snapshots |-> <<>>]
    /\ view      = [i \in Instances |-> [bigrams |-> {}, trigrams |-> {}]]
    /\ local     = [s \in Sessions |-> Blank]
    /\ holder    = [i \in Instances |-> Nobody]
    /\ arrivals  = <<>>
    /\ overtaken = {}
    /\ writing   = Nobody
    /\ moved     = [s \in Sessions |-> FALSE]
    /\ up        = [i \in Instances |-> TRUE]
    /\ left      = {}
    /\ returned  = {}
    /\ readers   = [ngrams |-> {}, snapshots |-> {}]
    /\ dsg       = {}
    /\ base      = [ngrams |-> 0, snapshots |-> 0]

------------------------------------------------------------------------------
(* call: `await leo.reply(prompt)`, then the lock *)

Call(s) ==
    /\ At(s, "idle")
    /\ Forever \/ calls[s] < Turns
    /\ Goto(s, "called")
    /\ calls' = IF Forever THEN calls ELSE [calls EXCEPT ![s] = @ + 1]
    /\ arrivals' = Append(arrivals, s)
    /\ UNCHANGED <<memory, local, holder, overtaken, txnVars, up, left, history>>

Position(s) == CHOOSE k \in DOMAIN arrivals : arrivals[k] = s
Before(s)   == {arrivals[k] : k \in 1 .. (Position(s) - 1)}

(* The reply starts: everyone who called earlier and still waits has been    *)
(* overtaken.                                                                *)
Start(s) ==
    /\ arrivals'  = Drop(arrivals, {s})
    /\ overtaken' = (overtaken \cup Before(s)) \ {s}

LockIsFree(s)  == LockKind = "none" \/ holder[InstanceOf[s]] = Nobody
IsMyTurn(s)    == LockKind = "fifo" => Before(s) \cap Peers(InstanceOf[s]) = {}

(* `async with self._field_lock:`.  Without a lock: the program starts.      *)
Acquire(s) ==
    /\ At(s, "called")
    /\ LockIsFree(s)
    /\ IsMyTurn(s)
    /\ Goto(s, IF WholeReply THEN "begin" ELSE Entry)
    /\ holder' = IF LockKind = "none" THEN holder
                 ELSE [holder EXCEPT ![InstanceOf[s]] = s]
    /\ IF Transaction = "immediate" THEN UNCHANGED <<arrivals, overtaken>> ELSE Start(s)
    /\ UNCHANGED <<calls, memory, local, txnVars, up, left, history>>

(* threading.Lock in a coroutine: the wait stops the whole event loop.       *)
Block(s) ==
    /\ LockKind = "blocking"
    /\ At(s, "called")
    /\ ~LockIsFree(s)
    /\ Goto(s, "blocked")
    /\ UNCHANGED <<calls, memory, local, lockVars, txnVars, up, left, history>>

(* The unit of work begins.  BEGIN IMMEDIATE waits for the write lock (the   *)
(* busy handler polls: no order is promised); with it, the view is brought   *)
(* up to date before anything is read.                                       *)
ViewIsCurrent(i) == view[i] = [bigrams |-> Ngrams, trigrams |-> Ngrams]

Begin(s) ==
    /\ At(s, "begin")
    /\ IF Transaction = "immediate"
       THEN /\ writing = Nobody
            /\ writing' = s
            /\ Start(s)
            /\ \/ Goto(s, Entry) /\ (ViewIsCurrent(InstanceOf[s]) \/ Forever)
               \/ Goto(s, "loadBigrams") /\ (~ViewIsCurrent(InstanceOf[s]) \/ Forever)
       ELSE /\ Goto(s, Entry)
            /\ UNCHANGED <<writing, arrivals, overtaken>>
    /\ UNCHANGED <<calls, memory, local, holder, moved, up, left, history>>

------------------------------------------------------------------------------
(* recall: `santa.recall(...)` reads the snapshots in the store *)

Recall(s) ==
    /\ At(s, "recall")
    /\ Goto(s, After["recall"])
    /\ Learn(s, [recalled |-> Snapshots])
    /\ readers' = [readers EXCEPT !.snapshots = Add(@, Reply(s))]
    /\ dsg' = AddAll(dsg, ReadEdges(Reply(s), Snapshots, Snapshots))
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left, returned, base>>

------------------------------------------------------------------------------
(* observe: `self.observe(snippet)` *)

(* One transaction writes all n-gram tables.  In a unit of work the counts   *)
(* are put into the buffer and nothing else happens.                         *)
Ingest(s) ==
    /\ ~Reentrant
    /\ At(s, "ingest")
    /\ IF WholeReply
       THEN /\ Goto(s, After["observe"])
            /\ UNCHANGED <<store, dsg>>
       ELSE /\ Goto(s, "loadBigrams")
            /\ store' = [store EXCEPT !.ngrams = Append1(@, Reply(s))]
            /\ dsg' = AddAll(dsg, WriteEdges(Reply(s), Ngrams, readers.ngrams))
    /\ UNCHANGED <<calls, view, local, lockVars, txnVars, up, left,
                   returned, readers, base>>

(* A module calls the locked `observe` inside reply(): asyncio.Lock is not   *)
(* reentrant, so the reply waits for itself.                                 *)
Reenter(s) ==
    /\ Reentrant
    /\ At(s, "ingest")
    /\ Goto(s, "reenter")
    /\ UNCHANGED <<calls, memory, local, lockVars, txnVars, up, left, history>>

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

------------------------------------------------------------------------------
(* generate: `generate_reply(...)` reads the view, and nothing but the view *)

(* In a unit of work the reply sees the view and, over it, its own buffer.   *)
Own(s) == IF WholeReply /\ Tracked /\ Precedes("observe", "generate") THEN {Reply(s)} ELSE {}

(* A view is behind the store between a commit and its swap: who reads it    *)
(* then holds old versions, and the check at the commit will say so.         *)
SwapPending(s) == \E t \in Peers(InstanceOf[s]) : pc[t] = "swap"

Generate(s) ==
    /\ ~Threads
    /\ At(s, "generate")
    /\ Goto(s, After["generate"])
    /\ LET v == view[InstanceOf[s]] IN
       /\ Learn(s, [sawBigrams |-> v.bigrams \cup Own(s), sawTrigrams |-> v.trigrams \cup Own(s)])
       /\ dsg' = AddAll(dsg, ReadEdges(Reply(s), v.bigrams, Ngrams)
                             \cup ReadEdges(Reply(s), v.trigrams, Ngrams))
    /\ readers' = [readers EXCEPT !.ngrams = Add(@, Reply(s))]
    /\ moved' = IF Transaction = "checked" /\ SwapPending(s)
                THEN [moved EXCEPT ![s] = TRUE] ELSE moved
    /\ UNCHANGED <<calls, memory, lockVars, writing, up, left, returned, base>>

(* Threads: the GIL may be given away in the middle.                         *)
GenerateBegin(s) ==
    /\ Threads
    /\ At(s, "generate")
    /\ Goto(s, "generateEnd")
    /\ LET v == view[InstanceOf[s]] IN
       /\ Learn(s, [sawBigrams |-> v.bigrams, sawTrigrams |-> v.trigrams])
       /\ dsg' = AddAll(dsg, ReadEdges(Reply(s), v.bigrams, Ngrams))
    /\ readers' = [readers EXCEPT !.ngrams = Add(@, Reply(s))]
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left, returned, base>>

GenerateEnd(s) ==
    /\ At(s, "generateEnd")
    /\ Goto(s, After["generate"])
    /\ LET v == view[InstanceOf[s]] IN
       /\ Learn(s, [sawTrigrams |-> v.trigrams])
       /\ dsg' = AddAll(dsg, ReadEdges(Reply(s), v.trigrams, Ngrams))
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, left, returned, readers, base>>

------------------------------------------------------------------------------
(* snapshot: `save_snapshot(...)` *)

SaveSnapshot(s) ==
    /\ At(s, "snapshot")
    /\ IF WholeReply
       THEN /\ Goto(s, After["snapshot"])
            /\ UNCHANGED <<store, local, dsg>>
       ELSE /\ Goto(s, After["snapshot"])
            /\ store' = [store EXCEPT !.snapshots = Append1(@, Reply(s))]
            /\ Learn(s, [saved |-> Ngrams])
            /\ dsg' = AddAll(dsg, WriteEdges(Reply(s), Snapshots, readers.snapshots))
    /\ UNCHANGED <<calls, view, lockVars, txnVars, up, left, returned, readers, base>>

------------------------------------------------------------------------------
(* the unit of work's end *)

(* A transaction whose snapshot of the store is old.  SQLite holds a WAL     *)
(* snapshot from the first read on; the optimistic check compares everything *)
(* that was read since the unit began.                                       *)
HasSnapshot(s) ==
    \/ Transaction = "deferred" /\ pc[s] \in {"ingest", "generate", "snapshot", "commit"}
    \/ Transaction = "checked"
       /\ pc[s] \in {"recall", "ingest", "generate", "snapshot", "commit"}

(* The field that a snapshot in the buffer goes into.  If it was put there   *)
(* before anything was generated, it is a snapshot of nothing.               *)
SavedInto(s) == IF Precedes("generate", "snapshot") THEN Add(Ngrams, Reply(s)) ELSE {}

Commit(s) ==
    /\ At(s, "commit")
    /\ ~moved[s]
    /\ Goto(s, "swap")
    /\ store' = [ngrams    |-> Append1(store.ngrams, Reply(s)),
                 snapshots |-> Append1(store.snapshots, Reply(s))]
    /\ Learn(s, [saved |-> SavedInto(s)])
    /\ dsg' = AddAll(dsg, WriteEdges(Reply(s), Wrote, readers.ngrams \cup readers.snapshots))
    /\ moved' = [t \in Sessions |-> t # s /\ (moved[t] \/ HasSnapshot(t))]
    /\ writing' = IF writing = s THEN Nobody ELSE writing
    /\ UNCHANGED <<calls, view, lockVars, up, left, returned, readers, base>>

(* The view takes the delta of the commit; the field is not loaded again.    *)
SwapView(s) ==
    /\ At(s, "swap")
    /\ Goto(s, "release")
    /\ view' = [view EXCEPT ![InstanceOf[s]] =
                    [bigrams |-> Add(@.bigrams, Reply(s)), trigrams |-> Add(@.trigrams, Reply(s))]]
    /\ UNCHANGED <<calls, store, local, lockVars, txnVars, up, left, history>>

------------------------------------------------------------------------------
(* return *)

Unlock(s) == holder' = [i \in Instances |-> IF holder[i] = s THEN Nobody ELSE holder[i]]

Release(s) ==
    /\ At(s, "release")
    /\ Goto(s, "return")
    /\ Unlock(s)
    /\ UNCHANGED <<calls, memory, local, arrivals, overtaken, txnVars, up, left, history>>

Return(s) ==
    /\ At(s, "return")
    /\ Goto(s, "idle")
    /\ local' = [local EXCEPT ![s] = Blank]
    /\ returned' = IF s \in left THEN returned ELSE Add(returned, Reply(s))
    /\ left' = left \ {s}
    /\ UNCHANGED <<calls, memory, lockVars, txnVars, up, readers, dsg, base>>

------------------------------------------------------------------------------
(* The ways in which a reply ends early.  Locks are released (`with`), an    *)
(* open transaction is rolled back, buffers are dropped; what was committed  *)
(* stays.  A reply that has written nothing leaves no trace in the graph.    *)

EndEarly(gone) ==
    LET writtenNothing == {Reply(s) : s \in gone} \ Wrote IN
    /\ pc'        = [s \in Sessions |-> IF s \in gone THEN "idle" ELSE pc[s]]
    /\ local'     = [s \in Sessions |-> IF s \in gone THEN Blank ELSE local[s]]
    /\ moved'     = [s \in Sessions |-> moved[s] /\ s \notin gone]
    /\ holder'    = [i \in Instances |-> IF holder[i] \in gone THEN Nobody ELSE holder[i]]
    /\ arrivals'  = Drop(arrivals, gone)
    /\ overtaken' = overtaken \ gone
    /\ writing'   = IF writing \in gone THEN Nobody ELSE writing
    /\ left'      = left \ gone
    /\ readers'   = [o \in DOMAIN readers |-> readers[o] \ writtenNothing]
    /\ dsg'       = {e \in dsg : e[1] \notin writtenNothing /\ e[2] \notin writtenNothing}
    /\ UNCHANGED <<calls, store, returned, base>>

(* The reply's last action was a write that the database has carried out.    *)
AfterWrite(s) ==
    \/ pc[s] \in {"swap", "release"}
    \/ pc[s] = "loadBigrams" /\ ~WholeReply

(* task.cancel() before the next step was issued, or while waiting.  An      *)
(* actor's caller goes away and the program goes on.                         *)
Cancel(s) ==
    /\ "Cancel" \in Faults
    /\ ~Threads
    /\ InFlight(s) /\ Alive(InstanceOf[s])
    /\ IF Detached
       THEN /\ s \notin left
            /\ left' = left \cup {s}
            /\ UNCHANGED <<pc, calls, memory, local, lockVars, txnVars, up, history>>
       ELSE /\ ~AfterWrite(s)
            /\ pc[s] # "return"
            /\ EndEarly({s})
            /\ UNCHANGED <<view, up>>

(* Cancelled, but applied: the write was already with the database's worker  *)
(* thread, which carried it out; the caller is told only of the              *)
(* cancellation.  A shield holds the cancellation back until the view has    *)
(* been swapped.                                                             *)
CancelApplied(s) ==
    /\ "Cancel" \in Faults
    /\ ~Threads /\ ~Detached
    /\ Alive(InstanceOf[s])
    /\ AfterWrite(s)
    /\ ~(Shielded /\ pc[s] = "swap")
    /\ EndEarly({s})
    /\ UNCHANGED <<view, up>>

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
    /\ "Raise" \in Faults
    /\ InFlight(s) /\ pc[s] # "return"
    /\ ~IsQueued(s)
    /\ ~(Shielded /\ pc[s] = "swap")
    /\ Alive(InstanceOf[s])
    /\ EndEarly({s})
    /\ UNCHANGED <<view, up>>

(* BEGIN IMMEDIATE gives up when the busy timeout is over.                   *)
Busy(s) ==
    /\ "Busy" \in Faults
    /\ Transaction = "immediate"
    /\ At(s, "begin")
    /\ writing # Nobody
    /\ EndEarly({s})
    /\ UNCHANGED <<view, up>>

(* SQLITE_BUSY_SNAPSHOT: a deferred transaction cannot write, because the    *)
(* store has moved since its snapshot.  Not a fault but a rule.              *)
BusySnapshot(s) ==
    /\ Transaction = "deferred"
    /\ At(s, "commit")
    /\ moved[s]
    /\ EndEarly({s})
    /\ UNCHANGED <<view, up>>

(* The optimistic check failed: the attempt leaves nothing behind.           *)
Retry(s) ==
    /\ Transaction = "checked"
    /\ At(s, "commit")
    /\ moved[s]
    /\ Goto(s, "begin")
    /\ local' = [local EXCEPT ![s] = Blank]
    /\ moved' = [moved EXCEPT ![s] = FALSE]
    /\ readers' = [o \in DOMAIN readers |-> readers[o] \ {Reply(s)}]
    /\ dsg' = Without(dsg, Reply(s))
    /\ UNCHANGED <<calls, memory, lockVars, writing, up, left, returned, base>>

(* The process dies: views, buffers and locks are gone, the store stays.     *)
Crash(i) ==
    /\ "Crash" \in Faults
    /\ up[i]
    /\ up' = [up EXCEPT ![i] = FALSE]
    /\ view' = [view EXCEPT ![i] = [bigrams |-> Unread, trigrams |-> Unread]]
    /\ EndEarly({s \in Peers(i) : InFlight(s)})

Recover(i) ==
    /\ ~up[i]
    /\ up' = [up EXCEPT ![i] = TRUE]
    /\ view' = [view EXCEPT ![i] = [bigrams |-> Ngrams, trigrams |-> Ngrams]]
    /\ UNCHANGED <<pc, calls, store, local, lockVars, txnVars, left, history>>

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

(* Everyone has made all calls: the end of a bounded run, not a deadlock.    *)
Finished ==
    /\ Tracked
    /\ \A s \in Sessions : pc[s] = "idle" /\ calls[s] = Turns
    /\ \A i \in Instances : up[i]
    /\ UNCHANGED vars

Next ==
    \/ \E s \in Sessions : Call(s) \/ Step(s) \/ Fault(s)
    \/ \E i \in Instances : Crash(i) \/ Recover(i)
    \/ Finished

Spec == Init /\ [][Next]_vars
==============================================================================
