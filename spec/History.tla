------------------------------- MODULE History -------------------------------
(* History variables: what has happened, remembered for the properties.  No  *)
(* action asks them, so they restrict nothing.                               *)
EXTENDS Dsg, Naturals

VARIABLES
    returned,   \* replies that returned to their caller
    overtaken,  \* sessions that still wait although a later caller has started
    readers,    \* for each object the replies that have read it
    dsg         \* edges of the serialization graph

history == <<returned, overtaken, readers, dsg>>

(* Contents are sets of writes, and an object in the store is the sequence   *)
(* of its writes.  A model in which sessions call for ever leaves them out:  *)
(* module Bounded puts its own operators in the place of these three.        *)
Written(seq, w) == Append(seq, w)
With(set, w)    == set \cup {w}
Both(set, more) == set \cup more

HistoryInit ==
    /\ returned  = {}
    /\ overtaken = {}
    /\ readers   = [ngrams |-> {}, snapshots |-> {}]
    /\ dsg       = {}

(* r reads an object of which `written` is committed, in copies.             *)
HasRead(r, object, copies, written) ==
    /\ readers' = [readers EXCEPT ![object] = With(@, r)]
    /\ dsg' = Both(dsg, UNION {ReadEdges(r, copy, written) : copy \in copies})
    /\ UNCHANGED <<returned, overtaken>>

(* r writes an object after `written`.                                       *)
HasWritten(r, object, written) ==
    /\ dsg' = Both(dsg, WriteEdges(r, written, readers[object]))
    /\ UNCHANGED <<returned, overtaken, readers>>

HasReturned(replies) ==
    /\ returned' = Both(returned, replies)
    /\ UNCHANGED <<overtaken, readers, dsg>>

(* The replies did nothing that anybody could see.                           *)
NeverHappened(replies) ==
    /\ readers' = [o \in DOMAIN readers |-> readers[o] \ replies]
    /\ dsg' = {e \in dsg : e[1] \notin replies /\ e[2] \notin replies}
==============================================================================
