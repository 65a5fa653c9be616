"""The theorems by number: 1 to 14 (z3) here, 15 to 22 (sympy) in ``algebra_index``, 23 and 24 (z3)
in ``progress_index``.
"""

from __future__ import annotations

from functools import partial

from proofs.algebra.index import ALGEBRA
from proofs.invariants.noop import prove_noop, refute_noop
from proofs.invariants.program import prove_program, refute_program
from proofs.invariants.unbounded import (
    CASES,
    Mutant,
    prove_property,
    prove_refinement,
    refute_property,
    refute_refinement,
)  # fmt: skip
from proofs.progress.index import PROGRESS
from proofs.tools.errors import NoSuchTheoremError
from proofs.tools.theorem import Cell, Theorem

__all__ = ["THEOREMS", "choose"]

EVERYWHERE = ("D3", "D4q", "D4", "D6", "D7", "D12")
WHOLE = ("D3q", "D4q", "D6", "D7", "D12")
SIMULATED = ("D4q", "D6", "D7", "D12")
FAIR = ("D4q", "D4", "D6", "D7")
ON_THREADS = ("D3",)
SCOPE = {
    ON_THREADS: "D3 with all faults",
    EVERYWHERE: "D4 without and with all faults, D3, D6, D7 and D12 with all faults",
    WHOLE: "D3 and D4 without faults, D6, D7 and D12 with all faults",
    SIMULATED: "D4 without faults, D6, D7 and D12 with all faults",
    FAIR: "D4 without and with all faults, D6 and D7 with all faults",
}
ASSUMED = (
    "one instance in D3, D4, D6 and D7, any number of instances on one store in D12",
    "a session makes one call at a time; sessions and calls are unbounded",
    "the relation is the spec's (tests/proofs/test_tie.py)",
)
TEX_SCOPE = {
    ON_THREADS: r"D3 (with all faults)",
    EVERYWHERE: r"D4 (with and without faults), D3, D6, D7 and D12 (with all faults)",
    WHOLE: r"D3 and D4 without faults and of D6, D7 and D12 with all faults",
    SIMULATED: r"D4 without faults and of D6, D7 and D12 with all faults",
    FAIR: r"D4 (with and without faults), D6 and D7 (with all faults)",
}
INDUCTION = (
    "An inductive invariant over uninterpreted sorts of sessions, instances and replies: it holds "
    "initially, every action of the specification preserves it, and it implies the property; "
    "an execution leads to a state of which the property speaks."
)


def _cells(title: str, cases: tuple[str, ...]) -> tuple[Cell, ...]:
    """The cells of the table that a theorem about these cases decides."""
    worlds = [CASES[key].world for key in cases]
    return tuple(Cell(world.rules.name, title, bool(world.faults)) for world in worlds)


def _property(
    number: int,
    title: str,
    says: str,
    tex: str,
    mutant: Mutant,
    cases: tuple[str, ...] = EVERYWHERE,
    sketch: str = "",
) -> Theorem:
    return Theorem(
        number=number,
        title=title,
        claim=f"{says} Any number of sessions and calls; {SCOPE[cases]}.",
        assumptions=ASSUMED,
        tool="z3",
        place=f"proofs/invariants/unbounded.py prove_property({title!r})",
        prove=partial(prove_property, title, cases),
        mutant=mutant.text,
        refute=partial(refute_property, title, mutant),
        latex=f"In every execution of {TEX_SCOPE[cases]}, for any number of sessions and "
        f"calls: {tex}",
        sketch=f"{INDUCTION} {sketch}".strip(),
        cells=_cells(title, cases),
    )


NO_LOCK = "Acquire: lock is free"
NO_WRITE_LOCK = "Begin: write lock is free"

SAFETY = (
    _property(
        1, "MutualExclusion",
        "At most one reply is inside its program (D12: from Begin to Commit, over all instances).",
        "at most one reply is inside its program, over all instances that share the store.",
        Mutant("D4q", NO_LOCK),
    ),
    _property(
        2, "Serializable",
        "The serialization graph of the replies that have written is acyclic: every "
        "edge goes along the order of n-gram versions, which is a strict total order "
        "of their writers.",
        "the direct serialization graph of the replies that have written is acyclic; the order in "
        "which they wrote the n-grams is a serial order that explains every read and write.",
        Mutant("D12", NO_WRITE_LOCK),
        sketch="Every dependency edge embeds into the strict order of n-gram versions; a "
        "cycle would bring a reply before itself. The induction over the length of a "
        "path is by hand, its step is an obligation.",
    ),
    _property(
        3, "StableRead",
        "What generate reads does not change while it reads.",
        "what \\emph{generate} reads does not change while it reads.",
        Mutant("D3", NO_LOCK),
        ON_THREADS,
        "Only on threads is there a moment between its two reads; who stands there holds the lock, "
        "and nobody else assigns the view.",
    ),
    _property(
        4, "ViewNotTorn",
        "No reply generates from tables of two different versions.",
        "no reply generates from tables of two different versions.",
        Mutant("D4q", NO_LOCK),
    ),
    _property(
        5, "ReadsOwnObservation",
        "A reply generates from a field that contains its own observation.",
        "a reply generates from a field that contains its own observation.",
        Mutant("D4q", NO_LOCK),
    ),
    _property(
        6, "SnapshotProvenance",
        "A snapshot is saved into the version of the field that generated it.",
        "a snapshot is saved into the version of the field that generated it.",
        Mutant("D12", NO_WRITE_LOCK),
    ),
    _property(
        7, "AllOrNothing",
        "A reply that has ended has all of its writes in the store or none.",
        "a reply that has ended, however it ended, has all of its writes in the store or none.",
        Mutant("D4q", faults=True),
        WHOLE,
    ),
    _property(
        8, "Durable",
        "A reply that returned has all of its writes in the store, crash or not.",
        "a reply that returned has all of its writes in the store.",
        Mutant("D6", "Return: label"),
    ),
    _property(
        9, "ViewAgreesWithStore",
        "When no reply of an instance is in flight its view equals the store (D12: a version that "
        "the store had).",
        "whenever no reply of an instance is in flight, its view equals the store (with several "
        "instances: a version that the store had).",
        Mutant("D6", "CancelApplied: shield"),
        WHOLE,
    ),
    _property(
        10, "NoOvertaking",
        "Replies start in the order of their calls.",
        "replies start in the order of their calls.",
        Mutant("D6", "Acquire: my turn"),
        FAIR,
    ),
)  # fmt: skip

SHIELDLESS = Mutant("D6", "CancelApplied: shield")

REFINEMENT = Theorem(
    number=11,
    title="Refines",
    claim="Every action is a step of AtomicReply or nothing: a whole reply takes "
    f"effect at one moment. Any number of sessions and calls; {SCOPE[SIMULATED]}.",
    assumptions=ASSUMED,
    tool="z3",
    place="proofs/invariants/unbounded.py prove_refinement",
    prove=partial(prove_refinement, SIMULATED),
    mutant=SHIELDLESS.text,
    refute=partial(refute_refinement, SHIELDLESS),
    latex=f"Every execution of {TEX_SCOPE[SIMULATED]}, for any number of sessions and calls, "
    r"implements \textsc{AtomicReply}, the specification in which a whole reply is one step.",
    sketch="A forward simulation under the refinement mapping that hides the writes of replies in "
    "flight; a reply takes effect at its last write. The inductive invariant of the other theorems "
    "gives what each step needs.",
    cells=_cells("Refines", SIMULATED),
)

NO_OP = Theorem(
    number=12,
    title="Lock no-op",
    claim="With one session, the executions with and without the lock are the same up "
    "to the lock's own variable, with all faults: D3, D4, D5, D6, D7. So in a "
    "sequential comparison the lock cannot change any metric.",
    assumptions=("one session; its calls are unbounded",),
    tool="z3",
    place="proofs/invariants/noop.py prove_noop",
    prove=prove_noop,
    mutant="two sessions (D4)",
    refute=refute_noop,
    latex="With a single session, an execution with the lock and one without it (D3 to "
    "D7, all faults) are bisimilar up to the variable of the lock. Hence in a "
    "sequential comparison the lock cannot change any metric.",
    sketch="The identity on all variables but the holder is a bisimulation: related "
    "states enable the same actions, in both directions, and go to related "
    "states.",
)

PROGRAM_ASSUMED = (
    "a program reads and writes any objects, in any order and number, and may "
    "decide as it goes along",
    "one instance; objects, replies and the length of programs are unbounded",
)
STEP = Theorem(
    number=13,
    title="Any program, step commit",
    claim="Under one lock, replies whose programs are arbitrary sequences of reads and "
    "writes, each write committed at once, exclude each other and are "
    "serializable in the order of entrance, with all faults. (A relation of its "
    "own, not the spec's; reads are of the store.)",
    assumptions=PROGRAM_ASSUMED,
    tool="z3",
    place="proofs/invariants/program.py prove_program('step')",
    prove=partial(prove_program, "step"),
    mutant="without the guard 'Enter: lock is free'",
    refute=partial(refute_program, "step", "Enter: lock is free"),
    latex="Under one lock, replies whose programs are arbitrary finite sequences of "
    "reads and writes of arbitrary objects, each write committed at once, "
    "exclude each other, and their direct serialization graph is acyclic in the "
    "order of entrance, with all faults.",
    sketch="Every dependency edge goes from an earlier to a later entrance.",
)
UNIT = Theorem(
    number=14,
    title="Any program, unit of work",
    claim="Under one lock, with one commit per reply and a shielded swap of the view, "
    "arbitrary programs that read the store or the view are exclusive, "
    "serializable, all-or-nothing and durable, and the view agrees with the "
    "store between replies, with all faults. (A relation of its own.)",
    assumptions=PROGRAM_ASSUMED,
    tool="z3",
    place="proofs/invariants/program.py prove_program('unit')",
    prove=partial(prove_program, "unit"),
    mutant="without the guard 'Cancel: shield'",
    refute=partial(refute_program, "unit", "Cancel: shield"),
    latex="Under one lock, with one commit per reply and a shielded swap of the view, "
    "replies whose programs are arbitrary finite sequences of reads (of store or "
    "view) and writes are exclusive, serializable, all-or-nothing and durable, "
    "and the view agrees with the store between replies.",
    sketch="As before; the view lacks exactly the commit that has not been swapped in.",
)

THEOREMS: tuple[Theorem, ...] = (*SAFETY, REFINEMENT, NO_OP, STEP, UNIT, *ALGEBRA, *PROGRESS)


def choose(numbers: list[int]) -> list[Theorem]:
    """The theorems with these numbers, all for none. Raises NoSuchTheoremError."""
    known = {theorem.number: theorem for theorem in THEOREMS}
    for number in numbers:
        if number not in known:
            raise NoSuchTheoremError(
                f"there is no theorem {number}; the theorems are 1 to {len(known)}: "
                "see leo prove --list"
            )
    return [known[number] for number in numbers] or list(THEOREMS)
