------------------------------- MODULE Forget --------------------------------
(* What may be forgotten.  A reply is settled when it has ended, is in every *)
(* copy of the memory (or, having written nothing, in none), and no reply    *)
(* that is not settled precedes it in the serialization graph.  Nothing that *)
(* happens later can give a settled reply a new predecessor: that takes a    *)
(* read of a content without it.  So it can be on no cycle to come (a cycle  *)
(* appears at a step of a reply in flight, and stops the search there), and  *)
(* no property can tell two states apart that differ only in settled replies.*)
(*                                                                           *)
(* Bounded uses this in TLC's VIEW, which is what keeps the searches small;  *)
(* Tracing uses it to really forget, so that the length of a trace does not  *)
(* matter.                                                                   *)
EXTENDS Properties

Whole(r)   == r \in Ngrams /\ r \in Snapshots
Nowhere(r) == r \notin Wrote

InEveryCopy(r) ==
    /\ \A i \in Instances : up[i] => r \in view[i].bigrams /\ r \in view[i].trigrams
    /\ \A s \in Sessions : \A f \in {"bigrams", "trigrams"} :
          local[s][f] # Unread => r \in local[s][f]

Mentioned == Wrote \cup returned \cup readers.ngrams \cup readers.snapshots

(* A reply that returned without its writes is never forgotten: it breaks    *)
(* Durable.                                                                  *)
Candidates ==
    {r \in Mentioned : Ended(r) /\ \/ Whole(r) /\ InEveryCopy(r)
                                   \/ Nowhere(r) /\ r \notin returned}

Settled == Upstream(Candidates, dsg)
==============================================================================
