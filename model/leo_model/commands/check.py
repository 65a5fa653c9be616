"""`leo check`: model-check the claims and compare them with what is expected."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from textwrap import fill

from leo import screen
from leo.commands.main import Command
from leo.progress import Bar
from leo_model.checking.check import (
    BUNDLED_TLC,
    Counterexample,
    Report,
    check,
    write_results,
)
from leo_model.checking.claims import Claims, load_claims, record_numbers
from leo_model.checking.distributed import show_distributed
from leo_model.checking.plan import Run, plan
from leo_model.checking.questions import check_title
from leo_model.checking.table import cells, decided, text
from leo_model.commands.options import add_build, add_disciplines
from leo_model.disciplines import DISCIPLINES, chosen
from leo_model.errors import CheckError
from leo_model.files import make_folder, spec_folder

# What later pages and tables quote, below the folder of everything that is built: all claims.
RESULTS = Path("check/results.json")
# The last check of some of them, or of another claims file; nothing quotes it.
PARTIAL = Path("check/partial.json")


def configure(parser: argparse.ArgumentParser) -> None:
    add_disciplines(parser)
    parser.add_argument("--property", help="only the runs that decide this property")
    parser.add_argument("--sessions", type=int, help="only the runs with so many sessions")
    parser.add_argument("--turns", type=int, help="only the runs with so many calls per session")
    parser.add_argument("--json", action="store_true", help="print the verdicts as JSON")
    parser.add_argument("--claims", type=Path, help="another claims file")
    add_build(parser)
    parser.add_argument("--history", action="store_true", help="search without VIEW and symmetry")
    parser.add_argument("--record", action="store_true", help="write the numbers into the claims")
    parser.add_argument(
        "--distributed",
        type=int,
        metavar="WORKERS",
        help="check the invariants that hold by TLC's server and so many workers",
    )


def run(args: argparse.Namespace) -> int:
    """Exit code 0: everything as claimed. 1: something is not. 2: it could not be decided."""
    if args.record and args.history:
        raise CheckError(
            "--record --history: the numbers in the claims are those of searches with VIEW and "
            "symmetry, and would be overwritten by those without; record without --history"
        )
    claims = load_claims(args.claims)
    disciplines = chosen(args.discipline)
    runs = selected(
        plan(claims, disciplines, history=args.history), args.property, args.sessions, args.turns
    )
    if args.distributed is not None:
        return show_distributed(claims, runs, args.build, args.distributed)
    results = results_file(claims, runs, args.build)
    report = check_with_bar(claims, runs, args.build, args.jobs)
    # The numbers of runs that did not show what they should would record a wrong claim.
    if args.record and all(finding.numbers_only for finding in report.findings):
        refuse_other_tlc(report)
        record_numbers(claims, report.numbers, {run.name for run in plan(claims)})
        # What is recorded is no finding any more, so it is shown: a mistake that changes numbers
        # only would be absorbed here. No mutant is: each changes a verdict (`leo mutants`).
        for finding in report.findings:
            print(f"recorded  {str(finding).partition('; if')[0]}", file=sys.stderr)
        report.findings.clear()
        write_results(report, claims, results)
    wrong = frozenset(cell for finding in report.findings for cell in finding.claims)
    if args.json:
        screen.show_json(cells(decided(claims, decided_by(claims, runs)), disciplines, wrong))
        return 1 if report.findings else 0
    print_text(claims, disciplines, report, wrong, shown=len(disciplines) < len(DISCIPLINES))
    for finding in report.findings:
        print(f"NOT AS CLAIMED  {finding}")
    return 1 if report.findings else 0


def selected(
    runs: list[Run], title: str | None, sessions: int | None, turns: int | None
) -> list[Run]:
    """Return the runs that decide a property, at a bound."""
    if title is not None:
        check_title(title)
    found = [
        r for r in runs if (title is None or title in r.titles) and r.bound.covers(sessions, turns)
    ]
    if not found:
        bounds = ", ".join(sorted({str(r.bound) for r in runs}))
        raise CheckError(
            f"no claim is decided by such a run; the bounds are {bounds} (sessions x turns); "
            "ask `leo ask discipline=... sessions=... turns=...` for another one"
        )
    return found


def decided_by(claims: Claims, runs: Iterable[Run]) -> frozenset[tuple[str, str]]:
    """Return the cells all of whose runs are among these."""
    names = {run.name for run in runs}
    cells: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for run in plan(claims):
        cells[run.name in names] |= {(run.discipline, title) for title in run.titles}
    return frozenset(cells[True] - cells[False])


def refuse_other_tlc(report: Report) -> None:
    """Raise CheckError when a run was not one of the release whose numbers are recorded."""
    others = {result.version for _, result in report.runs if BUNDLED_TLC not in result.version}
    if others:
        raise CheckError(
            f"--record: the numbers in the claims are those of TLC {BUNDLED_TLC}, and this was "
            f"{', '.join(sorted(others))}, which may search in another order; nothing is recorded: "
            "record with the bundled release (unset TLA2TOOLS_JAR)"
        )


def results_file(claims: Claims, runs: list[Run], build: Path) -> Path:
    """Return where the results go. Those of less than all claims, or of other claims than the
    specification's, must not take the place of those that the paper quotes: it would stop, and
    `make paper`, which makes what is missing, would find the file there."""
    own = spec_folder() / "claims.json"
    whole = set(runs) == set(plan(claims)) and claims.path.read_bytes() == own.read_bytes()
    return build / (RESULTS if whole else PARTIAL)


def check_with_bar(claims: Claims, runs: list[Run], build: Path, jobs: int) -> Report:
    """Check with a progress bar, and leave the results in ``build/check``."""
    results = results_file(claims, runs, build)
    make_folder(results.parent)
    results.unlink(missing_ok=True)
    with Bar("model checking", len(runs)) as bar:
        report = check(
            claims,
            runs,
            work=build / "check",
            parallel=jobs,
            done=lambda run, _: bar.step(run.name),
        )
    write_results(report, claims, results)
    return report


def print_text(
    claims: Claims, disciplines: list[str], report: Report, wrong: frozenset[str], *, shown: bool
) -> None:
    """Print the table; of a part of the runs each with its bound; for a few disciplines, every
    counterexample.
    """
    known = decided_by(claims, [run for run, _ in report.runs])
    print(text(decided(claims, known), disciplines, wrong), end="")
    if len(report.runs) < len(plan(claims)):
        print("\nsearched, at sessions x calls:")
        order = list(DISCIPLINES)
        for run, result in sorted(report.runs, key=lambda pair: order.index(pair[0].discipline)):
            print(*searched(run, result.distinct or 0), sep="\n")
    if shown:
        for told in stories(report.counterexamples):
            print(f"\n{told}", end="")
    states = sum(result.distinct or 0 for _, result in report.runs)
    print(
        f"\n{len(known)} claims decided by {len(report.runs)} runs of TLC over {states:,} "
        f"states; {len(report.counterexamples)} counterexamples;\n{len(wrong)} not as claimed."
    )


def searched(run: Run, states: int) -> list[str]:
    """Say at which bound, with which faults and how a run searched for which properties."""
    faults = f"with {', '.join(run.faults)}" if run.faults else "without faults"
    faults += "; each fault alone" if run.kind == "apart" else ""
    fair = {"WeakSpec": "; weak fairness", "StrongSpec": "; strong fairness"}.get(run.spec, "")
    titles = ", ".join(run.titles) + (" (claimed to fall)" if run.falls else "")
    told = f"{str(run.bound).replace('_', ' and ')}; {faults}{fair}; {states:,} states: {titles}"
    return screen.labelled(DISCIPLINES[run.discipline].number, told, label_width=4)


def stories(found: Sequence[Counterexample]) -> Iterator[str]:
    """Tell each behaviour once, with everything that it breaks below it."""
    same: dict[tuple[str, str], list[Counterexample]] = {}
    for one in found:
        same.setdefault((one.discipline, one.text.partition("✗ ")[0]), []).append(one)
    for (discipline, steps), broken in same.items():
        titles = ", ".join(one.property for one in broken)
        strikes = ", faults on" if broken[0].faults else ""
        verdicts = "".join(one.text[len(steps) :] for one in broken)
        head = fill(f"{discipline} loses {titles} (as claimed{strikes}):", screen.width())
        yield f"{head}\n\n{steps}{verdicts}"


CHECK = Command(configure, run)
