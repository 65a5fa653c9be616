"""What an experiment's rows depend on: found by following imports, so that no list can lack one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paper.experiments.registry import EXPERIMENTS, load
from paper.experiments.sources import TELLING, measuring, sources_of

ROOT = Path(__file__).resolve().parents[3]
# What decides the counts of defects of the experiments that judge traces.
JUDGING = {
    "leo_model.traces.native", "leo_model.machine.forget", "leo_model.machine.properties", "leo_model.machine.dsg", "leo_model.checking.claims", "leo_model.organism.recording",
}  # fmt: skip


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, whose files may be changed."""
    root = tmp_path_factory.mktemp("checkout")
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in ("leo", "model", "spec"):
        shutil.copytree(ROOT / part, root / part, ignore=unwanted)
    return root


def changes(root: Path, file: str) -> set[str]:
    """The experiments whose sources are others when a file of the checkout is changed."""
    measured = {name: load(name).measure.__module__ for name in EXPERIMENTS}
    before = {name: sources_of(module, root) for name, module in measured.items()}
    path = root / file
    text = path.read_bytes()
    path.write_bytes(text + b"\n")
    after = {name: sources_of(module, root) for name, module in measured.items()}
    path.write_bytes(text)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    "file",
    [
        "paper/experiments/published/runs.csv",
        "paper/experiments/published/pairings.csv",
        "spec/claims.json",
        "leo/field/view.py",
    ],
)
def test_data_and_the_organism_are_sources_of_every_experiment(copied: Path, file: str) -> None:
    """Other published values, other claims or another organism: no row is used again."""
    assert changes(copied, file) == set(EXPERIMENTS)


@pytest.mark.parametrize("file", ["trace_watch.py", "properties.py", "dsg.py", "trace_forget.py"])
def test_what_counts_defects_is_a_source(copied: Path, file: str) -> None:
    """Another way to find broken properties makes other rows wherever they are counted."""
    assert changes(copied, f"model/{file}") >= {"lock-isolation", "concurrent", "long-run"}


@pytest.mark.parametrize(
    "file", ["artifact/site.py", "experiments/long_run_report.py", "experiments/plots.py"]
)
def test_what_only_tells_is_no_source(copied: Path, file: str) -> None:
    """Another sentence or plot about the same rows does not make them old."""
    assert changes(copied, f"model/{file}") == set()


def test_judging_is_followed_to_its_end() -> None:
    """Modules that are reached over three others are found."""
    assert measuring(load("lock-isolation").measure.__module__).keys() >= JUDGING
    assert measuring(load("concurrent").measure.__module__).keys() >= JUDGING


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lock-isolation", "long-run"])
def test_every_module_that_is_loaded_is_known(name: str) -> None:
    """What an interpreter loads for a measurement is what was found, and what only tells of it."""
    start = load(name).measure.__module__
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {start}\nprint(*sys.modules)"],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    loaded = {module for module in said.stdout.split() if module.startswith("model.")}
    known = set(measuring(start))
    telling = {module for module in loaded if module.endswith(TELLING)}
    for module in telling:
        known |= measuring(module).keys()
    assert telling and loaded - telling <= known
