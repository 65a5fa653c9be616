------------------------------- MODULE MCApart -------------------------------
(* Field, bounded, with one kind of fault in each behaviour.                 *)
EXTENDS MCField, Apart

ApartSpec == (MCInit /\ only \in Faults) /\ [][MCNext /\ UNCHANGED only]_<<vars, only>>
==============================================================================
