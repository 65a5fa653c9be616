------------------------------- MODULE Bounded -------------------------------
(* What TLC needs and the specification does not: bounds, sessions as model  *)
(* values, and the VIEW that keeps the searches small.  A configuration puts *)
(* the operators MC... in the place of those of the same name.               *)
EXTENDS Forget

CONSTANTS
    First, Second,      \* the sessions of instance "i1" and of instance "i2"
    Observing,          \* those of them that call observe()
    Refreshing,         \* refresh()
    Recalling,          \* reply() when there is nothing to recall
    Turns,              \* calls per session; 0: for ever, and contents are not tracked
    Starts,             \* the numbers of calls that count as made at the beginning
    Checked             \* the names of the properties that the run checks

MCSessions   == First \cup Second
MCInstances  == IF Second = {} THEN {"i1"} ELSE {"i1", "i2"}
MCInstanceOf == [s \in MCSessions |-> IF s \in Second THEN "i2" ELSE "i1"]
MCAsks       == [s \in MCSessions |-> IF s \in Observing THEN "observe"
                                      ELSE IF s \in Refreshing THEN "refresh"
                                      ELSE IF s \in Recalling THEN "blank" ELSE "reply"]

Forever == Turns = 0

MCMayCall(s)      == Forever \/ calls[s] < Turns
MCNextNumber(s)   == IF Forever THEN calls[s] ELSE calls[s] + 1
MCWritten(seq, w) == IF Forever THEN seq ELSE Append(seq, w)
MCWith(set, w)    == IF Forever THEN set ELSE set \cup {w}
MCBoth(set, more) == IF Forever THEN set ELSE set \cup more

FromZero == {[s \in MCSessions |-> 0]}

(* Two bounds in one search: every session has one call left, or one session *)
(* has none and the others have two.  With three sessions and Turns = 2: all *)
(* behaviours of 3 sessions x 1 call and of 2 sessions x 2 calls.            *)
TwoBounds ==
    {[s \in MCSessions |-> Turns - 1]}
    \cup {[s \in MCSessions |-> IF s = spent THEN Turns ELSE 0] : spent \in First}

(* Everyone has made all calls: the end of a bounded run, not a deadlock.    *)
AllDone ==
    /\ ~Forever
    /\ \A s \in Sessions : pc[s] = "idle" /\ calls[s] = Turns
    /\ \A i \in Instances : up[i]

(* Sessions of one instance that ask for the same are interchangeable.       *)
Others   == Observing \cup Refreshing \cup Recalling
Symmetry == UNION {Permutations(who) : who \in
                {First \ Others, Second \ Others, Observing, Refreshing, Recalling}}

(* What the checked properties can see of a state.  Left out are settled     *)
(* replies and the variables that no checked property and no guard looks at. *)
(* `leo check --history` runs the claims without this VIEW; the verdicts are *)
(* the same and the searches long.                                           *)
Sees(properties) == Checked \cap properties # {}

(* Under BEGIN IMMEDIATE a guard compares contents: Begin looks whether the  *)
(* view is current.                                                          *)
Graph    == Sees({"Serializable"})
Contents == Graph \/ Transaction = "immediate"
                  \/ Sees({"StableRead", "ViewNotTorn", "ReadsOwnObservation",
                           "SnapshotProvenance", "ViewAgreesWithStore", "Refines"})

(* The registers that matter: all of them hold contents, few are compared.   *)
Registers ==
    {"bigrams", "trigrams", "sawBigrams", "sawTrigrams"}
    \cup (IF Sees({"SnapshotProvenance"}) THEN {"saved"} ELSE {})
    \cup (IF Sees({"Refines"}) THEN {"recalled"} ELSE {})

(* Without the graph it is enough that every copy and every register has the *)
(* reply: nothing that compares contents can tell.                           *)
Absorbed ==
    {r \in Mentioned : Ended(r) /\
        \/ Nowhere(r) /\ r \notin returned
        \/ /\ Whole(r) \/ (r \in Ngrams /\ ~Sees({"AllOrNothing", "Refines", "ViewAgreesWithStore"}))
           /\ InEveryCopy(r)
           /\ \A s \in Sessions : \A f \in Registers :
                  local[s][f] # Unread => r \in local[s][f]}

(* With two instances ViewAgreesWithStore compares the order as well: only a *)
(* beginning of the store may go.                                            *)
Beginning(replies) ==
    {r \in replies : \A j, k \in DOMAIN store.ngrams :
        store.ngrams[k] = r /\ j < k => store.ngrams[j] \in replies}

InNoOrder == Cardinality(Instances) = 1 \/ ~Sees({"ViewAgreesWithStore"})

Control == <<pc, calls, lockVars, overtaken, txnVars, up, left, {r \in returned : ~IsStored(r)}>>

EssentialState ==
    LET gone == TLCEval(IF Graph THEN Settled
                        ELSE IF ~Contents THEN {}
                        ELSE IF InNoOrder THEN Absorbed ELSE Beginning(Absorbed))
    IN  TLCEval(<<Control,
                  IF Sees({"AllOrNothing", "Refines"}) THEN Wrote \ (Ngrams \cap Snapshots) ELSE {},
                  IF Contents
                  THEN <<Drop(store.ngrams, gone),
                         [i \in Instances |-> [o \in DOMAIN view[i] |-> view[i][o] \ gone]],
                         [s \in Sessions |-> [f \in Registers |-> local[s][f] \ gone]]>>
                  ELSE <<>>,
                  IF Graph \/ Sees({"Refines"}) THEN Drop(store.snapshots, gone) ELSE <<>>,
                  IF Graph
                  THEN <<{e \in dsg : e[1] \notin gone /\ e[2] \notin gone},
                         [o \in DOMAIN readers |-> readers[o] \ gone]>>
                  ELSE <<>> >>)
==============================================================================
