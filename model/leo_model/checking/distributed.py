"""`leo check --distributed`: the claims that hold, checked by TLC's server and workers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from leo_model.checking.check import said
from leo_model.checking.claims import Claims
from leo_model.checking.plan import Run, job
from leo_model.errors import CheckError
from leo_model.tlc.distributed import run_distributed
from leo_model.tlc.job import TlcJob, Verdict


def distributed_job(run: Run) -> TlcJob:
    """Return the part of a run that TLC's distributed mode decides: its invariants.

    Only the local run looks for non-vacuity witnesses: each worker would print them again.
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
