------------------------------ MODULE Occasions ------------------------------
(* Non-vacuity.  Each property says something only in certain states, its    *)
(* occasions (non-vacuity witnesses).  TLC prints the name of a property     *)
(* when it meets the first one (with one worker), and the checker of the     *)
(* claims reports a property that was not printed.  A property that falls    *)
(* has had its occasion: the counterexample.  The search may use a VIEW:     *)
(* what it meets is reachable all the same, it only meets less.              *)
EXTENDS Bounded

(* A session alone excludes no other: the occasion is one session inside and *)
(* one that waits.                                                           *)
Waits(s) == pc[s] \in {"called", "begin", "blocked"} /\ ~Inside(s)

Occasion(name) ==
    CASE name = "MutualExclusion" -> \E s, t \in Sessions : Inside(s) /\ Waits(t)
      [] name = "Serializable" -> Cardinality(Wrote) > 1
      [] name = "StableRead" -> \E s \in Sessions : pc[s] = "generateEnd"
      [] name \in {"ViewNotTorn", "ReadsOwnObservation"} -> \E s \in Sessions : HasGenerated(s)
      [] name = "SnapshotProvenance" -> \E s \in Sessions : local[s].saved # Unread
      [] name = "AllOrNothing" -> \E r \in Wrote : Ended(r)
      \* One step before: VIEW may take what Return leads to for a state without the reply.
      [] name = "Durable" -> \E s \in Sessions : pc[s] = "return" /\ s \notin left
      [] name = "ViewAgreesWithStore" ->
            \E i \in Instances : up[i] /\ view[i].bigrams # {} /\ \A s \in Peers(i) : ~InFlight(s)
      [] name = "NoOvertaking" -> Len(arrivals) > 1
      [] name = "Refines" -> \E s \in Sessions : HasTakenEffect(s)
      [] name = "NoDoubleDelta" ->
            \E s \in Sessions : pc[s] = "swap" /\ view[InstanceOf[s]].bigrams # {}
      [] name = "LoopRuns" -> \E s \in Sessions : pc[s] = "called" /\ ~LockIsFree(s)

(* Register 1 has the names of those whose occasion was met, so that it is   *)
(* looked for only until then.                                               *)
ASSUME TLCSet(1, {})

OccasionsSeen ==
    LET met == {name \in (Named \cup {"Refines", "NoDoubleDelta", "LoopRuns"}) \ TLCGet(1) :
                    Occasion(name)}
    IN  met # {} => TLCSet(1, TLCGet(1) \cup met) /\ PrintT(<<"occasions", met>>)
==============================================================================
