------------------------------- MODULE Tracing -------------------------------
(* Is a recorded trace a behaviour, and which properties fall on the way?    *)
(* A generated module gives Traces, a sequence of traces of one discipline;  *)
(* each is checked by itself (variable trace).  A line is one event: the     *)
(* action named there must be enabled, the reply must have that number, and  *)
(* the versions that the event read and wrote must be those of the state.    *)
(*                                                                           *)
(*   event             spec                                                  *)
(*   e[1] action       the operator of the same name                         *)
(*   e[2] actor        the session, or the instance for Crash and Recover    *)
(*   e[3]              versions, <<>> where the event carries none:          *)
(*     Recall          version of snapshots read                             *)
(*     Ingest          version of ngrams written                             *)
(*     LoadBigrams, LoadTrigrams    version of ngrams read                   *)
(*     AssignView, SwapView         versions of view.bigrams, view.trigrams  *)
(*     Generate, GenerateBegin, GenerateEnd   the same, read; of a unit of   *)
(*                     work also how many of its own writes Generate saw     *)
(*     SaveSnapshot    version of snapshots written                          *)
(*     Commit          versions of ngrams, snapshots written                 *)
(*     Count           version of snapshots written                          *)
(*     CommitOpen      version of ngrams written                             *)
(*     RefreshBigrams, RefreshTrigrams   version of that table of the view   *)
(*   e[4] turn         number of the reply; 0 for Crash and Recover          *)
(*                                                                           *)
(* TLC prints one line for each trace: <<"accepted", trace, n, properties>>  *)
(* or, for a trace whose n-th line is no step, <<"guard", trace, n, ...>>    *)
(* when the action is not enabled and <<"data", ...>> when only the versions *)
(* or the number do not fit.  Versions are never searched for, and what no   *)
(* later line can tell is forgotten, so the time is linear in the length.    *)
(* TraceField and TracePublished say what the actions are.                   *)
EXTENDS Forget, Integers

CONSTANTS
    Traces,     \* sequence of sequences of <<action, actor, versions, turn>>
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
FalseNow == {name \in Named \ {"Serializable"} : ~Holds(name)}

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

Forgettable ==
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
           gone   == Upstream(Forgettable, IF needed THEN dsg ELSE {})
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

------------------------------------------------------------------------------
(* The next line.  Act(action, actor) is the step that an event names, and   *)
(* Expected(event) its versions.  The state after is asked only once it is   *)
(* complete: after Act.                                                      *)
LineIsStep(Act(_, _), Expected(_)) ==
    \E e \in {Traces[trace][line]} :
        /\ UNCHANGED <<trace, base>>
        /\ Act(e[1], e[2])
        /\ Expected(e)' = e[3]
        /\ ExpectedTurn(e)' = e[4]

Consume(Act(_, _), Expected(_)) ==
    /\ LineIsStep(Act, Expected)
    /\ broken' = broken \cup FalseNow' \cup (IF AtomicStep THEN {} ELSE {"Refines"})
    /\ due' = (Traces[trace][line][1] \in Ends)
    /\ line' = line + 1

Reject(Act(_, _), Expected(_)) ==
    /\ ~ENABLED LineIsStep(Act, Expected)
    /\ LET e == Traces[trace][line]
       IN  Report(IF ENABLED Act(e[1], e[2]) THEN "data" ELSE "guard")

NextLine(Act(_, _), Expected(_)) ==
    /\ line # 0
    /\ IF due THEN Tidy
       ELSE IF AtEnd THEN Report("accepted")
       ELSE Consume(Act, Expected) \/ Reject(Act, Expected)
==============================================================================
