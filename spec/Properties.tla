----------------------------- MODULE Properties ------------------------------
(* What must hold.  Each property is a sentence about replies; the comment   *)
(* says when a discipline loses it.                                          *)
EXTENDS Field

Labels ==
    {"idle", "called", "begin", "recall", "ingest", "reenter", "loadBigrams",
     "loadTrigrams", "assign", "generate", "generateEnd", "snapshot", "commit",
     "swap", "release", "return", "blocked"}

Replies == Sessions \X (0 .. Turns)
Content == SUBSET (Replies \cup Unread)

TypeOK ==
    /\ pc \in [Sessions -> Labels]
    /\ calls \in [Sessions -> 0 .. Turns]
    /\ Ngrams \subseteq Replies /\ Len(store.ngrams) = Cardinality(Ngrams)
    /\ Snapshots \subseteq Replies /\ Len(store.snapshots) = Cardinality(Snapshots)
    /\ \A i \in Instances : view[i].bigrams \in Content /\ view[i].trigrams \in Content
    /\ \A s \in Sessions : \A f \in DOMAIN Blank : local[s][f] \in Content
    /\ holder \in [Instances -> Sessions \cup {Nobody}]
    /\ Range(arrivals) \subseteq Sessions /\ Len(arrivals) = Cardinality(Range(arrivals))
    /\ overtaken \subseteq Range(arrivals)
    /\ writing \in Sessions \cup {Nobody}
    /\ moved \in [Sessions -> BOOLEAN]
    /\ up \in [Instances -> BOOLEAN]
    /\ left \subseteq {s \in Sessions : InFlight(s)}
    /\ returned \subseteq Replies
    /\ readers.ngrams \subseteq Replies /\ readers.snapshots \subseteq Replies
    /\ dsg \subseteq Replies \X Replies

(* At most one reply is inside its program, over all instances that share    *)
(* the store.  Under BEGIN IMMEDIATE "inside" is from Begin to Commit.       *)
Inside(s) ==
    pc[s] \in {"recall", "ingest", "reenter", "loadBigrams", "loadTrigrams", "assign",
               "generate", "generateEnd", "snapshot", "commit"}
              \cup (IF Transaction = "immediate" THEN {} ELSE {"begin", "swap", "release"})

MutualExclusion == \A s, t \in Sessions : Inside(s) /\ Inside(t) => s = t

(* The direct serialization graph over the replies that have written is      *)
(* acyclic: there is a serial order that explains every read and write.      *)
Serializable == Acyclic(dsg, Wrote)

(* What generate reads does not change while it reads.  Only threads can     *)
(* lose this: on one event loop generate is one uninterrupted step.          *)
StableRead ==
    \A s \in Sessions : pc[s] = "generateEnd" =>
        view[InstanceOf[s]] = [bigrams |-> local[s].sawBigrams, trigrams |-> local[s].sawTrigrams]

HasGenerated(s) == local[s].sawBigrams # Unread /\ pc[s] # "generateEnd"

(* No reply generates from tables of two different versions.                 *)
ViewNotTorn == \A s \in Sessions : HasGenerated(s) => local[s].sawBigrams = local[s].sawTrigrams

(* A reply generates from a field that contains its own observation.         *)
ReadsOwnObservation ==
    \A s \in Sessions : HasGenerated(s) /\ Tracked =>
        Reply(s) \in local[s].sawBigrams \cap local[s].sawTrigrams

(* A snapshot is saved into the version of the field that generated it.      *)
SnapshotProvenance ==
    \A s \in Sessions : local[s].saved # Unread =>
        local[s].saved = local[s].sawBigrams /\ local[s].saved = local[s].sawTrigrams

Ended(r) == r[2] < calls[r[1]] \/ ~InFlight(r[1])

(* A reply that ended, however it ended, has all of its writes in the store  *)
(* or none of them.  A lock has nothing to say about this.                   *)
AllOrNothing == \A r \in Wrote : Ended(r) => r \in Ngrams /\ r \in Snapshots

(* A reply that returned has all of its writes in the store, crash or not.   *)
Durable == \A r \in returned : r \in Ngrams /\ r \in Snapshots

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

(* Replies start in the order of their calls.                                *)
NoOvertaking == overtaken = {}

------------------------------------------------------------------------------
(* The refinement.  Read it as: look at the organism through glasses that    *)
(* hide the writes of every reply that is still half-way (it may only be in  *)
(* flight: once it has ended, nobody hides it any more); then what you see   *)
(* is AtomicReply.  A reply takes effect at its last write.                  *)
HalfWay == {r \in Ngrams : ~Ended(r)} \ Snapshots

HasTakenEffect(s) == InFlight(s) /\ Reply(s) \in Snapshots

Atomic == INSTANCE AtomicReply WITH
    phase  <- [s \in Sessions |-> IF ~InFlight(s) THEN "idle"
                                  ELSE IF HasTakenEffect(s) THEN "done" ELSE "called"],
    number <- calls,
    memory <- [ngrams |-> Ngrams \ HalfWay, snapshots |-> Snapshots],
    answer <- [s \in Sessions |->
                  IF HasTakenEffect(s)
                  THEN [recalled |-> local[s].recalled,
                        bigrams  |-> local[s].sawBigrams, trigrams |-> local[s].sawTrigrams]
                  ELSE [recalled |-> {}, bigrams |-> {}, trigrams |-> {}]]

Refines == Atomic!Spec

------------------------------------------------------------------------------
(* Fairness and progress.  Weak fairness: a session whose next step stays    *)
(* possible takes it (the event loop and the operating system run everyone). *)
(* asyncio.Lock wakes its waiters in order, so no more is needed there.      *)
(* threading.Lock and SQLite's busy handler promise no order: a waiter finds *)
(* the lock free again and again and may miss it each time.  That it does    *)
(* not miss it for ever is strong fairness, an assumption about luck.        *)
WeakFairness ==
    /\ \A s \in Sessions : WF_vars(Step(s))
    /\ \A i \in Instances : WF_vars(Recover(i))

StrongFairness ==
    \A s \in Sessions : SF_vars(Acquire(s)) /\ SF_vars(Begin(s)) /\ SF_vars(Commit(s))

WeakSpec   == Spec /\ WeakFairness
StrongSpec == Spec /\ WeakFairness /\ StrongFairness

(* Every call ends.                                                          *)
Answered == \A s \in Sessions : InFlight(s) ~> ~InFlight(s)
==============================================================================
