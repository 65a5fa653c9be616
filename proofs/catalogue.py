"""The theorems by number: 1 to 14 and 26 (z3) here, 15 to 22 (sympy) in ``algebra.index``, 23 to 25
(z3) in ``progress.index``; and what no theorem decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from leo_model.checking.claims import FALLS_WITH_FAULTS, HOLDS, NEEDS_STRONG_FAIRNESS, Claims
from leo_model.disciplines import DISCIPLINES
from proofs.algebra.index import ALGEBRA
from proofs.invariants.noop import prove_noop, refute_noop
from proofs.invariants.program import prove_program, refute_program
from proofs.invariants.unbounded import (
    ASSUMED,
    TIED,
    Mutant,
    cells_of,
    named,
    prove_property,
    prove_refinement,
    refute_property,
    refute_refinement,
    scope,
)  # fmt: skip
from proofs.progress.index import PROGRESS
from proofs.tools.errors import NoSuchTheoremError
from proofs.tools.theorem import Cell, Theorem

INDUCTION = (
    "An inductive invariant over uninterpreted sorts of sessions, instances and replies: it holds "
    "initially, every action of the specification preserves it, and it implies the property; "
    "an execution leads to a state of which the property speaks."
)


def _property(
    number: int, title: str, says: str, mutant: Mutant, cases: str, sketch: str = ""
) -> Theorem:
    keys = named(cases)
    return Theorem(
        number=number,
        title=title,
        claim=f"{says} Any number of sessions and calls; {scope(keys)}.",
        assumptions=ASSUMED,
        prove=partial(prove_property, title, keys),
        mutant=mutant.text,
        refute=partial(refute_property, title, mutant),
        sketch=f"{INDUCTION} {sketch}".strip(),
        cells=cells_of(title, keys),
    )


NO_LOCK = "Acquire: lock is free"
NO_WRITE_LOCK = "Begin: write lock is free"
SIMULATED = named("1q D3q D4q D5q D6 D7 D8q D12 D13")

SAFETY = (
    _property(
        1, "MutualExclusion",
        "At most one reply is inside its program (D12: from Begin to Commit, over all instances).",
        Mutant("D4q", NO_LOCK), "D3 D4 D5 D6 D7 D8 D9 D12 P1 P2 P3",
    ),
    _property(
        2, "Serializable",
        "The serialization graph of the replies that have written is acyclic: every edge goes "
        "along the order of n-gram versions, which is a strict total order of their writers.",
        Mutant("D12", NO_WRITE_LOCK), "1q D3 D4 D5q D6 D7 D8 D12 D13",
        "Every dependency edge between replies that have written embeds into the strict order of "
        "n-gram versions; a cycle would bring a reply before itself. The induction over the length "
        "of a path is by hand (README), its step is an obligation.",
    ),
    _property(
        3, "StableRead", "What generate reads does not change while it reads.",
        Mutant("D3", NO_LOCK), "D3",
        "A thread can be stopped between its two reads; who stands there holds the lock, and "
        "nobody else assigns the view.",
    ),
    _property(
        4, "ViewNotTorn", "No reply generates from tables of two different versions.",
        Mutant("D4q", NO_LOCK), "1q D3 D4 D5 D6 D7 D8 D11 D12 D13",
    ),
    _property(
        5, "ReadsOwnObservation",
        "A reply generates from a field that contains its own observation.",
        Mutant("D4q", NO_LOCK), "1q D3 D4 D5 D6 D7 D8 D10 D11 D12 D13",
    ),
    _property(
        6, "SnapshotProvenance",
        "A snapshot is saved into the version of the field that generated it.",
        Mutant("D12", NO_WRITE_LOCK), "1q D3 D4 D5q D6 D7 D8 D12 D13",
    ),
    _property(
        7, "AllOrNothing",
        "A reply that has ended, however it ended, has all of its writes in the store or none.",
        Mutant("D4q", faults=True), "1q D1q D2q D3q D4q D5 D6 D7 D8q D10q D11 D12 D13",
    ),
    _property(
        8, "Durable", "A reply that returned has all of its writes in the store, crash or not.",
        Mutant("D6", "Return: label"), "1q D1 D2 D3 D4 D5 D6 D7 D8 D10 D11 D12 D13",
    ),
    _property(
        9, "ViewAgreesWithStore",
        "When no reply of an instance is in flight its view equals the store (D12: a version that "
        "the store had).",
        Mutant("D6", "CancelApplied: shield"), "1q D3q D4q D5q D6 D7 D8q D12 D13",
    ),
    _property(
        10, "NoOvertaking", "Replies start in the order of their calls.",
        Mutant("D6", "Acquire: my turn"), "D4 D5 D6 D7 D9 P1 P2 P3",
    ),
)  # fmt: skip
NO_DOUBLE = _property(
    26, "NoDoubleDelta", "A view takes the delta of each reply at most once.",
    Mutant("D6", "SwapView: pc stays"), "D5 D6 D7 D11 D12 D13",
)  # fmt: skip

SHIELDLESS = Mutant("D6", "CancelApplied: shield")

REFINEMENT = Theorem(
    number=11,
    title="Refines",
    claim="Every action is a step of AtomicReply or nothing: a whole reply takes "
    f"effect at one moment. Any number of sessions and calls; {scope(SIMULATED)}.",
    assumptions=ASSUMED,
    prove=partial(prove_refinement, SIMULATED),
    mutant=SHIELDLESS.text,
    refute=partial(refute_refinement, SHIELDLESS),
    latex=f"Every execution, for any number of sessions and calls ({scope(SIMULATED)}), "
    r"implements \textsc{AtomicReply}, the specification in which a whole reply is one step.",
    sketch="A forward simulation under the refinement mapping that hides the writes of replies in "
    "flight; a reply takes effect at its last write. The inductive invariant of the other theorems "
    "gives what each step needs.",
    cells=cells_of("Refines", SIMULATED),
)

NO_OP = Theorem(
    number=12,
    title="Lock no-op",
    claim="With one session, the executions with and without the lock are the same up "
    "to the lock's own variable, with all faults: D3, D4, D5, D6, D7; of P1, P2 and P3 who runs "
    "and who waits is the same (what they read and write: leo noop, three calls). So in a "
    "sequential comparison the lock cannot change any metric of the modelled state.",
    assumptions=(
        "one session; its calls are unbounded; the four steps of the model (P1 to P3: their own)",
        "of P1 to P3 the relation has no contents",
        TIED,
    ),
    prove=prove_noop,
    mutant="two sessions (D4)",
    refute=refute_noop,
    sketch="The identity on all variables but the holder is a bisimulation: related states enable "
    "the same actions, in both directions, and go to related states.",
)

PROGRAM_ASSUMED = (
    "a program reads and writes any objects, in any order and number, and may "
    "decide as it goes along",
    "one instance; objects, replies and the length of programs are unbounded",
)
STEP = Theorem(
    number=13,
    title="Any program, step commit",
    claim="Under one lock, replies whose programs are arbitrary sequences of reads and writes, "
    "each write committed at once, exclude each other and are serializable in the order of "
    "entrance, with all faults. (A relation of its own, not the spec's; reads are of the store.)",
    assumptions=PROGRAM_ASSUMED,
    prove=partial(prove_program, "step"),
    mutant="without the guard 'Enter: lock is free'",
    refute=partial(refute_program, "step", "Enter: lock is free"),
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
    prove=partial(prove_program, "unit"),
    mutant="without the guard 'Cancel: shield'",
    refute=partial(refute_program, "unit", "Cancel: shield"),
    sketch="As before; the view lacks exactly the commit that has not been swapped in.",
)

THEOREMS: tuple[Theorem, ...] = (
    *SAFETY, REFINEMENT, NO_OP, STEP, UNIT, *ALGEBRA, *PROGRESS, NO_DOUBLE,
)  # fmt: skip
# Why no theorem decides a positive cell of a published program.
CONTENTS = (
    "an observation is several writes there, and the z3 relation of the published programs has no "
    "contents: TLC's word, within its bound"
)

UNKNOWN = "no reason is known"


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


def undecided(claims: Claims, theorems: Sequence[Theorem] = THEOREMS) -> Iterator[tuple[Cell, str]]:
    """Yield the positive cells of the table that no theorem decides, each with the reason. A cell
    that falls with faults is positive too: it holds without them.
    """
    decided = {cell for theorem in theorems for cell in theorem.cells}
    for (discipline, title), claim in claims.cells.items():
        if claim.verdict not in (HOLDS, NEEDS_STRONG_FAIRNESS, FALLS_WITH_FAULTS):
            continue
        with_faults = claim.verdict != FALLS_WITH_FAULTS
        rules = DISCIPLINES[discipline]
        cell = Cell(discipline, title, with_faults and bool(rules.possible_faults))
        if cell not in decided and Cell(discipline, title, True) not in decided:
            yield cell, CONTENTS if rules.published else UNKNOWN
