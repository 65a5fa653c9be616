----------------------------- MODULE AtomicReply -----------------------------
(* The ideal that the paper's sentence describes ("all field operations      *)
(* within a single reply() are atomic"): a whole reply is one step.          *)
(*                                                                           *)
(* A reply that has been called either does everything at one moment, or     *)
(* ends without having done anything.  What it answers from is the memory    *)
(* at that moment, with its own observation in it.                           *)
EXTENDS Naturals

CONSTANTS
    Sessions,
    Asks        \* [Sessions -> "reply"; the published programs know other calls]

VARIABLES
    phase,      \* [Sessions -> {"idle", "called", "done"}]
    number,     \* [Sessions -> Nat]: calls so far
    memory,     \* for each object the set of the replies it has absorbed
    answer      \* [Sessions -> what the reply answered from]

vars == <<phase, number, memory, answer>>

Silence == [recalled |-> {}, bigrams |-> {}, trigrams |-> {}]

Init ==
    /\ phase  = [s \in Sessions |-> "idle"]
    /\ number \in [Sessions -> Nat]
    /\ memory = [ngrams |-> {}, snapshots |-> {}]
    /\ answer = [s \in Sessions |-> Silence]

Call(s) ==
    /\ phase[s] = "idle"
    /\ phase'  = [phase EXCEPT ![s] = "called"]
    /\ number' = [number EXCEPT ![s] = @ + 1]
    /\ UNCHANGED <<memory, answer>>

(* The whole reply.                                                          *)
Do(s) ==
    LET r == <<s, number[s]>> IN
    /\ phase[s] = "called"
    /\ phase'  = [phase EXCEPT ![s] = "done"]
    /\ memory' = [ngrams |-> memory.ngrams \cup {r}, snapshots |-> memory.snapshots \cup {r}]
    /\ answer' = [answer EXCEPT ![s] = [recalled |-> memory.snapshots,
                                        bigrams  |-> memory.ngrams \cup {r},
                                        trigrams |-> memory.ngrams \cup {r}]]
    /\ UNCHANGED number

(* A call of observe(), which the published program has beside reply().      *)
Observe(s) ==
    /\ phase[s] = "called"
    /\ phase'  = [phase EXCEPT ![s] = "done"]
    /\ memory' = [memory EXCEPT !.ngrams = @ \cup {<<s, number[s]>>}]
    /\ UNCHANGED <<number, answer>>

(* A reply that recalls nothing, so that it has nothing to write.            *)
Answer(s) ==
    /\ phase[s] = "called"
    /\ phase'  = [phase EXCEPT ![s] = "done"]
    /\ answer' = [answer EXCEPT ![s] = [recalled |-> memory.snapshots,
                                        bigrams |-> memory.ngrams, trigrams |-> memory.ngrams]]
    /\ UNCHANGED <<number, memory>>

TakeEffect(s) ==
    \/ Asks[s] = "reply" /\ Do(s)
    \/ Asks[s] = "observe" /\ Observe(s)
    \/ Asks[s] = "blank" /\ Answer(s)

(* Returned, cancelled, failed or lost: in any case whole or not at all.     *)
End(gone) ==
    /\ gone # {}
    /\ \A s \in gone : phase[s] # "idle"
    /\ phase'  = [s \in Sessions |-> IF s \in gone THEN "idle" ELSE phase[s]]
    /\ answer' = [s \in Sessions |-> IF s \in gone THEN Silence ELSE answer[s]]
    /\ UNCHANGED <<number, memory>>

Next ==
    \/ \E s \in Sessions : Call(s) \/ TakeEffect(s)
    \/ \E gone \in SUBSET Sessions : End(gone)

Spec == Init /\ [][Next]_vars
==============================================================================
