----------------------------- MODULE Properties ------------------------------
(* What must hold.  Each property is a sentence about replies, below its     *)
(* standard name.  claims.json says which discipline keeps it.               *)
EXTENDS Lifecycle

Labels ==
    {"idle", "called", "begin", "recall", "ingest", "reenter", "loadBigrams",
     "loadTrigrams", "assign", "generate", "generateEnd", "snapshot", "commit",
     "swap", "release", "return", "blocked"}
    \cup {"count", "load", "ingestAgain", "loadAgain", "reload", "statement",
          "statementAgain", "refreshBigrams", "refreshTrigrams"}

Replies == Sessions \X Nat
Writes  == Replies \cup (Sessions \X Nat \X Nat)
Content == SUBSET (Writes \cup Unread)

TypeOK ==
    /\ pc \in [Sessions -> Labels]
    /\ calls \in [Sessions -> Nat]
    /\ Ngrams \subseteq Writes /\ Len(store.ngrams) = Cardinality(Ngrams)
    /\ Snapshots \subseteq Replies /\ Len(store.snapshots) = Cardinality(Snapshots)
    /\ \A i \in Instances : view[i].bigrams \in Content /\ view[i].trigrams \in Content
    /\ \A s \in Sessions : \A f \in DOMAIN Blank : local[s][f] \in Content
    /\ holder \in [Instances -> Sessions \cup {Nobody}]
    /\ Range(arrivals) \subseteq Sessions /\ Len(arrivals) = Cardinality(Range(arrivals))
    /\ overtaken \subseteq Range(arrivals)
    /\ writing \in Sessions \cup {Nobody}
    /\ moved \in [Sessions -> BOOLEAN] /\ \A s \in Sessions : moved[s] => HasSnapshot(s)
    /\ open.open \in BOOLEAN /\ Range(open.writes) \subseteq Writes
    /\ up \in [Instances -> BOOLEAN]
    /\ left \subseteq {s \in Sessions : InFlight(s)}
    /\ returned \subseteq Replies
    /\ readers.ngrams \subseteq Replies /\ readers.snapshots \subseteq Replies
    /\ dsg \subseteq Replies \X Replies

(* Mutual exclusion.                                                         *)
(* At most one reply is inside its program, over all instances that share    *)
(* the store.  Under BEGIN IMMEDIATE "inside" is from Begin to Commit.       *)
Inside(s) ==
    pc[s] \notin {"idle", "called", "blocked", "reload", "return"}
                 \cup (IF Transaction = "immediate" THEN {"begin", "swap", "release"} ELSE {})

MutualExclusion == \A s, t \in Sessions : Inside(s) /\ Inside(t) => s = t

(* Serializability (Adya: no cycle in the DSG).                              *)
(* The direct serialization graph over the replies that have written (or     *)
(* have nothing to write) is acyclic: there is a serial order that explains  *)
(* every read and write.                                                     *)
OnlyRead == {r \in readers.ngrams : Asks[r[1]] = "blank"}

Serializable == Acyclic(dsg, Wrote \cup OnlyRead)

(* Repeatable read.                                                          *)
(* What generate reads does not change while it reads.  Only threads can     *)
(* lose this: on one event loop generate is one uninterrupted step.          *)
StableRead ==
    \A s \in Sessions : pc[s] = "generateEnd" =>
        view[InstanceOf[s]] = [bigrams |-> local[s].sawBigrams, trigrams |-> local[s].sawTrigrams]

HasGenerated(s) == local[s].sawBigrams # Unread /\ pc[s] # "generateEnd"

(* No fractured read.                                                        *)
(* No reply generates from tables of two different versions.                 *)
ViewNotTorn == \A s \in Sessions : HasGenerated(s) => local[s].sawBigrams = local[s].sawTrigrams

(* Read your writes.                                                         *)
(* A reply generates from a field that contains its own observation.         *)
ReadsOwnObservation ==
    \A s \in Sessions : HasGenerated(s) =>
        Observation(Reply(s)) \subseteq local[s].sawBigrams \cap local[s].sawTrigrams

(* No lost update, of a snapshot.                                            *)
(* A snapshot is saved into the version of the field that generated it.      *)
SnapshotProvenance ==
    \A s \in Sessions : local[s].saved # Unread =>
        local[s].saved = local[s].sawBigrams /\ local[s].saved = local[s].sawTrigrams

Ended(r) == r[2] < calls[r[1]] \/ ~InFlight(r[1])

(* Atomicity.                                                                *)
(* A reply that ended, however it ended, has all of its writes in the store  *)
(* or none of them.  A lock has nothing to say about this.                   *)
IsStored(r) == Observation(r) \subseteq Ngrams /\ (r \in Snapshots \/ ~WritesSnapshot(r))

AllOrNothing == \A r \in Wrote : Ended(r) => IsStored(r)

(* Durability.                                                               *)
(* A reply that returned has all of its writes in the store, crash or not.   *)
(* That the store keeps what was committed is an axiom: no action takes      *)
(* anything out of it.  So this asks whether a reply returns before it has   *)
(* committed, and not whether a disk keeps a commit.                         *)
Durable == \A r \in returned : IsStored(r)

(* Cache coherence.                                                          *)
(* When no reply of an instance is in flight, its view equals the store; if  *)
(* other instances write to the store too: equals a version that it had.     *)
IsVersion(content) == content = Range(SubSeq(store.ngrams, 1, Cardinality(content)))

ViewAgreesWithStore ==
    \A i \in Instances : up[i] /\ (\A s \in Peers(i) : ~InFlight(s)) =>
        IF Cardinality(Instances) = 1
        THEN ViewIsCurrent(i)
        ELSE /\ view[i].bigrams = view[i].trigrams
             /\ Cardinality(view[i].bigrams) <= Len(store.ngrams)
             /\ IsVersion(view[i].bigrams)

(* First come, first served.                                                 *)
(* Replies start in the order of their calls.                                *)
NoOvertaking == overtaken = {}

------------------------------------------------------------------------------
(* Linearizability, as a refinement.                                         *)
(* The refinement mapping hides the writes of every reply that is still      *)
(* half-way (it may only be in flight: once it has ended, nobody hides it    *)
(* any more); what is left is AtomicReply.  A reply takes effect when it has *)
(* generated and its last write is in the store, an observation by itself    *)
(* when it is in the store.                                                  *)
HasTakenEffect(s) ==
    /\ InFlight(s)
    /\ CASE Asks[s] = "reply"   -> HasGenerated(s) /\ Reply(s) \in Snapshots
         [] Asks[s] = "blank"   -> HasGenerated(s)
         [] Asks[s] = "observe" -> Observation(Reply(s)) \subseteq Ngrams
         [] OTHER               -> FALSE

HalfWay == {r \in Wrote : ~Ended(r) /\ ~HasTakenEffect(r[1])}

Atomic == INSTANCE AtomicReply WITH
    phase  <- [s \in Sessions |-> IF ~InFlight(s) THEN "idle"
                                  ELSE IF HasTakenEffect(s) THEN "done" ELSE "called"],
    number <- calls,
    memory <- [ngrams |-> Authors(Ngrams) \ HalfWay, snapshots |-> Snapshots \ HalfWay],
    answer <- [s \in Sessions |->
                  IF HasTakenEffect(s) /\ Asks[s] # "observe"
                  THEN [recalled |-> local[s].recalled,
                        bigrams  |-> Authors(local[s].sawBigrams),
                        trigrams |-> Authors(local[s].sawTrigrams)]
                  ELSE [recalled |-> {}, bigrams |-> {}, trigrams |-> {}]],
    returned <- {r \in returned : Asks[r[1]] # "refresh"}

Refines == Atomic!Spec

------------------------------------------------------------------------------
(* Starvation freedom.                                                       *)
(* Every call ends.                                                          *)
Answered == \A s \in Sessions : InFlight(s) ~> ~InFlight(s)

------------------------------------------------------------------------------
(* What is claimed of some disciplines only.                                 *)

(* A view takes the delta of each commit at most once.  A view is a set, so  *)
(* a second time would not show in it.                                       *)
NoDoubleDelta ==
    \A s \in Sessions : pc[s] = "swap" =>
        Reply(s) \notin view[InstanceOf[s]].bigrams \cup view[InstanceOf[s]].trigrams

(* Nobody stops the event loop, with all who run on it.                      *)
LoopRuns == \A s \in Sessions : pc[s] # "blocked"

(* Alone and unharmed, a reply returns: of a model with one session and no   *)
(* fault.  Answered is satisfied by a refusal too.                           *)
AloneReturns == \A s \in Sessions : InFlight(s) ~> Reply(s) \in returned

------------------------------------------------------------------------------
(* The properties of a state by their names, for modules that look at many.  *)
Named ==
    {"MutualExclusion", "Serializable", "StableRead", "ViewNotTorn", "ReadsOwnObservation",
     "SnapshotProvenance", "AllOrNothing", "Durable", "ViewAgreesWithStore", "NoOvertaking"}

Holds(name) ==
    CASE name = "MutualExclusion"     -> MutualExclusion
      [] name = "Serializable"        -> Serializable
      [] name = "StableRead"          -> StableRead
      [] name = "ViewNotTorn"         -> ViewNotTorn
      [] name = "ReadsOwnObservation" -> ReadsOwnObservation
      [] name = "SnapshotProvenance"  -> SnapshotProvenance
      [] name = "AllOrNothing"        -> AllOrNothing
      [] name = "Durable"             -> Durable
      [] name = "ViewAgreesWithStore" -> ViewAgreesWithStore
      [] name = "NoOvertaking"        -> NoOvertaking
      [] name = "NoDoubleDelta"       -> NoDoubleDelta
      [] name = "LoopRuns"            -> LoopRuns
==============================================================================
