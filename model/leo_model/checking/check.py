"""Checking the claims: run TLC as planned and compare what it says with what is claimed.

If a run could not decide its claims (an error, a timeout, another property that fell), each of
these claims counts as a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from leo.trace.lanes import lane_table
from leo_model.checking.claims import FALLS_WITH_FAULTS, HOLDS, Claims, Numbers
from leo_model.checking.plan import TEMPORAL, Bound, Run, joint, together
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import Refused
from leo_model.files import made_from, make_folder, sealed, spec_folder, write_json
from leo_model.machine.narrate import lanes, replay, schedule_of, witness
from leo_model.machine.reachable import bounded_world
from leo_model.tlc.driver import run_many
from leo_model.tlc.itf import write_itf
from leo_model.tlc.job import TlcResult, Verdict
from leo_model.tlc.messages import printed
from leo_model.tlc.value import Value

BUNDLED_TLC = "2.15"


@dataclass(frozen=True)
class Finding:
    """Something that is not as claimed; ``undecided``: the run did not come to its claims."""

    claims: tuple[str, ...]
    text: str
    numbers_only: bool = False
    undecided: bool = False

    def __str__(self) -> str:
        return f"{', '.join(self.claims)}: {self.text}"


@dataclass(frozen=True)
class Counterexample:
    """A property that falls, told as lanes, and where its files are."""

    discipline: str
    property: str
    steps: int
    text: str
    witness: str
    path: Path
    schedule: tuple[tuple[str, str], ...]
    faults: tuple[str, ...]
    bound: Bound
    back_to: int | None


@dataclass
class Report:
    """What a check of claims came to."""

    runs: list[tuple[Run, TlcResult]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    counterexamples: list[Counterexample] = field(default_factory=list)

    @property
    def numbers(self) -> dict[str, Numbers]:
        return {run.name: numbers(run, result) for run, result in self.runs}


def numbers(run: Run, result: TlcResult) -> Numbers:
    """Return what is recorded of a run's result."""
    depth = result.depth
    if run.falls and run.kind in ("progress", "alone"):
        # When TLC looks for a cycle of states depends on how fast it is.
        return Numbers(0, None)
    if run.falls:
        depth = len(result.trace.steps)
    return Numbers(result.distinct or 0, depth)


def check(
    claims: Claims,
    runs: Sequence[Run],
    *,
    work: Path,
    parallel: int = 2,
    done: Callable[[Run, TlcResult], None] | None = None,
    compare_numbers: bool = True,
) -> Report:
    """Run TLC for every planned run and compare; counterexamples are written below ``work``.

    Raises ModelError when TLC cannot be run at all.
    """
    groups = together(runs)
    jobs = [joint(group) for group in groups]
    by_name = {job.name: group for job, group in zip(jobs, groups, strict=True)}

    def on_done(result: TlcResult) -> None:
        if done is not None:
            for run in by_name[result.job]:
                done(run, result)

    results = run_many(jobs, parallel=parallel, work=work, done=on_done)
    report = Report([one for pair in zip(groups, results, strict=True) for one in parted(*pair)])
    for run, result in report.runs:
        report.findings += judge(claims, run, result, compare_numbers)
        if run.falls and result.trace.steps:
            report.counterexamples.append(tell(run, result, work))
    order = list(DISCIPLINES)
    report.counterexamples.sort(key=lambda c: (order.index(c.discipline), c.steps))
    return report


def told(result: TlcResult, word: str) -> Iterator[tuple[frozenset[str], Value]]:
    """What a search has printed under a word: properties, and the last it said of them."""
    for value in printed(result.output):
        match value:
            case (head, frozenset() as titles, *said) if head == word:
                yield frozenset(map(str, titles)), said[-1] if said else ""


def parted(runs: Sequence[Run], result: TlcResult) -> Iterator[tuple[Run, TlcResult]]:
    """What each of the runs that were searched together would have found alone."""
    falls, found = list(told(result, "falls")), {}
    if result.traces and len(falls) != len(result.traces):
        reason = f"TLC tells of {len(falls)} falls and shows {len(result.traces)} behaviours"
        result = replace(result, verdict=Verdict.ERROR, reason=reason, traces=())
    for (titles, states), trace in zip(falls, result.traces, strict=False):
        assert isinstance(states, int), "how many states were found so far"
        depth = len(trace.steps)
        fall = replace(result, trace=trace, distinct=states, depth=depth, complete=False)
        for title in titles:
            what = Verdict.ACTION_PROPERTY if title == "Refines" else Verdict.INVARIANT
            found[title] = replace(fall, verdict=what, property=title)
    for run in runs:
        yield run, found.get(run.falls or "", result)


def judge(claims: Claims, run: Run, result: TlcResult, compare_numbers: bool) -> list[Finding]:
    """Compare one result with what its run was planned for."""
    cells = tuple(f"{run.discipline} / {title}" for title in run.titles) or (run.discipline,)
    at = f"(TLC, {run.bound}, {'faults' if run.faults else 'no faults'}, run {run.name})"
    if result.verdict is Verdict.ERROR:
        return [Finding(cells, f"not decided: {result.reason} {at}", undecided=True)]
    if run.falls:
        if not fell(result, run.falls):
            other = result.verdict is not Verdict.OK
            text = f"claimed to fall, and TLC says: {said(result)} {at}"
            return [Finding(cells, text, undecided=other)]
    elif result.verdict is not Verdict.OK or not result.complete:
        name = "DeadlockFree" if result.verdict is Verdict.DEADLOCK else result.property
        named = f"{run.discipline} / {name}"
        if named in cells:
            others = [cell for cell in cells if cell != named]
            undecided = f"; not decided by this run: {', '.join(others)}" if others else ""
            return [
                Finding((named,), f"claimed to hold, and TLC says: {said(result)} {at}{undecided}")
            ]
        text = f"claimed to hold, and TLC says: {said(result)} {at}"
        return [Finding(cells, text, undecided=True)]
    findings = []
    if run.kind == "apart":
        findings += _differing(claims, run, result)
    if run.occasions:
        findings += _missing(claims, run, result)
    # Another release of TLC may search in another order; the counts are those of the bundled one.
    if compare_numbers and BUNDLED_TLC in result.version and not run.history:
        expected, found = claims.numbers.get(run.name), numbers(run, result)
        if expected != found:
            findings.append(
                Finding(
                    cells,
                    f"recorded are {expected}, TLC found {found} {at}; if the change is meant, "
                    "`leo check --record` writes the new numbers",
                    numbers_only=True,
                )
            )
    return findings


def fell(result: TlcResult, title: str) -> bool:
    """Exactly this property fell."""
    if title == "DeadlockFree":
        return result.verdict is Verdict.DEADLOCK
    return result.fell(title)


def said(result: TlcResult) -> str:
    """Say a verdict in words."""
    if result.verdict is Verdict.OK:
        return f"it holds in all {result.distinct} states"
    name = (
        "there is a deadlock" if result.verdict is Verdict.DEADLOCK else f"{result.property} falls"
    )
    return f"{name} after {len(result.trace.steps) - 1} steps"


def _missing(claims: Claims, run: Run, result: TlcResult) -> list[Finding]:
    """Actions never taken, and properties without a non-vacuity witness."""
    findings = []
    taken = {name for name, (_, times) in result.coverage.items() if times}
    reachable = taken - {"MCInit", "Finished"}
    expected = claims.actions.get(run.discipline, frozenset())
    if reachable != expected:
        different = sorted(reachable ^ expected)
        findings.append(
            Finding(
                (run.discipline,),
                f"the reachable actions differ from the claims file's in {', '.join(different)}",
            )
        )
    seen = occasions_met(result)
    asked = claims.titles(run.discipline, HOLDS, FALLS_WITH_FAULTS)
    for title in (*asked, *claims.more(run.discipline, HOLDS)):
        if title not in {"DeadlockFree", *TEMPORAL} and title not in seen:
            findings.append(
                Finding((f"{run.discipline} / {title}",), "vacuous: it can fail in no state")
            )
    return findings


def _differing(claims: Claims, run: Run, result: TlcResult) -> list[Finding]:
    """Cells that fall with other faults than claimed, each fault for itself."""
    fallen: dict[str, set[str]] = {}
    for titles, fault in told(result, "falls"):
        for title in titles:
            fallen.setdefault(title, set()).add(str(fault))
    findings = []
    for title in run.titles:
        claimed, found = claims.apart[run.discipline, title], fallen.get(title, set())
        for fault in sorted(claimed ^ found):
            said, is_so = ("falls", "holds") if fault in claimed else ("holds", "falls")
            text = f"claimed that it {said} with {fault} alone, and TLC says that it {is_so}"
            findings.append(Finding((f"{run.discipline} / {title}",), f"{text} ({run.name})"))
    return findings


def occasions_met(result: TlcResult) -> frozenset[str]:
    """The properties whose non-vacuity witness a search with ``occasions`` has printed."""
    return frozenset().union(*(titles for titles, _ in told(result, "occasions")))


def tell(run: Run, result: TlcResult, work: Path) -> Counterexample:
    """Turn TLC's counterexample into lanes, and write it as text and as ITF."""
    title = run.falls or ""
    world = bounded_world(run.discipline, run.bound.sessions, run.bound.turns, run.faults)
    schedule = schedule_of(result.trace)
    back_to = result.trace.back_to
    reason = (
        "no fairness makes it end" if run.spec == "StrongSpec" else "weak fairness is not enough"
    )
    # Sessions that call for ever have no contents, and their steps no notes.
    states = replay(world, schedule) if run.bound.turns and run.kind != "alone" else []
    if states:
        why = witness(world, title, states)
        if why is None:
            raise Refused(
                ((f"the Python properties agree that {title} falls in {run.name}", False),)
            )
        reason = why
    text = lane_table(
        lanes(world, schedule, states),
        f"{title} falls: {reason}",
        lanes=tuple(world.instance_of),
        back_to=back_to,
    )
    folder = work / "counterexamples"
    make_folder(folder)
    path = folder / f"{run.discipline}.{title}.txt"
    path.write_text(f"{run.discipline}: {title}\n\n{text}", "utf-8")
    write_itf(result.trace, f"{run.discipline}: {title} falls", path.with_suffix(".itf.json"))
    return Counterexample(
        run.discipline,
        title,
        len(schedule),
        text,
        reason,
        path,
        tuple(schedule),
        run.faults,
        run.bound,
        back_to,
    )


def write_results(report: Report, claims: Claims, path: Path) -> None:
    """Write everything a later page, table or figure needs as one JSON file."""
    data = {
        "spec": {"folder": spec_folder().name, "hash": spec_hash()},
        "made_from": made_from("results.json", claims.path),
        "claims": list(map(asdict, claims.cells.values())),
        "runs": {
            run.name: {
                "verdict": str(result.verdict),
                "property": result.property,
                "titles": list(run.titles),
                "distinct": result.distinct,
                "generated": result.generated,
                "depth": result.depth,
                "seconds": result.seconds,
                "tlc": result.version,
            }
            for run, result in report.runs
        },
        "counterexamples": [
            {
                "discipline": c.discipline,
                "property": c.property,
                "faults": c.faults,
                "sessions": c.bound.sessions,
                "turns": c.bound.turns,
                "back_to": c.back_to,
                "witness": c.witness,
                "schedule": c.schedule,
            }
            for c in report.counterexamples
        ],
        "findings": [str(finding) for finding in report.findings],
    }
    write_json(path, sealed(data))


def spec_hash() -> str:
    """Return the SHA-256 of all modules of the specification, in the order of their names."""
    digest = sha256()
    for module in sorted(spec_folder().glob("*.tla")):
        digest.update(module.name.encode() + b"\0" + module.read_bytes() + b"\0")
    return digest.hexdigest()
