------------------------------ MODULE Occasions ------------------------------
(* Non-vacuity.  Each property says something only in certain states, its    *)
(* occasions (non-vacuity witnesses).  TLC prints the name of a property     *)
(* when it meets the first one (with one worker), and the checker of the     *)
(* claims reports a property that was not printed.  A property that falls    *)
(* has had its occasion: the counterexample.  The search may use a VIEW:     *)
(* what it meets is reachable all the same, it only meets less.              *)
EXTENDS Bounded

(* Register k remembers that the occasion was met, so that it is looked for  *)
(* only until then.                                                          *)
ASSUME \A k \in 1 .. 11 : TLCSet(k, FALSE)

Seen(k, name, occasion) ==
    TLCGet(k) \/ (occasion => TLCSet(k, TRUE) /\ PrintT(<<"occasion", name>>))

(* A session alone excludes no other: the occasion is one session inside and *)
(* one that waits.                                                           *)
Waits(s) == pc[s] \in {"called", "begin", "blocked"} /\ ~Inside(s)

OccasionsSeen ==
    /\ Seen(1, "MutualExclusion", \E s, t \in Sessions : Inside(s) /\ Waits(t))
    /\ Seen(2, "Serializable", Cardinality(Wrote) > 1)
    /\ Seen(3, "StableRead", \E s \in Sessions : pc[s] = "generateEnd")
    /\ Seen(4, "ViewNotTorn", \E s \in Sessions : HasGenerated(s))
    /\ Seen(5, "ReadsOwnObservation", \E s \in Sessions : HasGenerated(s))
    /\ Seen(6, "SnapshotProvenance", \E s \in Sessions : local[s].saved # Unread)
    /\ Seen(7, "AllOrNothing", \E r \in Wrote : Ended(r))
    \* One step before: VIEW may take what Return leads to for a state without the reply.
    /\ Seen(8, "Durable", \E s \in Sessions : pc[s] = "return" /\ s \notin left)
    /\ Seen(9, "ViewAgreesWithStore",
            \E i \in Instances :
                up[i] /\ view[i].bigrams # {} /\ \A s \in Peers(i) : ~InFlight(s))
    /\ Seen(10, "NoOvertaking", Len(arrivals) > 1)
    /\ Seen(11, "Refines", \E s \in Sessions : HasTakenEffect(s))
==============================================================================
