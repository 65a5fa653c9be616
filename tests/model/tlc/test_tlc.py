"""The TLC driver on the real TLC: each kind of verdict, the name of what fell, the trace."""

from pathlib import Path

import pytest

from leo_model.errors import ConfigError, JobError, SpecError
from leo_model.tlc.driver import run
from leo_model.tlc.java import Runtime
from leo_model.tlc.job import Simulate, TlcJob, Verdict, config_sections
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


def toy(config: str, **options: object) -> TlcJob:
    """A job on the toy specification."""
    return TlcJob("toy", TOY, config, **options)  # type: ignore[arg-type]


def test_ok(runtime: Runtime, work: Path) -> None:
    """Nothing fell: the counts are TLC's, all states were seen, no folder is left."""
    result = run(toy(SPEC + "INVARIANTS TypeOK\nPROPERTY UpOrReset"), work=work, runtime=runtime)
    assert (result.verdict, result.property, result.reason) == (Verdict.OK, None, "")
    assert (result.distinct, result.left, result.exit_code) == (36, 0, 0)
    assert result.complete
    assert result.version.startswith("TLC2 Version 2.15")
    assert result.seconds > 0
    assert result.warnings == ()
    assert [path.name for path in work.iterdir()] == ["toy.result.json"]


@pytest.mark.parametrize(
    ("config", "verdict", "name", "length"),
    [
        (SPEC + "INVARIANTS TypeOK Small", Verdict.INVARIANT, "Small", 3),
        (SPEC + "INVARIANTS TypeOK Positive", Verdict.INVARIANT, "Positive", 1),
        (SPEC + "PROPERTIES UpOrReset Up", Verdict.ACTION_PROPERTY, "Up", 5),
        (SPEC + "PROPERTIES UpOrReset Starts1", Verdict.ACTION_PROPERTY, "Starts1", 1),
        (SPEC + "PROPERTIES UpOrReset Below3", Verdict.INVARIANT, "Below3", 4),
        ("CONSTANTS S = {a} Last = 5\nSPECIFICATION Spec", Verdict.DEADLOCK, "deadlock", 5),
    ],
)
def test_name_of_what_fell(
    runtime: Runtime, work: Path, config: str, verdict: Verdict, name: str, length: int
) -> None:
    """A fallen safety property is named, though others are checked in the same run; so is a
    deadlock.
    """
    result = run(toy(config), work=work, runtime=runtime)
    assert (result.verdict, result.property) == (verdict, name)
    assert result.fell(name)
    assert not result.complete
    assert len(result.trace.steps) == length


def test_trace_has_actions_and_values(runtime: Runtime, work: Path) -> None:
    """Each state of a counterexample has the action that led to it, its place, and its values."""
    config = "CONSTANTS S = {a} Last = 4\nSPECIFICATION Spec\nINVARIANT Small"
    steps = run(toy(config), work=work, runtime=runtime).trace.steps
    assert steps[0] == TraceStep(1, "", "", {"x": 0, "by": Fn([("a", ())])})
    assert [step.action for step in steps] == ["", "Inc", "Inc"]
    assert steps[2].location == "line 7, col 11 to line 7, col 63 of module Toy"
    assert steps[2].state == {"x": 2, "by": Fn([("a", (1,))])}


def test_temporal_property_stuttering_and_lasso(runtime: Runtime, work: Path) -> None:
    """A fallen liveness property is named; its behaviour ends by stuttering or in a loop."""
    result = run(toy(SPEC + "PROPERTY Comes3"), work=work, runtime=runtime)
    assert (result.verdict, result.property) == (Verdict.TEMPORAL, "Comes3")
    assert result.trace.stutters
    result = run(toy(FAIR + "INVARIANT TypeOK\nPROPERTY Returns"), work=work, runtime=runtime)
    assert (result.verdict, result.property) == (Verdict.TEMPORAL, "Returns")
    assert result.trace.stutters or result.trace.back_to is not None
    assert run(toy(FAIR + "PROPERTY Comes3"), work=work, runtime=runtime).verdict is Verdict.OK


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


def test_lasso(runtime: Runtime, work: Path) -> None:
    """The loop of a lasso begins at the state that TLC goes back to."""
    job = TlcJob("loop", LOOP, "SPECIFICATION Spec\nPROPERTY Returns")
    trace = run(job, work=work, runtime=runtime).trace
    assert [step.action for step in trace.steps] == ["", "Up", "Up"]
    assert (trace.back_to, trace.stutters) == (2, False)


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
Moves == [][x' # x]_x
====
"""


@pytest.mark.parametrize(
    ("start", "length"),
    [("0", 5), ("1", 1)],
)
def test_refinement(runtime: Runtime, work: Path, tmp_path: Path, start: str, length: int) -> None:
    """TLC names the conjunct of the abstract specification; the driver names the property."""
    (tmp_path / "Clock.tla").write_text(ABSTRACT)
    root = CONCRETE.replace("START", start)
    config = "SPECIFICATION Spec\nPROPERTY Refines"
    job = TlcJob("hand", root, config, library=(tmp_path,))
    result = run(job, work=work, runtime=runtime)
    assert (result.verdict, result.property) == (Verdict.ACTION_PROPERTY, "Refines")
    assert len(result.trace.steps) == length


def test_graph_of_a_dump(runtime: Runtime, work: Path) -> None:
    """A dump is read into a graph with as many states as TLC counts; labels have no arguments."""
    result = run(toy(SPEC, dump=True), work=work, runtime=runtime)
    graph = result.graph
    assert graph is not None
    assert len(graph.states) == result.distinct == 36
    assert {label for _, label, _ in graph.edges} == {"Inc", "Reset", "Leave", "Stay"}
    assert graph.initial == {Fn([("x", 0), ("by", Fn([("a", ()), ("b", ())]))])}
    assert all((s["x"] == 4) == (s == t) for s, label, t in graph.edges if label in ("Stay", "Inc"))


def test_output_and_coverage(runtime: Runtime, work: Path) -> None:
    """PrintT's lines are the output, one per state; coverage counts states and steps."""
    result = run(toy(SPEC + "INVARIANT Told", coverage=True), work=work, runtime=runtime)
    assert len(result.output) == 36
    assert set(result.output) == {f'<<"at", {x}>>' for x in range(5)}
    assert result.coverage["Init"] == (1, 1)
    assert set(result.coverage) == {"Init", "Inc", "Reset", "Leave", "Stay"}


def test_simulation(runtime: Runtime, work: Path) -> None:
    """A simulation finds a violation, and its success is not a complete search."""
    job = toy(SPEC + "INVARIANT TypeOK", simulate=Simulate(5, 10, seed=3))
    result = run(job, work=work, runtime=runtime)
    assert (result.verdict, result.complete, result.distinct) == (Verdict.OK, False, None)
    assert result.generated
    job = toy(SPEC + "INVARIANTS TypeOK Small", simulate=Simulate(5, 10, seed=3))
    assert run(job, work=work, runtime=runtime).fell("Small")


def test_depth_first(runtime: Runtime, work: Path) -> None:
    """A depth-first search that ends before all states were seen has shown nothing."""
    assert run(toy(SPEC, dfid=30), work=work, runtime=runtime).verdict is Verdict.OK
    result = run(toy(SPEC, dfid=2), work=work, runtime=runtime)
    assert result.verdict is Verdict.ERROR
    assert "lacks the message that model checking completed" in result.reason


@pytest.mark.parametrize(
    ("root", "config", "said"),
    [
        (
            TOY.replace("Reset ==", "Reset = ="),
            SPEC,
            '^job bad: SANY refuses the specification: Was expecting "==== or more Module body" '
            'Encountered "Reset" at line 8, column 1 .*/Toy.tla\\)$',
        ),
        (
            TOY.replace("x < 2", "y < 2"),
            SPEC,
            "line 15, col 10 to line 15, col 10 of module Toy Unknown operator: `y'. .*Toy.tla\\)$",
        ),
        (TOY.replace("Naturals", "Naturalz"), SPEC, "Cannot find source file for module Naturalz"),
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
        (SPEC + "CHECK_DEADLOCK FALSE", "TLC found an error in the configuration file at line 3"),
        ("SPECIFICATION Spec", "constant parameter (S|Last) is not assigned a value"),
        (SPEC + "PROPERTY Spex", "The property Spex specified in the configuration file is not"),
    ],
)
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
        (toy(SPEC, simulate=Simulate(1, 1, 1), dump=True), "^job toy: a simulation has neither"),
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
