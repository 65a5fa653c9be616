----------------------------- MODULE MCPublished -----------------------------
(* Published, bounded for TLC.                                               *)
EXTENDS Published, Occasions

Finished == AllDone /\ UNCHANGED vars

MCInit == \E numbers \in Starts : LifeInit(numbers)
MCNext == Next \/ Finished
MCSpec == MCInit /\ [][MCNext]_vars

WeakSpec == MCSpec /\ WeakFairness
==============================================================================
