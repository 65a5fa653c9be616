"""The results page: the paper's list, and figures from the summaries and from nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leo_model.checking.check import spec_hash
from paper.experiments.errors import ExperimentError
from paper.experiments.registry import EXPERIMENTS, WITH_FILES, load
from paper.experiments.report import ITEMS, write_report
from paper.experiments.sources import sources_of
from tests.paper.artifact.results import check_results, put, stamped, theorems


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
    assert "`leo experiment long-run`" in text and "`leo experiment confound`" not in text


def test_what_a_reader_has_to_know_first(tmp_path: Path) -> None:
    """Small runs, another specification, other sources and findings are named above the list."""
    before = page(tmp_path, summary("confound")).partition("| | where")[0]
    odd = summary("confound", unexpected=["The lock did it."])
    odd["stamp"] |= {"config": {"quick": True}, "spec": "another", "sources": "others"}
    head, _, rest = page(tmp_path, odd).partition("| | where")
    assert before.count("**") == 0 and head.count(" confound") == 4
    assert "The lock did it." in rest


def test_figures_are_the_summaries(tmp_path: Path) -> None:
    """Another figure in a summary is another figure on the page, and the old one is gone."""
    assert "0.123" in page(tmp_path, summary("confound"))
    after = page(tmp_path, summary("confound", answer="It was 0.987."))
    assert "0.123" not in after and "0.987" in after


@pytest.mark.parametrize("lacking", ["config", "command", "sources", "quick", "stamp", "all"])
def test_files_that_are_no_summaries_are_refused(tmp_path: Path, lacking: str) -> None:
    """A summary that lacks a part of its stamp is named with what to do; so is an empty folder."""
    with pytest.raises(ExperimentError, match="leo experiment all --quick"):
        write_report(tmp_path)
    value = summary("confound")
    if lacking == "all":
        value = {}
    elif lacking == "stamp":
        value["stamp"] = []
    else:
        del (value["stamp"]["config"] if lacking == "quick" else value["stamp"])[lacking]
    put(tmp_path / "confound/summary.json", value)
    with pytest.raises(ExperimentError, match=r"confound.summary\.json.*remove it"):
        write_report(tmp_path)


def test_the_formalization_is_what_was_checked_and_proved(tmp_path: Path) -> None:
    """Nothing is said to be model-checked or proved that was not: without results, with results of
    other sources, with findings and with missing searches.
    """

    def formal() -> str:
        text = page(tmp_path / "experiments", summary("confound"))
        return text.partition("## 4. ")[2].partition("## 5.")[0]

    def check(**changes: Any) -> None:
        put(tmp_path / "check/results.json", check_results() | changes)

    nothing = formal()
    assert "model-checked" not in nothing and "verdicts" not in nothing
    check()
    put(tmp_path / "proofs/theorems.json", stamped("theorems.json", theorems=theorems()))
    whole = formal()
    assert "model-checked, and 5 theorems" in whole and "verdicts" in whole
    check(findings=["bare: falls"])
    assert "NOT AS CLAIMED: 1 findings" in formal()
    runs = check_results()["runs"]
    check(runs=dict(list(runs.items())[:1]))
    assert f"only 1 of {len(runs)} searches" in formal()
    check(made_from="0" * 64)
    assert "model-checked" not in formal() and "verdicts" not in formal()


def test_what_a_long_run_leaves_open_is_said(tmp_path: Path) -> None:
    """Fewer than a thousand turns are too few, and no run here lasts a week by the wall clock."""
    run = summary("long-run")
    for turns, open_ in (
        (999, "1,000 turns in one conversation (here 999), and a week"),
        (1000, "a week"),
    ):
        run["stamp"]["config"]["turns"] = turns
        assert f"Still open: {open_} by the wall clock" in page(tmp_path, run)


def test_what_changed_since_rows_were_kept_is_named(tmp_path: Path) -> None:
    """Kept rows are not called stale: recomputing tells that; the changed files are named."""
    run = summary("confound")
    run["stamp"] |= {"spec": "another", "sources": "others"}
    run["stamp"]["kept"] = {"date": "2026-01-31", "machine": "M", "changed": ["leo/a.py"]}
    head = page(tmp_path, run).partition("| | where")[0]
    assert "confound (leo/a.py)" in head and "Made with" not in head
