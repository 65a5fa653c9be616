-------------------------------- MODULE Falls --------------------------------
(* Many properties in one search.  TLC prints the names of those that fall   *)
(* in a state for the first time (with one worker, each once), and how many  *)
(* states it has found so far.                                               *)
EXTENDS Occasions

(* Register 2 has the names of those that have fallen.                       *)
ASSUME TLCSet(2, {})

IsNew(fallen) ==
    fallen # {} /\ TLCSet(2, TLCGet(2) \cup fallen) /\ PrintT(<<"falls", fallen, TLCGet("distinct")>>)

FallsNow == IsNew({name \in Checked \ (TLCGet(2) \cup {"Refines"}) : ~Holds(name)})

(* Which properties fall anywhere?  True in each state.                      *)
FallsSeen == FallsNow \/ TRUE

(* The shortest way to the fall of each.  False where one falls for the      *)
(* first time: TLC prints the behaviour that leads there and, told to        *)
(* continue, goes on while another one stands.                               *)
FallsFirst == ~FallsNow

RefinesFirst ==
    /\ Atomic!Init
    /\ [][ [Atomic!Next]_(Atomic!vars) \/ ~IsNew({"Refines"} \ TLCGet(2)) ]_lifeVars

OneStands == TLCGet(2) # Checked
==============================================================================
