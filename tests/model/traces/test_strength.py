"""What the check of a trace would notice: everything that is changed, or it was no change."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from types import SimpleNamespace
from unittest.mock import ANY

import pytest

from leo.trace.events import Event
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import CheckError
from leo_model.machine.state import State
from leo_model.machine.steps import World
from leo_model.traces import native, reader, strength
from leo_model.traces.events import Line
from leo_model.traces.mutate import END, HEADER, Base, Mutant, evenly, mutants, renumber
from leo_model.traces.native import expected_versions
from leo_model.traces.strength import Strength, measure_strength, read_base, to_builtins, to_lines
from leo_model.traces.tlc_engine import Recorded, TlcVerdict
from tests.model.traces.synth import BEHIND, moves, random_trace, scripted_trace, trace_world
from tests.model.validating import options


def base(discipline: str, events: int, *, seed: int = 2, closed: bool = True) -> Base:
    """A random trace with faults, closed by its writer."""
    sessions = 1 if discipline == "sequential" else 3
    header, lines = random_trace(trace_world(discipline, sessions), Random(seed), 0.08, events)
    end = {"kind": END, "run": header["run"], "writer": "w1", "events": len(lines)}
    return Base(header, lines, end if closed else None)


def accept(traces: list[Recorded]) -> list[TlcVerdict]:
    """A reference that finds everything that it is asked about a behaviour."""
    return [TlcVerdict("accepted", None, frozenset()) for _ in traces]


def refuse(traces: list[Recorded]) -> list[TlcVerdict]:
    """A reference that finds nothing a behaviour."""
    return [TlcVerdict("guard", 2, frozenset()) for _ in traces]


def told(found: Strength) -> str:
    return "\n".join(to_lines(found))


def assert_no_hole(discipline: str, events: int, sites: int) -> Strength:
    found = measure_strength("t", base(discipline, events), sites)
    assert found.holes == [], told(found)
    assert found.rejected + len(found.survivors) == found.mutants
    return found


def test_rejected_and_equivalent_are_everything() -> None:
    """No hole: of every mutant that the native engine accepts TLC says that it is a behaviour, or
    the field only informs."""
    found = assert_no_hole("optimistic", 20, 1)
    assert found.rejected > 0.9 * found.mutants > 200
    assert any(s.field == "swap" for s in found.survivors)


@pytest.mark.long
@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_no_discipline_has_a_hole(discipline: str) -> None:
    """The same for all of them, at more places of longer traces."""
    assert_no_hole(discipline, 160, 3)


def test_every_field_of_every_kind_is_mutated() -> None:
    """Each kind of line that occurs has mutants of each of its fields, and of the line as such."""
    trace = base("asyncio-lock", 80)
    places = {(m.kind, m.field) for m in mutants(trace, 1)}
    for kind in {event["action"] for event in trace.events}:
        assert {(kind, field) for field in Event.__struct_fields__} <= places
        assert (kind, "new field") in places
    for word in ("drop", "double", "swap"):
        assert sum(field == word for _, field in places) > 8
    assert {field for kind, field in places if kind == HEADER} >= set(trace.header)
    assert {field for kind, field in places if kind == END} == {
        *("kind", "run", "writer", "events", "new field", "drop", "double")
    }


def test_mutants_differ_from_the_trace_and_from_each_other() -> None:
    """Nothing is asked twice, and nothing is left as it was."""
    trace = base("shared-store-immediate", 30)
    original = json.dumps(trace.lines())
    texts = [json.dumps(m.lines) for m in mutants(trace, 1)]
    assert original not in texts
    assert len(set(texts)) > 0.99 * len(texts)
    assert json.dumps(trace.lines()) == original


def test_sites_are_spread() -> None:
    """The first and the last line of a kind are among those that are mutated."""
    assert evenly(list(range(10)), 3) == [0, 4, 9]
    assert evenly([4, 5], 3) == [4, 5]
    assert evenly([1, 2, 3], 1) == [1]


def blind_to_reads(world: World, z: State, line: Line) -> tuple[int, ...]:
    if line.event.action == "LoadBigrams":
        return line.versions
    return expected_versions(world, z, line)


def test_hole_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that does not look at what LoadBigrams read accepts a wrong version of it, which
    TLC refuses: a hole, with its line, field and change."""
    monkeypatch.setattr(native, "expected_versions", blind_to_reads)
    monkeypatch.setattr(strength, "SHOWN", 1000)
    found = measure_strength("t", base("asyncio-lock", 16), 1, ask=refuse)
    holes = {(hole.kind, hole.field) for hole in found.holes}
    assert ("LoadBigrams", "reads") in holes
    text = told(found)
    assert "LoadBigrams: reads, bigrams plus 1: accepted" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_field_that_is_not_checked_is_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field that changes nothing that TLC is given is a hole unless it is known to inform only:
    the runtime of the header was one."""
    trace = base("asyncio-lock", 7)
    monkeypatch.setattr(strength, "INFORMATIVE", {})
    found = measure_strength("t", trace, 1, ask=accept)
    assert {hole.field for hole in found.holes} == {"time", "seed", "new field"}
    monkeypatch.undo()
    assert measure_strength("t", trace, 1, ask=accept).holes == []
    monkeypatch.setattr(reader, "RUNNABLE", defaultdict(lambda: SimpleNamespace(runtime=ANY)))
    found = measure_strength("t", trace, 1, ask=accept)
    assert {hole.field for hole in found.holes} == {"runtime"}


def behind() -> Base:
    """A unit of work cancelled in its commit: the view stays behind the store."""
    return Base(*scripted_trace(trace_world("unit-of-work", 1), moves(BEHIND)), None)


def test_a_violation_that_a_mutant_hides_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant that is accepted with other broken properties is no equivalent one. A header of two
    instances hid that the view is behind: with the check of it taken out, the report says so, with
    the property; with the check, it is refused."""

    def changes() -> dict[str, frozenset[str]]:
        found = measure_strength("t", behind(), 1, ask=accept)
        assert not any(s.changed for s in found.equivalent)
        assert found.rejected + len(found.survivors) == found.mutants
        return {s.how: s.lost for s in found.changed if s.field == "instances"}

    assert changes() == {}
    monkeypatch.setattr(reader, "too_many", lambda header: None)
    assert changes() == {"longer": frozenset({"ViewAgreesWithStore"})}
    found = measure_strength("t", behind(), 1, ask=accept)
    text = " ".join(told(found).split())
    assert "and what falls is another: ViewAgreesWithStore no longer" in text
    assert "instances ~" in text


def test_a_hole_is_a_hole_with_any_fall(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the reference refuses is a hole, also where the properties that fall are others."""
    monkeypatch.setattr(reader, "too_many", lambda header: None)
    found = measure_strength("t", behind(), 1, ask=refuse)
    assert not found.changed
    assert ("instances", "longer") in {(hole.field, hole.how) for hole in found.holes}


def test_refused_trace_is_not_measured() -> None:
    """Of a trace that is no behaviour every change would be refused: that says nothing."""
    trace = base("asyncio-lock", 30)
    del trace.events[3]
    with pytest.raises(CheckError, match="refused as it is"):
        measure_strength("t", Base(trace.header, renumber(trace.events), None), 1, ask=accept)


def test_report_for_people_and_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """80 columns, a row for each kind, exit code 0, 1 for a hole, 2 for a trace that is none; JSON
    with every survivor."""
    path = tmp_path / "run.ndjson"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in base("gil", 14).lines()))

    def measured(name: str, trace: Base, sites: int, **more: object) -> Strength:
        return measure_strength(name, trace, sites, ask=judge)

    judge = accept
    monkeypatch.setattr(strength, "measure_strength", measured)
    assert strength.run(options(str(path), "--sites", "1", "--events", "8")) == 0
    said = capsys.readouterr().out
    assert said.startswith("run.ndjson: gil, 8 events, ")
    assert all(len(line) <= 80 for line in said.splitlines())
    assert re.search(r"\nAcquire +\. +\. +\. +=", said)
    assert re.search(r"holes +0 +0\.00 %", said)
    assert strength.run(options(str(path), "--sites", "1", "--events", "8", "--json")) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["rejected"] + found["changed"] + found["equivalent"] == found["mutants"]
    assert len(found["survivors"]) == found["changed"] + found["equivalent"]
    verdicts = Counter(survivor["verdict"] for survivor in found["survivors"])
    assert verdicts == {word: found[word] for word in ("changed", "equivalent") if found[word]}
    monkeypatch.setattr(strength, "INFORMATIVE", {})
    assert strength.run(options(str(path), "--sites", "1", "--events", "6")) == 1
    bad = tmp_path / "bad.ndjson"
    bad.write_text("[1]\n")
    assert strength.run(options(str(bad))) == 2
    assert "not an event but [1]" in capsys.readouterr().err
    with pytest.raises(CheckError, match="--sites 0"):
        strength.run(options(str(path), "--sites", "0"))


def test_base_is_the_beginning_of_a_file(tmp_path: Path) -> None:
    """So many events and the header; the closing line only if it is reached."""
    path = tmp_path / "run.ndjson"
    trace = base("bare", 30)
    path.write_text("".join(f"{json.dumps(line)}\n" for line in trace.lines()))
    assert read_base(path, 30) == read_base(path, 500) == trace
    part = read_base(path, 10)
    assert (part.events, part.end) == (trace.events[:10], None)
    assert to_builtins(measure_strength("t", part, 1, ask=accept))["events"] == 10
    first: Mutant = next(mutants(part, 1))
    assert (first.number, first.kind, first.field) == (1, HEADER, "schema")
