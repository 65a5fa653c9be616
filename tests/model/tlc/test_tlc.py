"""The TLC driver on the real TLC: each kind of verdict, the name of what fell, the trace."""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from leo_model.errors import ConfigError, JobError, SpecError
from leo_model.tlc.driver import run, run_many
from leo_model.tlc.java import Runtime
from leo_model.tlc.job import TlcJob, TlcResult, Verdict, config_sections
from leo_model.tlc.messages import TraceStep
from leo_model.tlc.value import Fn

# A counter that is put back to 0 after 3, or stays in 4.
TOY = """---- MODULE Toy ----
EXTENDS Naturals, TLC
CONSTANTS S, Last
VARIABLES x, by
vars == <<x, by>>
Init == x = 0 /\\ by = [s \\in S |-> << >>]
Inc(s) == x < 3 /\\ x' = x + 1 /\\ by' = [by EXCEPT ![s] = <<x>>]
Reset == x = 3 /\\ x' = 0 /\\ UNCHANGED by
Leave == x = 3 /\\ x' = Last /\\ UNCHANGED by
Stay == x = 4 /\\ UNCHANGED vars
Next == (\\E s \\in S : Inc(s)) \\/ Reset \\/ Leave \\/ Stay
Spec == Init /\\ [][Next]_vars
FairSpec == Spec /\\ WF_vars(Next)
TypeOK == x \\in 0..4
Small == x < 2
Positive == x > 0
Told == PrintT(<<"at", x>>)
Up == [][x' >= x]_vars
UpOrReset == [][x' >= x \\/ x' = 0]_vars
Starts1 == x = 1
Below3 == [](x < 3)
Comes3 == <>(x = 3)
Returns == []<>(x = 0)
Foo == x < 2 \\/ x.foo = 1
====
"""
BASE = "CONSTANTS S = {a, b} Last = 4\n"
SPEC = BASE + "SPECIFICATION Spec\n"
FAIR = BASE + "SPECIFICATION FairSpec\n"


def toy(config: str, name: str = "toy", **options: object) -> TlcJob:
    """A job on the toy specification."""
    return TlcJob(name, TOY, config, **options)  # type: ignore[arg-type]


LOOP = """---- MODULE Loop ----
EXTENDS Naturals
VARIABLE x
Init == x = 0
Up == x < 2 /\\ x' = x + 1
Back == x = 2 /\\ x' = 1
Spec == Init /\\ [][Up \\/ Back]_x /\\ WF_x(Up \\/ Back)
Returns == []<>(x = 0)
====
"""
ABSTRACT = """---- MODULE Clock ----
EXTENDS Naturals
VARIABLE h
Init == h = 0
Tick == h' = (h + 1) % 3
Spec == Init /\\ [][Tick]_h
====
"""
CONCRETE = """---- MODULE Hand ----
EXTENDS Naturals
VARIABLE x
Init == x \\in {0, START}
Up == x' = (x + 1) % 6
Jump == x = 3 /\\ x' = 2
C == INSTANCE Clock WITH h <- x % 3
Refines == C!Spec
Spec == Init /\\ [][Up \\/ Jump]_x
====
"""
ONE = "CONSTANTS S = {a} Last = 4\nSPECIFICATION Spec\n"
# Its name -> a search that falls, its verdict, what fell, the states of the counterexample.
FALLS: dict[str, tuple[str, Verdict, str, int]] = {
    "small": (ONE + "INVARIANTS TypeOK Small", Verdict.INVARIANT, "Small", 3),
    "positive": (SPEC + "INVARIANTS TypeOK Positive", Verdict.INVARIANT, "Positive", 1),
    "up": (SPEC + "PROPERTIES UpOrReset Up", Verdict.ACTION_PROPERTY, "Up", 5),
    "starts": (SPEC + "PROPERTIES UpOrReset Starts1", Verdict.ACTION_PROPERTY, "Starts1", 1),
    "below": (SPEC + "PROPERTIES UpOrReset Below3", Verdict.INVARIANT, "Below3", 4),
    "deadlock": (
        "CONSTANTS S = {a} Last = 5\nSPECIFICATION Spec", Verdict.DEADLOCK, "deadlock", 5
    ),
    # TLC names the conjunct of the abstract specification; the driver names the property.
    "refines": ("0", Verdict.ACTION_PROPERTY, "Refines", 5),
    "refines-at-once": ("1", Verdict.ACTION_PROPERTY, "Refines", 1),
}  # fmt: skip


# Left to `make test-long`: other forms of what the rest shows.
LONG = ("starts", "below", "refines-at-once", "fair", "never-back", "deep")


def rest_long(names: Iterable[str]) -> list[Any]:
    return [pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in names]


@pytest.fixture(scope="module")
def ran(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TlcResult]:
    """The result of a search by its name. All are run in one batch, those of `make test-long` in
    another: each start of TLC takes a second.
    """
    folder = tmp_path_factory.mktemp("toys")
    (folder / "Clock.tla").write_text(ABSTRACT)
    jobs = [
        toy(SPEC + "INVARIANTS TypeOK Told\nPROPERTY UpOrReset", "ok", dump=True, coverage=True),
        toy(SPEC + "PROPERTY Comes3", "stutters"),
        toy(FAIR + "INVARIANT TypeOK\nPROPERTY Returns", "never-back"),
        toy(FAIR + "PROPERTY Comes3", "fair"),
        TlcJob("lasso", LOOP, "SPECIFICATION Spec\nPROPERTY Returns"),
        toy(SPEC, "deep", dfid=30),
        toy(SPEC, "shallow", dfid=2),
    ]
    for name, (config, *_) in FALLS.items():
        root, library = CONCRETE.replace("START", config), (folder,)
        refining = TlcJob(name, root, "SPECIFICATION Spec\nPROPERTY Refines", library=library)
        jobs.append(refining if name.startswith("refines") else toy(config, name))
    work = folder / "work"

    @cache
    def batch(thorough: bool) -> dict[str, TlcResult]:
        mine = [job for job in jobs if (job.name in LONG) == thorough]
        found = {result.job: result for result in run_many(mine, work=work, runtime=runtime)}
        # The folder of a run that was decided is gone.
        kept = {path.name.partition("-")[0] for path in work.iterdir() if path.is_dir()}
        assert kept <= {"shallow"}
        return found

    return lambda name: batch(name in LONG)[name]


def test_ok(ran: Callable[[str], TlcResult]) -> None:
    """Nothing fell: the counts are TLC's, all states were seen; PrintT's lines are the output, one
    per state; coverage counts states and steps.
    """
    result = ran("ok")
    assert (result.verdict, result.property, result.reason) == (Verdict.OK, None, "")
    assert (result.distinct, result.left, result.exit_code) == (36, 0, 0)
    assert result.complete
    assert result.version.startswith("TLC2 Version 2.15")
    assert result.seconds > 0
    assert result.warnings == ()
    assert len(result.output) == 36
    assert set(result.output) == {f'<<"at", {x}>>' for x in range(5)}
    assert result.coverage["Init"] == (1, 1)
    assert set(result.coverage) == {"Init", "Inc", "Reset", "Leave", "Stay"}


def test_graph_of_a_dump(ran: Callable[[str], TlcResult]) -> None:
    """A dump is read into a graph with as many states as TLC counts; labels have no arguments."""
    graph = ran("ok").graph
    assert graph is not None
    assert len(graph.states) == ran("ok").distinct == 36
    assert {label for _, label, _ in graph.edges} == {"Inc", "Reset", "Leave", "Stay"}
    assert graph.initial == {Fn([("x", 0), ("by", Fn([("a", ()), ("b", ())]))])}
    assert all((s["x"] == 4) == (s == t) for s, label, t in graph.edges if label in ("Stay", "Inc"))


@pytest.mark.parametrize("name", rest_long(FALLS))
def test_name_of_what_fell(ran: Callable[[str], TlcResult], name: str) -> None:
    """A fallen safety property is named, though others are checked in the same run; so is a
    deadlock.
    """
    _, verdict, title, length = FALLS[name]
    result = ran(name)
    assert (result.verdict, result.property) == (verdict, title)
    assert result.fell(title)
    assert not result.complete
    assert len(result.trace.steps) == length


def test_trace_has_actions_and_values(ran: Callable[[str], TlcResult]) -> None:
    """Each state of a counterexample has the action that led to it, its place, and its values."""
    steps = ran("small").trace.steps
    assert steps[0] == TraceStep(1, "", "", {"x": 0, "by": Fn([("a", ())])})
    assert [step.action for step in steps] == ["", "Inc", "Inc"]
    assert steps[2].location == "line 7, col 11 to line 7, col 63 of module Toy"
    assert steps[2].state == {"x": 2, "by": Fn([("a", (1,))])}


@pytest.mark.parametrize("name", rest_long(["stutters", "never-back", "lasso"]))
def test_temporal_property(ran: Callable[[str], TlcResult], name: str) -> None:
    """A fallen liveness property is named; its behaviour ends by stuttering or in a loop, which
    begins at the state that TLC goes back to."""
    title, trace = "Comes3" if name == "stutters" else "Returns", ran(name).trace
    assert (ran(name).verdict, ran(name).property) == (Verdict.TEMPORAL, title)
    assert trace.stutters != (trace.back_to is not None)
    if name == "lasso":
        assert [step.action for step in trace.steps] == ["", "Up", "Up"]
        assert (trace.back_to, trace.stutters) == (2, False)


def test_depth_first(ran: Callable[[str], TlcResult]) -> None:
    """A depth-first search that ends before all states were seen has shown nothing."""
    assert ran("shallow").verdict is Verdict.ERROR
    assert "lacks the message that model checking completed" in ran("shallow").reason


@pytest.mark.long
def test_other_forms(ran: Callable[[str], TlcResult]) -> None:
    """A fair search and a deep one end well."""
    assert ran("fair").verdict is ran("deep").verdict is Verdict.OK


@pytest.mark.parametrize(
    ("root", "config", "said"),
    [
        (
            TOY.replace("Reset ==", "Reset = ="),
            SPEC,
            '^job bad: SANY refuses the specification: Was expecting "==== or more Module body" '
            'Encountered "Reset" at line 8, column 1 .*/Toy.tla\\)$',
        ),
        pytest.param(
            TOY.replace("x < 2", "y < 2"),
            SPEC,
            "line 15, col 10 to line 15, col 10 of module Toy Unknown operator: `y'. .*Toy.tla\\)$",
            marks=pytest.mark.long,
        ),
        pytest.param(
            TOY.replace("Naturals", "Naturalz"),
            SPEC,
            "Cannot find source file for module Naturalz",
            marks=pytest.mark.long,
        ),
    ],
)
def test_sany_refuses(runtime: Runtime, work: Path, root: str, config: str, said: str) -> None:
    """A syntax error, an unknown name and a missing module are SANY's words with file and line."""
    with pytest.raises(SpecError, match=said) as caught:
        run(TlcJob("bad", root, config), work=work, runtime=runtime)
    assert "\n" not in str(caught.value)
    assert not list(work.glob("*.json"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (SPEC + "INVARIANT Nope", "The invariant Nope specified in the configuration file is not"),
        pytest.param(SPEC + "CHECK_DEADLOCK FALSE", "TLC found an error in the configuration file",
                     marks=pytest.mark.long),
        ("SPECIFICATION Spec", "constant parameter (S|Last) is not assigned a value"),
        pytest.param(SPEC + "PROPERTY Spex", "The property Spex specified in the configuration",
                     marks=pytest.mark.long),
    ],
)  # fmt: skip
def test_configuration_refused(runtime: Runtime, work: Path, config: str, said: str) -> None:
    """An unknown name, a keyword TLC does not have and a constant without value are said."""
    with pytest.raises(ConfigError, match=said):
        run(toy(config), work=work, runtime=runtime)


def test_misspelt_constant(runtime: Runtime, work: Path) -> None:
    """TLC passes over a constant that no module has; the driver does not."""
    with pytest.raises(ConfigError, match=r"^job toy: the configuration gives a value to the cons"):
        run(toy(SPEC + "CONSTANT Lost = 3"), work=work, runtime=runtime)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (toy(SPEC + "PROPERTY Up", dfid=5), "^job toy: depth-first search silently skips live"),
        (toy(SPEC, dump=True, workers=2), "^job toy: a state graph needs one worker, 2 were"),
        (toy(SPEC, timeout=0), "^job toy: needs at least 1 worker and a positive timeout, got 1 "),
        (TlcJob("a/b", TOY, SPEC), "^job 'a/b': a name has letters"),
        (TlcJob("x", "MODULE", SPEC), "^job x: the root module's text has no line"),
    ],
)
def test_jobs_refused(job: TlcJob, said: str, runtime: Runtime, work: Path) -> None:
    """What TLC would answer wrongly, or not at all, is refused before it starts."""
    with pytest.raises(JobError, match=said):
        run(job, work=work, runtime=runtime)


def test_missing_module(runtime: Runtime, work: Path, tmp_path: Path) -> None:
    """A module file that is not there is named."""
    with pytest.raises(SpecError, match=r"^job m: there is no module file .*/No.tla$"):
        run(TlcJob("m", tmp_path / "No.tla", ""), work=work, runtime=runtime)


def test_sections_of_a_configuration() -> None:
    """Words are found under their section, comments left out, plural and singular alike."""
    text = "INVARIANTS A B \\* C\nPROPERTY P (* Q\n R *) INVARIANT D\nCONSTANTS x = {a} y <- z"
    assert config_sections(text) == {
        "INVARIANT": ["A", "B", "D"],
        "PROPERTY": ["P"],
        "CONSTANT": ["x", "=", "{", "a", "}", "y", "<-", "z"],
    }
