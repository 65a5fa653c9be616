----------------------------- MODULE MCPublished -----------------------------
(* Published, bounded for TLC.                                               *)
EXTENDS Published, Falls

Finished == AllDone /\ UNCHANGED vars

MCInit == \E numbers \in Starts : LifeInit(numbers)
MCNext == Next \/ Finished
MCSpec == MCInit /\ [][MCNext]_vars

WeakSpec == MCSpec /\ LoopFairness

(* What the checked properties can see of a state: with contents, all of it; *)
(* without, what the guards ask.                                             *)
PublishedState ==
    IF Contents \/ Sees({"AllOrNothing", "Durable"}) THEN vars
    ELSE <<pc, calls, lockVars, overtaken, open.open, up, Wrote,
           [s \in Sessions |-> {f \in {"bigrams", "trigrams"} : local[s][f] = Unread}]>>
==============================================================================
