----------------------------- MODULE AtomicReply -----------------------------
(* The ideal that the paper's sentence describes ("all field operations      *)
(* within a single reply() are atomic"): a whole reply is one step.          *)
(*                                                                           *)
(* A reply that has been called either does everything at one moment, or     *)
(* ends without having done anything; only one that has done everything      *)
(* returns.  What it answers from is the memory at that moment, with its own *)
(* observation in it.                                                        *)
EXTENDS Naturals

CONSTANTS
    Sessions,
    Asks        \* [Sessions -> "reply"; the published programs know other calls]

VARIABLES
    phase,      \* [Sessions -> {"idle", "called", "done"}]
    number,     \* [Sessions -> Nat]: calls so far
    memory,     \* for each object the set of the replies it has absorbed
    answer,     \* [Sessions -> what the reply answered from]
    returned    \* replies that returned to their caller

vars == <<phase, number, memory, answer, returned>>

Silence == [recalled |-> {}, bigrams |-> {}, trigrams |-> {}]

Init ==
    /\ phase  = [s \in Sessions |-> "idle"]
    /\ number \in [Sessions -> Nat]
    /\ memory = [ngrams |-> {}, snapshots |-> {}]
    /\ answer = [s \in Sessions |-> Silence]
    /\ returned = {}

Call(s) ==
    /\ phase[s] = "idle"
    /\ phase'  = [phase EXCEPT ![s] = "called"]
    /\ number' = [number EXCEPT ![s] = @ + 1]
    /\ UNCHANGED <<memory, answer, returned>>

(* The whole reply.                                                          *)
Do(s) ==
    LET r == <<s, number[s]>> IN
    /\ phase[s] = "called"
    /\ phase'  = [phase EXCEPT ![s] = "done"]
    /\ memory' = [ngrams |-> memory.ngrams \cup {r}, snapshots |-> memory.snapshots \cup {r}]
    /\ answer' = [answer EXCEPT ![s] = [recalled |-> memory.snapshots,
                                        bigrams  |-> memory.ngrams \cup {r},
                                        trigrams |-> memory.ngrams \cup {r}]]
    /\ UNCHANGED <<number, returned>>

(* A call of observe(), which the published program has beside reply().      *)
Observe(s) ==
    /\ phase[s] = "called"
    /\ phase'  = [phase EXCEPT ![s] = "done"]
    /\ memory' = [memory EXCEPT !.ngrams = @ \cup {<<s, number[s]>>}]
    /\ UNCHANGED <<number, answer, returned>>

(* A reply that recalls nothing, so that it has nothing to write.            *)
ReadOnly(s) ==
    /\ phase[s] = "called"
    /\ phase'  = [phase EXCEPT ![s] = "done"]
    /\ answer' = [answer EXCEPT ![s] = [recalled |-> memory.snapshots,
                                        bigrams |-> memory.ngrams, trigrams |-> memory.ngrams]]
    /\ UNCHANGED <<number, memory, returned>>

TakeEffect(s) ==
    \/ Asks[s] = "reply" /\ Do(s)
    \/ Asks[s] = "observe" /\ Observe(s)
    \/ Asks[s] = "blank" /\ ReadOnly(s)

(* The caller has the answer: the reply has been done.                       *)
Return(s) ==
    /\ phase[s] = "done"
    /\ phase'    = [phase EXCEPT ![s] = "idle"]
    /\ answer'   = [answer EXCEPT ![s] = Silence]
    /\ returned' = returned \cup {<<s, number[s]>>}
    /\ UNCHANGED <<number, memory>>

(* Cancelled, failed, refused or lost: whole or not at all.                  *)
End(gone) ==
    /\ gone # {}
    /\ \A s \in gone : phase[s] # "idle"
    /\ phase'  = [s \in Sessions |-> IF s \in gone THEN "idle" ELSE phase[s]]
    /\ answer' = [s \in Sessions |-> IF s \in gone THEN Silence ELSE answer[s]]
    /\ UNCHANGED <<number, memory, returned>>

Next ==
    \/ \E s \in Sessions : Call(s) \/ TakeEffect(s) \/ Return(s)
    \/ \E gone \in SUBSET Sessions : End(gone)

Spec == Init /\ [][Next]_vars
==============================================================================
