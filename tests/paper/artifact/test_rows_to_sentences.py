"""From a committed row to the sentence that quotes it: one changed row is found when its cell is
made again, and changes the sentences that quote it and no others.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

import paper.artifact
from paper.artifact.results import Results, load
from paper.artifact.revision import revised
from paper.experiments.long_run import report as long_run
from paper.experiments.registry import load as load_experiment
from paper.experiments.results import RESULTS, is_kept, make_again, read, tell_kept
from paper.experiments.rows import dump
from tests.paper.artifact.results import write_results

Row = dict[str, Any]
TEMPLATES = Path(paper.artifact.__file__).parent / "templates"
# Of each experiment a row that is quoted, and a change of it that nobody can overlook.
CHANGES: Mapping[str, tuple[Callable[[Row], bool], Row]] = {
    "published": (lambda row: row.get("replies") == row.get("messages") == "sync",
                  {"token_ratio_current": 0.5}),
    "perturbation": (lambda row: row["kind"] == "gap", {"kept": False}),
    "lock-isolation": (lambda row: row["kind"] == "reply" and row["arm"] == "async-lock",
                       {"reply": "0" * 16}),
    "confound": (lambda row: "seed" in row and not any(row[name] for name in ("length", "lock")),
                 {"tokens": 100.0}),
    "concurrent": (lambda row: row["discipline"] == "asyncio-lock", {"Serializable": 1}),
    "long-run": (lambda row: row["kind"] == "snapshot", {"view": False}),
}  # fmt: skip
README = (Path(paper.artifact.__file__).parents[2] / "README.md").read_text("utf-8")


def less(new: float, old: float) -> str:
    return f"−{100 * (1 - new / old):.0f} %"


# What the README says of the facts of an experiment.
SAID: Mapping[str, Callable[[Row], list[str]]] = {
    "published": lambda f: [
        "{sync:.0f} words and {async:.0f}".format(**f["observer_words"]),
        f"moves the metric by −{-100 * f['by_messages']:.0f} %",
        f"replies by −{-100 * f['by_replies']:.0f} %",
        f"by one alone {less(f['means_tokens']['async'], f['means_tokens']['sync'])}",
        f"by the other {less(f['means_types']['async'], f['means_types']['sync'])}",
    ],
    "perturbation": lambda f: [
        f"{100 * f['differ_later']:.0f} % of replies still differ {f['last']} later"
    ],
    "lock-isolation": lambda f: [
        f"of {f['sequential_replies']:,} replies of one session the lock changes "
        f"{f['replies_different']}"
    ],
    "confound": lambda f: [],
    "concurrent": lambda f: [
        f"up to {f['largest']} observers {len(f['broken'])} of "
        f"{len(f['broken'] + f['whole'])} disciplines lose"
    ],
    "long-run": lambda f: [
        f"{f['snapshots'] - f['failed']} of {f['snapshots']} snapshots, {f['turns']:,} turns"
    ],
}


def told(results: Results) -> dict[str, str]:
    """Every sentence and paragraph by the name of its block."""
    said = revised(results)
    found = {s.name.replace("-", "_"): text for s, _, _, text in said["sentences"]}
    found |= {f"s{place.replace('.', '_')}": text for place, text in said["paragraphs"].items()}
    return {**found, "abstract": said["abstract"]}


def quoting(name: str, facts: set[str]) -> set[str]:
    """The blocks of the templates that name one of these facts of an experiment."""
    names = rf"\b{name.replace('-', '_')}\.({'|'.join(map(re.escape, facts))})\b"
    blocks = [
        block
        for template in ("evidence.j2", "section.j2")
        for block in re.findall(r"{% block (\w+) %}(.*?){% endblock %}",
                                (TEMPLATES / template).read_text("utf-8"), re.DOTALL)
    ]  # fmt: skip
    return {block for block, text in blocks if re.search(names, text)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load(write_results(tmp_path_factory.mktemp("build")))


@pytest.mark.parametrize("name", [name for name in CHANGES if is_kept(name)])
def test_a_changed_row_is_found_and_changes_what_quotes_it(
    name: str, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the sentences that quote the row change; and the README, which is written by hand, has
    the figures of the rows that were kept."""
    chosen, change = CHANGES[name]
    experiment = replace(load_experiment(name), plot=lambda config, rows: [])
    lines = gzip.decompress((RESULTS / f"{name}.ndjson.gz").read_bytes()).splitlines()
    place, cell, row = next(
        (n, cell, row)
        for n, cell in enumerate(map(json.loads, lines[1:]), 1)
        for row in cell["rows"]
        if chosen(row)
    )
    row.update(change)
    lines[place] = dump(cell).encode()
    (tmp_path / f"{name}.ndjson.gz").write_bytes(gzip.compress(b"\n".join(lines) + b"\n", 1))
    # The change points of a long conversation take seconds, and no row here is one of theirs; its
    # first day is made again in test_experiments_results.py.
    monkeypatch.setattr(long_run, "changes", lambda config, cycles: {})
    if name != "long-run":
        mine = [tuple(cell["cell"])]
        again = make_again(experiment, read(experiment, tmp_path), mine, perf_counter)
        assert list(again.differing) == mine
    before, after = (
        json.loads(
            (tell_kept(experiment, tmp_path / which, folder).folder / "summary.json").read_text()
        )
        for which, folder in (("kept", RESULTS), ("changed", tmp_path))
    )
    assert [text for text in SAID[name](before["facts"]) if text not in README] == []
    moved = {fact for fact in before["facts"] if before["facts"][fact] != after["facts"][fact]}
    one, other = (
        told(replace(results, experiments={**results.experiments, name: summary}))
        for summary in (before, after)
    )
    assert {block for block in one if one[block] != other[block]} == quoting(name, moved) != set()
