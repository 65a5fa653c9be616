"""`leo ask`: what is asked, what is refused, and the answers are those of the claims."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leo_model.checking.plan import config, job
from leo_model.checking.questions import (
    FOR_EVER,
    MOST_SESSIONS,
    MOST_TURNS,
    UNMET,
    VACUOUS,
    Answer,
    answered,
    ask,
    occasion_job,
    read_question,
)
from leo_model.disciplines import DISCIPLINES
from leo_model.errors import CheckError
from leo_model.machine.properties import PROPERTIES
from leo_model.tlc.job import TlcResult, Verdict


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("discipline=D9 property=DeadlockFree", ("there is a deadlock after 5 steps",)),
        (
            "discipline=threading-lock property=Answered",
            ("under weak fairness: Answered falls", "under strong fairness: it holds in all"),
        ),
    ],
)
def test_answers_are_those_of_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], question: str, answers: tuple[str, ...]
) -> None:
    """A deadlock is looked for without faults, which could end it, and progress with fairness and
    without symmetry: what the table says falls, falls here."""
    assert ask(question, tmp_path, 2) == 0
    told = capsys.readouterr().out
    assert all(answer in told for answer in answers)


@pytest.mark.parametrize(
    ("question", "nothing", "something"),
    [
        pytest.param(
            "discipline=reentrant sessions=2 turns=1",
            {"Serializable", "StableRead", "ViewNotTorn", "ReadsOwnObservation", "Refines",
             "SnapshotProvenance", "AllOrNothing", "Durable", "ViewAgreesWithStore"},
            {"MutualExclusion", "NoOvertaking"},
            marks=pytest.mark.long,
        ),
        ("discipline=bare property=StableRead", {"StableRead"}, set()),
        pytest.param("discipline=threading-lock property=StableRead", set(), {"StableRead"},
                     marks=pytest.mark.long),
        pytest.param(
            "discipline=sequential turns=1",
            {"MutualExclusion", "Serializable", "StableRead", "NoOvertaking"},
            {"AllOrNothing", "Durable", "ViewAgreesWithStore", "Refines", "ViewNotTorn",
             "DeadlockFree", "ReadsOwnObservation", "SnapshotProvenance"},
            marks=pytest.mark.long,
        ),
    ],
)  # fmt: skip
def test_what_holds_of_nothing_says_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    question: str,
    nothing: set[str],
    something: set[str],
) -> None:
    """A property without a witness is not told as one that holds: nothing is ever written
    by a reply that stops inside observe, generate is one step on an event loop, one reply alone has
    nobody to be serialized with."""
    assert ask(question, tmp_path, 2) == 0
    told = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()[1:])
    assert {title for title, said in told.items() if said == VACUOUS} == nothing
    assert {title for title, said in told.items() if "it holds in all" in said} == something


def test_an_occasion_that_view_hides_is_found(tmp_path: Path) -> None:
    """A whole reply that has ended may look to the search for AllOrNothing like a cancelled one
    that has written nothing; then it is looked for without VIEW, and was there all the time."""
    question = read_question("discipline=D6 sessions=1 turns=2 property=AllOrNothing")
    (hidden,) = answered(list(question.runs()), tmp_path, 2)
    assert hidden.doubtful and not hidden.vacuous
    assert hidden.occasion is not None and hidden.occasion.fell(UNMET)
    assert str(hidden).startswith("it holds in all")


def test_every_property_that_is_searched_has_an_occasion() -> None:
    """Each but the two of progress, so that none can hold for lack of one."""
    for run in read_question("discipline=bare").runs():
        assert run.occasions == (run.titles[0] != "DeadlockFree")
        assert not run.occasions or UNMET in occasion_job(run).config


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.DEADLOCK, Verdict.INVARIANT])
def test_an_occasion_that_was_not_decided_is_told(verdict: Verdict) -> None:
    """When the second search did not end, neither "it holds" nor "it says nothing" is known."""
    (run,) = read_question("discipline=bare property=Serializable").runs()
    first = TlcResult("a", Verdict.OK, distinct=5, complete=True)
    second = TlcResult("b", verdict, property="TypeOK", reason="killed after 240 s")
    assert str(Answer(run, first, second)) == "not decided: its witness: killed after 240 s"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("discipline=bare turns=0 property=Serializable", "contents are not tracked"),
        ("discipline=bare turns=0 property=AllOrNothing", "contents are not tracked"),
        ("discipline=bare turns=2 property=Answered", "ask with turns=0"),
        ("discipline=sequential sessions=2", "sequential is one session"),
        ("discipline=bare sessions=0", "expected a number from 1 to 6"),
        ("discipline=bare sessions=-1", "expected a number from 1 to 6"),
        ("discipline=bare sessions=99999999999999999999", "expected a number from 1 to 6"),
        ("discipline=bare sessions=" + "9" * 5000, "expected a number from 1 to 6"),
        ("discipline=bare sessions=²", "expected a number from 1 to 6"),
        ("discipline=bare turns=10", "expected a number from 0 to 9"),
        ("discipline=bare faults=Cancel property=DeadlockFree", "a fault may free"),
        ("discipline=gil faults=Cancel", "these can strike: Raise, Crash"),
        ("discipline=bare property=Serialisable", "did you mean Serializable"),
        ("discipline=bare discipline=gil", "discipline is given twice"),
        ("discipline=bare seed=1", "'seed=1' is not understood"),
        ("sessions=2", "a discipline is missing; name one, as in"),
    ],
)
def test_a_question_without_an_answer_is_refused(question: str, said: str) -> None:
    """What no search could decide, or what would hold of nothing, is refused before any search."""
    with pytest.raises(CheckError, match=said):
        read_question(question)


@given(
    name=st.sampled_from(list(DISCIPLINES)),
    sessions=st.integers(-2, MOST_SESSIONS + 2),
    turns=st.integers(-2, MOST_TURNS + 2),
    title=st.none() | st.sampled_from(list(PROPERTIES)),
)
def test_each_property_is_asked_as_the_claims_ask_it(
    name: str, sessions: int, turns: int, title: str | None
) -> None:
    """A question is refused, or its searches are sound: no deadlock check with faults, no symmetry
    with progress, no contents where they are not tracked, no second session of the sequential."""
    text = f"discipline={name} sessions={sessions} turns={turns}"
    try:
        question = read_question(text if title is None else f"{text} property={title}")
    except CheckError:
        return
    assert question.bound.sessions == 1 or name != "sequential"
    for run in question.runs():
        assert not (run.faults and job(run).deadlock)
        assert run.bound.turns or run.titles[0] in FOR_EVER
        assert run.titles != ("Answered",) or not run.reduced
        assert ("PROPERTY Answered" in config(run)) == (run.titles == ("Answered",))


def test_without_a_property_all_that_can_be_decided_are_asked() -> None:
    """Everything but progress of a few calls; deadlocks and progress of sessions for ever."""
    few, ever = (read_question(f"discipline=bare turns={n}") for n in (1, 0))
    assert set(few.titles) == set(PROPERTIES) - {"Answered"}
    assert set(ever.titles) == set(FOR_EVER)
