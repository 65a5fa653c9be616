------------------------------ MODULE Theorems -------------------------------
(* What is known of Field beyond a bound.  TLC checks each within one (the   *)
(* claims); proofs/ prove it for any number of sessions and calls, over a    *)
(* relation that a test ties to the transition system.  Of module Published, *)
(* proofs 1, 10, 23 and 25 say MutualExclusion, NoOvertaking, DeadlockFree   *)
(* and Answered; what it writes and reads is known within TLC's bound only   *)
(* (`leo prove --undecided`).                                                *)
EXTENDS Field, Properties

Is(discipline) == Discipline = discipline
Unfaulted      == Faults = {}
InOrder ==
    Discipline \in {"asyncio-lock", "unit-of-work", "shielded-unit-of-work", "actor",
                    "shared-store", "shared-store-unit-of-work"}

Isolated == Serializable /\ ViewNotTorn /\ ReadsOwnObservation /\ SnapshotProvenance
Atomically == AllOrNothing /\ Durable /\ ViewAgreesWithStore

(* proofs 2, 4 to 9, 11: one session, which nothing harms                    *)
THEOREM AloneEverythingHolds ==
    Is("sequential") /\ Unfaulted /\ Cardinality(Sessions) = 1
        => (Spec => [](Isolated /\ Atomically) /\ Refines)

(* proof 8; and 7: what no fault leaves half done is whole without a lock    *)
THEOREM UnlockedIsDurable == Is("bare") \/ Is("gil") => (Spec => []Durable)
THEOREM UnharmedIsWhole ==
    (Is("bare") \/ Is("gil") \/ Is("shared-store")) /\ Unfaulted => (Spec => []AllOrNothing)

(* proofs 1, 10: nobody gets past its own lock, in order                     *)
THEOREM ReentrantExcludes ==
    Is("reentrant") => (Spec => [](MutualExclusion /\ NoOvertaking))

(* proofs 1, 2, 4 to 6, 8, 10                                                *)
THEOREM LockIsolates ==
    Is("asyncio-lock") => (Spec => [](MutualExclusion /\ Isolated /\ Durable /\ NoOvertaking))

(* proofs 7, 9, 11: and no more than that, since with faults they fall       *)
THEOREM LockAloneIsNotAtomic ==
    (Is("asyncio-lock") \/ Is("threading-lock") \/ Is("threading-lock-in-async")) /\ Unfaulted
        => (Spec => [](AllOrNothing /\ ViewAgreesWithStore) /\ Refines)

(* proofs 1 to 6, 8                                                          *)
THEOREM ThreadLockIsolates ==
    Is("threading-lock") => (Spec => [](MutualExclusion /\ Isolated /\ StableRead /\ Durable))

(* proofs 1, 2, 4 to 6, 8: it keeps replies apart, and stops the loop        *)
THEOREM BlockingLockIsolates ==
    Is("threading-lock-in-async") => (Spec => [](MutualExclusion /\ Isolated /\ Durable))

(* proofs 1, 4, 5, 7, 8, 10, 26                                              *)
THEOREM UnitIsWhole ==
    Is("unit-of-work")
        => (Spec => [](MutualExclusion /\ ViewNotTorn /\ ReadsOwnObservation /\ AllOrNothing
                                       /\ Durable /\ NoOvertaking /\ NoDoubleDelta))

(* proofs 2, 6, 9, 11                                                        *)
THEOREM UnitUnfaulted ==
    Is("unit-of-work") /\ Unfaulted => (Spec => [](Isolated /\ ViewAgreesWithStore) /\ Refines)

(* proofs 1, 2, 4 to 11, 26                                                  *)
THEOREM UnitsAreAtomic ==
    Is("shielded-unit-of-work") \/ Is("actor")
        => (Spec => [](MutualExclusion /\ Isolated /\ Atomically /\ NoOvertaking /\ NoDoubleDelta)
                 /\ Refines)

(* proofs 5, 8                                                               *)
THEOREM SharedStoreKeeps == Is("shared-store") => (Spec => [](ReadsOwnObservation /\ Durable))

(* proofs 4, 5, 7, 8, 26                                                     *)
THEOREM SharedUnitsAreWhole ==
    Is("shared-store-unit-of-work")
        => (Spec => [](ViewNotTorn /\ ReadsOwnObservation /\ AllOrNothing /\ Durable
                                   /\ NoDoubleDelta))

(* proofs 1, 2, 4 to 9, 11, 26                                               *)
THEOREM SharedStoreIsAtomic ==
    Is("shared-store-immediate")
        => (Spec => [](MutualExclusion /\ Isolated /\ Atomically /\ NoDoubleDelta) /\ Refines)

(* proofs 2, 4 to 9, 11, 26                                                  *)
THEOREM OptimismIsAtomic ==
    Is("optimistic") => (Spec => [](Isolated /\ Atomically /\ NoDoubleDelta) /\ Refines)

(* proof 24                                                                  *)
THEOREM OrderServes ==
    InOrder \/ Is("bare") \/ Is("gil") \/ Is("sequential") => (Spec /\ WeakFairness => Answered)

(* proof 25: what serves in no order serves everybody by luck                *)
THEOREM LuckServes ==
    Is("threading-lock") \/ Is("shared-store-immediate")
        => (Spec /\ WeakFairness /\ StrongFairness => Answered)
==============================================================================
