"""`leo replay`: carry out a schedule again, or every counterexample of the claims."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leo import screen
from leo.commands.main import Command
from leo.progress import Bar
from leo_model.checking.check import check, spec_hash
from leo_model.checking.claims import load_claims
from leo_model.checking.plan import plan
from leo_model.commands.options import add_build, add_json, add_store
from leo_model.disciplines import DISCIPLINES, chosen
from leo_model.errors import CheckError
from leo_model.files import made_from, sealed, write_file, write_json
from leo_model.organism.case import Case, from_token
from leo_model.organism.replay import (
    Attempt,
    Replayed,
    ask_engines,
    carry_out,
    replay_twice,
    table,
    verdicts,
)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "token",
        nargs="*",
        help="a schedule, as `leo explore` prints it; with --claims disciplines, all for none",
    )
    add_store(parser)
    parser.add_argument("--trace", type=Path, help="write the trace of the run to this file")
    parser.add_argument(
        "--claims", action="store_true", help="carry out TLC's counterexample of every claim"
    )
    parser.add_argument(
        "--engine", choices=("native", "both"), default="both", help="with --claims: who judges"
    )
    add_build(parser, jobs=2)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0: the same twice, and broken only what is claimed to fall.  1: not so."""
    if args.claims:
        return replay_claims(args)
    if len(args.token) != 1:
        raise CheckError(
            f"{len(args.token)} schedules: expected one token, as `leo explore` prints it, or "
            "--claims"
        )
    case, choices = from_token(args.token[0])
    done, differs = replay_twice(case, choices, args.store)
    broken = unclaimed(case, done)
    if args.json:
        if args.trace is not None:
            write_file(args.trace, done.trace)
        screen.show_json(
            {
                "discipline": case.discipline,
                "sessions": case.sessions,
                "turns": case.turns,
                "seed": case.seed,
                "faults": list(case.faults),
                "finished": done.finished,
                "violations": done.outcome.violations,
                "not_claimed": sorted(broken),
                "differs": differs,
            }
        )
        return 1 if broken or differs is not None else 0
    print(f"{case}; seed {case.seed}\n")
    print(table(done, screen.columns()))
    for line in verdicts(done):
        print(line)
    for reply, answer in done.outcome.answers.items():
        print(f"  {reply}: {answer}")
    if not done.finished:
        print("the schedule ends before the run does")
    if args.trace is not None:
        write_file(args.trace, done.trace)
        print(f"trace: {args.trace}")
    if differs is not None:
        print(f"NOT THE SAME TWICE: {differs} differs; something chooses that no scheduler owns")
        return 1
    print("carried out twice, the same to the byte")
    return 1 if broken else 0


def unclaimed(case: Case, done: Replayed) -> set[str]:
    """What broke although it is claimed to hold."""
    claimed = load_claims().may_fall(case.discipline, faults=bool(case.faults))
    return set(done.outcome.violations).difference(claimed)


def replay_claims(args: argparse.Namespace) -> int:
    """Ask TLC for every counterexample, make the organism follow it, and have both engines judge.

    Exit code 0: each of them is broken by the organism too.
    """
    claims = load_claims()
    names = chosen(args.token)
    runs = [
        run
        for run in plan(claims, names)
        # Threads have no worker thread to wait for; a published program has a store of its own.
        if run.falls and (args.store == "memory" or not DISCIPLINES[run.discipline].threads)
    ]
    if not runs:
        raise CheckError(
            f"--claims: of {', '.join(names)} no property is claimed to fall on this store, so "
            "there is no counterexample to carry out; name another discipline, or --store memory"
        )
    with Bar("counterexamples", len(runs)) as bar:
        report = check(
            claims,
            runs,
            work=args.build / "check",
            parallel=args.jobs,
            done=lambda run, _: bar.step(run.name),
            compare_numbers=False,
        )
    folder = args.build / "schedules"
    attempts = [
        carry_out(found, folder / "replayed", args.store) for found in report.counterexamples
    ]
    ask_engines(attempts, args.engine)
    path, told = folder / "replayed.json", results(attempts, args.store)
    write_json(path, told)
    done = bool(attempts) and all(a.yes for a in attempts)
    code = 0 if done and not report.findings else 1
    if args.json:
        screen.show_json(told)
        return code
    for finding in report.findings:
        print(f"NOT AS CLAIMED  {finding}")
    print(text(attempts))
    print(f"{sum(a.yes for a in attempts)} of {len(attempts)} replayed; {path}")
    return code


def text(attempts: Sequence[Attempt]) -> str:
    """A line for each counterexample: whether the organism breaks the property too, and where."""
    rows = [
        ["yes" if a.yes else "NO", a.discipline, a.title, a.token if a.yes else a.why or a.token]
        for a in attempts
    ]
    return screen.table(["", "discipline", "loses", "schedule"], rows)


def results(attempts: Sequence[Attempt], store: str) -> dict[str, Any]:
    """The results as JSON values, cells by `discipline / property`."""
    cells = {
        a.cell: {
            "replayed": a.yes,
            "why": a.why,
            "witness": a.witness,
            "steps": a.steps,
            "token": a.token,
            "trace": str(a.trace) if a.trace else None,
            "engines": a.engines,
        }
        for a in attempts
    }
    made = made_from("replayed.json")
    return sealed({"spec": spec_hash(), "made_from": made, "store": store, "cells": cells})


REPLAY = Command(configure, run)
