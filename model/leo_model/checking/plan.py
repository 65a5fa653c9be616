"""From claims to runs of TLC: which searches decide which cells, at which bound.

Properties that hold are checked together, one search for a discipline and a bound.  A property that
falls has a run of its own; runs of one bound share a start of TLC, which goes on until all fell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leo_model.checking.claims import FALLS, FALLS_WITH_FAULTS, HOLDS, NEEDS_STRONG_FAIRNESS, Claims
from leo_model.disciplines import DISCIPLINES
from leo_model.files import spec_folder
from leo_model.tlc.job import TlcJob

# Seconds of one search; without VIEW a search has many times the states.
LONGEST, PLAIN_LONGEST = 240.0, 3600.0
# The operators of the specification in whose place module Bounded puts its own.
BOUNDED = (
    "Sessions", "Instances", "InstanceOf", "Asks",
    "MayCall", "NextNumber", "Written", "With", "Both",
)  # fmt: skip
# Properties of whole behaviours.
TEMPORAL = frozenset({"Answered", "AloneReturns"})
# The kinds of searches that tell which of their properties fall, and by which invariant.
LOOKING = {"apart": "FallsApart", "falling": "FallsFirst", "orders": "FallsSeen"}
# The sessions that call something else than a reply() which finds something to recall.
CALLS = {"Observing": "observe", "Refreshing": "refresh", "Recalling": "blank"}


@dataclass(frozen=True, slots=True)
class Bound:
    """How many sessions make how many calls; 0 turns: for ever.

    With ``also`` the search covers a second bound, with one session less and one call more.
    """

    sessions: int
    turns: int
    also: bool = False

    def __str__(self) -> str:
        second = f"_{self.sessions - 1}x{self.turns + 1}" if self.also else ""
        return f"{self.sessions}x{self.turns or 'ever'}{second}"

    def covers(self, sessions: int | None, turns: int | None) -> bool:
        """Tell whether the search decides a claim for so many sessions and calls (None: any)."""
        bounds = [(self.sessions, self.turns)]
        if self.also:
            bounds.append((self.sessions - 1, self.turns + 1))
        return any(sessions in {None, s} and turns in {None, t} for s, t in bounds)

    @property
    def most_turns(self) -> int:
        return self.turns + self.also


@dataclass(frozen=True, slots=True)
class Run:
    """One search: what it checks, and what it is expected to find.

    ``falls`` names the property that must fall; None when all of ``titles`` must hold.
    With ``occasions`` the search also tells which actions and which occasions it met: one that VIEW
    and symmetry leave in is one that can be reached.
    """

    discipline: str
    kind: str
    bound: Bound
    faults: tuple[str, ...]
    titles: tuple[str, ...]
    falls: str | None = None
    spec: str = "Spec"
    history: bool = False
    occasions: bool = False
    limit: float = LONGEST

    @property
    def name(self) -> str:
        strikes = "faults" if self.faults else "quiet"
        parts = [self.discipline, self.kind, str(self.bound), strikes]
        if self.falls and self.kind not in ("progress", "alone"):
            parts.insert(2, self.falls)
        if self.kind == "progress":
            parts.insert(2, self.spec)
        return ".".join(parts)

    @property
    def reduced(self) -> bool:
        """The search uses VIEW and symmetry; counterexamples are searched plainly."""
        return self.kind == "holds" and not self.history


def positive_bound(discipline: str, faults: bool) -> Bound:
    """The bound at which what holds is checked.

    With faults, three sessions of two instances that commit each step take a search as long as all
    the others together, for the two properties that are left to hold.
    """
    if discipline == "sequential":
        return Bound(1, 3)
    if DISCIPLINES[discipline].published:
        return Bound(3, 1)
    return Bound(2, 1) if discipline == "shared-store" and faults else Bound(3, 1, also=True)


def negative_bound(discipline: str, faults: bool) -> Bound:
    """The smallest bound at which what falls does: with two replies for the most part.

    The program of February needs one session without faults, and two calls of observe() with them;
    that of December a third session, beside the unlocked refresh(), to see what this leaves.
    """
    if discipline == "published-february":
        return Bound(2, 2) if faults else Bound(1, 2)
    if discipline == "published-december-refresh" and not faults:
        return Bound(3, 1)
    return Bound(1, 2) if discipline == "sequential" else Bound(2, 1)


def plan(
    claims: Claims, disciplines: Iterable[str] = DISCIPLINES, *, history: bool = False
) -> list[Run]:
    """Return the runs that decide every claim of the disciplines, the long ones first."""
    runs = [run for d in disciplines for run in _runs(claims, d, history)]
    return sorted(runs, key=lambda run: -_weight(run))


def _runs(claims: Claims, discipline: str, history: bool) -> Iterator[Run]:
    faults = DISCIPLINES[discipline].possible_faults
    always = [t for t in claims.titles(discipline, HOLDS) if t != "Answered"]
    # A search with faults covers every behaviour without them. What is left to a search without:
    # what falls with faults, and deadlocks, out of which a fault could always help.
    unfaulted = [t for t in claims.titles(discipline, FALLS_WITH_FAULTS) if t != "Answered"]
    unfaulted += [t for t in always if t == "DeadlockFree"]
    quiet, loud = positive_bound(discipline, False), positive_bound(discipline, True)
    titles = unfaulted if faults and quiet == loud else [*unfaulted, *always]
    if titles:
        unique = tuple(dict.fromkeys(titles))
        yield Run(discipline, "holds", quiet, (), unique, history=history, occasions=not faults)
    if faults:
        strict = tuple(t for t in always if t != "DeadlockFree")
        strict += tuple(t for t in claims.more(discipline, HOLDS) if t not in TEMPORAL)
        yield Run(discipline, "holds", loud, faults, strict, history=history, occasions=True)
    for verdict, strikes in ((FALLS, ()), (FALLS_WITH_FAULTS, faults)):
        for title in claims.titles(discipline, verdict):
            if title != "Answered":
                small = negative_bound(discipline, bool(strikes))
                yield Run(discipline, "falls", small, strikes, (title,), falls=title)
    falling = tuple(t for t in claims.titles(discipline, FALLS_WITH_FAULTS) if t != "Answered")
    if falling:
        yield Run(discipline, "apart", apart_bound(discipline), faults, falling)
    for title in claims.more(discipline, FALLS):
        if title not in TEMPORAL:
            small = negative_bound(discipline, False)
            yield Run(discipline, "falls", small, (), (title,), falls=title)
    yield from _progress(claims, discipline)


def apart_bound(discipline: str) -> Bound:
    """The bound at which the faults are told apart: under P1 with a session that only reads."""
    if discipline == "published-december":
        return Bound(3, 1)
    return negative_bound(discipline, True)


def _progress(claims: Claims, discipline: str) -> Iterator[Run]:
    alone = claims.also.get((discipline, "AloneReturns"))
    if alone is not None:
        falls = "AloneReturns" if alone == FALLS else None
        once = Bound(1, 1)
        yield Run(discipline, "alone", once, (), ("AloneReturns",), falls=falls, spec="WeakSpec")
    verdict = claims.cell(discipline, "Answered").verdict
    rules = DISCIPLINES[discipline]
    ever = Bound(1 if discipline == "sequential" else 2, 0)
    one = ("Answered",)
    if verdict == HOLDS:
        # With two instances it takes a third session for a lock that somebody has to wait for.
        crowd = Bound(3, 0) if rules.instances > 1 else ever
        yield Run(discipline, "progress", crowd, rules.possible_faults, one, spec="WeakSpec")
    if verdict == NEEDS_STRONG_FAIRNESS:
        yield Run(discipline, "progress", ever, (), one, falls="Answered", spec="WeakSpec")
        yield Run(discipline, "progress", ever, rules.possible_faults, one, spec="StrongSpec")
    if verdict == FALLS:
        yield Run(discipline, "progress", ever, (), one, falls="Answered", spec="StrongSpec")


def _weight(run: Run) -> int:
    """Guess how long a run takes: only to start the long ones first."""
    size = run.bound.sessions * max(run.bound.turns, 1) + 2 * bool(run.faults)
    return size * (8 if run.kind == "holds" else 1) * DISCIPLINES[run.discipline].instances


def config(run: Run) -> str:
    """Return TLC's configuration for a run."""
    rules = DISCIPLINES[run.discipline]
    names = [f"s{k + 1}" for k in range(run.bound.sessions)]
    first = (len(names) + rules.instances - 1) // rules.instances
    apart = run.kind == "apart"
    asked = () if run.kind in LOOKING else run.titles
    invariants = [t for t in asked if t not in {"Refines", "DeadlockFree", *TEMPORAL}]
    if run.occasions:
        invariants.append("OccasionsSeen")
    if run.kind in LOOKING:
        invariants.append(LOOKING[run.kind])
    elif run.falls is None and run.bound.turns and run.kind != "alone":
        invariants.insert(0, "TypeOK")
    quoted = ", ".join(f'"{t}"' for t in run.titles)
    specification = "MCSpec" if run.spec == "Spec" else run.spec
    if apart:
        specification = "ApartSpec"
    view = "PublishedState" if rules.published else "EssentialState"
    asking: dict[str, list[str]] = {}
    for k, name in enumerate(names):
        asking.setdefault(rules.asks[k % len(rules.asks)], []).append(name)
    lines = [
        f"SPECIFICATION {specification}",
        "CONSTANTS",
        f'    Discipline = "{run.discipline}"',
        f"    First = {{{', '.join(names[:first])}}}",
        f"    Second = {{{', '.join(names[first:])}}}",
        *(f"    {name} = {{{', '.join(asking.get(call, []))}}}" for name, call in CALLS.items()),
        *(f"    {name} <- MC{name}" for name in BOUNDED),
        *([] if rules.published else ["    MustReload <- MCMustReload"]),
        *(["    MayStrike <- OnlyThis"] if apart else []),
        *([] if rules.published else ["    Program <- PaperProgram"]),
        f"    Turns = {run.bound.most_turns}",
        f"    Starts <- {'TwoBounds' if run.bound.also else 'FromZero'}",
        f"    Faults = {{{', '.join(f'{chr(34)}{f}{chr(34)}' for f in run.faults)}}}",
        f"    Checked = {{{quoted}}}",
        *([f"VIEW {view}", "SYMMETRY Symmetry"] if run.reduced else []),
        *(["INVARIANTS", *(f"    {t}" for t in invariants)] if invariants else []),
        *(["ACTION_CONSTRAINT RefinesApart", "SYMMETRY Symmetry"] if apart else []),
        *(["CONSTRAINT OneStands"] if run.kind == "falling" else []),
        *(["PROPERTY RefinesFirst"] if run.kind == "falling" and "Refines" in run.titles else []),
        *(f"PROPERTY {t}" for t in asked if t in {"Refines", *TEMPORAL}),
    ]
    return "\n".join(lines) + "\n"


def job(run: Run, folder: Path | None = None) -> TlcJob:
    """Return the TLC job of a run, on the specification in ``folder`` (default: our own).

    A deadlock is a violation only in the runs that claim there is none: with faults on, a
    cancellation could always save a reply that waits for itself, so there it says nothing.
    """
    limit = PLAIN_LONGEST if run.history else run.limit
    root = "MCPublished" if DISCIPLINES[run.discipline].published else "MCField"
    if run.kind == "apart":
        root = root.replace("Field", "") + "Apart"
    return TlcJob(
        run.name,
        (folder or spec_folder()) / f"{root}.tla",
        config(run),
        deadlock="DeadlockFree" in run.titles,
        coverage=run.occasions,
        timeout=limit,
        long=limit > LONGEST,
        heap_mb=3072 if limit > LONGEST else 1024,
    )


def together(runs: Iterable[Run]) -> list[tuple[Run, ...]]:
    """Runs that can share one search: at one bound, and each ends when its property falls."""
    groups: dict[object, tuple[Run, ...]] = {}
    for run in runs:
        shared = run.kind == "falls" and run.falls != "DeadlockFree"
        key = (run.discipline, run.bound, run.faults) if shared else run.name
        groups[key] = (*groups.get(key, ()), run)
    return list(groups.values())


def joint(runs: Sequence[Run]) -> TlcJob:
    """Return the job of runs that are searched ``together``. Several save starts of Java; what
    each finds, and after how many states, is the same as alone.
    """
    if len(runs) == 1:
        return job(runs[0])
    titles = tuple(run.falls for run in runs if run.falls)
    return replace(job(replace(runs[0], kind="falling", titles=titles, falls=None)), goes_on=True)
