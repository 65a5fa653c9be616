----------------------------- MODULE MCOccasions -----------------------------
(* Nothing holds for lack of occasions.  Each property says something only   *)
(* in certain states; TLC prints the name of each kind of state when it      *)
(* meets the first one (with one worker), and the checker of the claims      *)
(* misses those that were not printed.                                       *)
EXTENDS MCField

Occasions ==
    [ MutualExclusion     |-> \E s \in Sessions : Inside(s),
      Serializable        |-> Cardinality(Wrote) > 1,
      StableRead          |-> \E s \in Sessions : pc[s] = "generateEnd",
      ViewNotTorn         |-> \E s \in Sessions : HasGenerated(s),
      ReadsOwnObservation |-> \E s \in Sessions : HasGenerated(s),
      SnapshotProvenance  |-> \E s \in Sessions : local[s].saved # Unread,
      AllOrNothing        |-> \E r \in Wrote : Ended(r),
      Durable             |-> returned # {},
      ViewAgreesWithStore |-> \E i \in Instances : up[i] /\ view[i].bigrams # {}
                                  /\ \A s \in Peers(i) : ~InFlight(s),
      NoOvertaking        |-> Len(arrivals) > 1,
      Refines             |-> \E s \in Sessions : HasTakenEffect(s) ]

Slot(name) == CHOOSE k \in 1 .. 11 :
    name = <<"MutualExclusion", "Serializable", "StableRead", "ViewNotTorn",
             "ReadsOwnObservation", "SnapshotProvenance", "AllOrNothing", "Durable",
             "ViewAgreesWithStore", "NoOvertaking", "Refines">>[k]

ASSUME \A k \in 1 .. 11 : TLCSet(k, FALSE)

Occasion(name) ==
    Occasions[name] /\ ~TLCGet(Slot(name)) =>
        TLCSet(Slot(name), TRUE) /\ PrintT(<<"occasion", name>>)

OccasionsSeen == \A name \in DOMAIN Occasions : Occasion(name)
==============================================================================
