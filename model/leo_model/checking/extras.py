"""What `leo check` shows beside the claims: mutants, step orders, the lock that does nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from leo_model.checking.check import said, spec_hash
from leo_model.checking.claims import Claims
from leo_model.checking.graph import check_noop
from leo_model.checking.mutants import load_mutants, runs_for, try_mutants
from leo_model.checking.orders import (
    DISCIPLINES,
    ORDERS,
    check_orders,
    differences,
    load_orders,
    orders_json,
    orders_text,
    summary,
    write_orders,
)
from leo_model.checking.plan import Run, job
from leo_model.errors import CheckError
from leo_model.files import made_from, make_folder, spec_folder, write_file
from leo_model.progress import Bar
from leo_model.tlc.distributed import run_distributed
from leo_model.tlc.job import TlcJob, Verdict

# What the paper and the pages read of the orders, below the folder of everything that is built.
ORDER_RESULTS = Path("check/orders.json")


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


def show_orders(build: Path, jobs: int, *, record: bool = False) -> int:
    """Print the table of the 24 orders of the four steps; 1 when one is not as claimed."""
    path = spec_folder() / "orders.json"
    expected = None if record else load_orders(path)
    results = build / ORDER_RESULTS
    make_folder(results.parent)
    # An interrupted run must not leave an old result that looks like its own.
    results.unlink(missing_ok=True)
    bar = Bar(len(ORDERS) * len(DISCIPLINES), "orders")
    orders = check_orders(work=build / "orders", parallel=jobs, done=bar.step)
    bar.finish()
    if record:
        write_orders(orders, path)
    findings = differences(load_orders(path) if expected is None else expected, orders)
    told = {
        "spec": spec_hash(),
        "made_from": made_from(ORDER_RESULTS.name),
        "orders": orders_json(orders),
        "summary": summary(orders),
        "findings": findings,
    }
    write_file(results, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode())
    print(orders_text(orders), end="")
    print(f"{len(ORDERS) * len(DISCIPLINES)} runs of TLC; {len(findings)} not as claimed.")
    for finding in findings:
        print(f"NOT AS CLAIMED  {finding}")
    return 1 if findings else 0


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
        if found.unanswered:
            told += f" (begun again {found.unanswered} times: the server gave no answer)"
        print(
            f"{run.name}\n    {found.registered} workers, {found.lost} lost: {told}; "
            f"recorded locally: {local} states: {'the same' if same else 'DIFFERENT'}"
        )
    return 1 if differ else 0
