"""Mutants of the specification: does a mistake in it change a claim?

Each mutant of ``spec/mutants.json`` is a named change of one module, with the claim that it must
change.  A mutant that changes no claim is a mistake that no property detects.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from leo_model.checking.check import Finding, judge
from leo_model.checking.claims import SPEC_VERSION, Claims
from leo_model.checking.plan import Run, job, plan
from leo_model.errors import MutantError
from leo_model.files import make_folder, spec_folder
from leo_model.tlc.driver import run_many
from leo_model.tlc.job import TlcResult

REACHABLE = "(reachable actions)"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, what, and which claim of which discipline it must change.

    A change is (old text, new text), and the module where it is not ``module``.
    """

    name: str
    why: str
    discipline: str
    module: str
    changes: tuple[tuple[str, ...], ...]
    claim: str


class _File(msgspec.Struct):
    spec: str
    mutants: list[Mutant]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant; without a finding about its claim it survived."""

    mutant: Mutant
    findings: tuple[Finding, ...]

    @property
    def killed(self) -> bool:
        """The claim was decided, and otherwise than without the mutant: an error of TLC, or the
        fall of something else, says nothing of it.
        """
        mutant = self.mutant
        reachable = mutant.claim == REACHABLE
        cell = mutant.discipline if reachable else f"{mutant.discipline} / {mutant.claim}"
        return any(found.claims == (cell,) and not found.undecided for found in self.findings)


def load_mutants() -> list[Mutant]:
    """Read the mutants; raise MutantError when the file does not fit the specification."""
    path = spec_folder() / "mutants.json"
    file = msgspec.json.decode(path.read_bytes(), type=_File)
    if file.spec != SPEC_VERSION:
        raise MutantError(f"{path}: expected mutants of {SPEC_VERSION}, found {file.spec!r}")
    return file.mutants


def mutate(mutant: Mutant, folder: Path) -> Path:
    """Write the mutated specification into ``folder``.

    Raises MutantError when a text to be changed does not occur exactly once: the specification has
    moved on, and the mutant must follow.
    """
    shutil.rmtree(folder, ignore_errors=True)
    make_folder(folder)
    for source in spec_folder().glob("*.tla"):
        shutil.copy(source, folder)
    for old, new, *other in mutant.changes:
        module = other[0] if other else mutant.module
        path = folder / module
        text = path.read_text("utf-8")
        if text.count(old) != 1:
            raise MutantError(
                f"mutants.json: {mutant.name}: the text {old!r} occurs {text.count(old)} times in "
                f"{module}, expected once; bring the mutant up to date with the module"
            )
        path.write_text(text.replace(old, new), "utf-8")
    return folder


def runs_for(claims: Claims, mutant: Mutant) -> list[Run]:
    """Return the runs that decide the claim which the mutant must change."""
    runs = plan(claims, [mutant.discipline])
    if mutant.claim == REACHABLE:
        return [run for run in runs if run.occasions]
    return [run for run in runs if mutant.claim in run.titles]


def try_mutants(
    claims: Claims,
    mutants: Sequence[Mutant],
    *,
    work: Path,
    parallel: int,
    done: Callable[[TlcResult], None] | None = None,
) -> list[Verdict]:
    """Run every mutant against its claim and judge it as the claims would be judged.

    Numbers of states are not compared: they change with almost any change.
    """
    tasks = []
    for mutant in mutants:
        folder = mutate(mutant, work / "specs" / mutant.name)
        tasks += [(mutant, run, folder) for run in runs_for(claims, mutant)]
    jobs = []
    for mutant, run, folder in tasks:
        made = job(run, folder)
        jobs.append(replace(made, name=f"{mutant.name}.{run.name}"))
    results = run_many(jobs, parallel=parallel, work=work / "runs", done=done)
    findings: dict[str, list[Finding]] = {mutant.name: [] for mutant in mutants}
    for (mutant, run, _), result in zip(tasks, results, strict=True):
        findings[mutant.name] += judge(claims, run, result, compare_numbers=False)
    return [Verdict(mutant, tuple(findings[mutant.name])) for mutant in mutants]
