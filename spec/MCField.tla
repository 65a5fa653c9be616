------------------------------- MODULE MCField -------------------------------
(* Field, bounded for TLC.                                                   *)
EXTENDS Field, Falls

MCMustReload(i) == IF Forever THEN BOOLEAN ELSE {~ViewIsCurrent(i)}

Finished == AllDone /\ UNCHANGED vars

MCInit == \E numbers \in Starts : LifeInit(numbers)
MCNext == Next \/ Finished
MCSpec == MCInit /\ [][MCNext]_vars

WeakSpec   == MCSpec /\ WeakFairness
StrongSpec == MCSpec /\ WeakFairness /\ StrongFairness
==============================================================================
