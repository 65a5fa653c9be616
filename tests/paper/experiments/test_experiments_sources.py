"""What an experiment's rows depend on: found by following imports, so that no list can lack one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paper.experiments.registry import EXPERIMENTS, load
from paper.experiments.sources import TELLING, measuring

ROOT = Path(__file__).resolve().parents[3]
JUDGES = {"lock-isolation", "concurrent", "long-run"}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, whose files may be changed."""
    root = tmp_path_factory.mktemp("checkout")
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc", "results")
    for part in ("leo", "model", "spec", "paper"):
        shutil.copytree(ROOT / part, root / part, ignore=unwanted)
    return root


@pytest.mark.parametrize(
    ("file", "least", "most"),
    [
        # Data, claims and the organism are sources of every experiment.
        ("paper/experiments/published/runs.csv", set(EXPERIMENTS), set(EXPERIMENTS)),
        ("paper/experiments/published/pairings.csv", set(EXPERIMENTS), set(EXPERIMENTS)),
        ("spec/claims.json", set(EXPERIMENTS), set(EXPERIMENTS)),
        ("leo/field/view.py", set(EXPERIMENTS), set(EXPERIMENTS)),
        # What counts defects is one of those that count them.
        ("model/leo_model/traces/watch.py", JUDGES, set(EXPERIMENTS)),
        ("model/leo_model/machine/dsg.py", JUDGES, set(EXPERIMENTS)),
        # Another sentence or plot about the same rows does not make them old.
        ("paper/artifact/site.py", set(), set()),
        ("paper/experiments/long_run/report.py", set(), set()),
        ("paper/experiments/long_run/report.j2", set(), set()),
        ("paper/experiments/plots.py", set(), set()),
    ],
)
def test_whose_sources_a_file_is(copied: Path, file: str, least: set[str], most: set[str]) -> None:
    """A changed file makes old rows of the experiments that depend on it, and of no other."""
    measured = {name: load(name).measure.__module__ for name in EXPERIMENTS}
    before = {name: sources_of(module, copied) for name, module in measured.items()}
    path = copied / file
    text = path.read_bytes()
    path.write_bytes(text + b"\n")
    after = {name: sources_of(module, copied) for name, module in measured.items()}
    path.write_bytes(text)
    assert least <= {name for name in before if before[name] != after[name]} <= most


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lock-isolation", "long-run"])
def test_every_module_that_is_loaded_is_known(name: str) -> None:
    """What an interpreter loads for a measurement is what was found, and what only tells of it."""
    start = load(name).measure.__module__
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {start}\nprint(*sys.modules)"],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'model'}"},
    )  # fmt: skip
    loaded = {
        module for module in said.stdout.split() if module.startswith(("leo_model.", "paper."))
    }
    # Packages are loaded as well, and have nothing in them but the names of their doors.
    loaded = {m for m in loaded if not (ROOT / m.replace(".", "/")).is_dir()}
    loaded = {m for m in loaded if not (ROOT / "model" / m.replace(".", "/")).is_dir()}
    known = set(measuring(start))
    telling = {module for module in loaded if module.endswith(TELLING)}
    for module in telling:
        known |= measuring(module).keys()
    assert telling and loaded - telling <= known
