----------------------------- MODULE MCOccasions -----------------------------
(* Field, bounded, with a look at the occasions of its properties.           *)
EXTENDS MCField, Occasions
==============================================================================
