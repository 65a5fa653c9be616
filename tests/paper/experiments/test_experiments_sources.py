"""What an experiment's rows depend on: found by following imports, so that no list can lack one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from leo_model.files import modules_of
from paper.experiments.registry import EXPERIMENTS, load
from paper.experiments.sources import TELLING, made_of, measuring

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of its own, whose files may be changed."""
    root = tmp_path_factory.mktemp("checkout")
    unwanted = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in ("leo", "model", "paper", "spec"):
        shutil.copytree(ROOT / part, root / part, ignore=unwanted)
    return root


# What runs the organism.
RUNNING = {"confound", "lock-isolation", "concurrent", "long-run", "perturbation"}


def sources(root: Path) -> dict[str, dict[str, str]]:
    """The files of each experiment in the checkout, as they are now."""
    modules_of.cache_clear()
    return {name: made_of(load(name).measure.__module__, root) for name in EXPERIMENTS}


@pytest.fixture(scope="module")
def before(copied: Path) -> dict[str, dict[str, str]]:
    return sources(copied)


@pytest.fixture
def changes(copied: Path, before: dict[str, dict[str, str]]) -> Callable[..., set[str]]:
    """The experiments whose sources are others when files of the checkout are changed."""

    def told(*files: str, more: str = "\nadded = 1\n") -> set[str]:
        texts = {copied / file: (copied / file).read_bytes() for file in files}
        for path, text in texts.items():
            path.write_bytes(text + more.encode())
        after = sources(copied)
        for path, text in texts.items():
            path.write_bytes(text)
        found = {name for name in before if before[name] != after[name]}
        for name in found:
            assert before[name].keys() == after[name].keys()
            assert {f for f in before[name] if before[name][f] != after[name][f]} <= {*files}
        return found

    return told


def test_what_measures_is_a_source_and_what_tells_is_none(changes: Callable[..., set[str]]) -> None:
    """The organism, also what no experiment imports by name, and not the tools beside it; published
    values and claims; how defects are counted; what is imported when it is needed. Another sentence
    or plot about the same rows does not make them old.
    """
    assert changes("leo/field/tables.py") == RUNNING
    assert changes("leo/observers/themes.py") == {*RUNNING, "ocean"}
    assert changes("paper/experiments/published/runs.csv") == {"published", "confound"}
    assert changes("spec/claims.json") >= {"lock-isolation", "concurrent", "long-run"}
    judged = changes("model/leo_model/traces/native.py")
    assert judged >= {"lock-isolation", "concurrent", "long-run"}
    assert changes("paper/experiments/ocean/transformer.py") == {"ocean"}
    telling = ("artifact/site.py", "experiments/long_run/report.py", "experiments/plots.py")
    tools = ("commands/chat.py", "units/judge.py", "schedules/options.py")
    others = [f"paper/{file}" for file in telling] + [f"leo/{file}" for file in tools]
    assert changes(*others) == set()


def test_comments_and_docstrings_are_no_code(
    copied: Path, before: dict[str, dict[str, str]], changes: Callable[..., set[str]]
) -> None:
    """They are reworded without making rows old; a text that is a value is code."""
    file = "leo/field/view.py"
    assert changes(file, more="\n# A comment.\n\n\n") == set()
    path = copied / file
    text = path.read_text("utf-8")
    first = text.index('"""') + 3
    path.write_text(text[:first] + "Reworded.\n\n" + text[first:], "utf-8")
    assert sources(copied) == before
    path.write_text(text, "utf-8")
    assert changes(file, more='\nadded = """A text."""\n') == RUNNING


@pytest.mark.parametrize(
    "name", ["long-run", pytest.param("lock-isolation", marks=pytest.mark.long)]
)
def test_every_module_that_is_loaded_is_known(name: str) -> None:
    """What an interpreter loads for a measurement is what was found, and what only tells of it."""
    start = load(name).measure.__module__
    said = subprocess.run(
        [sys.executable, "-c", f"import sys, {start}\nprint(*sys.modules)"],
        capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    loaded = {
        module for module in said.stdout.split() if module.startswith(("leo_model.", "paper."))
    }
    known = set(measuring(start))
    telling = {module for module in loaded if module.endswith(TELLING)}
    for module in telling:
        known |= measuring(module).keys()
    assert telling and loaded - telling <= known
