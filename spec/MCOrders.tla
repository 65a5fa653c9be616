------------------------------- MODULE MCOrders ------------------------------
(* The four steps of a reply in another order: which properties fall?        *)
(* TLC prints the name of each property that is false in some state (with    *)
(* one worker, once).  Refines is left out: its mapping is about the paper's *)
(* program, in which the snapshot is the last write.                         *)
EXTENDS MCOccasions

Sentences ==
    [ MutualExclusion     |-> MutualExclusion,
      Serializable        |-> Serializable,
      ViewNotTorn         |-> ViewNotTorn,
      ReadsOwnObservation |-> ReadsOwnObservation,
      SnapshotProvenance  |-> SnapshotProvenance,
      AllOrNothing        |-> AllOrNothing,
      Durable             |-> Durable,
      ViewAgreesWithStore |-> ViewAgreesWithStore,
      NoOvertaking        |-> NoOvertaking ]

FallsSeen ==
    \A name \in DOMAIN Sentences :
        ~Sentences[name] /\ ~TLCGet(Slot(name)) =>
            TLCSet(Slot(name), TRUE) /\ PrintT(<<"falls", name>>)
==============================================================================
