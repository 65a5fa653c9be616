"""Kept results: what is kept comes back, what changed is named, a row that differs is found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any

import pytest

from paper.experiments.errors import ExperimentError
from paper.experiments.experiment import Experiment, Row
from paper.experiments.long_run import experiment as long_run
from paper.experiments.long_run.parts import CYCLE, POWER
from paper.experiments.registry import EXPERIMENTS, load
from paper.experiments.results import changed, is_kept, keep, make_again, read, share_of, tell_kept
from tests.paper.experiments.experiments_toy import PLAIN, run_toy

KEPT = [name for name in EXPERIMENTS if is_kept(name)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of results, with the toy's."""
    run_toy(tmp_path / "build", PLAIN)
    keep(PLAIN, tmp_path / "build", "2026-01-31", tmp_path / "results")
    return tmp_path / "results"


def rewrite(folder: Path, change: Callable[[list[Any]], object]) -> None:
    """Change the lines of the toy's result."""
    path = folder / "toy.ndjson.gz"
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    change(lines)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()))


def test_a_result_is_told_as_the_run_was(folder: Path, tmp_path: Path) -> None:
    """The same tables from the kept rows and timings; keeping them again gives the same bytes."""
    outcome = tell_kept(PLAIN, tmp_path / "told", folder)
    assert (outcome.measured, outcome.cells) == (0, 6)
    assert outcome.stamp["kept"]["date"] == "2026-01-31"
    one, other = (
        json.loads((tmp_path / name / "toy/summary.json").read_text()) for name in ("build", "told")
    )
    assert other.pop("stamp").keys() - one.pop("stamp").keys() == {"kept"}
    assert one == other
    data = (folder / "toy.ndjson.gz").read_bytes()
    keep(PLAIN, tmp_path / "build", "2026-01-31", folder)
    assert (folder / "toy.ndjson.gz").read_bytes() == data


def test_one_changed_row_is_found(folder: Path) -> None:
    """Made again, all cells are the same; after a change of one row, all but that one."""
    result = read(PLAIN, folder)
    everything = share_of(PLAIN, result, 1.0, Random())
    assert everything == list(result.cells)
    assert not make_again(PLAIN, result, everything, perf_counter).differing
    rewrite(folder, lambda lines: lines[2]["rows"][0].update(value=0.25))
    again = make_again(PLAIN, read(PLAIN, folder), everything, perf_counter)
    assert list(again.differing) == [("left", 1)]
    then, now = again.differing["left", 1]
    assert '"value":0.25' in then and then != now


def test_a_share_is_at_least_one_cell(folder: Path) -> None:
    """A costly cell is in no share but the whole."""

    def shares(toy: Experiment) -> list[int]:
        return [len(share_of(toy, result, share, Random(1))) for share in (0, 0.05, 0.5, 1)]

    result = read(PLAIN, folder)
    assert shares(PLAIN) == [1, 1, 3, 6]
    dear = replace(PLAIN, costly=lambda config, key: key[0] == "left")
    assert shares(dear) == [1, 1, 2, 6]


def test_a_changed_source_is_named(folder: Path) -> None:
    """By its file; one that is gone as well."""
    assert changed(PLAIN, read(PLAIN, folder)) == []
    rewrite(
        folder,
        lambda lines: lines[0]["kept"]["made"].update({"leo/errors.py": "0" * 16, "a.py": ""}),
    )
    assert changed(PLAIN, read(PLAIN, folder)) == ["a.py", "leo/errors.py"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b"no gzip"),
        lambda path: path.write_bytes(path.read_bytes()[:-20]),
        lambda path: rewrite(path.parent, lambda lines: lines.pop(4)),
        lambda path: rewrite(path.parent, lambda lines: lines[0].pop("kept")),
    ],
    ids=["missing", "other", "cut", "row", "made"],
)
def test_a_damaged_result_is_refused(folder: Path, damage: Callable[[Path], object]) -> None:
    damage(folder / "toy.ndjson.gz")
    with pytest.raises(ExperimentError, match=r"toy\.ndjson\.gz"):
        read(PLAIN, folder)


def test_only_full_runs_of_what_is_here_are_kept(tmp_path: Path) -> None:
    """No run, a run that is not finished, a run of other sources."""
    run_toy(tmp_path, PLAIN)
    rows = tmp_path / "toy/rows.jsonl"
    text = rows.read_text()
    for other in ("", text[:-300], text.replace('"quick":false', '"quick":true'),
                  text.replace('"sources":"', '"sources":"0')):  # fmt: skip
        rows.write_text(other)
        with pytest.raises(ExperimentError):
            keep(PLAIN, tmp_path, "2026-01-31", tmp_path)
    rows.write_text(text)
    assert is_kept("toy", tmp_path) is False
    keep(PLAIN, tmp_path, "2026-01-31", tmp_path)
    assert is_kept("toy", tmp_path)


def first_day(rows: Sequence[Row]) -> list[Row]:
    """Of a long conversation, what there is when the power fails in its first evening."""
    stop = next(n for n, row in enumerate(rows) if row.get("how") == POWER)
    cycles = [row for row in rows if row["kind"] == "cycle"]
    return [*cycles[: rows[stop]["turn"] // CYCLE], *rows[len(cycles) : stop + 1]]


@pytest.mark.parametrize("name", KEPT)
def test_a_cell_of_each_result_is_made_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kept rows are those of the sources here: a cell of each result, and of a conversation of
    a thousand turns, which takes as long as all other cells together, the first day."""
    experiment, result = load(name), read(load(name))
    # What runs transformers is left to JAX.
    cells = [cell for cell in share_of(experiment, result, 0.99, Random(name))
             if name != "ocean" or cell[0] == "field"]  # fmt: skip
    cell = Random(name).choice(cells)
    again, kept = experiment, result.cells[cell]
    if name == "long-run":
        legs, measure, kept = long_run._legs, experiment.measure, first_day(kept)
        monkeypatch.setattr(long_run, "_legs", lambda *given: legs(*given)[:2])
        again = replace(experiment, measure=lambda *given: first_day(measure(*given)))
        assert [row["kind"] for row in kept] == [
            *["cycle"] * 7, *["snapshot"] * 2, "stop", *["snapshot"] * 3, "stop"
        ]  # fmt: skip
    found = make_again(again, replace(result, cells={cell: kept}), [cell], perf_counter)
    assert not found.differing, changed(experiment, result)
