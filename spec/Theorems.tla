------------------------------ MODULE Theorems -------------------------------
(* What is known of Field beyond a bound.  TLC checks each within one (the   *)
(* claims); proofs/ prove it for any number of sessions and calls, over a    *)
(* relation that a test ties to the transition system.  Of module Published, *)
(* proofs 1, 10, 23 and 25 say MutualExclusion, NoOvertaking, DeadlockFree   *)
(* and Answered; what it writes and reads is known within TLC's bound only   *)
(* (`leo prove --undecided`).  Proof 12 (one session, and a lock or none)    *)
(* compares two specifications, so it is no line here.  TLC decides each     *)
(* line of this module too, at small constants that its hypotheses admit     *)
(* (tests/model/checking/test_theorems.py).                                  *)
EXTENDS Field, Properties

(* What all proofs assume.                                                   *)
ASSUME ThePapersOrder == Program = PaperProgram
ASSUME Finitely ==
    /\ IsFiniteSet(Sessions) /\ Nobody \notin Sessions
    /\ IsFiniteSet(Instances) /\ InstanceOf \in [Sessions -> Instances]

(* What most assume: one instance.  Some speak of several on one store.      *)
OnOne(discipline)  == Discipline = discipline /\ Cardinality(Instances) = 1
OnMany(discipline) == Discipline = discipline /\ Cardinality(Instances) > 1
Alone     == OnOne("sequential") /\ Cardinality(Sessions) = 1 /\ Faults = {}
Unfaulted == Faults = {}

Isolated == Serializable /\ ViewNotTorn /\ ReadsOwnObservation /\ SnapshotProvenance
Atomically == AllOrNothing /\ Durable /\ ViewAgreesWithStore

(* proofs 2, 4 to 9, 11: one session, which nothing harms                    *)
THEOREM AloneEverythingHolds ==
    Alone => (Spec => [](Isolated /\ Atomically) /\ Refines)

(* proof 8; and 7: what no fault leaves half done is whole without a lock    *)
THEOREM UnlockedIsDurable ==
    OnOne("bare") \/ OnOne("gil") => (Spec => [](Durable))
THEOREM UnharmedIsWhole ==
    (OnOne("bare") \/ OnOne("gil") \/ OnMany("shared-store")) /\ Unfaulted
        => (Spec => [](AllOrNothing))

(* proofs 1, 10: nobody gets past its own lock, in order                     *)
THEOREM ReentrantExcludes ==
    OnOne("reentrant") => (Spec => [](MutualExclusion /\ NoOvertaking))

(* proofs 1, 2, 4 to 6, 8, 10                                                *)
THEOREM LockIsolates ==
    OnOne("asyncio-lock")
        => (Spec => [](MutualExclusion /\ Isolated /\ Durable /\ NoOvertaking))

(* proofs 7, 9, 11: as long as no fault strikes; with faults all three fall  *)
THEOREM UnharmedLockIsAtomic ==
    (OnOne("asyncio-lock") \/ OnOne("threading-lock") \/ OnOne("threading-lock-in-async"))
    /\ Unfaulted
        => (Spec => [](AllOrNothing /\ ViewAgreesWithStore) /\ Refines)

(* proofs 1 to 6, 8                                                          *)
THEOREM ThreadLockIsolates ==
    OnOne("threading-lock")
        => (Spec => [](MutualExclusion /\ Isolated /\ StableRead /\ Durable))

(* proofs 1, 2, 4 to 6, 8: it keeps replies apart, and stops the loop        *)
THEOREM BlockingLockIsolates ==
    OnOne("threading-lock-in-async") => (Spec => [](MutualExclusion /\ Isolated /\ Durable))

(* proofs 1, 4, 5, 7, 8, 10, 26                                              *)
THEOREM UnitIsWhole ==
    OnOne("unit-of-work")
        => (Spec => [](MutualExclusion /\ ViewNotTorn /\ ReadsOwnObservation /\ AllOrNothing
                                       /\ Durable /\ NoOvertaking /\ NoDoubleDelta))

(* proofs 2, 6, 9, 11                                                        *)
THEOREM UnharmedUnitIsAtomic ==
    OnOne("unit-of-work") /\ Unfaulted
        => (Spec => [](Isolated /\ ViewAgreesWithStore) /\ Refines)

(* proofs 1, 2, 4 to 11, 26                                                  *)
THEOREM ShieldedUnitIsAtomic ==
    OnOne("shielded-unit-of-work") \/ OnOne("actor")
        => (Spec => [](MutualExclusion /\ Isolated /\ Atomically /\ NoOvertaking /\ NoDoubleDelta)
                 /\ Refines)

(* proofs 5, 8                                                               *)
THEOREM SharedStoreKeeps ==
    OnMany("shared-store") => (Spec => [](ReadsOwnObservation /\ Durable))

(* proofs 4, 5, 7, 8, 26                                                     *)
THEOREM SharedUnitIsWhole ==
    OnMany("shared-store-unit-of-work")
        => (Spec => [](ViewNotTorn /\ ReadsOwnObservation /\ AllOrNothing /\ Durable
                                   /\ NoDoubleDelta))

(* proofs 1, 2, 4 to 9, 11, 26                                               *)
THEOREM ImmediateUnitIsAtomic ==
    OnMany("shared-store-immediate")
        => (Spec => [](MutualExclusion /\ Isolated /\ Atomically /\ NoDoubleDelta) /\ Refines)

(* proofs 2, 4 to 9, 11, 26                                                  *)
THEOREM OptimismIsAtomic ==
    OnOne("optimistic") => (Spec => [](Isolated /\ Atomically /\ NoDoubleDelta) /\ Refines)

(* proof 24                                                                  *)
THEOREM OrderServes ==
    Alone \/ OnOne("bare") \/ OnOne("gil") \/ OnOne("asyncio-lock") \/ OnOne("unit-of-work")
    \/ OnOne("shielded-unit-of-work") \/ OnOne("actor") \/ OnMany("shared-store")
    \/ OnMany("shared-store-unit-of-work")
        => (Spec /\ WeakFairness => Answered)

(* proof 25: what serves in no order serves everybody by luck                *)
THEOREM LuckServes ==
    OnOne("threading-lock") \/ OnMany("shared-store-immediate")
        => (Spec /\ WeakFairness /\ StrongFairness => Answered)
==============================================================================
