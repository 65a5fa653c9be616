"""The index, the LaTeX and the command `leo prove`."""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from leo.errors import LeoError
from leo_model.checking.claims import load_claims
from leo_model.checking.plan import plan
from proofs import commands
from proofs.catalogue import THEOREMS
from proofs.index import INDEX, index, latex, row
from proofs.tools import crosscheck
from proofs.tools.errors import NoQueriesError, NotProvedError, ProofError
from proofs.tools.theorem import Certificate, Discharged, Theorem

ROOT = Path(__file__).resolve().parents[2]


def proved(theorem: Theorem) -> Certificate:
    """A certificate as if the theorem had been proved; nothing is."""
    return Certificate(theorem, (Discharged("all", 0.5, "EPR"),), "counter-model", "1.0", 0.5, 0.1)


def trivial(number: int, fails: bool = False) -> Theorem:
    """A theorem that is proved, or fails, at once."""

    def prove() -> list[Discharged]:
        if fails:
            raise NotProvedError("claim", "a counter-model")
        return [Discharged("claim", 0.0)]

    mutant = "the mutant's model"
    return replace(THEOREMS[20], number=number, prove=prove, refute=lambda: mutant)


def test_the_readme_counts_theorems_and_searches() -> None:
    """Its answer about formalization is written by hand."""
    said = f"{len(THEOREMS)} theorems, {len(plan(load_claims()))} searches"
    assert said in (ROOT / "README.md").read_text("utf-8")


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands.configure(parser)
    return parser.parse_args(words)


def test_index_is_the_generated_one() -> None:
    """Claims, places, assumptions and mutants in proofs/INDEX.md are those of the theorems."""

    def stable(text: str) -> list[str]:
        """Leave out the columns that a run decides: the tool's count and the seconds."""
        return [
            re.sub(r"\| [^|]* \| [0-9.]+ \| ([^|]*) \|$", r"| \1 |", line)
            for line in text.splitlines()
        ]

    written = INDEX.read_text(encoding="utf-8")
    assert stable(written) == stable(index(map(proved, THEOREMS)))


def test_a_row_says_everything() -> None:
    """A row has seven cells, and the file and function that it names exist."""
    for theorem in THEOREMS:
        assert len(re.split(r"(?<!\\)\|", row(proved(theorem)))) == 9
        file, function = theorem.place.split(maxsplit=1)
        text = (ROOT / file).read_text(encoding="utf-8")
        assert f"def {function.partition('(')[0]}(" in text and theorem.assumptions


def test_latex_is_balanced() -> None:
    """Every statement and sketch is closed, its braces and dollars match, no bare underscore."""
    text = latex([proved(t) for t in THEOREMS])
    for environment in ("theorem", "proof"):
        assert text.count(f"\\begin{{{environment}}}") == len(THEOREMS)
        assert text.count(f"\\end{{{environment}}}") == len(THEOREMS)
    for part in text.split("\n\n"):
        bare = re.sub(r"\\label\{[^}]*\}", "", part)
        assert bare.count("{") == bare.count("}")
        assert bare.count("$") % 2 == 0
        outside = re.sub(r"\$[^$]*\$", "", bare)
        assert not re.search(r"(?<!\\)[_^&#%]", outside), outside


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where queries and results go; the index is beside it. The first two theorems are all."""
    monkeypatch.setattr(commands, "QUERIES", tmp_path / "queries")
    monkeypatch.setattr(commands, "INDEX", tmp_path / "INDEX.md")
    monkeypatch.setattr(commands, "choose", lambda numbers: [trivial(n) for n in numbers or (1, 2)])
    monkeypatch.setattr(commands, "THEOREMS", [trivial(1), trivial(2)])
    return tmp_path / "queries"


@pytest.mark.usefixtures("queries")
def test_command_reports_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A theorem that fails is shown with its counter-model; the others go on; the code is 1. LaTeX
    goes to the output, progress does not.
    """
    assert commands.run(arguments("--latex")) == 0
    assert capsys.readouterr().out.startswith("\\begin{theorem}")
    monkeypatch.setattr(commands, "choose", lambda _: [trivial(1, fails=True), trivial(2)])
    assert commands.run(arguments("--mutants")) == 1
    output = capsys.readouterr()
    assert "FAILED\nnot proved: claim\na counter-model" in output.err
    assert "1 of 2 theorems proved" in output.err
    assert "the mutant's model" in output.out


def test_index_is_written_only_when_everything_is_proved(queries: Path) -> None:
    """No row of the index was not checked: a part of the theorems writes nothing, nor does one of
    them as often as there are theorems.
    """
    results, written = queries / "theorems.json", queries.parent / "INDEX.md"
    for part in (["1"], ["1", "1"]):
        assert commands.run(arguments(*part, "--index")) == 0
        assert not results.exists() and not written.exists()
    assert commands.run(arguments("2", "1", "--index")) == 0
    assert written.exists()
    # What the pages quote is beside the queries: a test never writes over a real result.
    told = json.loads(results.read_text())
    assert [theorem["number"] for theorem in told["theorems"]] == [2, 1] and told["made_from"]


@pytest.mark.usefixtures("queries")
def test_second_opinion_on_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A theorem that asks z3 nothing leaves cvc5 nothing to agree with."""
    monkeypatch.setattr(commands, "load", lambda: None)
    with pytest.raises(NoQueriesError, match="nothing to ask cvc5") as caught:
        commands.run(arguments("1", "--cvc5"))
    assert caught.value.exit_code == 2


def test_list_proves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """--list names every theorem."""
    assert commands.run(arguments("--list")) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(THEOREMS)


def test_cvc5_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cvc5 the command says what to install, before it proves anything."""
    monkeypatch.setattr(crosscheck, "MODULE", "no_such_solver")
    with pytest.raises(ProofError, match=r"^cvc5 is not installed") as failure:
        commands.run(arguments("--cvc5"))
    assert isinstance(failure.value, LeoError)


class _Command:
    def __init__(self, said: str | None) -> None:
        self.said = said

    def isNull(self) -> bool:
        return self.said is None

    def invoke(self, *_: object) -> str:
        return self.said or ""


class _Stand:
    """What the cross-check uses of cvc5, with answers that are given per strategy."""

    class InputLanguage:
        SMT_LIB_2_6 = "2.6"

    def __init__(self, answers: list[str]) -> None:
        self.answers = iter(answers)

    def TermManager(self) -> None:
        return None

    def Solver(self, _: object) -> _Stand:
        return self

    def setOption(self, *_: str) -> None:
        return None

    def InputParser(self, _: object) -> _Stand:
        self.commands = iter([_Command(""), _Command(next(self.answers)), _Command(None)])
        return self

    def setFileInput(self, *_: object) -> None:
        return None

    def getSymbolManager(self) -> None:
        return None

    def nextCommand(self) -> _Command:
        return next(self.commands)


def test_second_opinion_tries_every_strategy() -> None:
    """Unknown is asked again with another strategy; sat is final, and is not unsat."""
    query = Path("query.smt2")
    assert crosscheck.answer(_Stand(["unknown", "unsat"]), query) == "unsat"
    assert crosscheck.answer(_Stand(["sat"]), query) == "sat"
    assert crosscheck.answer(_Stand(["unknown"] * 3), query) == "unknown"


@pytest.mark.parametrize("said", ["sat", "unknown", "timeout", ""])
def test_second_opinion_fails_the_command(
    said: str, queries: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A query to which cvc5 does not say unsat makes the command end with 1; unknown does."""

    def prove() -> list[Discharged]:
        queries.mkdir(exist_ok=True)
        (queries / "q.smt2").write_text("(check-sat)")
        return [Discharged("claim", 0.0)]

    monkeypatch.setattr(commands, "choose", lambda _: [replace(trivial(1), prove=prove)])
    monkeypatch.setattr(commands, "load", lambda: None)
    monkeypatch.setattr(crosscheck, "load", lambda: _Stand([said] * 3))
    assert commands.run(arguments("--cvc5")) == 1
    assert f"cvc5 says {said or 'nothing'} to {queries / 'q.smt2'}" in capsys.readouterr().err
