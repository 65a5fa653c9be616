------------------------------- MODULE MCField -------------------------------
(* Field, bounded for TLC.  The sessions of two instances are told apart by  *)
(* two sets, so that sessions of one instance stay interchangeable.          *)
EXTENDS Forget

CONSTANTS First, Second     \* the sessions of instance "i1" and of instance "i2"

MCSessions   == First \cup Second
MCInstances  == IF Second = {} THEN {"i1"} ELSE {"i1", "i2"}
MCInstanceOf == [s \in MCSessions |-> IF s \in Second THEN "i2" ELSE "i1"]
Symmetry     == Permutations(First) \cup Permutations(Second)
==============================================================================
