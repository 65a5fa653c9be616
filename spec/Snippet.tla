------------------------------- MODULE Snippet -------------------------------
(* The listing of the paper's section 8.6.4, line by line, as Python reads   *)
(* it: reply() holds self._field_lock and awaits self.async_observe(), which *)
(* takes self._field_lock, as every public operation of that class does.     *)
(* `leo noop` compares its graph with that of D9 (module Field): the two are *)
(* the same, so no call gets past the second `async with`.                   *)
EXTENDS Naturals, Sequences

CONSTANTS Sessions, Turns

VARIABLES
    line,       \* [Sessions -> the line that the session's task stands at]
    made,       \* [Sessions -> Nat]: calls so far
    owner,      \* the task that has the lock, or "nobody"
    waiters     \* the tasks that wait for the lock, in their order

vars == <<line, made, owner, waiters>>

Init ==
    /\ line    = [s \in Sessions |-> "idle"]
    /\ made    = [s \in Sessions |-> 0]
    /\ owner   = "nobody"
    /\ waiters = <<>>

Goes(s, from, to) ==
    /\ line[s] = from /\ line' = [line EXCEPT ![s] = to]
    /\ UNCHANGED made

(* `async with self._field_lock:` an asyncio.Lock serves in order, and does  *)
(* not ask who has it.                                                       *)
Waits(s)   == waiters' = Append(waiters, s) /\ UNCHANGED owner
Entered(s) == owner = "nobody" /\ owner' = s /\ Head(waiters) = s /\ waiters' = Tail(waiters)
Left(s)    == owner' = "nobody" /\ UNCHANGED waiters

Call(s) ==
    /\ made[s] < Turns /\ made' = [made EXCEPT ![s] = @ + 1]
    /\ line[s] = "idle" /\ line' = [line EXCEPT ![s] = "async with"]
    /\ Waits(s)

(* async with self._field_lock:                                              *)
Acquire(s) == waiters # <<>> /\ Goes(s, "async with", "async_recall") /\ Entered(s)

(*     santa_ctx = await self.santa.async_recall(...)                        *)
Recall(s) == Goes(s, "async_recall", "async_observe") /\ UNCHANGED <<owner, waiters>>

(*     await self.async_observe(snippet), and in it: async with ...          *)
Observe(s)      == Goes(s, "async_observe", "async with, again") /\ Waits(s)
AcquireAgain(s) == waiters # <<>> /\ Goes(s, "async with, again", "observes") /\ Entered(s)
ReleaseAgain(s) == Goes(s, "observes", "generate_reply_async") /\ Left(s)

(*     context = await generate_reply_async(...)                             *)
(*     await async_save_snapshot(...)                                        *)
Generate(s) ==
    Goes(s, "generate_reply_async", "async_save_snapshot") /\ UNCHANGED <<owner, waiters>>
SaveSnapshot(s) == Goes(s, "async_save_snapshot", "exit") /\ UNCHANGED <<owner, waiters>>

(* return context.output                                                     *)
Release(s) == Goes(s, "exit", "return") /\ Left(s)
Return(s)  == Goes(s, "return", "idle") /\ UNCHANGED <<owner, waiters>>

Next ==
    \E s \in Sessions :
        \/ Call(s) \/ Acquire(s) \/ Recall(s) \/ Observe(s) \/ AcquireAgain(s) \/ ReleaseAgain(s)
        \/ Generate(s) \/ SaveSnapshot(s) \/ Release(s) \/ Return(s)

Spec == Init /\ [][Next]_vars
==============================================================================
