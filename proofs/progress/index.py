"""The theorems 23 and 24: somebody can always go on, and every call ends (z3)."""

from __future__ import annotations

from functools import partial

from proofs.invariants.unbounded import CASES, Mutant
from proofs.progress.answered import prove_answered, refute_answered
from proofs.progress.deadlock import prove_deadlock, refute_deadlock
from proofs.tools.theorem import Cell, Theorem

__all__ = ["PROGRESS"]

EVERYWHERE = ("D3", "D4", "D6", "D7", "D12")
IN_ORDER = ("D4", "D6", "D7")
ASSUMED = (
    "one instance in D3, D4, D6 and D7, any number of instances on one store in D12",
    "a session makes one call at a time; sessions and calls are unbounded",
    "the relation is the spec's (tests/proofs/test_tie.py)",
    "a finite queue that is not empty has a first (that it is finite and a strict order is proved)",
)
FAIR = "weak fairness of every session's next step; nothing is assumed of crashes or restarts"


def _cells(title: str, cases: tuple[str, ...]) -> tuple[Cell, ...]:
    worlds = [CASES[key].world for key in cases]
    return tuple(Cell(world.rules.name, title, bool(world.faults)) for world in worlds)


KEPT_LOCK = Mutant("D4", "Release: holder stays")
DEADLOCK = Theorem(
    number=23,
    title="DeadlockFree",
    claim="In every state that is reached with all faults an action that is no fault is enabled, "
    "until all calls are made and over; and while a reply is in flight, some reply in flight can "
    "take its own next step. Any number of sessions and calls; D3, D4, D6, D7 and D12.",
    assumptions=ASSUMED,
    tool="z3",
    place="proofs/progress/deadlock.py prove_deadlock",
    prove=partial(prove_deadlock, EVERYWHERE),
    mutant=KEPT_LOCK.text,
    refute=partial(refute_deadlock, KEPT_LOCK),
    latex="In every state that D3, D4, D6, D7 or D12 reaches (with all faults), for any number of "
    "sessions and calls, an action that is no fault is enabled until all calls are made and over; "
    "while a reply is in flight, some reply in flight can take its own next step.",
    sketch="The inductive invariant of the safety theorems, and its converse for the locks: who "
    "holds a lock is inside, so the holder's next step is enabled or waits for the write lock, "
    "whose holder waits for nothing; while a lock is free, the first in the queue can take it.",
    cells=_cells("DeadlockFree", EVERYWHERE),
)

OUT_OF_TURN = Mutant("D6", "Acquire: my turn")
ANSWERED = Theorem(
    number=24,
    title="Answered",
    claim="Under weak fairness every call ends. Any number of sessions and calls; D4, D6 and D7 "
    "with all faults.",
    assumptions=(*ASSUMED, FAIR),
    tool="z3",
    place="proofs/progress/answered.py prove_answered",
    prove=partial(prove_answered, IN_ORDER),
    mutant=OUT_OF_TURN.text,
    refute=partial(refute_answered, OUT_OF_TURN),
    latex="In every weakly fair behaviour of D4, D6 and D7 (with all faults), for any number of "
    "sessions and calls, every call ends.",
    sketch="A ranking, by the well-founded rule for justice of Manna and Pnueli: the steps that "
    "are left to the reply, to the holder of the lock and to those ahead in the queue. No action "
    "raises it; the step of the holder (while the lock is free, of the first in the queue) is "
    "enabled and lowers it. The rule itself is by hand, its premises are obligations.",
    cells=_cells("Answered", IN_ORDER),
)

PROGRESS: tuple[Theorem, ...] = (DEADLOCK, ANSWERED)
