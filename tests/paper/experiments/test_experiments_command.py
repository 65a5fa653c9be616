"""`leo experiment`: its arguments, its exit codes, and what it says without its libraries."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from leo.commands.main import main
from paper.experiments import main as experiments
from paper.experiments import results
from paper.experiments.registry import EXPERIMENTS, WITH_FILES, load
from tests.paper.experiments.experiments_toy import PLAIN


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the toy the only experiment."""
    monkeypatch.setattr(experiments, "load", lambda name: PLAIN)
    monkeypatch.setattr(experiments, "EXPERIMENTS", {"toy": EXPERIMENTS["published"]})


def test_without_the_libraries_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without scipy the command ends 2 with one paragraph that says what to install."""
    real = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> object:
        return None if name == "scipy" else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    assert main(["experiment", "published"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "scipy" in error
    assert "leo-field[experiments]" in error


def test_other_commands_do_not_load_the_libraries() -> None:
    """Neither the help of all commands nor `leo check` and `leo validate` import numpy."""
    code = (
        "import sys; from leo.commands.main import main, _entries, _load; main(['--help']);"
        "[_load(e) for n, e in _entries().items() if n != 'prove'];"
        "print(sorted({'numpy', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", [*EXPERIMENTS, "all", "report"])
def test_each_experiment_has_a_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`leo experiment NAME --help` ends 0, fits 80 columns and lists the options."""
    with pytest.raises(SystemExit) as end:
        main(["experiment", name, "--help"])
    assert end.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert any("--quick" in line for line in lines)
    assert lines[-1].split()[:3] == ["leo", "experiment", name]


def test_each_experiment_is_what_it_is_called() -> None:
    """An entry of the registry leads to an experiment of that name; files are taken where said."""
    for name in EXPERIMENTS:
        experiment = load(name)
        assert experiment.name == name
        assert bool(experiment.files) == (name in WITH_FILES) == (experiment.prepare is not None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "there is no experiment 'nonsense'"),
        (["confnd"], "did you mean confound?"),
        (["confound", "--seeds", "1"], "least 2"),
    ],
)
def test_wrong_arguments_end_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown experiment and a number that is too small end 2 with what was expected."""
    assert main(["experiment", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_finding_ends_1(toy: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What should not be gives exit code 1 and is said; otherwise the code is 0."""
    common = ["--build", str(tmp_path), "--jobs", "1"]
    assert main(["experiment", "toy", *common, "--quick"]) == 0
    assert main(["experiment", "toy", *common, "--broken", "1"]) == 1
    out = capsys.readouterr().out
    assert main(["experiment", "toy", *common, "--broken", "1", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["unexpected"] == ["it broke"]
    assert "NOT AS EXPECTED: it broke" in out
    assert "`leo experiment toy --broken 1`" in (tmp_path / "toy/summary.md").read_text()
    assert max(map(len, out.replace(str(tmp_path), "").splitlines())) <= 80


@pytest.mark.usefixtures("toy")
def test_a_result_is_kept_told_and_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line: where nothing is kept, nothing; a row that differs ends 1."""
    folder = tmp_path / "results"
    for name in ("keep", "read", "tell_kept", "is_kept"):
        real = getattr(results, name)
        monkeypatch.setattr(experiments, name, partial(real, folder=folder))
    # The page knows the real experiments only.
    monkeypatch.setattr(experiments, "write_report", lambda build: build)
    build = ["--build", str(tmp_path), "--jobs", "1"]
    assert main(["experiment", "all", "--kept", *build]) == 0
    assert "cells" not in capsys.readouterr().out
    assert main(["experiment", "toy", "--keep", *build]) == 0
    assert main(["experiment", "all", "--kept", *build]) == 0
    assert "0 of 6 cells measured now" in capsys.readouterr().out
    assert main(["experiment", "all", "--recompute", "1", *build]) == 0
    assert "6 of 6 cells made again have the same rows" in capsys.readouterr().out
    path = folder / "toy.ndjson.gz"
    text = gzip.decompress(path.read_bytes()).replace(b'"part":1', b'"part":9', 1)
    path.write_bytes(gzip.compress(text))
    assert main(["experiment", "toy", "--recompute", "1", *build]) == 1
    said = capsys.readouterr().out
    assert "5 of 6 cells" in said and '"part":9' in said and "Nothing that made them" in said
    with pytest.raises(SystemExit) as end:
        main(["experiment", "toy", "--recompute", "2", *build])
    assert end.value.code == 2
