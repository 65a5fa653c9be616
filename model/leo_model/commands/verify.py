"""The main job: every claim, recorded traces of the real organism, one screen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill

from leo import screen
from leo.commands.main import Command
from leo.progress import Bar
from leo_model.checking.check import Report as CheckReport
from leo_model.checking.check import spec_hash
from leo_model.checking.claims import SPEC_VERSION, Claims, load_claims
from leo_model.checking.plan import plan
from leo_model.checking.table import cells, text
from leo_model.commands.check import check_with_bar
from leo_model.commands.options import add_build, add_json
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import CheckError
from leo_model.files import made_from, sealed, write_json
from leo_model.traces.report import to_builtins
from leo_model.traces.validate import Report as TraceReport
from leo_model.traces.validate import expected_to_break, validate
from leo_model.traces.workload import SYNC, Workload, record

CONVERSATION = Workload("published-february", sessions=1, turns=3)
WORKLOADS = (
    Workload("bare", sessions=5, turns=20, seed=7, cancel=0.01),
    Workload("asyncio-lock", sessions=5, turns=20, seed=7, cancel=0.01),
    *(
        Workload(name, 1 if name == SYNC else 4, 6, seed=7, cancel=0.01)
        for name in DISCIPLINES
        if name not in {"bare", "asyncio-lock"}
    ),
    # An ordinary conversation: one session, nothing concurrent, no fault.
    CONVERSATION,
)
SHOWN = ("bare", "Serializable")
# What the program of February loses in it.
LOST = frozenset(
    {"Serializable", "ReadsOwnObservation", "SnapshotProvenance", "ViewAgreesWithStore"}
)

Say = Callable[[str], None]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--claims", type=Path, help="another claims file")
    add_build(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 0: every claim and every trace verdict is as expected. 1: one is not."""
    claims = load_claims(args.claims)
    folder = args.build / "verify"
    report = check_with_bar(claims, plan(claims), args.build, args.jobs)
    traces: list[Path] = []
    with Bar("traces recorded", len(WORKLOADS)) as bar:
        for workload in WORKLOADS:
            traces.append(record(workload, folder))
            bar.step(workload.discipline)
    verdicts = validate(traces, "both")
    findings = [str(finding) for finding in report.findings]
    findings += [problem for verdict in verdicts if (problem := unexpected(claims, verdict))]
    made = made_from("traces.json", claims.path)
    told = {
        "spec": spec_hash(),
        "made_from": made,
        "traces": [to_builtins(verdict) for verdict in verdicts],
    }
    write_json(folder / "traces.json", sealed(told))
    if args.json:
        wrong = frozenset(cell for finding in report.findings for cell in finding.claims)
        seen = cells(claims, DISCIPLINES, wrong)
        screen.show_json({"claims": seen, **told, "findings": findings})
        return 1 if findings else 0
    show(claims, report, verdicts, print)
    print(f"files: {args.build / 'check'} (results, counterexamples), {folder} (traces, fields)")
    for finding in findings:
        print(f"NOT AS EXPECTED  {finding}")
    print("NOT VERIFIED" if findings else "verified: every claim and every trace is as expected")
    return 1 if findings else 0


def unexpected(claims: Claims, verdict: TraceReport) -> str | None:
    """Say what about a trace's verdicts is not as the claims say; None when nothing is."""
    if verdict.error is not None:
        return str(verdict.error)
    if (difference := verdict.disagreement()) is not None:
        return f"{verdict.name}: the engines disagree: {difference}"
    if not verdict.accepted:
        return f"{verdict.name}: not a behaviour of {verdict.discipline}"
    surplus = verdict.broken - expected_to_break(claims, verdict)
    if surplus:
        return f"{verdict.name}: breaks {', '.join(sorted(surplus))}, which is claimed to hold"
    if CONVERSATION.name in verdict.name and not verdict.broken >= LOST:
        kept = ", ".join(sorted(LOST - verdict.broken))
        return f"{verdict.name}: keeps {kept}; expected one session to lose it"
    if verdict.discipline == SHOWN[0] and SHOWN[1] not in verdict.broken:
        return f"{verdict.name}: shows no {SHOWN[1]} violation; expected one without a lock"
    return None


def show(claims: Claims, report: CheckReport, verdicts: list[TraceReport], say: Say) -> None:
    """Print the screen: table, one counterexample, what the traces showed."""
    wrong = frozenset(cell for finding in report.findings for cell in finding.claims)
    states = sum(result.distinct or 0 for _, result in report.runs)
    version = next((result.version for _, result in report.runs if result.version), "unknown")
    number = version.removeprefix("TLC2 Version ").split(" of ")[0]
    say(f"specification {SPEC_VERSION}, SHA-256 {spec_hash()[:16]}, TLC {number}\n")
    say(text(claims, DISCIPLINES, wrong))
    searched = f"{len(report.runs)} searches by TLC over {states:,} states"
    say(f"{searched}; {len(wrong)} not as claimed.\n")
    for found in report.counterexamples:
        if (found.discipline, found.property) == SHOWN:
            say(f"The shortest way for two replies without a lock to lose {found.property}:\n")
            say(found.text)
    say(f"{recorded(WORKLOADS)}\n")
    for verdict in verdicts:
        say(summary(verdict))


def recorded(workloads: Sequence[Workload]) -> str:
    """Say how large the traces are, and under which disciplines no reply was cancelled."""
    sizes: dict[str, list[str]] = {}
    for w in workloads:
        size = f"{w.sessions} session{'s' if w.sessions > 1 else ''} x {w.turns} turns"
        sizes.setdefault(size, []).append(w.discipline)
    # The most frequent size is that of "the others".
    usual = max(sizes, key=lambda size: len(sizes[size]))
    parts = [f"{' and '.join(names)} {size}" for size, names in sizes.items() if size != usual]
    again = set(sizes.pop(usual)) & {name for names in sizes.values() for name in names}
    told = f" and again {' and '.join(sorted(again))}" if again else ""
    parts.append(f"{'the others' if parts else 'all'}{told} {usual}")
    never = [
        w.discipline
        for w in workloads
        if not w.cancel or "Cancel" not in DISCIPLINES[w.discipline].possible_faults
    ]
    kept = f" (never under {', '.join(never)})" if never else ""
    said = (
        f"Traces of the organism: {', '.join(parts)}; replies cancelled at random{kept}; judged "
        "natively and by TLC:"
    )
    return fill(said, 78, break_on_hyphens=False)


def summary(verdict: TraceReport) -> str:
    """Tell one trace in a few lines."""
    outcome = verdict.native
    if outcome is None:
        raise CheckError(f"{verdict.name}: was not given to the native engine")
    ends = ", ".join(f"{count} {what}" for what, count in sorted(outcome.outcomes.items()))
    engines = "disagree" if verdict.disagreement() else "agree"
    broken = ", ".join(f"{title} {found.count}" for title, found in outcome.violations.items())
    verdict_said = "accepted" if verdict.accepted else "REJECTED"
    said = (
        f"{verdict.discipline}: {outcome.events:,} events, {outcome.replies} replies "
        f"({ends or 'none ended'}); {verdict_said}, the engines {engines}; "
        f"broken: {broken or 'nothing'}"
    )
    return fill(said, 78, initial_indent="  ", subsequent_indent="    ")


VERIFY = Command(configure, run)
