-------------------------------- MODULE Apart --------------------------------
(* Faults apart: in each behaviour one kind of fault may strike, again and   *)
(* again, and no other.  TLC prints which property falls with which fault    *)
(* (with one worker, each pair once).  A configuration puts OnlyThis in the  *)
(* place of MayStrike.                                                       *)
EXTENDS Bounded

VARIABLE only       \* the one that may strike in this behaviour

OnlyThis(fault) == fault = only

Number == [Cancel |-> 1, Raise |-> 2, Swallow |-> 3, Crash |-> 4, Busy |-> 5]
ASSUME \A k \in 1 .. 100 : TLCSet(k, FALSE)

Falls(k, name, holds) ==
    LET register == 11 * Number[only] + k
    IN  TLCGet(register) \/ (~holds => TLCSet(register, TRUE) /\ PrintT(<<"falls", only, name>>))

FallsSeen ==
    /\ Falls(1, "MutualExclusion", MutualExclusion)
    /\ Falls(2, "Serializable", Serializable)
    /\ Falls(3, "StableRead", StableRead)
    /\ Falls(4, "ViewNotTorn", ViewNotTorn)
    /\ Falls(5, "ReadsOwnObservation", ReadsOwnObservation)
    /\ Falls(6, "SnapshotProvenance", SnapshotProvenance)
    /\ Falls(7, "AllOrNothing", AllOrNothing)
    /\ Falls(8, "Durable", Durable)
    /\ Falls(9, "ViewAgreesWithStore", ViewAgreesWithStore)
    /\ Falls(10, "NoOvertaking", NoOvertaking)

(* Of a step, not of a state: an action constraint that is always true.      *)
RefinesSeen == Falls(0, "Refines", [Atomic!Next]_(Atomic!vars))
==============================================================================
