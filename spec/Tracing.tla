------------------------------- MODULE Tracing -------------------------------
(* Is a recorded trace a behaviour, and which properties fall on            *)
(* the way?  A generated module gives Traces, a sequence of traces of one    *)
(* discipline; each is checked by itself (variable trace).  A line is one    *)
(* event: the action named there must be enabled, the reply must have that   *)
(* number, and the versions that the event read and wrote must be those of   *)
(* the state.                                                                *)
(*                                                                           *)
(*   event             spec                                                  *)
(*   e[1] action       the operator of the same name                         *)
(*   e[2] actor        the session, or the instance for Crash and Recover    *)
(*   e[3], e[4]        versions; -1 where the event carries none:            *)
(*     Recall          version of snapshots read                             *)
(*     Ingest          version of ngrams written                             *)
(*     LoadBigrams, LoadTrigrams    version of ngrams read                   *)
(*     AssignView, SwapView         versions of view.bigrams, view.trigrams  *)
(*     Generate, GenerateBegin, GenerateEnd   the same, read                 *)
(*     SaveSnapshot    version of snapshots written                          *)
(*     Commit          versions of ngrams, snapshots written                 *)
(*     Count           version of snapshots written                          *)
(*     CommitOpen      version of ngrams written                             *)
(*     RefreshBigrams, RefreshTrigrams   version of that table of the view   *)
(*   e[5] turn         number of the reply; 0 for Crash and Recover          *)
(*                                                                           *)
(* TLC prints one line for each trace: <<"accepted", trace, n, properties>>  *)
(* or, for a trace whose n-th line is no step, <<"guard", trace, n, ...>>    *)
(* when the action is not enabled and <<"data", ...>> when only the versions *)
(* or the number do not fit.  Versions are never searched for, and what no   *)
(* later line can tell is forgotten, so the time is linear in the length.    *)
(* TraceField and TracePublished say what the actions are.                   *)
EXTENDS Forget, Integers

CONSTANTS
    Traces,     \* sequence of sequences of <<action, actor, v, w, turn>>
    StartedAt   \* for each trace: [ngrams |-> n, snapshots |-> n] at its beginning

VARIABLES
    trace,      \* which trace
    line,       \* the event that comes next, from 1; 0: reported, nothing follows
    broken,     \* the properties that have fallen
    due,        \* a reply has ended: tidy up before the next line
    base        \* for each object the number of versions that were forgotten

traceVars == <<trace, line, broken, due, base>>

------------------------------------------------------------------------------
(* What an event must say, told from the state after the step: reads do not  *)
(* change what they read.                                                    *)

StoreVersion(o) == StartedAt[trace][o] + base[o] + Len(store[o])
ViewVersion(i)  ==
    LET forgotten == StartedAt[trace].ngrams + base.ngrams
    IN  <<forgotten + Cardinality(view[i].bigrams), forgotten + Cardinality(view[i].trigrams)>>

ExpectedTurn(e) == IF e[2] \in Sessions THEN calls[e[2]] ELSE 0

Ends == {"Return", "Cancel", "CancelApplied", "Raise", "Crash", "Busy", "BusySnapshot"}

------------------------------------------------------------------------------
(* The properties that are false in a state.  A cycle of the graph does not  *)
(* go away before its replies are forgotten, so Serializable is looked at    *)
(* before that, and when the trace ends.                                     *)
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

BrokenByNow ==
    IF "Serializable" \in broken \/ Serializable THEN broken ELSE broken \cup {"Serializable"}

(* Refines, on one step: [Atomic!Next]_(Atomic!vars), with the set of those  *)
(* who ended told from the step instead of searched for among all subsets.   *)
AtomicStep ==
    \/ UNCHANGED Atomic!vars
    \/ \E s \in Sessions : Atomic!Call(s) \/ Atomic!TakeEffect(s) \/ Atomic!Return(s)
    \/ Atomic!End({s \in Sessions : InFlight(s) /\ pc'[s] = "idle"})

------------------------------------------------------------------------------
(* What may be forgotten here.  Module Forget asks that no property can miss *)
(* it; here `broken` remembers what fell, so a reply may also go that ended  *)
(* half-applied (it precedes all later ones and would hold them for ever),   *)
(* and once Serializable has fallen nobody asks for the graph.               *)
(*                                                                           *)
(* A reply is absorbed when it has ended and is in every copy that anybody   *)
(* holds of what it wrote: taking it out of all of them at once changes no   *)
(* comparison between copies.                                                *)
NgramCopies ==
    LET views  == UNION {{view[i].bigrams, view[i].trigrams} : i \in {i \in Instances : up[i]}}
        locals == UNION {{local[s][f] : f \in DOMAIN Blank \ {"recalled"}} : s \in Sessions}
    IN  (views \cup locals) \ {Unread}

OwnWrites(r) == {w \in Ngrams : Author(w) = r}

SnapshotCopies == {local[s].recalled : s \in Sessions} \ {Unread}

Absorbed ==
    LET ngramCopies == NgramCopies
        candidates ==
            {r \in Mentioned :
                /\ Ended(r)
                /\ IsStored(r) \/ r \notin returned
                /\ r \notin Authors(Range(open.writes))
                /\ \A copy \in ngramCopies : OwnWrites(r) \subseteq copy
                /\ r \in Snapshots => \A copy \in SnapshotCopies : r \in copy}
        (* A view is compared with the store's first writes: only those go.  *)
        stays == {k \in DOMAIN store.ngrams : Author(store.ngrams[k]) \notin candidates}
        later == {k \in DOMAIN store.ngrams : \E j \in stays : j <= k}
    IN  candidates \ {Author(store.ngrams[k]) : k \in later}

WritesOf(gone) == {w \in Ngrams : Author(w) \in gone}

Forgotten(replies) ==
    LET gone == replies \cup WritesOf(replies) IN
    [store |-> [o \in DOMAIN store |-> Drop(store[o], gone)],
     view |-> [i \in Instances |-> [o \in DOMAIN view[i] |-> view[i][o] \ gone]],
     local |-> [s \in Sessions |-> [f \in DOMAIN local[s] |-> local[s][f] \ gone]],
     returned |-> returned \ gone,
     readers |-> [o \in DOMAIN readers |-> readers[o] \ gone],
     dsg |-> {e \in dsg : e[1] \notin gone /\ e[2] \notin gone}]

Tidy ==
    /\ due
    /\ due' = FALSE
    /\ broken' = BrokenByNow
    /\ LET needed == "Serializable" \notin BrokenByNow
           gone   == Upstream(Absorbed, IF needed THEN dsg ELSE {})
           rest   == TLCEval(Forgotten(gone))
       IN  /\ store' = rest.store
           /\ view' = rest.view
           /\ local' = rest.local
           /\ returned' = rest.returned
           /\ readers' = IF needed THEN rest.readers ELSE [o \in DOMAIN readers |-> {}]
           /\ dsg' = IF needed THEN rest.dsg ELSE {}
           /\ base' = [ngrams    |-> base.ngrams + Cardinality(WritesOf(gone)),
                       snapshots |-> base.snapshots + Cardinality(gone \cap Snapshots)]
    /\ UNCHANGED <<pc, calls, lockVars, txnVars, up, left, overtaken, trace, line>>

------------------------------------------------------------------------------
TraceInit ==
    /\ LifeInit(NoCalls)
    /\ base = [ngrams |-> 0, snapshots |-> 0]
    /\ trace \in DOMAIN Traces
    /\ line = 1
    /\ broken = {}
    /\ due = FALSE

AtEnd == line > Len(Traces[trace])

Report(verdict) ==
    /\ PrintT(<<verdict, trace, line, BrokenByNow>>)
    /\ line' = 0
    /\ UNCHANGED <<lifeVars, trace, broken, due, base>>
==============================================================================
