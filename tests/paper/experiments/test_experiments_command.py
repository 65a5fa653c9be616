"""`leo experiment`: arguments, exit codes, missing libraries; the results page from summaries."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from leo.commands.main import main
from leo_model.checking.check import spec_hash
from paper.experiments import main as experiments
from paper.experiments import results
from paper.experiments.errors import ExperimentError
from paper.experiments.registry import EXPERIMENTS, WITH_FILES, load
from paper.experiments.report import ITEMS, write_report
from paper.experiments.sources import sources_of
from tests.paper.artifact.results import put
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


def summary(name: str, **changes: Any) -> dict[str, Any]:
    stamp = {
        "command": f"leo experiment {name} --quick",
        "config": {"quick": False, "turns": 1000, "days": 7},
        "config_hash": "abc",
        "seed": 7,
        "sources": sources_of(load(name).measure.__module__),
        "spec": spec_hash(),
    }
    value = {
        "stamp": stamp, "title": f"Title of {name}", "question": "Was it?", "done": "Counted.",
        "answer": f"It was 0.123 in {name}. And 4.5 more.", "findings": ["6.7 | units."],
        "unexpected": [], "limits": ["No limit."],
        "plots": [{"name": "some-plot", "caption": "A caption"}],
    }  # fmt: skip
    return {**value, **changes}


def page(build: Path, *values: dict[str, Any]) -> str:
    """The page of a folder with these summaries."""
    for value in values:
        put(build / value["title"].removeprefix("Title of ") / "summary.json", value)
    return write_report(build).read_text("utf-8")


def test_every_experiment_answers_an_item_of_the_list(tmp_path: Path) -> None:
    """What `leo experiment all` runs is on the list once; each result is on the page once, with its
    figure; what was not run is said to be not run.
    """
    named = [name for item in ITEMS for name in item.experiments]
    assert len(named) == len(set(named))
    assert set(named) == set(EXPERIMENTS) - WITH_FILES
    text = page(tmp_path, *(summary(name) for name in EXPERIMENTS if name != "long-run"))
    for name in EXPERIMENTS:
        ran = name != "long-run"
        assert text.count(f"It was 0.123 in {name}. And 4.5 more.") == ran
        assert (f"]({name}/some-plot.png)" in text) == ran
    assert "**Not run.** Command: `leo experiment long-run`" in text
    assert text.count("Not run") == 1


def test_what_a_reader_has_to_know_is_said(tmp_path: Path) -> None:
    """Small runs, other sources, changed files of kept rows, and findings."""
    before = page(tmp_path, summary("confound"))
    assert "quick run" not in before and "other sources" not in before
    odd = summary("confound", unexpected=["The lock did it."])
    odd["stamp"] |= {"config": {"quick": True}, "spec": "another", "sources": "others"}
    said = page(tmp_path, odd)
    assert "A quick run" in said and "other sources:** spec, sources" in said
    assert "The lock did it." in said
    odd["stamp"]["kept"] = {"date": "2026-01-31", "machine": "M", "changed": ["leo/a.py"]}
    assert "other sources:** leo/a.py" in page(tmp_path, odd)
    odd["stamp"]["kept"]["changed"] = []
    assert "other sources" not in page(tmp_path, odd)


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"stamp": {"spec": ""}}'])
def test_files_that_are_no_summaries_are_refused(tmp_path: Path, text: str) -> None:
    """A file that is no summary is named with what to do; so is an empty folder."""
    with pytest.raises(ExperimentError, match="leo experiment all --quick"):
        write_report(tmp_path)
    put(tmp_path / "confound/summary.json", {})
    (tmp_path / "confound/summary.json").write_text(text)
    with pytest.raises(ExperimentError, match=r"confound.summary\.json.*remove it"):
        write_report(tmp_path)
