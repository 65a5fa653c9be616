"""What `leo check` shows beside the claims: mutants, step orders, the lock that does nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model.check import said
from model.claims import Claims
from model.distributed import run_distributed
from model.errors import CheckError
from model.mutants import load_mutants, runs_for, try_mutants
from model.noop import check_noop
from model.orders import DISCIPLINES, ORDERS, check_orders, orders_text
from model.plan import Run, job
from model.progress import Bar
from model.tlcjob import TlcJob, Verdict


def show_mutants(claims: Claims, build: Path, jobs: int) -> int:
    """Print what became of every mutant; 1 when one survived."""
    mutants = load_mutants()
    bar = Bar(sum(len(runs_for(claims, mutant)) for mutant in mutants), "mutants")
    verdicts = try_mutants(claims, mutants, work=build / "mutants", parallel=jobs, done=bar.step)
    bar.finish()
    for verdict in verdicts:
        mutant = verdict.mutant
        fate = f"changes {mutant.claim}" if verdict.killed else "SURVIVES"
        print(f"{mutant.name:<28} {fate}\n    {mutant.discipline}: {mutant.why}")
        if not verdict.killed:
            print("".join(f"    {finding}\n" for finding in verdict.findings), end="")
    survivors = [verdict for verdict in verdicts if not verdict.killed]
    print(f"\n{len(verdicts) - len(survivors)} of {len(verdicts)} mutants change a claim.")
    return 1 if survivors else 0


def show_orders(build: Path, jobs: int) -> int:
    """Print the table of the 24 orders of the four steps."""
    bar = Bar(len(ORDERS) * len(DISCIPLINES), "orders")
    orders = check_orders(work=build / "orders", parallel=jobs, done=bar.step)
    bar.finish()
    print(orders_text(orders), end="")
    return 0


def show_noop(build: Path) -> int:
    """Print whether one session can tell a lock from none; 1 when it can."""
    pairs = check_noop(work=build / "noop")
    for pair in pairs:
        same = "the same" if pair.equal else "NOT the same"
        print(
            f"{pair.locked} and {pair.free}, one session, no faults: {same} graph up to the lock "
            f"({pair.states} states, {pair.edges} edges)"
        )
    return 0 if all(pair.equal for pair in pairs) else 1


def distributed_job(run: Run) -> TlcJob:
    """Return the part of a run that TLC's distributed mode decides: its invariants.

    The occasions are left to the local run: workers far away would print each more than once.
    """
    made = job(replace(run, occasions=False))
    lines = [line for line in made.config.splitlines() if not line.startswith("PROPERTY")]
    return replace(
        made, name=f"distributed.{run.name}", config="\n".join(lines) + "\n", deadlock=False
    )


def show_distributed(claims: Claims, runs: Sequence[Run], build: Path, workers: int) -> int:
    """Check what holds through TLC's server and workers; 1 when it differs from the local run.

    Raises CheckError when there is nothing that the distributed mode can check, or nobody to do it.
    """
    if workers < 1:
        raise CheckError(
            f"--distributed {workers}: expected at least one worker; the server would wait for ever"
        )
    chosen = [run for run in runs if run.kind == "holds"]
    if not chosen:
        raise CheckError(
            "--distributed: only searches for what holds can be distributed, and none is selected; "
            "name a discipline whose claims hold, or drop --property"
        )
    missing = [run.name for run in chosen if run.name not in claims.numbers]
    if missing:
        raise CheckError(
            f"--distributed: {claims.path} records no number of states for {missing[0]}, which the "
            "distributed search is compared with; record it first: leo check --record"
        )
    differ = 0
    for run in chosen:
        found = run_distributed(distributed_job(run), workers=workers, work=build / "distributed")
        result, local = found.result, claims.numbers[run.name].distinct
        same = result.verdict is Verdict.OK and result.distinct == local
        differ += not same
        told = result.reason or said(result)
        print(
            f"{run.name}\n    {found.registered} workers, {found.lost} lost: {told}; "
            f"recorded locally: {local} states: {'the same' if same else 'DIFFERENT'}"
        )
    return 1 if differ else 0
