"""Mutants, step orders, graphs, the lock that does nothing: each check can fail."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from leo_model.checking.check import told
from leo_model.checking.claims import load_claims
from leo_model.checking.graph import (
    PAIRS,
    PUBLISHED,
    TURNS,
    UNLOCKED,
    Flat,
    check_noop,
    check_snippet,
    compare,
    dump_job,
    dumped,
    explored,
    project,
    python_graph,
    tlc_graph,
    unlocked,
)  # fmt: skip
from leo_model.checking.mutants import REACHABLE, load_mutants, mutate, runs_for, try_mutants
from leo_model.checking.orders import ORDERS, load_orders, order_job
from leo_model.checking.plan import Bound
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import MutantError
from leo_model.files import spec_folder
from leo_model.machine.reachable import bounded_world, explore
from leo_model.machine.steps import PAPER_PROGRAM
from leo_model.tlc.driver import run_many
from leo_model.tlc.java import Runtime

# A property that falls, an action out of reach, a fairness removed, each decided by a search of
# a few hundred states; `make nightly` tries every mutant.
SAMPLE = ("shield-removed", "refresh-never", "no-weak-fairness")


def test_there_are_mutants_of_every_kind() -> None:
    """At least thirty, with distinct names; guards, updates, orders and fairness are among them."""
    mutants = load_mutants()
    assert len({mutant.name for mutant in mutants}) == len(mutants) >= 30
    kinds = ("a guard dropped", "an update forgotten", "an order swapped", "a fairness removed")
    assert all(any(mutant.why.startswith(kind) for mutant in mutants) for kind in kinds)


def test_every_mutant_fits_the_specification(tmp_path: Path) -> None:
    """Each changes the module, and a run of the plan decides the claim that it must change."""
    claims = load_claims()
    for mutant in load_mutants():
        folder = mutate(mutant, tmp_path / mutant.name)
        original = (Path(__file__).parents[3] / "spec" / mutant.module).read_text()
        assert (folder / mutant.module).read_text() != original
        assert runs_for(claims, mutant), mutant.name
        assert mutant.claim == REACHABLE or mutant.claim in dict.fromkeys(
            title for run in runs_for(claims, mutant) for title in run.titles
        )


@pytest.mark.parametrize("sample", [SAMPLE[:1], pytest.param(SAMPLE[1:], marks=pytest.mark.long)])
def test_mutants_change_their_claims_and_a_harmless_one_survives(
    tmp_path: Path, sample: tuple[str, ...]
) -> None:
    """A sample is killed; a change of a comment is reported as a survivor."""
    mutants = {mutant.name: mutant for mutant in load_mutants()}
    words = (("(* Words *)", "(* Terms *)", "Lifecycle.tla"),)
    harmless = replace(mutants["shield-removed"], name="harmless", changes=words)
    chosen = [*(mutants[name] for name in sample), harmless]

    verdicts = try_mutants(load_claims(), chosen, work=tmp_path, parallel=3)
    assert [v.mutant.name for v in verdicts if not v.killed] == ["harmless"]


def test_an_error_and_the_fall_of_something_else_are_no_kills(tmp_path: Path) -> None:
    """A mutant that TLC cannot evaluate, and one that breaks only another property, survive."""
    ours = {mutant.name: mutant for mutant in load_mutants()}["acquire-ignores-lock"]
    guard = 'At(s, "called") /\\ LockIsFree(s) /\\ IsMyTurn(s)'
    file, append = "Lifecycle.tla", "    /\\ arrivals' = Append(arrivals, s)\n"
    changes = ((guard, f"{guard} /\\ s + 1 = 2", file),)
    nonsense = replace(ours, name="nonsense", changes=changes)
    changes = ((append, "    /\\ arrivals' = <<s, s>>\n", file),)
    untyped = replace(ours, name="untyped", changes=changes)
    verdicts = try_mutants(load_claims(), [nonsense, untyped], work=tmp_path, parallel=3)
    assert [verdict.killed for verdict in verdicts] == [False, False]
    assert all(verdict.findings for verdict in verdicts)
    assert "not decided" in str(verdicts[0].findings[0])
    assert "TypeOK falls" in str(verdicts[1].findings[0])


def test_a_mutant_of_another_text_is_refused(tmp_path: Path) -> None:
    """A text that the module does not have once says that the mutant is out of date."""
    mutant = replace(load_mutants()[0], changes=(("no such text", "", "Lifecycle.tla"),))
    with pytest.raises(MutantError, match=r"occurs 0 times in Lifecycle\.tla, expected once"):
        mutate(mutant, tmp_path)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_one_session_cannot_tell_a_lock_from_none(one: str, other: str) -> None:
    """Formal model, theorem 1: the graphs are equal up to the lock's variable. Below are
    those of TLC and of the machine equal."""
    locked, free = (project(explored(name, 1, TURNS, ())) for name in (one, other))
    assert len(free.states) > 30 and compare(locked, free).empty


@pytest.mark.long
def test_one_session_of_tlc_cannot_tell_a_lock_from_none(tmp_path: Path) -> None:
    """The same of TLC's graphs."""
    found = check_noop(work=tmp_path)
    pairs = [*PAIRS, *((name, UNLOCKED) for name in PUBLISHED)]
    assert [(pair.locked, pair.free) for pair in found] == pairs
    assert all(pair.equal and pair.states > 20 for pair in found)


@pytest.mark.long
def test_two_sessions_of_a_published_program_can_tell(tmp_path: Path) -> None:
    """The comparison can fail: without its lock the program that was measured does more."""
    job = dump_job("published-december", 2, 1, ())
    locked, free = (project(tlc_graph(g)) for g in dumped([job, unlocked(job)], tmp_path))
    assert not compare(locked, free).empty and locked.edges < free.edges


def test_two_sessions_can_tell() -> None:
    """The comparison can fail: with two sessions a lock removes behaviours."""
    locked, free = (project(explored(name, 2, 1, ())) for name in ("asyncio-lock", "bare"))
    assert not compare(locked, free).empty
    assert locked.edges < free.edges


def test_the_papers_listing_is_d9(tmp_path: Path) -> None:
    """Read line by line, the listing waits for its own lock: TLC's graph of it is that of D9."""
    found = check_snippet(work=tmp_path / "literal")
    assert found.equal and found.states > 40


@pytest.mark.long
def test_a_forgiving_listing_is_not_d9(tmp_path: Path) -> None:
    """With a lock that its owner may take again the two graphs are not the same."""
    literal = (spec_folder() / "Snippet.tla").read_text("utf-8")
    taken = 'Entered(s) == owner = "nobody"'
    assert taken in literal
    forgiving = literal.replace(taken, 'Entered(s) == owner \\in {"nobody", s}')
    forgiving = forgiving.replace("Head(waiters) = s /\\ waiters' = Tail(waiters)",
                                  "waiters' = SelectSeq(waiters, LAMBDA t : t # s)")  # fmt: skip
    assert not check_snippet(work=tmp_path / "forgiving", module=forgiving).equal


def test_orders_of_the_steps(tmp_path: Path) -> None:
    """The paper's order keeps everything; generate before observe loses the own observation
    in spite of the lock (formal model, theorem 3)."""
    blind = ORDERS.index(("recall", "generate", "snapshot", "observe"))
    jobs = [
        order_job("sequential", Bound(1, 2), ORDERS.index(PAPER_PROGRAM)),
        order_job("asyncio-lock", Bound(2, 1), blind),
    ]
    paper, locked = run_many(jobs, work=tmp_path)
    assert (paper.verdict, paper.output) == ("ok", ())
    assert [titles for titles, _ in told(locked, "falls")] == [{"ReadsOwnObservation"}]
    claimed = {order.program: order.falls for order in load_orders()}
    assert claimed[PAPER_PROGRAM]["sequential"] == frozenset()
    blinded = claimed[ORDERS[blind]]
    assert blinded["sequential"] == blinded["asyncio-lock"] == {"ReadsOwnObservation"}


FAULTS = {name: rules.possible_faults for name, rules in DISCIPLINES.items()}
Graphed = tuple[str, int, int, tuple[str, ...]]
# Their graphs with faults have 1,400 states and more each: `make test` compares those without, and
# leaves the faults, which all disciplines share, to the others.
LARGE = {"bare", "gil", "shared-store", "published-december", "published-december-refresh"}
# A start of TLC takes a second: these have no action and no rule that another one does not have.
COVERED = {
    "sequential", "bare", "gil", "published-december", "threading-lock",
    "shared-store-unit-of-work", "asyncio-lock",
}  # fmt: skip
BOUNDS: list[Graphed] = [
    *((n, 2, 1, () if n in LARGE else f) for n, f in FAULTS.items() if n not in COVERED),
    ("asyncio-lock", 1, 2, FAULTS["asyncio-lock"]),
    # Its faults are its own, where the others share theirs.
    ("published-december", 1, 1, FAULTS["published-december"]),
]
MORE: list[Graphed] = [
    *((name, 2, 1, FAULTS[name]) for name in LARGE),
    ("sequential", 1, 1, FAULTS["sequential"]),
    *((name, 2, 1, ()) for name in COVERED & LARGE),
    *((name, 2, 1, FAULTS[name]) for name in COVERED - LARGE - {"sequential"}),
    *((name, 2, 1, ()) for name, faults in FAULTS.items() if faults and name not in LARGE),
    *((n, 3, 1, ()) for n in ("asyncio-lock", "shielded-unit-of-work", "shared-store-immediate")),
    *((name, 3, 1, ()) for name in ("published-december", "published-december-refresh")),
    *((name, 2, 1, ("Cancel",)) for name in ("asyncio-lock", "bare")),
    ("published-february", 2, 2, ("Cancel",)),
]


def name_of(bound: Graphed) -> str:
    discipline, sessions, turns, faults = bound
    return f"{discipline}-{sessions}x{turns}-{'-'.join(faults) or 'quiet'}"


def differences(bounds: list[Graphed], work: Path, runtime: Runtime) -> dict[str, str]:
    """What TLC and Python disagree on, by the bound; the graphs are dumped in one batch of runs."""
    jobs = [replace(dump_job(*bound), name=name_of(bound)) for bound in bounds]
    found = {}
    for bound, result in zip(
        bounds, run_many(jobs, parallel=2, work=work, runtime=runtime), strict=True
    ):
        assert result.graph is not None, result.reason
        difference = compare(explored(*bound), tlc_graph(result.graph))
        if not difference.empty:
            found[name_of(bound)] = str(difference)
    return found


@pytest.mark.parametrize(
    "bounds", [BOUNDS, pytest.param(MORE, marks=pytest.mark.long)], ids=["few", "more"]
)
def test_python_has_the_graph_of_tlc(
    tmp_path: Path, runtime: Runtime, bounds: list[Graphed]
) -> None:
    """State for state and edge for edge, labels included (formal model, section 7). In `make
    test-long` of every discipline with and without its faults, and of more sessions."""
    assert differences(bounds, tmp_path, runtime) == {}


def test_a_difference_of_one_edge_is_seen() -> None:
    """The comparison can fail: one edge renamed, one state left out."""
    graph = python_graph(explore(bounded_world("asyncio-lock", 2, 1)))
    edges = sorted(graph.edges, key=repr)
    source, _, target = edges[0]
    renamed = Flat(graph.states, frozenset({*edges[1:], (source, "Other", target)}))
    smaller = Flat(frozenset(list(graph.states)[1:]), graph.edges)
    assert len(compare(graph, renamed).only_tlc.edges) == 1
    assert len(compare(graph, renamed).only_python.edges) == 1
    assert len(compare(graph, smaller).only_python.states) == 1
    assert not compare(graph, renamed).empty
