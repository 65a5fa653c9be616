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


@pytest.mark.parametrize("theorem", THEOREMS, ids=lambda t: str(t.number))
def test_a_row_says_everything(theorem: Theorem) -> None:
    """A row has seven cells, and the file and function that it names exist."""
    cells = re.split(r"(?<!\\)\|", row(proved(theorem)))
    assert len(cells) == 9
    file, function = theorem.place.split(maxsplit=1)
    assert f"def {function.partition('(')[0]}(" in (ROOT / file).read_text(encoding="utf-8")
    assert theorem.assumptions


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


def test_command_reports_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A theorem that fails is shown with its counter-model; the others go on; the code is 1."""
    monkeypatch.setattr(commands, "QUERIES", tmp_path / "queries")
    monkeypatch.setattr(commands, "choose", lambda _: [trivial(1, fails=True), trivial(2)])
    assert commands.run(arguments("--mutants")) == 1
    output = capsys.readouterr()
    assert "FAILED\nnot proved: claim\na counter-model" in output.err
    assert "1 of 2 theorems proved" in output.err
    assert "the mutant's model" in output.out


def test_shared_time_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """An obligation that a theorem before it has had took its time there, and the line says so."""
    once = Discharged("a step", 3.0)
    both = [
        replace(trivial(1), prove=lambda: [once]),
        replace(trivial(2), prove=lambda: [once, Discharged("another", 1.0)]),
    ]
    monkeypatch.setattr(commands, "QUERIES", tmp_path / "queries")
    monkeypatch.setattr(commands, "choose", lambda _: both)
    assert commands.run(arguments()) == 0
    first, second, *_ = capsys.readouterr().err.splitlines()
    assert "shared" not in first
    assert "1 shared, with the time of theorem 1" in second


def test_command_succeeds_and_prints_latex(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """All proved is 0; LaTeX goes to the output, progress does not."""
    monkeypatch.setattr(commands, "QUERIES", tmp_path / "queries")
    monkeypatch.setattr(commands, "choose", lambda _: [trivial(1)])
    assert commands.run(arguments("--latex")) == 0
    assert capsys.readouterr().out.startswith("\\begin{theorem}")


def test_index_is_written_only_when_everything_is_proved(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No row of the index was not checked: a part of the theorems writes nothing."""
    monkeypatch.setattr(commands, "QUERIES", tmp_path / "queries")
    monkeypatch.setattr(commands, "INDEX", tmp_path / "INDEX.md")
    monkeypatch.setattr(commands, "choose", lambda _: [trivial(1)])
    assert commands.run(arguments("--index")) == 0
    assert not (tmp_path / "INDEX.md").exists()
    monkeypatch.setattr(commands, "THEOREMS", (trivial(1),))
    assert commands.run(arguments("--index")) == 0
    assert (tmp_path / "INDEX.md").exists()
    # What the pages quote is beside the queries: a test never writes over a real result.
    told = json.loads((tmp_path / "queries" / "theorems.json").read_text())
    assert [theorem["number"] for theorem in told["theorems"]] == [1] and told["made_from"]


def test_a_theorem_many_times_is_not_the_whole_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As many numbers as there are theorems are not all theorems: each is proved once, and neither
    the index nor the results are written."""
    monkeypatch.setattr(commands, "QUERIES", tmp_path / "queries")
    monkeypatch.setattr(commands, "INDEX", tmp_path / "INDEX.md")
    monkeypatch.setattr(commands, "choose", lambda numbers: [trivial(n) for n in numbers])
    monkeypatch.setattr(commands, "THEOREMS", [trivial(1), trivial(2)])
    assert commands.run(arguments("1", "1", "--index")) == 0
    results = tmp_path / "queries" / "theorems.json"
    assert not results.exists() and not (tmp_path / "INDEX.md").exists()
    assert commands.run(arguments("2", "1", "--index")) == 0
    assert results.exists() and (tmp_path / "INDEX.md").exists()


def test_second_opinion_on_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A theorem that asks z3 nothing leaves cvc5 nothing to agree with."""
    monkeypatch.setattr(commands, "QUERIES", tmp_path)
    monkeypatch.setattr(commands, "choose", lambda _: [trivial(1)])
    monkeypatch.setattr(commands, "load", lambda: None)
    with pytest.raises(NoQueriesError, match="nothing to ask cvc5") as caught:
        commands.run(arguments("15", "--cvc5"))
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
    said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A query to which cvc5 does not say unsat makes the command end with 1; unknown does."""

    def prove() -> list[Discharged]:
        (tmp_path / "q.smt2").write_text("(check-sat)")
        return [Discharged("claim", 0.0)]

    monkeypatch.setattr(commands, "QUERIES", tmp_path)
    monkeypatch.setattr(commands, "choose", lambda _: [replace(trivial(1), prove=prove)])
    monkeypatch.setattr(commands, "load", lambda: None)
    monkeypatch.setattr(crosscheck, "load", lambda: _Stand([said] * 3))
    assert commands.run(arguments("--cvc5")) == 1
    assert f"cvc5 says {said or 'nothing'} to {tmp_path / 'q.smt2'}" in capsys.readouterr().err
