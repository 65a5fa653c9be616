------------------------------- MODULE MCOrders ------------------------------
(* The four steps of a reply in another order: which properties fall?        *)
(* TLC prints the name of each property that is false in some state (with    *)
(* one worker, once).  Refines is left out: its mapping is about the paper's *)
(* program, in which the snapshot is the last write.                         *)
EXTENDS MCField

ASSUME \A k \in 1 .. 9 : TLCSet(k, FALSE)

Falls(k, name, holds) ==
    TLCGet(k) \/ (~holds => TLCSet(k, TRUE) /\ PrintT(<<"falls", name>>))

FallsSeen ==
    /\ Falls(1, "MutualExclusion", MutualExclusion)
    /\ Falls(2, "Serializable", Serializable)
    /\ Falls(3, "ViewNotTorn", ViewNotTorn)
    /\ Falls(4, "ReadsOwnObservation", ReadsOwnObservation)
    /\ Falls(5, "SnapshotProvenance", SnapshotProvenance)
    /\ Falls(6, "AllOrNothing", AllOrNothing)
    /\ Falls(7, "Durable", Durable)
    /\ Falls(8, "ViewAgreesWithStore", ViewAgreesWithStore)
    /\ Falls(9, "NoOvertaking", NoOvertaking)
==============================================================================
