------------------------------ MODULE Theorems -------------------------------
(* What is known of Field beyond a bound.  TLC checks each within one (the   *)
(* claims); proofs/ prove it for any number of sessions and calls, over a    *)
(* relation that a test ties to the transition system.                       *)
EXTENDS Field, Properties

Is(discipline) == Discipline = discipline
Unfaulted      == Faults = {}

Isolated == MutualExclusion /\ Serializable /\ ViewNotTorn /\ ReadsOwnObservation
                            /\ SnapshotProvenance
Atomically == AllOrNothing /\ Durable /\ ViewAgreesWithStore

(* proofs 1, 2, 4 to 6, 8, 10, 23, 24                                        *)
THEOREM LockIsolates ==
    Is("asyncio-lock") => (Spec => [](Isolated /\ Durable /\ NoOvertaking))
THEOREM LockServes == Is("asyncio-lock") => (Spec /\ WeakFairness => Answered)

(* proofs 7, 9, 11: and no more than that, since with faults they fall       *)
THEOREM LockAloneIsNotAtomic ==
    Is("asyncio-lock") /\ Unfaulted => (Spec => [](AllOrNothing /\ ViewAgreesWithStore) /\ Refines)

(* proofs 1 to 6, 8                                                          *)
THEOREM ThreadLockIsolates ==
    Is("threading-lock") => (Spec => [](Isolated /\ StableRead /\ Durable))

(* proofs 1, 2, 4 to 11, 23, 24                                              *)
THEOREM UnitsAreAtomic ==
    Is("shielded-unit-of-work") \/ Is("actor")
        => (Spec => [](Isolated /\ Atomically /\ NoOvertaking) /\ Refines)
THEOREM UnitsServe ==
    Is("shielded-unit-of-work") \/ Is("actor") => (Spec /\ WeakFairness => Answered)

(* proofs 1, 2, 4 to 9, 11                                                   *)
THEOREM SharedStoreIsAtomic ==
    Is("shared-store-immediate") => (Spec => [](Isolated /\ Atomically) /\ Refines)

(* Within TLC's bound only.                                                  *)
THEOREM OptimismIsAtomic ==
    Is("optimistic")
        => (Spec => [](Serializable /\ ReadsOwnObservation /\ SnapshotProvenance /\ Atomically)
                 /\ Refines)
==============================================================================
