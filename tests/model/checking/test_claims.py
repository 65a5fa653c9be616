"""The claims file: what it must say, and that a check notices when it says something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from leo_model.checking.check import check, judge, parted
from leo_model.checking.claims import FALLS, HOLDS, Claim, Claims, load_claims
from leo_model.checking.plan import config, job, plan, together
from leo_model.checking.table import cells, text
from leo_model.commands.check import selected
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import CheckError, ClaimsError
from leo_model.files import spec_folder
from leo_model.machine.properties import PROPERTIES, SAFETY
from leo_model.tlc.job import TlcResult, Verdict
from leo_model.tlc.messages import Trace

RUN = "actor.holds.3x1_2x2.quiet"


def changed(tmp_path: Path, change: object) -> Path:
    """A copy of the claims file, changed by a function or replaced by a text."""
    path = tmp_path / "claims.json"
    if isinstance(change, str):
        path.write_text(change)
    else:
        data = json.loads((spec_folder() / "claims.json").read_text())
        change(data)  # type: ignore[operator]
        path.write_text(json.dumps(data))
    return path


def test_every_cell_of_the_table_is_a_claim() -> None:
    """No blanks: every property of every discipline has a verdict, or a reason why not."""
    claims = load_claims()
    assert set(claims.cells) == {(d, t) for d in DISCIPLINES for t in PROPERTIES}
    assert all(c.reason for c in claims.cells.values() if c.verdict == "not-applicable")


def test_every_claim_is_decided_by_a_run() -> None:
    """Nothing is claimed that no search of the plan would decide."""
    claims = load_claims()
    decided = {(run.discipline, title) for run in plan(claims) for title in run.titles}
    claimed = {key for key, c in claims.cells.items() if c.verdict != "not-applicable"}
    claimed |= set(claims.also)
    assert decided == claimed


def test_the_numbers_are_those_of_the_plan() -> None:
    """Every run has recorded numbers, and no number is left of a run that is gone."""
    claims = load_claims()
    assert set(claims.numbers) == {run.name for run in plan(claims)}


def test_what_falls_is_checked_alone() -> None:
    """A run with an expected counterexample checks one property: no other can fall in its place."""
    for run in plan(load_claims()):
        if run.falls is not None:
            assert run.titles == (run.falls,)
            assert "TypeOK" not in config(run)


def test_deadlock_is_looked_for_only_where_it_is_claimed() -> None:
    """TLC's deadlock check is on exactly in the runs that decide DeadlockFree."""
    for run in plan(load_claims()):
        assert job(run).deadlock == ("DeadlockFree" in run.titles)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "is no claims file"),
        ("[]", "is no claims file"),
        (lambda d: d["claims"]["bare"].update(Serialisable=HOLDS), "did you mean Serializable"),
        (lambda d: d["claims"].update(naked={}), "unknown discipline: 'naked'"),
        (lambda d: d["claims"]["bare"].update(Durable="maybe"), "bare / Durable: 'maybe'"),
        (lambda d: d["claims"]["bare"].pop("Durable"), "no verdict for bare / Durable"),
        (lambda d: d["actions"]["bare"].append("Fly"), "unknown action of bare: 'Fly'"),
        (lambda d: d.update(spec="field/9"), "field/9"),
        (lambda d: d["claims"].update(bare=[]), r"claims of bare: .* found \[\]"),
        (lambda d: d["actions"].update(bare=7), "actions of bare: .* found 7"),
        (lambda d: d["actions"].update(bare=[7]), r"actions of bare: .* found \[7\]"),
        (lambda d: d["claims"]["bare"].update(Durable=[HOLDS]), r"bare / Durable: .*\['holds'\]"),
        (lambda d: d["runs"].update({RUN: {"depth": 3}}), f"run {RUN}: .*distinct"),
        (lambda d: d["runs"].update({RUN: 7}), f"run {RUN}: .* found 7"),
        (lambda d: d["runs"].update({RUN: {"distinct": 1, "depth": "x"}}), f"run {RUN}: .* 'x'"),
    ],
)
def test_a_wrong_claims_file_is_refused(tmp_path: Path, change: object, message: str) -> None:
    """The error names the file and the value, and says what was expected."""
    path = changed(tmp_path, change)
    with pytest.raises(ClaimsError, match=message) as caught:
        load_claims(path)
    assert str(path) in str(caught.value)


def narrowed(claims: Claims, discipline: str, title: str, verdict: str) -> Claims:
    """The claims with one cell changed."""
    cell = Claim(discipline, title, verdict)
    return replace(claims, cells=claims.cells | {(discipline, title): cell})


def test_a_wrong_verdict_is_found_and_named(tmp_path: Path) -> None:
    """Editing one claim makes the check fail, in either direction, and name the claim."""
    claims = load_claims()
    too_weak = narrowed(claims, "asyncio-lock", "Serializable", FALLS)
    too_strong = narrowed(claims, "asyncio-lock", "AllOrNothing", HOLDS)
    falls = [r for r in plan(too_weak, ["asyncio-lock"]) if r.falls == "Serializable"]
    holds = [
        r
        for r in plan(too_strong, ["asyncio-lock"])
        if "AllOrNothing" in r.titles and r.faults and r.bound.covers(2, 2)
    ]
    weak = check(too_weak, falls, work=tmp_path)
    strong = check(too_strong, holds, work=tmp_path)
    assert [f.claims for f in weak.findings] == [("asyncio-lock / Serializable",)]
    assert "claimed to fall, and TLC says: it holds" in str(weak.findings[0])
    assert [f.claims for f in strong.findings] == [("asyncio-lock / AllOrNothing",)]
    assert "claimed to hold, and TLC says: AllOrNothing falls" in str(strong.findings[0])


def test_what_falls_in_a_shared_search_falls_as_it_does_alone(tmp_path: Path) -> None:
    """Four properties in one start of Java: three have the states and the way that were recorded
    of each alone, and the one that holds does not fall with them."""
    wrong = narrowed(load_claims(), "gil", "Durable", FALLS)
    asked = {"Refines", "NoOvertaking", "StableRead", "Durable"}
    runs = [run for run in plan(wrong, ["gil"]) if run.falls in asked and not run.faults]
    assert list(map(len, together(runs))) == [len(runs)]
    report = check(wrong, runs, work=tmp_path)
    assert [f.claims for f in report.findings] == [("gil / Durable",)]
    assert "claimed to fall, and TLC says: it holds" in str(report.findings[0])
    assert [c.property for c in report.counterexamples] == ["NoOvertaking", "Refines", "StableRead"]


def test_a_behaviour_of_which_nothing_is_told_decides_nothing() -> None:
    """Which property a counterexample is of is what TLC has printed: without that, each of the runs
    is undecided."""
    claims = load_claims()
    runs = [run for run in plan(claims, ["gil"]) if run.falls and run.kind == "falls"][:2]
    result = TlcResult("joint", Verdict.OK, complete=True, traces=(Trace(), Trace()), output=(
        '<<"falls", {"Serializable"}, 7>>',
    ))  # fmt: skip
    found = [f for pair in parted(runs, result) for f in judge(claims, *pair, True)]
    assert len(found) == len(runs) and all(finding.undecided for finding in found)
    assert "tells of 1 falls and shows 2" in str(found[0])


def test_a_bound_that_no_claim_has_is_refused() -> None:
    """Asking for 9 sessions does not silently check nothing."""
    with pytest.raises(CheckError, match="no claim is decided by such a run"):
        selected(plan(load_claims()), None, 9, None)


@pytest.mark.parametrize("columns", [40, 76, 80, 200])
def test_the_table_fits(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every discipline and every property is in it, at every width of the terminal."""
    monkeypatch.setattr("leo.screen.columns", lambda: columns)
    shown = text(load_claims(), DISCIPLINES)
    assert max(map(len, shown.splitlines())) <= columns
    joined = "".join(shown.split())
    assert all(name in joined for name in (*PROPERTIES, "asyncio-lock", "bare"))


def test_the_table_as_json_says_what_is_not_as_claimed() -> None:
    """Each cell once, and one that was marked."""
    found = cells(load_claims(), DISCIPLINES, frozenset({"bare / Durable"}))
    assert len(found) == len(DISCIPLINES) * len(PROPERTIES)
    assert [c["property"] for c in found if not c["as_claimed"]] == ["Durable"]


def test_progress_is_searched_where_somebody_waits() -> None:
    """That every call ends, under weak fairness, is searched with a lock that two sessions want: an
    instance alone with its session would never make it wait."""
    locked = [
        run
        for run in plan(load_claims())
        if run.kind == "progress"
        and run.spec == "WeakSpec"
        and run.falls is None
        and DISCIPLINES[run.discipline].lock != "none"
    ]
    assert {"asyncio-lock", "shared-store"} <= {run.discipline for run in locked}
    for run in locked:
        assert run.bound.sessions > DISCIPLINES[run.discipline].instances, run.name


def test_the_legend_says_what_faults_were_on() -> None:
    """A tick means "faults on": every property that holds is searched with all faults that can
    strike, but for the two exceptions that the legend names."""
    claims = load_claims()
    faulted = {
        (run.discipline, title)
        for run in plan(claims)
        if run.falls is None and run.faults == DISCIPLINES[run.discipline].possible_faults != ()
        for title in run.titles
    }
    held = {(c.discipline, c.property) for c in claims.cells.values() if c.verdict == HOLDS}
    quiet = held - faulted
    assert {d for d, title in quiet if title != "DeadlockFree"} == {"sequential"}
    assert {d for d, title in quiet if title == "DeadlockFree"} == {
        d for d, title in held if title == "DeadlockFree"
    }


def test_a_session_alone_excludes_nobody(tmp_path: Path) -> None:
    """A witness of mutual exclusion has one reply inside and another waiting: claimed of a single
    session it would be vacuous, and the check says so."""
    claims = narrowed(load_claims(), "sequential", "MutualExclusion", HOLDS)
    (run,) = [run for run in plan(claims, ["sequential"]) if run.occasions]
    report = check(claims, [run], work=tmp_path)
    assert [f.claims for f in report.findings] == [("sequential / MutualExclusion",)]
    assert "vacuous" in str(report.findings[0])


@pytest.mark.parametrize(
    ("discipline", "title"), [("bare", "LoopRuns"), ("threading-lock", "NoDoubleDelta")]
)
def test_a_property_without_a_column_needs_its_occasion(
    discipline: str, title: str, tmp_path: Path
) -> None:
    """Without a lock nobody finds it held, and without a unit of work no delta is added: claimed
    there, what no column shows would be vacuous, and the check says so."""
    claims = replace(load_claims(), also={(discipline, title): HOLDS})
    (run,) = [run for run in plan(claims, [discipline]) if title in run.titles]
    found = check(claims, [run], work=tmp_path, compare_numbers=False).findings
    assert [f.claims for f in found if "vacuous" in f.text] == [(f"{discipline} / {title}",)]


def test_the_properties_are_those_of_the_specification() -> None:
    """Each is an operator of Properties.tla, except the deadlock, which TLC looks for itself."""
    text = (spec_folder() / "Properties.tla").read_text()
    assert set(SAFETY) < set(PROPERTIES)
    for title in PROPERTIES:
        assert title == "DeadlockFree" or f"\n{title} ==" in text


def test_what_falls_with_faults_names_them_each_alone(tmp_path: Path) -> None:
    """A cell of that kind without a list, and one of another kind with one, are refused."""
    data = json.loads((spec_folder() / "claims.json").read_text("utf-8"))
    path = tmp_path / "claims.json"
    whole = dict(data["apart"]["asyncio-lock"])
    for row in (
        {title: faults for title, faults in whole.items() if title != "AllOrNothing"},
        {**whole, "Durable": ["Raise"]},
        {**whole, "AllOrNothing": ["Busy"]},
    ):
        data["apart"]["asyncio-lock"] = row
        path.write_text(json.dumps(data), "utf-8")
        with pytest.raises(ClaimsError, match=r"asyncio-lock / (AllOrNothing|Durable)"):
            load_claims(path)


def test_another_fault_is_a_finding() -> None:
    """Claimed with one fault more or less than TLC prints: the cell is not as claimed."""
    claims = load_claims()
    run = next(r for r in plan(claims, ["asyncio-lock"]) if r.kind == "apart")
    lines = [
        f'<<"falls", {{"{title}"}}, "{fault}">>'
        for (discipline, title), faults in claims.apart.items()
        if discipline == "asyncio-lock"
        for fault in faults
    ]
    result = TlcResult(run.name, Verdict.OK, complete=True, output=tuple(lines))
    assert judge(claims, run, result, compare_numbers=False) == []
    less = replace(result, output=tuple(line for line in lines if "Raise" not in line))
    more = replace(result, output=(*lines, '<<"falls", {"ViewAgreesWithStore"}, "Crash">>'))
    found = [str(finding) for finding in judge(claims, run, less, compare_numbers=False)]
    assert len(found) == 3 and all("falls with Raise alone, and TLC says" in text for text in found)
    (told,) = judge(claims, run, more, compare_numbers=False)
    assert told.claims == ("asyncio-lock / ViewAgreesWithStore",)
    assert "holds with Crash alone, and TLC says that it falls" in str(told)
