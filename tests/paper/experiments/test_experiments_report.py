"""The results page: the paper's list in order, numbers from the summaries and from nowhere else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from leo_model.checking.check import spec_hash
from paper.experiments.errors import ExperimentError
from paper.experiments.items import ITEMS
from paper.experiments.registry import EXPERIMENTS, WITH_FILES, load
from paper.experiments.report import write_report
from paper.experiments.sources import sources_of
from tests.paper.artifact.results import check_results, stamped, theorems
from tests.paper.artifact.results import put as write


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
        "stamp": stamp,
        "title": f"Title of {name}",
        "question": "Was it?",
        "done": "It was counted.",
        "answer": f"It was 0.123 in {name}. And 4.5 more.",
        "findings": ["A finding of 6.7 | units."],
        "unexpected": [],
        "limits": ["No limit."],
        "plots": [{"name": "some-plot", "caption": "A caption"}],
    }
    return {**value, **changes}


def put(build: Path, name: str, value: object) -> None:
    (build / name).mkdir(parents=True, exist_ok=True)
    (build / name / "summary.json").write_text(json.dumps(value))


def test_every_experiment_answers_an_item_of_the_list() -> None:
    """What `leo experiment all` runs is on the list, once, and the list names nothing unknown."""
    named = [name for item in ITEMS for name in item.experiments]

    assert len(named) == len(set(named))
    assert set(named) == set(EXPERIMENTS) - WITH_FILES


def test_the_list_is_in_the_papers_order(tmp_path: Path) -> None:
    """What was pending comes first, in the order of 8.6.9; each item has its answer and command."""
    for name in EXPERIMENTS:
        put(tmp_path, name, summary(name))
    text = write_report(tmp_path).read_text()

    headings = [line for line in text.splitlines() if line.startswith("## ")]
    pending = ("Lock isolation", "Concurrent", "Long-term", "Theoretical")
    for number, title in enumerate(pending, 1):
        assert headings[number - 1].startswith(f"## {number}. {title}")
    for item in ITEMS:
        for name in item.experiments:
            assert text.count(f"It was 0.123 in {name}. And 4.5 more.") == 1
            assert text.count(f"`leo experiment {name} --quick`") == 3
            assert f"]({name}/some-plot.png)" in text
    assert "**Not run.**" not in text
    assert "**Made with" not in text
    assert "**Quick" not in text
    assert "Title of reanalyse" in text


def test_what_was_not_run_is_said(tmp_path: Path) -> None:
    """An item without results says so, with the command that makes them."""
    put(tmp_path, "confound", summary("confound"))
    text = write_report(tmp_path).read_text()

    assert "**Not run.** Command: `leo experiment long-run`" in text
    assert "lock-isolation: not run" in text


def test_quick_stale_and_unexpected_results_are_said_first(tmp_path: Path) -> None:
    """A reader sees at the top what is small, what is of another specification, what is wrong."""
    odd = summary("confound", unexpected=["The lock did it."])
    odd["stamp"] |= {
        "config": {"quick": True, "turns": 160, "days": 2},
        "spec": "another",
        "sources": "others",
    }
    put(tmp_path, "confound", odd)
    head, _, rest = write_report(tmp_path).read_text().partition("| | where")

    assert "Quick runs" in head
    assert "another specification" in head
    assert "other sources:** confound" in head
    assert "Not as expected:** confound" in head
    assert "The lock did it." in rest


def test_numbers_are_the_summaries(tmp_path: Path) -> None:
    """Another number in a summary is another number in the report, and the old one is gone."""
    put(tmp_path, "confound", summary("confound"))
    before = write_report(tmp_path).read_text()
    put(tmp_path, "confound", summary("confound", answer="It was 0.987 in confound."))
    after = write_report(tmp_path).read_text()

    assert "0.123" in before
    assert "0.123" not in after
    assert "0.987" in after


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}"])
def test_files_that_are_no_summaries_are_refused(tmp_path: Path, text: str) -> None:
    """A broken summary is named with what to do, and so is a folder without any."""
    with pytest.raises(ExperimentError, match="leo experiment all --quick"):
        write_report(tmp_path)
    (tmp_path / "confound").mkdir()
    (tmp_path / "confound/summary.json").write_text(text)
    with pytest.raises(ExperimentError, match=r"confound.summary\.json.*remove it"):
        write_report(tmp_path)


@pytest.mark.parametrize("lacking", ["config", "command", "sources", "quick"])
def test_a_summary_without_its_whole_stamp_is_refused(tmp_path: Path, lacking: str) -> None:
    """A stamp that lacks something is named as a broken summary, not met with a KeyError."""
    value = summary("confound")
    del (value["stamp"]["config"] if lacking == "quick" else value["stamp"])[lacking]
    put(tmp_path, "confound", value)
    with pytest.raises(ExperimentError, match=r"confound.summary\.json.*remove it"):
        write_report(tmp_path)


def formal_section(build: Path) -> str:
    """What the report in build/experiments says of the formalization."""
    put(build / "experiments", "confound", summary("confound"))
    text = write_report(build / "experiments").read_text()
    return text.partition("## 4. Theoretical formalization")[2].partition("## 5.")[0]


def test_the_formalization_is_what_was_checked_and_proved(tmp_path: Path) -> None:
    """Nothing is said to be model-checked or proved that was not: without results both are not run,
    with results of other sources neither, and findings and missing searches are told.
    """
    nothing = formal_section(tmp_path)
    assert "Not run here" in nothing and "not run" in nothing
    assert "model-checked" not in nothing and "verdicts" not in nothing

    write(tmp_path / "check/results.json", check_results())
    write(tmp_path / "proofs/theorems.json", stamped("theorems.json", theorems=theorems()))
    whole = formal_section(tmp_path)
    assert "Not run here" not in whole and "model-checked, and 5 theorems" in whole
    assert "Serializable holds and AllOrNothing falls with a fault" in whole

    path = tmp_path / "check/results.json"
    good = json.loads(path.read_text())
    names = list(good["runs"])
    path.write_text(json.dumps({**good, "findings": ["bare: falls"]}))
    assert "NOT AS CLAIMED: 1 findings" in formal_section(tmp_path)
    path.write_text(json.dumps({**good, "runs": {names[0]: good["runs"][names[0]]}}))
    assert f"only 1 of {len(names)} searches were run" in formal_section(tmp_path)
    path.write_text(json.dumps({**good, "made_from": "0" * 64}))
    stale = formal_section(tmp_path)
    assert "run with other sources" in stale and "model-checked" not in stale


def test_what_a_long_run_leaves_open_is_said(tmp_path: Path) -> None:
    """Fewer than a thousand turns are too few, and no run here lasts a week by the wall clock."""
    for turns, still in (
        (999, "1,000 turns in one conversation (here 999), and a week"),
        (1000, "a week"),
    ):
        run = summary("long-run")
        run["stamp"]["config"] |= {"turns": turns, "days": 7}
        put(tmp_path, "long-run", run)
        assert f"Still open: {still} by the wall clock" in write_report(tmp_path).read_text()


def test_the_readme_names_every_file_once() -> None:
    """Each file of the package is in one row of the README's table, and no row names another."""
    folder = Path(load("published").measure.__code__.co_filename).parent
    rows = [
        line.split("|")[1]
        for line in (folder / "README.md").read_text("utf-8").splitlines()
        if line.startswith("| `")
    ]
    patterns = [name for row in rows for name in re.findall(r"`([\w*.]+\.py)`", row)]
    assert len(patterns) == len(set(patterns))
    for path in folder.glob("*.py"):
        named = [row for row in rows if any(map(path.match, re.findall(r"`([\w*.]+\.py)`", row)))]
        assert len(named) == (path.name not in {"__init__.py", "errors.py"}), (path.name, named)
