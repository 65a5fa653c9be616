"""`leo mutants`: does a mistake in the specification change a claim?"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from leo import screen
from leo.commands.main import Command
from leo.progress import Bar
from leo_model.checking.claims import load_claims
from leo_model.checking.mutants import load_mutants, runs_for, try_mutants
from leo_model.commands.options import add_build, add_json


def run(args: Namespace) -> int:
    """Print what became of every mutant; 1 when one survived."""
    claims, mutants = load_claims(), load_mutants()
    with Bar("mutants", sum(len(runs_for(claims, mutant)) for mutant in mutants)) as bar:
        verdicts = try_mutants(
            claims, mutants, work=args.build / "mutants", parallel=args.jobs,
            done=lambda result: bar.step(result.job),
        )  # fmt: skip
    survivors = [verdict for verdict in verdicts if not verdict.killed]
    if args.json:
        screen.show_json(
            [
                {
                    "name": verdict.mutant.name,
                    "why": verdict.mutant.why,
                    "discipline": verdict.mutant.discipline,
                    "claim": verdict.mutant.claim,
                    "changes_it": verdict.killed,
                    "findings": list(map(str, verdict.findings)),
                }
                for verdict in verdicts
            ]
        )
        return 1 if survivors else 0
    for verdict in verdicts:
        mutant = verdict.mutant
        fate = f"changes {mutant.claim}" if verdict.killed else "SURVIVES"
        print(f"{mutant.name:<28} {fate}\n    {mutant.discipline}: {mutant.why}")
        if not verdict.killed:
            print("".join(f"    {finding}\n" for finding in verdict.findings), end="")
    print(f"\n{len(verdicts) - len(survivors)} of {len(verdicts)} mutants change a claim.")
    return 1 if survivors else 0


def configure(parser: ArgumentParser) -> None:
    add_build(parser)
    add_json(parser)


MUTANTS = Command(configure, run)
