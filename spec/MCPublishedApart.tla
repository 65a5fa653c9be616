--------------------------- MODULE MCPublishedApart --------------------------
(* Published, bounded, with one kind of fault in each behaviour.             *)
EXTENDS MCPublished, Apart

ApartSpec == (MCInit /\ only \in Faults) /\ [][MCNext /\ UNCHANGED only]_<<vars, only>>
==============================================================================
