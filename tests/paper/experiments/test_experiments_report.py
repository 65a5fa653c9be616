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
from tests.paper.artifact.results import put


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
