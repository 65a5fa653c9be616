----------------------------- MODULE Disciplines -----------------------------
(* A discipline decides how one and the same reply program is executed.      *)
(* Everything that tells the thirteen disciplines (and the sequential one)   *)
(* apart is written here, as answers to seven questions; the actions of      *)
(* module Field ask these operators and never the name of a discipline.      *)

CONSTANT Discipline     \* one of the names in Disciplines

Disciplines ==
    { "sequential",                 \*     one session, nothing concurrent
      "bare",                       \* D1  asyncio, no lock
      "gil",                        \* D2  threads, the GIL only
      "threading-lock",             \* D3  threads, threading.Lock
      "asyncio-lock",               \* D4  asyncio.Lock: the paper's AsyncLeoField
      "unit-of-work",               \* D5  D4, one commit per reply
      "shielded-unit-of-work",      \* D6  D5, commit and view swap shielded
      "actor",                      \* D7  D6, run by one owner task
      "threading-lock-in-async",    \* D8  threading.Lock held across awaits
      "reentrant",                  \* D9  D4, a step calls a locked method
      "shared-store",               \* D10 D4 in two instances, one store
      "shared-store-unit-of-work",  \* D11 D6 in two instances, BEGIN DEFERRED
      "shared-store-immediate",     \* D12 D6 in two instances, BEGIN IMMEDIATE
      "optimistic",                 \* D13 no lock, versions checked at commit
      "published-december",         \*     the program that the paper measured
      "published-december-refresh", \*     the same, and a refresh() without the lock
      "published-february" }        \*     its last version

ASSUME Discipline \in Disciplines

(* 1. Where can another reply run?  asyncio: at awaits.  Threads: anywhere,  *)
(*    also in the middle of generate.                                        *)
Threads == Discipline \in {"gil", "threading-lock"}

(* 2. Who may start?  "fifo": asyncio.Lock (and the actor's queue) serve in  *)
(*    the order of arrival.  "unfair": threading.Lock promises no order.     *)
(*    "blocking": threading.Lock taken by a coroutine, which stops the loop. *)
LockKind ==
    CASE Discipline \in {"sequential", "bare", "gil", "optimistic"} -> "none"
      [] Discipline = "threading-lock"                              -> "unfair"
      [] Discipline = "threading-lock-in-async"                     -> "blocking"
      [] OTHER                                                      -> "fifo"

(* 3. What is committed at once?  Each step, or the whole reply.             *)
WholeReply ==
    Discipline \in {"unit-of-work", "shielded-unit-of-work", "actor",
                    "shared-store-unit-of-work", "shared-store-immediate",
                    "optimistic"}

(* 4. Can a cancellation come between the commit and the view's update?      *)
Shielded == WholeReply /\ Discipline # "unit-of-work"

(* 5. Which SQLite transaction surrounds the reply's reads?  "none": each    *)
(*    read by itself.  "deferred": a WAL snapshot from the first read on.    *)
(*    "immediate": the write lock before the first read.  "checked": none,   *)
(*    but the versions that were read are compared at the commit.            *)
Transaction ==
    CASE Discipline = "shared-store-unit-of-work" -> "deferred"
      [] Discipline = "shared-store-immediate"    -> "immediate"
      [] Discipline = "optimistic"                -> "checked"
      [] OTHER                                    -> "none"

(* 6. Does the caller's cancellation reach the program?  Not in an actor.    *)
Detached == Discipline = "actor"

(* 7. Does a step of the program ask for the lock that its reply holds?      *)
Reentrant == Discipline = "reentrant"

(* The published programs (module Published) commit each step under an       *)
(* asyncio.Lock.  Two more questions are about them.                         *)
December == Discipline \in {"published-december", "published-december-refresh"}
February == Discipline = "published-february"

(* 8. In how many writes is the observation of a call made?  December        *)
(*    ingests each recalled text by itself (two stand for the up to five);   *)
(*    February's observe() is several statements of one transaction.  A      *)
(*    reply that recalls nothing and a refresh observe nothing.              *)
Parts(call) ==
    CASE call \in {"blank", "refresh"}   -> 0
      [] call = "observe"                -> 2
      [] call = "reply" /\ December      -> 2
      [] OTHER                           -> 1

(* 9. At which labels does no await let another task run, nor a cancellation *)
(*    arrive?  December: from the assignment of the view (or a recall that   *)
(*    found nothing) to the end.  February: in all of reply().               *)
Stretch(call) ==
    CASE December                                -> {"generate", "release", "return"}
      [] February /\ call \in {"reply", "blank"} ->
            {"recall", "ingest", "generate", "snapshot", "release", "return"}
      [] February /\ call = "observe"            -> {"release", "return"}
      [] OTHER                                   -> {}
==============================================================================
