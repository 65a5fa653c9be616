"""Do the two engines agree, on traces as they are and on mutated ones?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from leo_model.traces.reader import trace_of
from leo_model.traces.tlc_engine import Recorded, judge
from leo_model.traces.validate import Report, run_native
from tests.model.traces.mutation import mutate
from tests.model.traces.synth import Fields


class Case(NamedTuple):
    """A trace in memory; ``mutation`` names what was done to it, "" for nothing."""

    name: str
    header: Fields
    events: Sequence[Fields]
    mutation: str = ""


@dataclass(slots=True)
class Agreement:
    """What a comparison showed.

    ``events`` counts the lines of all traces.  ``accepted`` and ``total`` count the traces by
    mutation.  ``disagreements`` should be empty: one text for each trace on which they differ.
    """

    events: int = 0
    total: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)

    @property
    def traces(self) -> int:
        return sum(self.total.values())


def compare(cases: Iterable[Case], *, work: Path | None = None) -> Agreement:
    """Judge every case by both engines, TLC in one batch.

    Raises TraceError for a case that is not in the schema, and the errors of
    ``leo_model.traces.tlc_engine``.
    """
    result = Agreement()
    reports: list[tuple[Case, Report]] = []
    batch: list[Recorded] = []
    for case in cases:
        trace = trace_of(case.name, case.header, case.events)
        outcome, recorded = run_native(trace, keep=True)
        assert recorded is not None
        reports.append((case, Report(case.name, trace.header.discipline, outcome)))
        batch.append(recorded)
        result.events += len(case.events)
        result.total[case.mutation] += 1
        result.accepted[case.mutation] += outcome.accepted
    for (case, report), verdict in zip(reports, judge(batch, work=work), strict=True):
        report.tlc = verdict
        difference = report.disagreement()
        if difference is not None:
            done = f" ({case.mutation})" if case.mutation else ""
            result.disagreements.append(f"{case.name}{done}: {difference}")
    return result


def mutated(bases: Sequence[Case], count: int, rng: Random, *, length: int = 40) -> Iterator[Case]:
    """Yield ``count`` mutations of the bases in turn, each of its first ``length`` events at most.

    A mutation is noticed near its place or never: the rest of a long trace would only cost time.
    Raises ValueError when there is no base with an event.
    """
    full = [base for base in bases if base.events]
    if not full:
        raise ValueError("no trace with events to mutate")
    for k in range(count):
        base = full[k % len(full)]
        beginning = base.events[: rng.randint(1, length)]
        name, events = mutate(base.header["discipline"], beginning, rng)
        yield Case(f"{base.name} #{k + 1}", base.header, events, name)
