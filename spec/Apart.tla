-------------------------------- MODULE Apart --------------------------------
(* Faults apart: in each behaviour one kind of fault may strike, again and   *)
(* again, and no other.  TLC prints which properties fall with which fault   *)
(* (with one worker, each pair once).  A configuration puts OnlyThis in the  *)
(* place of MayStrike.                                                       *)
EXTENDS Bounded

VARIABLE only       \* the one that may strike in this behaviour

OnlyThis(fault) == fault = only

(* Register 3 has the pairs of a fault and a property that it makes fall.    *)
ASSUME TLCSet(3, {})

Alone(name) == <<only, name>> \notin TLCGet(3)

Seen(fallen) ==
    fallen # {} => /\ TLCSet(3, TLCGet(3) \cup ({only} \X fallen))
                   /\ PrintT(<<"falls", fallen, only>>)

FallsApart == Seen({name \in Checked \ {"Refines"} : Alone(name) /\ ~Holds(name)})

(* Of a step, not of a state: an action constraint that is always true.      *)
RefinesApart ==
    [Atomic!Next]_(Atomic!vars) \/ Seen({name \in Checked \cap {"Refines"} : Alone(name)})
==============================================================================
