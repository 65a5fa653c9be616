"""The theorems 23 to 25: somebody can always go on, and every call ends (z3)."""

from __future__ import annotations

from functools import partial

from proofs.invariants.unbounded import ASSUMED, Mutant, cells_of, named, scope
from proofs.progress.answered import prove_answered, refute_answered, refute_under_weak
from proofs.progress.deadlock import prove_deadlock, refute_deadlock
from proofs.tools.theorem import Theorem

EVERYWHERE = named("1q D1 D2 D3 D4 D5 D6 D7 D10 D11 D12 D13 P1 P2 P3")
IN_ORDER = named("1q D1 D2 D4 D5 D6 D7 D10 D11")
BY_LUCK = named("D3 D12 P1 P2 P3")
QUEUES = (
    *ASSUMED,
    "a finite queue that is not empty has a first (that it is finite and a strict order is proved)",
)
FAIR = "weak fairness of every session's next step; nothing is assumed of crashes or restarts"
STRONG = (
    "strong fairness of Acquire in D3, of Begin in D12, of every step in P1, P2 and P3 (the event "
    "loop runs every task that is ready)"
)

KEPT_LOCK = Mutant("D4", "Release: holder stays")
DEADLOCK = Theorem(
    number=23,
    title="DeadlockFree",
    claim="In every state that is reached with all faults an action that is no fault is enabled, "
    "until all calls are made and over; and while a reply is in flight, some reply in flight can "
    "take its own next step. Any number of sessions and calls; " + scope(EVERYWHERE) + ".",
    assumptions=QUEUES,
    prove=partial(prove_deadlock, EVERYWHERE),
    mutant=KEPT_LOCK.text,
    refute=partial(refute_deadlock, KEPT_LOCK),
    sketch="The inductive invariant of the safety theorems, and its converse for the locks: who "
    "holds a lock is inside, so the holder's next step is enabled or waits for the write lock, "
    "whose holder waits for nothing; while a lock is free, the first in the queue can take it.",
    cells=cells_of("DeadlockFree", EVERYWHERE),
)

OUT_OF_TURN = Mutant("D6", "Acquire: my turn")
ANSWERED = Theorem(
    number=24,
    title="Answered",
    claim="Under weak fairness every call ends. Any number of sessions and calls; "
    f"{scope(IN_ORDER)}.",
    assumptions=(*QUEUES, FAIR),
    prove=partial(prove_answered, IN_ORDER),
    mutant=OUT_OF_TURN.text,
    refute=partial(refute_answered, OUT_OF_TURN),
    sketch="A ranking, by the well-founded rule for justice of Manna and Pnueli: the steps that "
    "are left to the reply, to the holder of the lock and to those ahead in the queue. No action "
    "raises it; the step of the holder (while the lock is free, of the first in the queue) is "
    "enabled and lowers it. The rule itself is by hand, its premises are obligations.",
    cells=cells_of("Answered", IN_ORDER),
)

LUCKY = Theorem(
    number=25,
    title="Answered under strong fairness",
    claim="Under strong fairness of what is given away in no order every call ends. Any number of "
    f"sessions and calls; {scope(BY_LUCK)}.",
    assumptions=(*QUEUES, FAIR, STRONG),
    prove=partial(prove_answered, BY_LUCK),
    mutant="D3 under weak fairness",
    refute=refute_under_weak,
    sketch="The ranking of the theorem before. Where the helpful session's step waits for what is "
    "given away in no order (a threading.Lock, SQLite's write lock, the event loop), who has it "
    "can step, keeps it until it gives it up, and comes nearer to that with each step: so the step "
    "is enabled again and again. The rule for compassion is by hand, its premises are obligations.",
    cells=cells_of("Answered", BY_LUCK),
)

PROGRESS: tuple[Theorem, ...] = (DEADLOCK, ANSWERED, LUCKY)
